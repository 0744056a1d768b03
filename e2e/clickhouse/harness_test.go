// The harness: builds the program once, starts it as its users do, and talks plain HTTP to it.

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	testUser     = "tributary"
	testPassword = "tributary-development"
)

var programPath, libraryPath string

func TestMain(main *testing.M) {
	folder, err := os.MkdirTemp("", "clickhouse-front-test")
	if err != nil {
		fail(err.Error())
	}
	libraryPath = findLibrary()
	programPath = filepath.Join(folder, "clickhouse-front")
	if output, err := exec.Command("go", "build", "-o", programPath, ".").CombinedOutput(); err != nil {
		fail(fmt.Sprintf("build the program: %v\n%s", err, output))
	}
	code := main.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

func findLibrary() string {
	path := os.Getenv("TRIBUTARY_LIBCHDB")
	if path == "" {
		cache := os.Getenv("TRIBUTARY_CACHE")
		if cache == "" {
			cache = filepath.Join(os.Getenv("HOME"), ".cache", "tributary")
		}
		path = filepath.Join(cache, "libchdb", "node_modules", "@chdb", "lib-linux-x64-gnu", "libchdb.so")
	}
	if _, err := os.Stat(path); err != nil {
		fail("these tests need the real engine: " + err.Error() + "\nrun `make up` once, or `npm ci` in a copy of e2e/clickhouse, or name libchdb.so by TRIBUTARY_LIBCHDB")
	}
	return path
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, text)
	os.Exit(1)
}

// server is one running program over one data folder.
type server struct {
	test    *testing.T
	data    string
	fault   string
	address string
	command *exec.Cmd
	log     *bytes.Buffer
}

func startServer(test *testing.T) *server {
	test.Helper()
	folder := test.TempDir()
	started := &server{test: test, data: filepath.Join(folder, "data"), fault: filepath.Join(folder, "faults.json")}
	started.start()
	test.Cleanup(started.kill)
	return started
}

func (server *server) start() {
	server.test.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(server.test, err)
	server.address = listener.Addr().String()
	must(server.test, listener.Close())
	server.log = &bytes.Buffer{}
	server.command = commandOn(server)
	server.command.Stderr = server.log
	must(server.test, server.command.Start())
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		connection, err := net.DialTimeout("tcp", server.address, time.Second)
		if err == nil {
			connection.Close()
			return
		}
		if server.command.Process.Signal(syscall.Signal(0)) != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	server.test.Fatalf("the server did not come up: %s", server.log)
}

func commandOn(server *server) *exec.Cmd {
	return exec.Command(programPath, "--listen", server.address, "--data", server.data, "--library", libraryPath,
		"--user", testUser, "--password", testPassword, "--fault-file", server.fault)
}

func (server *server) kill() {
	if server.command.ProcessState == nil {
		server.command.Process.Kill()
		server.command.Wait()
	}
}

// stop asks the server to stop and gives its exit code.
func (server *server) stop() int {
	server.test.Helper()
	must(server.test, server.command.Process.Signal(syscall.SIGTERM))
	server.command.Wait()
	return server.command.ProcessState.ExitCode()
}

// answer is what came back for one request.
type answer struct {
	status int
	header http.Header
	body   string
}

// settings are URL parameters.
type settings map[string]string

func (server *server) request(method string, parameters settings, body io.Reader, header http.Header) (answer, error) {
	query := url.Values{}
	for name, value := range parameters {
		query.Set(name, value)
	}
	request, err := http.NewRequestWithContext(context.Background(), method, "http://"+server.address+"/?"+query.Encode(), body)
	if err != nil {
		return answer{}, err
	}
	request.SetBasicAuth(testUser, testPassword)
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return answer{status: response.StatusCode, header: response.Header, body: string(content)}, err
}

func (server *server) ask(statement string, parameters settings) answer {
	server.test.Helper()
	got, err := server.request(http.MethodPost, parameters, strings.NewReader(statement), nil)
	must(server.test, err)
	return got
}

// query demands success and gives the output without its last newline.
func (server *server) query(statement string) string {
	server.test.Helper()
	got := server.ask(statement, nil)
	if got.status != http.StatusOK {
		server.test.Fatalf("%s: %d %s", statement, got.status, got.body)
	}
	return strings.TrimSuffix(got.body, "\n")
}

// insert sends rows below the statement in the URL.
func (server *server) insert(statement string, rows []byte, parameters settings) answer {
	server.test.Helper()
	all := settings{"query": statement, "async_insert": "0"}
	for name, value := range parameters {
		all[name] = value
	}
	got, err := server.request(http.MethodPost, all, bytes.NewReader(rows), nil)
	must(server.test, err)
	return got
}

func (server *server) insertOK(statement string, rows []byte, parameters settings) {
	server.test.Helper()
	if got := server.insert(statement, rows, parameters); got.status != http.StatusOK {
		server.test.Fatalf("%s: %d %s", statement, got.status, got.body)
	}
}

func must(test *testing.T, err error) {
	test.Helper()
	if err != nil {
		test.Fatal(err)
	}
}

func equal[T comparable](test *testing.T, what string, got, want T) {
	test.Helper()
	if got != want {
		test.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// nativeBlock is a Native block of columns id UInt64 and text String.
func nativeBlock(first uint64, texts ...string) []byte {
	block := binary.AppendUvarint(nil, 2)
	block = binary.AppendUvarint(block, uint64(len(texts)))
	block = appendText(appendText(block, "id"), "UInt64")
	for index := range texts {
		block = binary.LittleEndian.AppendUint64(block, first+uint64(index))
	}
	block = appendText(appendText(block, "text"), "String")
	for _, text := range texts {
		block = appendText(block, text)
	}
	return block
}

func appendText(block []byte, text string) []byte {
	return append(binary.AppendUvarint(block, uint64(len(text))), text...)
}

const windowed = " SETTINGS non_replicated_deduplication_window = 1000"
