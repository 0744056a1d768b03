// Library part: the C functions of libchdb by name and signature, and Go values in the shape that they take.

package engine

import (
	"fmt"
	"unsafe"

	"github.com/ebitengine/purego"
)

// functions are the C functions of libchdb that this room calls; npm does not ship their header.
type functions struct {
	setSignalHandlers   func(enabled int32)
	connect             func(count int32, arguments unsafe.Pointer) unsafe.Pointer
	closeConnection     func(handle unsafe.Pointer)
	query               func(connection, text unsafe.Pointer, textLength uintptr, format unsafe.Pointer, formatLength uintptr, names, nameLengths, values, valueLengths unsafe.Pointer, count uintptr) unsafe.Pointer
	insertStream        func(connection, text unsafe.Pointer, textLength uintptr, format unsafe.Pointer, formatLength uintptr, names, nameLengths, values, valueLengths unsafe.Pointer, count uintptr) unsafe.Pointer
	insertAppend        func(stream, bytes unsafe.Pointer, length uintptr) int32
	insertDone          func(stream unsafe.Pointer) unsafe.Pointer
	insertError         func(stream unsafe.Pointer) unsafe.Pointer
	destroyInsertStream func(stream unsafe.Pointer)
	classify            func(connection, text unsafe.Pointer, textLength uintptr, database unsafe.Pointer, databaseLength uintptr, out unsafe.Pointer) int32
	destroyResult       func(result unsafe.Pointer)
	resultError         func(result unsafe.Pointer) unsafe.Pointer
	resultBuffer        func(result unsafe.Pointer) unsafe.Pointer
	resultLength        func(result unsafe.Pointer) uintptr
	rowsRead            func(result unsafe.Pointer) uint64
	storageRowsRead     func(result unsafe.Pointer) uint64
	storageBytesRead    func(result unsafe.Pointer) uint64
	rowsWritten         func(result unsafe.Pointer) uint64
	bytesWritten        func(result unsafe.Pointer) uint64
}

func (library *functions) bind(handle uintptr) error {
	targets := []struct {
		symbol string
		target any
	}{
		{"chdb_set_signal_handlers_enabled", &library.setSignalHandlers},
		{"chdb_connect", &library.connect},
		{"chdb_close_conn", &library.closeConnection},
		{"chdb_query_with_params_n", &library.query},
		{"chdb_stream_insert_with_params_n", &library.insertStream},
		{"chdb_stream_append", &library.insertAppend},
		{"chdb_stream_done", &library.insertDone},
		{"chdb_stream_insert_error", &library.insertError},
		{"chdb_destroy_insert_stream", &library.destroyInsertStream},
		{"chdb_classify_query_n", &library.classify},
		{"chdb_destroy_query_result", &library.destroyResult},
		{"chdb_result_error", &library.resultError},
		{"chdb_result_buffer", &library.resultBuffer},
		{"chdb_result_length", &library.resultLength},
		{"chdb_result_rows_read", &library.rowsRead},
		{"chdb_result_storage_rows_read", &library.storageRowsRead},
		{"chdb_result_storage_bytes_read", &library.storageBytesRead},
		{"chdb_result_rows_written", &library.rowsWritten},
		{"chdb_result_bytes_written", &library.bytesWritten},
	}
	for _, one := range targets {
		symbol, err := purego.Dlsym(handle, one.symbol)
		if err != nil {
			return fmt.Errorf("find %s: %w", one.symbol, err)
		}
		purego.RegisterFunc(one.target, symbol)
	}
	return nil
}

// parameterArrays is the engine's shape for `{name:Type}` values: parallel arrays of pointers and lengths.
type parameterArrays struct {
	held                        [][]byte
	namePointers, valuePointers []unsafe.Pointer
	nameSizes, valueSizes       []uintptr
}

func newParameters(parameters map[string]string) *parameterArrays {
	arrays := &parameterArrays{}
	for name, value := range parameters {
		nameBytes, valueBytes := bytesOf(name), bytesOf(value)
		arrays.held = append(arrays.held, nameBytes, valueBytes)
		arrays.namePointers = append(arrays.namePointers, unsafe.Pointer(&nameBytes[0]))
		arrays.valuePointers = append(arrays.valuePointers, unsafe.Pointer(&valueBytes[0]))
		arrays.nameSizes = append(arrays.nameSizes, uintptr(len(name)))
		arrays.valueSizes = append(arrays.valueSizes, uintptr(len(value)))
	}
	return arrays
}

func (arrays *parameterArrays) names() unsafe.Pointer        { return first(arrays.namePointers) }
func (arrays *parameterArrays) values() unsafe.Pointer       { return first(arrays.valuePointers) }
func (arrays *parameterArrays) nameLengths() unsafe.Pointer  { return first(arrays.nameSizes) }
func (arrays *parameterArrays) valueLengths() unsafe.Pointer { return first(arrays.valueSizes) }

func first[T any](slice []T) unsafe.Pointer {
	if len(slice) == 0 {
		return nil
	}
	return unsafe.Pointer(&slice[0])
}

// bytesOf gives the text with a closing zero, so that an empty text has an address too.
func bytesOf(text string) []byte { return append([]byte(text), 0) }

func cString(text string) []byte { return bytesOf(text) }

func goString(pointer unsafe.Pointer) string {
	length := 0
	for *(*byte)(unsafe.Add(pointer, length)) != 0 {
		length++
	}
	return string(unsafe.Slice((*byte)(pointer), length))
}
