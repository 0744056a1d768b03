// Bodies: compressed either way, and nothing inserted from one that is broken or ends early.

package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	native "github.com/ClickHouse/ch-go/compress"
)

func compressed(test *testing.T, method native.Method, pieces ...[]byte) []byte {
	test.Helper()
	writer := native.NewWriter(native.LevelZero, method)
	var all []byte
	for _, piece := range pieces {
		must(test, writer.Compress(piece))
		all = append(all, writer.Data...)
	}
	return all
}

func TestClickHousesOwnFramesAreReadAndWritten(test *testing.T) {
	server := startServer(test)
	server.query("CREATE TABLE rows (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
	for index, method := range []native.Method{native.LZ4, native.ZSTD, native.None} {
		block := nativeBlock(uint64(index*10), "a\n\n", strings.Repeat("long", 10000))
		frames := compressed(test, method, block[:7], block[7:100], block[100:])
		server.insertOK("INSERT INTO rows FORMAT Native", frames, settings{"decompress": "1"})
	}
	got := server.ask("SELECT count() FROM rows", settings{"compress": "1"})
	plain, err := io.ReadAll(io.LimitReader(native.NewReader(strings.NewReader(got.body)), 2))
	must(test, err)
	equal(test, "rows", string(plain), "6\n")
}

func TestBrokenFramesInsertNothing(test *testing.T) {
	server := startServer(test)
	server.query("CREATE TABLE rows (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
	row := []byte("1\ta\n")
	frames := compressed(test, native.LZ4, row, row)
	broken := bytes.Clone(frames)
	broken[3] ^= 1
	for name, body := range map[string][]byte{
		"wrong checksum": broken, "cut inside a frame": frames[:len(frames)-1],
		"cut behind a head": frames[:len(frames)/2+frameHead], "cut inside a head": frames[:len(frames)/2+5], "not compressed": row,
	} {
		got := server.insert("INSERT INTO rows FORMAT TSV", body, settings{"decompress": "1"})
		equal(test, name, got.status, 400)
	}
	equal(test, "rows", server.query("SELECT count() FROM rows"), "0")
}

func TestGzipGoesBothWays(test *testing.T) {
	server := startServer(test)
	server.query("CREATE TABLE rows (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, err := writer.Write([]byte("1\ta\n2\tb\n"))
	must(test, err)
	must(test, writer.Close())
	got, err := server.request(http.MethodPost, settings{"query": "INSERT INTO rows FORMAT TSV"}, bytes.NewReader(packed.Bytes()), http.Header{"Content-Encoding": {"gzip"}})
	must(test, err)
	equal(test, got.body, got.status, 200)
	got, err = server.request(http.MethodPost, settings{"query": "INSERT INTO rows FORMAT TSV"}, bytes.NewReader(packed.Bytes()[:packed.Len()-9]), http.Header{"Content-Encoding": {"gzip"}})
	must(test, err)
	equal(test, "a cut gzip body", got.status, 400)
	got, err = server.request(http.MethodPost, settings{"query": "SELECT count() FROM rows", "enable_http_compression": "1"}, nil, http.Header{"Accept-Encoding": {"gzip"}})
	must(test, err)
	equal(test, "encoding", got.header.Get("Content-Encoding"), "gzip")
	reader, err := gzip.NewReader(strings.NewReader(got.body))
	must(test, err)
	text, err := io.ReadAll(reader)
	must(test, err)
	equal(test, "rows", string(text), "2\n")
}

func TestABodyThatEndsEarlyInsertsNothing(test *testing.T) {
	server := startServer(test)
	server.query("CREATE TABLE rows (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
	heads := map[string]string{
		"by length": "Content-Length: 1000000\r\n\r\n1\ta\n2\tb\n",
		"by chunks": "Transfer-Encoding: chunked\r\n\r\n8\r\n1\ta\n2\tb\n\r\n",
	}
	for name, rest := range heads {
		connection, err := net.Dial("tcp", server.address)
		must(test, err)
		_, err = fmt.Fprintf(connection, "POST /?query=INSERT+INTO+rows+FORMAT+TSV HTTP/1.1\r\nHost: x\r\nX-ClickHouse-User: %s\r\nX-ClickHouse-Key: %s\r\n%s", testUser, testPassword, rest)
		must(test, err)
		must(test, connection.(*net.TCPConn).CloseWrite())
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		must(test, err)
		equal(test, name, response.StatusCode, 400)
		response.Body.Close()
		connection.Close()
	}
	equal(test, "rows", server.query("SELECT count() FROM rows"), "0")
}
