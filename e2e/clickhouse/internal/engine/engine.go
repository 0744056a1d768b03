// Package engine is the only room that touches libchdb.so.
//
// In: the path of the library and of the data folder, statements, rows in any input format.
// Out: sessions, results in any output format, errors in ClickHouse's own words.
// Each session is a fresh connection: USE, SET and parameters end with it, so nothing leaks from one request to the next.
// It deliberately knows nothing of HTTP, users or the splitting of statements.
package engine

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// appendChunk is how much of an insert is handed to the engine at once: large enough to make the calls cheap,
// small enough that the engine's queue does not hold the whole body a second time.
const appendChunk = 1 << 20

// Engine is the loaded library with one data folder open. A process has at most one.
type Engine struct {
	library functions
	path    []byte
	signals signalTable
	// anchor keeps the engine up: with no connection left it would shut down.
	anchor *Session
}

// Session is one connection. It serves one statement at a time and must be closed.
type Session struct {
	engine     *Engine
	handle     unsafe.Pointer
	connection unsafe.Pointer
}

// Failure is what the engine said about a statement, word for word.
type Failure struct{ Text string }

func (failure *Failure) Error() string { return failure.Text }

// Open loads the library and opens (or creates) the data folder.
func Open(library, data string) (*Engine, error) {
	handle, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load %s (install it with npm ci in e2e/clickhouse, or name it by --library): %w", library, err)
	}
	opened := &Engine{path: cString("--path=" + data), signals: readSignalTable()}
	if err := opened.library.bind(handle); err != nil {
		return nil, fmt.Errorf("%s is not the pinned libchdb.so: %w", library, err)
	}
	// The engine's own handlers for SIGSEGV and its like would replace the ones that the Go runtime lives by.
	opened.library.setSignalHandlers(0)
	opened.signals.restore()
	anchor, err := opened.Connect()
	if err != nil {
		return nil, fmt.Errorf("open data folder %s (a second server on the same folder is refused): %w", data, err)
	}
	opened.anchor = anchor
	return opened, nil
}

// Connect opens a session in database `default` with default settings.
func (engine *Engine) Connect() (*Session, error) {
	program := cString("clickhouse")
	arguments := []unsafe.Pointer{unsafe.Pointer(&program[0]), unsafe.Pointer(&engine.path[0])}
	handle := engine.library.connect(int32(len(arguments)), unsafe.Pointer(&arguments[0]))
	runtime.KeepAlive(arguments)
	runtime.KeepAlive(program)
	// Every connect sets those signals back to their defaults, whatever was asked before.
	engine.signals.restore()
	if handle == nil {
		return nil, errors.New("the engine refused the connection; its own message is on standard error")
	}
	return &Session{engine: engine, handle: handle, connection: *(*unsafe.Pointer)(handle)}, nil
}

// Close ends the session.
func (session *Session) Close() {
	if session.handle != nil {
		session.engine.library.closeConnection(session.handle)
		session.handle = nil
	}
}

// Query runs one statement that carries no data and gives its whole output.
func (session *Session) Query(statement, format string, parameters map[string]string) (*Result, error) {
	statementBytes, formatBytes := bytesOf(statement), bytesOf(format)
	named := newParameters(parameters)
	result := session.engine.library.query(session.connection,
		unsafe.Pointer(&statementBytes[0]), uintptr(len(statement)), unsafe.Pointer(&formatBytes[0]), uintptr(len(format)),
		named.names(), named.nameLengths(), named.values(), named.valueLengths(), uintptr(len(parameters)))
	runtime.KeepAlive(statementBytes)
	runtime.KeepAlive(formatBytes)
	runtime.KeepAlive(named)
	return session.engine.take(result)
}

// Execute runs a statement whose output is of no interest.
func (session *Session) Execute(statement string) error {
	result, err := session.Query(statement, "Null", nil)
	if err != nil {
		return err
	}
	result.Release()
	return nil
}

// Insert runs an INSERT statement (without its FORMAT clause) over rows in the format.
func (session *Session) Insert(statement, format string, parameters map[string]string, rows []byte) (*Result, error) {
	library := &session.engine.library
	statementBytes, formatBytes := bytesOf(statement), bytesOf(format)
	named := newParameters(parameters)
	stream := library.insertStream(session.connection,
		unsafe.Pointer(&statementBytes[0]), uintptr(len(statement)), unsafe.Pointer(&formatBytes[0]), uintptr(len(format)),
		named.names(), named.nameLengths(), named.values(), named.valueLengths(), uintptr(len(parameters)))
	runtime.KeepAlive(statementBytes)
	runtime.KeepAlive(formatBytes)
	runtime.KeepAlive(named)
	defer library.destroyInsertStream(stream)
	if text := library.insertError(stream); text != nil {
		return nil, &Failure{Text: goString(text)}
	}
	for start := 0; start < len(rows); start += appendChunk {
		end := min(start+appendChunk, len(rows))
		state := library.insertAppend(stream, unsafe.Pointer(&rows[start]), uintptr(end-start))
		if state != 0 {
			break // insertDone says why
		}
	}
	runtime.KeepAlive(rows)
	return session.engine.take(library.insertDone(stream))
}

// Analysis is what the engine's parser says of a text.
type Analysis struct{ Statements int }

// Analyse counts the statements of a text; a text that does not parse has none.
func (session *Session) Analyse(text string) (Analysis, error) {
	textBytes := bytesOf(text)
	out := [4]uint32{16}
	state := session.engine.library.classify(session.connection, unsafe.Pointer(&textBytes[0]), uintptr(len(text)), nil, 0, unsafe.Pointer(&out[0]))
	runtime.KeepAlive(textBytes)
	if state != 0 {
		return Analysis{}, errors.New("the engine could not analyse the statement")
	}
	return Analysis{Statements: int(out[1])}, nil
}

// Result is the output of one statement, held in the engine's memory until Release.
type Result struct {
	engine *Engine
	handle unsafe.Pointer
	// Output is valid until Release.
	Output                                         []byte
	ReadRows, ReadBytes, WrittenRows, WrittenBytes uint64
	ResultRows                                     uint64
}

// Release gives the memory back.
func (result *Result) Release() {
	if result.handle != nil {
		result.engine.library.destroyResult(result.handle)
		result.handle, result.Output = nil, nil
	}
}

func (engine *Engine) take(handle unsafe.Pointer) (*Result, error) {
	library := &engine.library
	if handle == nil {
		return nil, errors.New("the engine gave no result")
	}
	if text := library.resultError(handle); text != nil {
		failure := &Failure{Text: strings.TrimSpace(goString(text))}
		library.destroyResult(handle)
		return nil, failure
	}
	result := &Result{
		engine: engine, handle: handle,
		ReadRows: library.storageRowsRead(handle), ReadBytes: library.storageBytesRead(handle),
		WrittenRows: library.rowsWritten(handle), WrittenBytes: library.bytesWritten(handle),
		ResultRows: library.rowsRead(handle),
	}
	if length := library.resultLength(handle); length > 0 {
		result.Output = unsafe.Slice((*byte)(library.resultBuffer(handle)), length)
	}
	return result, nil
}
