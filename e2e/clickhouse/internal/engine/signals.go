// Signals part: keeps the Go runtime's handlers in place although libchdb resets them on every connect.

package engine

import (
	"syscall"
	"unsafe"
)

// kernelAction is Linux's struct sigaction as rt_sigaction reads and writes it.
type kernelAction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

// The signals that libchdb sets back to their defaults when it connects. The Go runtime needs its own handlers.
var guardedSignals = []syscall.Signal{
	syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGILL, syscall.SIGBUS,
	syscall.SIGSYS, syscall.SIGFPE, syscall.SIGTSTP, syscall.SIGTRAP,
}

// signalTable is what the Go runtime had installed before the library was first called. It is read once: a reading
// taken between another thread's connect and its restore would keep the defaults for good.
type signalTable []kernelAction

func readSignalTable() signalTable {
	table := make(signalTable, len(guardedSignals))
	for index, signal := range guardedSignals {
		syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(signal), 0, uintptr(unsafe.Pointer(&table[index])), 8, 0, 0)
	}
	return table
}

func (table signalTable) restore() {
	for index, signal := range guardedSignals {
		syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&table[index])), 0, 8, 0, 0)
	}
}
