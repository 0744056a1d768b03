// Front room: takes HTTP requests, checks who asks, runs one statement a request in an engine session of its own and
// answers as ClickHouse does. Reading requests, splitting statements and writing replies are the neighbouring files.

package main

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"log"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"tributary.dev/e2e/clickhouse/internal/engine"
)

const (
	developmentHeader = "X-Tributary-Development-Server"
	developmentValue  = "libchdb"
	// parallelStatements bounds how many statements (and so buffered bodies and results) live at once.
	parallelStatements = 64
)

// front answers HTTP requests from one engine.
type front struct {
	engine            *engine.Engine
	user, password    string
	version, timezone string
	faults            *faults
	slots             chan struct{}
	running           atomic.Int64
}

func newFront(opened *engine.Engine, user, password, faultFile string) (*front, error) {
	made := &front{
		engine: opened, user: user, password: password,
		faults: newFaults(faultFile), slots: make(chan struct{}, parallelStatements),
	}
	session, err := opened.Connect()
	if err != nil {
		return nil, err
	}
	defer session.Close()
	result, err := session.Query("SELECT version(), timezone()", "TabSeparated", nil)
	if err != nil {
		return nil, fmt.Errorf("ask the engine its version: %w", err)
	}
	defer result.Release()
	made.version, made.timezone, _ = strings.Cut(strings.TrimSpace(string(result.Output)), "\t")
	return made, nil
}

func (front *front) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	header := writer.Header()
	header.Set(developmentHeader, developmentValue)
	header.Set("X-ClickHouse-Server-Display-Name", "tributary-development")
	switch request.URL.Path {
	case "/ping", "/replicas_status":
		writePlain(writer, http.StatusOK, "Ok.\n")
	case "/", "/query":
		front.serveStatement(writer, request)
	default:
		writePlain(writer, http.StatusNotFound, "There is no handle "+request.URL.Path+"\nUse / or /ping for health checks.\n")
	}
}

func (front *front) serveStatement(writer http.ResponseWriter, request *http.Request) {
	fault := front.faults.now()
	front.running.Add(1)
	defer front.running.Add(-1)

	wanted, err := readRequest(request)
	if err != nil {
		front.refuse(writer, err)
		return
	}
	writer.Header().Set("X-ClickHouse-Query-Id", wanted.queryID)
	if fault.RefusePassword || !front.knows(wanted.user, wanted.password) {
		front.refuse(writer, &problem{code: codeAuthenticationFailed, name: "AUTHENTICATION_FAILED",
			text: wanted.user + ": Authentication failed: password is incorrect, or there is no user with such name."})
		return
	}
	memory := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(memory)
	body, err := readBody(request, wanted, memory)
	if err != nil {
		front.refuse(writer, err)
		return
	}
	if isForm, err := wanted.takeForm(request.Header.Get("Content-Type"), body); err != nil {
		front.refuse(writer, err)
		return
	} else if isForm {
		body = nil
	}
	if strings.TrimSpace(wanted.query) == "" && len(body) == 0 {
		writePlain(writer, http.StatusOK, "Ok.\n")
		return
	}
	front.slots <- struct{}{}
	defer func() { <-front.slots }()
	front.answer(writer, request, wanted, splitStatement(wanted.query, body))
}

func (front *front) knows(user, password string) bool {
	sameUser := subtle.ConstantTimeCompare([]byte(user), []byte(front.user))
	samePassword := subtle.ConstantTimeCompare([]byte(password), []byte(front.password))
	return sameUser&samePassword == 1
}

// answer runs the statement in a session of its own and writes its output.
func (front *front) answer(writer http.ResponseWriter, request *http.Request, wanted wantedStatement, parts statement) {
	// The engine keeps some state by thread; a session stays on one.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	started := time.Now()
	session, err := front.engine.Connect()
	if err != nil {
		front.refuse(writer, err)
		return
	}
	defer session.Close()
	result, err := execute(session, wanted, parts)
	if err != nil {
		front.refuse(writer, err)
		return
	}
	defer result.Release()
	if parts.carriesData && front.faults.cutsThisReply() {
		cutConnection(writer)
		return
	}
	header := writer.Header()
	format := parts.outputFormat
	if format == "" {
		format = wanted.format
	}
	header.Set("X-ClickHouse-Timezone", front.timezone)
	header.Set("X-ClickHouse-Format", format)
	header.Set("X-ClickHouse-Summary", summary(result, time.Since(started)))
	header.Set("Content-Type", contentType(format))
	if err := writeOutput(writer, request, wanted, result.Output); err != nil {
		log.Printf("query %s: the client left before its reply was written: %v", wanted.queryID, err)
	}
}

func execute(session *engine.Session, wanted wantedStatement, parts statement) (*engine.Result, error) {
	if err := refuseSeveral(session, parts); err != nil {
		return nil, err
	}
	for _, preparation := range wanted.preparations() {
		if err := session.Execute(preparation); err != nil {
			return nil, err
		}
	}
	if parts.carriesData {
		return session.Insert(parts.text, parts.inputFormat, wanted.parameters, parts.rows)
	}
	return session.Query(parts.text, wanted.format, wanted.parameters)
}

// refuseSeveral keeps the rule of ClickHouse's HTTP interface: one statement a request.
func refuseSeveral(session *engine.Session, parts statement) error {
	if !strings.Contains(parts.text, ";") {
		return nil
	}
	analysis, err := session.Analyse(parts.text)
	if err != nil {
		return err
	}
	if analysis.Statements > 1 {
		return &problem{code: codeSyntaxError, name: "SYNTAX_ERROR", text: "Syntax error (Multi-statements are not allowed): send one statement a request"}
	}
	return nil
}

func summary(result *engine.Result, elapsed time.Duration) string {
	return fmt.Sprintf(`{"read_rows":"%d","read_bytes":"%d","written_rows":"%d","written_bytes":"%d","total_rows_to_read":"0","result_rows":"%d","result_bytes":"%d","elapsed_ns":"%d"}`,
		result.ReadRows, result.ReadBytes, result.WrittenRows, result.WrittenBytes, result.ResultRows, len(result.Output), elapsed.Nanoseconds())
}
