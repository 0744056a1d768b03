// The harness: builds the program once, starts it as its users do, and talks plain HTTP to it.

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
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

// patience is how long a server may take until it listens, on a busy machine.
const patience = 60 * time.Second

// server is one running program over one data folder.
type server struct {
	test    *testing.T
	data    string
	fault   string
	address string
	command *exec.Cmd
	log     *logBook
	// ended is closed once the program has ended.
	ended chan struct{}
}

// logBook is what a server has written, and tells where it listens as soon as it says so.
type logBook struct {
	mutex   sync.Mutex
	text    strings.Builder
	listens chan string
}

var listening = regexp.MustCompile(`listening on (\S+), data in`)

func (book *logBook) Write(text []byte) (int, error) {
	book.mutex.Lock()
	defer book.mutex.Unlock()
	book.text.Write(text)
	if said := listening.FindStringSubmatch(book.text.String()); said != nil {
		select {
		case book.listens <- said[1]:
		default: // it was told before
		}
	}
	return len(text), nil
}

func (book *logBook) String() string {
	book.mutex.Lock()
	defer book.mutex.Unlock()
	return book.text.String()
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
	command, ended := commandOn(server), make(chan struct{})
	server.command, server.ended, server.log = command, ended, &logBook{listens: make(chan string, 1)}
	command.Stderr = server.log
	must(server.test, command.Start())
	go func() {
		command.Wait()
		close(ended)
	}()
	select {
	case server.address = <-server.log.listens:
	case <-ended:
		server.test.Fatalf("the server ended instead of listening: %s", server.log)
	case <-time.After(patience):
		server.test.Fatalf("the server does not listen: %s", server.log)
	}
}

func commandOn(server *server) *exec.Cmd {
	return exec.Command(programPath, "--listen", "127.0.0.1:0", "--data", server.data, "--library", libraryPath,
		"--user", testUser, "--password", testPassword, "--fault-file", server.fault)
}

func (server *server) kill() {
	server.command.Process.Kill() // one that has ended is let be
	<-server.ended
}

// stop asks the server to stop and gives its exit code.
func (server *server) stop() int {
	server.test.Helper()
	must(server.test, server.command.Process.Signal(syscall.SIGTERM))
	<-server.ended
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
