// The named behaviours of the development server, each against the real engine.

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestNativeRowsComeBackByteForByteAlsoWithBlankLines(test *testing.T) {
	server := startServer(test)
	server.query("CREATE TABLE rows (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
	block := nativeBlock(10, "a\n\n\nb", "", "\n\n", "\x00\xff;--'", strings.Repeat("x\n\n", 5000))
	server.insertOK("INSERT INTO rows FORMAT Native", block, nil)
	equal(test, "the block", server.ask("SELECT * FROM rows ORDER BY id FORMAT Native", nil).body, string(block))
}

func TestStatementAndRowsMayBeSplitAnyWay(test *testing.T) {
	server := startServer(test)
	server.query("CREATE TABLE rows (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
	server.query("INSERT INTO rows VALUES (1, 'FORMAT; (a'), (2, 'b')")
	server.query("INSERT INTO rows (text, id) FORMAT CSV\nc,3\nd,4\n")
	server.query("insert into table `rows` /* FORMAT x */ settings async_insert = 0 format JSONEachRow {\"id\":5}")
	server.insertOK("INSERT INTO rows FORMAT TSV", []byte("6\tf\n"), nil)
	server.insertOK("INSERT INTO rows", []byte("VALUES (7, 'g')"), nil)
	server.insertOK("INSERT INTO rows VALUES (8, 'h'),", []byte("(9, 'i')"), nil)
	server.query("INSERT INTO rows SELECT number + 10, 'j' FROM numbers(2)")
	server.insertOK("INSERT INTO rows FORMAT TSV", nil, nil)
	equal(test, "ids", server.query("SELECT groupArray(id) FROM (SELECT id FROM rows ORDER BY id)"), "[1,2,3,4,5,6,7,8,9,10,11]")
	equal(test, "a text that looks like a statement", server.query("SELECT text FROM rows WHERE id = 1"), "FORMAT; (a")
}

func TestPingAndHeadersNameADevelopmentServer(test *testing.T) {
	server := startServer(test)
	response, err := http.Get("http://" + server.address + "/ping")
	must(test, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(test, err)
	equal(test, "ping", string(text), "Ok.\n")
	equal(test, "header", response.Header.Get(developmentHeader), developmentValue)
	if !strings.Contains(server.log.String(), "DEVELOPMENT server over libchdb, ClickHouse 26.7") {
		test.Errorf("the log does not say what this is: %s", server.log)
	}
	got := server.ask("SELECT number FROM numbers(3)", settings{"query_id": "mine", "default_format": "JSONEachRow"})
	equal(test, "query id", got.header.Get("X-ClickHouse-Query-Id"), "mine")
	equal(test, "format", got.header.Get("X-ClickHouse-Format"), "JSONEachRow")
	equal(test, "time zone is told", got.header.Get("X-ClickHouse-Timezone") != "", true)
	equal(test, "rows", got.body, "{\"number\":0}\n{\"number\":1}\n{\"number\":2}\n")
}

func TestSummaryCountsWrittenRows(test *testing.T) {
	server := startServer(test)
	server.query("CREATE TABLE rows (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
	got := server.insert("INSERT INTO rows FORMAT Native", nativeBlock(0, "a", "b"), nil)
	if summary := got.header.Get("X-ClickHouse-Summary"); !strings.Contains(summary, `"written_rows":"2"`) {
		test.Errorf("summary: %s", summary)
	}
}

func TestWrongCredentialsAreRefusedWithCode516(test *testing.T) {
	server := startServer(test)
	for name, header := range map[string]http.Header{
		"wrong password":     {"X-Clickhouse-User": {testUser}, "X-Clickhouse-Key": {"wrong"}},
		"unknown user":       {"X-Clickhouse-User": {"nobody"}, "X-Clickhouse-Key": {testPassword}},
		"nothing given":      {"Authorization": nil},
		"wrong basic header": {"Authorization": {"Basic dHJpYnV0YXJ5Ondyb25n"}},
	} {
		got, err := server.request(http.MethodPost, nil, strings.NewReader("SELECT 1"), header)
		must(test, err)
		equal(test, name, got.status, http.StatusForbidden)
		equal(test, name, got.header.Get("X-ClickHouse-Exception-Code"), "516")
		if !strings.Contains(got.body, "Authentication failed") || !strings.Contains(got.body, "(version 26.7") {
			test.Errorf("%s: %s", name, got.body)
		}
	}
	for name, header := range map[string]http.Header{
		"headers": {"X-Clickhouse-User": {testUser}, "X-Clickhouse-Key": {testPassword}, "Authorization": nil},
		"basic":   nil,
	} {
		got, err := server.request(http.MethodPost, nil, strings.NewReader("SELECT 1"), header)
		must(test, err)
		equal(test, name, got.body, "1\n")
	}
	got, err := server.request(http.MethodGet, settings{"user": testUser, "password": testPassword, "query": "SELECT 1"}, nil, http.Header{"Authorization": nil})
	must(test, err)
	equal(test, "in the URL", got.body, "1\n")
}

func TestErrorsCarryTheEnginesCodeAndStatus(test *testing.T) {
	server := startServer(test)
	server.query("CREATE TABLE rows (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
	for _, wanted := range []struct {
		statement string
		given     settings
		code      string
		status    int
	}{
		{"SELECT * FROM missing", nil, "60", 404},
		{"SELEC 1", nil, "62", 400},
		{"SELECT 1; SELECT 2", nil, "62", 400},
		{"SELECT 1", settings{"database": "missing"}, "81", 404},
		{"SELECT 1", settings{"no_such_setting": "1"}, "115", 404},
		{"SELECT nothing", nil, "47", 404},
		{"CREATE TABLE rows (id UInt64) ENGINE = MergeTree ORDER BY id", nil, "57", 500},
		{"INSERT INTO missing FORMAT TSV\n1", nil, "60", 404},
		{"INSERT INTO rows FORMAT TSV\nx\ty\n", nil, "27", 400},
		{"INSERT INTO rows (nothing) FORMAT TSV\nx\n", nil, "16", 500},
		{"SELECT throwIf(1)", nil, "395", 500},
	} {
		got := server.ask(wanted.statement, wanted.given)
		equal(test, wanted.statement, got.header.Get("X-ClickHouse-Exception-Code"), wanted.code)
		equal(test, wanted.statement, got.status, wanted.status)
		if !strings.HasPrefix(got.body, "Code: "+wanted.code+". DB::Exception: ") {
			test.Errorf("%s: %s", wanted.statement, got.body)
		}
	}
	equal(test, "the server lives on", server.query("SELECT count() FROM rows"), "0")
}

func TestAGetOnlyReads(test *testing.T) {
	server := startServer(test)
	got, err := server.request(http.MethodGet, settings{"query": "SELECT 1", "max_threads": "1"}, nil, nil)
	must(test, err)
	equal(test, "reading", got.body, "1\n")
	got, err = server.request(http.MethodGet, settings{"query": "CREATE TABLE x (id UInt8) ENGINE = Memory"}, nil, nil)
	must(test, err)
	equal(test, "writing", got.header.Get("X-ClickHouse-Exception-Code"), "164")
}

func TestParametersFillValuesAndIdentifiers(test *testing.T) {
	server := startServer(test)
	server.query("CREATE TABLE rows (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
	given := settings{"param_table": "rows", "param_id": "7", "param_text": "it's; {a}"}
	got := server.ask("INSERT INTO {table:Identifier} SELECT {id:UInt64}, {text:String}", given)
	equal(test, got.body, got.status, 200)
	got = server.ask("SELECT text FROM {table:Identifier} WHERE id = {id:UInt64}", given)
	equal(test, "text", got.body, "it\\'s; {a}\n")
	server.insertOK("INSERT INTO {table:Identifier} FORMAT Native", nativeBlock(8, "native"), given)
	equal(test, "rows", server.query("SELECT count() FROM rows"), "2")
	equal(test, "a missing parameter", server.ask("SELECT {other:UInt8}", given).header.Get("X-ClickHouse-Exception-Code"), "456")
}

func TestAFormCarriesStatementAndParameters(test *testing.T) {
	server := startServer(test)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range map[string]string{"query": "SELECT {text:String}, getSetting('max_block_size')", "param_text": "a\\tb", "max_block_size": "77"} {
		must(test, form.WriteField(name, value))
	}
	must(test, form.Close())
	got, err := server.request(http.MethodPost, nil, bytes.NewReader(body.Bytes()), http.Header{"Content-Type": {form.FormDataContentType()}})
	must(test, err)
	equal(test, "reply", got.body, "a\\tb\t77\n")
	closing := len("\r\n--" + form.Boundary() + "--\r\n")
	for length := range body.Len() - closing + 1 {
		got, err = server.request(http.MethodPost, nil, bytes.NewReader(body.Bytes()[:length]), http.Header{"Content-Type": {form.FormDataContentType()}})
		must(test, err)
		equal(test, fmt.Sprintf("a form cut after %d bytes", length), got.status, 400)
	}
}

func TestSettingsAndDatabaseHoldForOneRequestOnly(test *testing.T) {
	server := startServer(test)
	server.query("CREATE DATABASE other COMMENT 'about'")
	asked := "SELECT currentDatabase(), getSetting('max_block_size') = 77"
	for range 20 {
		equal(test, "with", server.ask(asked, settings{"database": "other", "max_block_size": "77"}).body, "other\t1\n")
		server.query("SET max_block_size = 77")
		server.query("USE other")
		equal(test, "without", server.query(asked), "default\t0")
	}
	equal(test, "engine and comment", server.query("SELECT engine, comment FROM system.databases WHERE name = 'other'"), "Atomic\tabout")
	got := server.ask("SELECT getSetting('max_block_size') SETTINGS max_block_size = 5", settings{"max_block_size": "77"})
	equal(test, "the statement's own setting wins", got.body, "5\n")
}

func TestInsertSettingsTakeEffect(test *testing.T) {
	server := startServer(test)
	server.query("CREATE TABLE rows (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
	row := []byte(`{"id":1,"unknown":2}` + "\n")
	equal(test, "strict", server.insert("INSERT INTO rows FORMAT JSONEachRow", row, settings{"input_format_skip_unknown_fields": "0"}).header.Get("X-ClickHouse-Exception-Code"), "117")
	equal(test, "lenient", server.insert("INSERT INTO rows FORMAT JSONEachRow", row, settings{"input_format_skip_unknown_fields": "1"}).status, 200)
}

func TestATokenIsInsertedOnceInTheTableAndItsView(test *testing.T) {
	server := startServer(test)
	server.query("CREATE TABLE rows (id UInt64, text String) ENGINE = MergeTree PARTITION BY id % 3 ORDER BY id" + windowed)
	server.query("CREATE TABLE totals (text String, total UInt64) ENGINE = SummingMergeTree ORDER BY text" + windowed)
	server.query("CREATE MATERIALIZED VIEW sums TO totals AS SELECT text, count() AS total FROM rows GROUP BY text")
	for range 3 {
		for token := range 2 {
			server.insertOK("INSERT INTO rows FORMAT Native", nativeBlock(uint64(token*10), "a", "a", "b", "a"), settings{
				"insert_deduplication_token": "token-" + strconv.Itoa(token), "deduplicate_blocks_in_dependent_materialized_views": "1"})
		}
	}
	equal(test, "table", server.query("SELECT count(), uniqExact(id) FROM rows"), "8\t8")
	equal(test, "view", server.query("SELECT text, sum(total) FROM totals GROUP BY text ORDER BY text"), "a\t6\nb\t2")
}

func TestEightWritersAndReadersWorkAtOnce(test *testing.T) {
	server := startServer(test)
	server.query("CREATE TABLE rows (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
	var group sync.WaitGroup
	failures := make(chan string, 1000)
	work := func(do func(round int) answer) {
		group.Go(func() {
			for round := range 25 {
				if got := do(round); got.status != 200 {
					failures <- got.body
				}
			}
		})
	}
	for writer := range 8 {
		work(func(round int) answer {
			return server.insert("INSERT INTO rows FORMAT Native", nativeBlock(uint64(writer*1000+round*10), "a", "b", "c"), settings{"max_threads": "1"})
		})
		work(func(int) answer {
			return server.ask("SELECT sum(number), (SELECT count() FROM rows) FROM numbers(1000000)", nil)
		})
	}
	group.Wait()
	close(failures)
	for failure := range failures {
		test.Error(failure)
	}
	equal(test, "rows", server.query("SELECT count(), uniqExact(id) FROM rows"), "600\t600")
}

func TestALongQueryDoesNotHoldUpAnInsert(test *testing.T) {
	server := startServer(test)
	server.query("CREATE TABLE rows (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
	// The query reads a pipe, so it lasts until the test closes it.
	pipe := filepath.Join(test.TempDir(), "numbers.tsv")
	must(test, syscall.Mkfifo(pipe, 0o600))
	answered, opened := make(chan answer, 1), make(chan *os.File, 1)
	go func() { answered <- server.ask("SELECT sum(id) FROM file('"+pipe+"', 'TSV', 'id UInt64')", nil) }()
	go func() {
		// This waits for the query to open the other end.
		writing, err := os.OpenFile(pipe, os.O_WRONLY, 0)
		if err != nil {
			test.Error(err)
		}
		opened <- writing
	}()
	var numbers *os.File
	select {
	case numbers = <-opened:
	case early := <-answered:
		test.Fatalf("the query did not wait for its pipe: %d %s", early.status, early.body)
	}
	server.insertOK("INSERT INTO rows FORMAT Native", nativeBlock(0, "a"), nil)
	equal(test, "rows", server.query("SELECT count() FROM rows"), "1")
	select {
	case early := <-answered:
		test.Fatalf("the query was answered before its pipe was closed: %s", early.body)
	default:
	}
	_, err := numbers.WriteString("40\n2\n")
	must(test, err)
	must(test, numbers.Close())
	equal(test, "the long query", (<-answered).body, "42\n")
}

func TestARestartKeepsRowsTokensAndDefinitions(test *testing.T) {
	for _, way := range []string{"stopped", "killed"} {
		test.Run(way, func(test *testing.T) {
			server := startServer(test)
			server.query("CREATE DATABASE kept")
			server.query("CREATE TABLE kept.rows (id UInt64, text String) ENGINE = MergeTree ORDER BY id" + windowed + " COMMENT 'plan: ''x'''")
			server.query("CREATE TABLE rows (id UInt64) ENGINE = MergeTree ORDER BY id")
			token := settings{"insert_deduplication_token": "known"}
			server.insertOK("INSERT INTO kept.rows FORMAT Native", nativeBlock(0, "a", "b"), token)
			if way == "stopped" {
				equal(test, "exit code", server.stop(), 0)
			} else {
				server.kill()
			}
			server.start()
			server.insertOK("INSERT INTO kept.rows FORMAT Native", nativeBlock(0, "a", "b"), token)
			equal(test, "rows", server.query("SELECT count() FROM kept.rows"), "2")
			server.insertOK("INSERT INTO kept.rows FORMAT Native", nativeBlock(5, "c"), settings{"insert_deduplication_token": "new"})
			equal(test, "rows", server.query("SELECT count() FROM kept.rows"), "3")
			equal(test, "comment", server.query("SELECT comment FROM system.tables WHERE database = 'kept'"), "plan: \\'x\\'")
			equal(test, "table of default", server.query("SELECT count() FROM rows"), "0")
		})
	}
}

func TestStoppingFinishesTheRunningInsert(test *testing.T) {
	server := startServer(test)
	server.query("CREATE TABLE rows (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
	block := nativeBlock(0, "a", "b")
	connection, err := net.Dial("tcp", server.address)
	must(test, err)
	defer connection.Close()
	_, err = fmt.Fprintf(connection, "POST /?query=INSERT+INTO+rows+FORMAT+Native HTTP/1.1\r\nHost: x\r\nX-ClickHouse-User: %s\r\nX-ClickHouse-Key: %s\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", testUser, testPassword, len(block))
	must(test, err)
	replies := bufio.NewReader(connection)
	response, err := http.ReadResponse(replies, nil)
	must(test, err)
	equal(test, "the server waits for the body", response.StatusCode, http.StatusContinue)

	stopped := make(chan int, 1)
	go func() { stopped <- server.stop() }()
	for refused := false; !refused; {
		probe, err := net.Dial("tcp", server.address)
		if refused = err != nil; !refused {
			probe.Close()
		}
	}
	_, err = connection.Write(block)
	must(test, err)
	response, err = http.ReadResponse(replies, nil)
	must(test, err)
	equal(test, "the running insert", response.StatusCode, http.StatusOK)
	equal(test, "exit code", <-stopped, 0)
	server.start()
	equal(test, "rows", server.query("SELECT count() FROM rows"), "2")
}

func TestASecondServerOnTheSameFolderIsRefused(test *testing.T) {
	first := startServer(test)
	output, err := commandOn(first).CombinedOutput()
	equal(test, "it failed", err != nil, true)
	if !strings.Contains(string(output), "data folder") {
		test.Errorf("the message does not name the folder: %s", output)
	}
	equal(test, "the first works on", first.query("SELECT 1"), "1")
}

func TestTheOperatorsStatementsWork(test *testing.T) {
	server := startServer(test)
	for _, statement := range []string{
		"CREATE DATABASE team COMMENT 'owned'",
		"CREATE TABLE team.rows (id UInt64, at DateTime64(3), extra JSON) ENGINE = MergeTree PARTITION BY toYYYYMM(at) ORDER BY id TTL toDateTime(at) + INTERVAL 1 DAY" + windowed + " COMMENT 'one'",
		"ALTER TABLE team.rows ADD COLUMN IF NOT EXISTS name LowCardinality(String) COMMENT 'c', ADD COLUMN price Nullable(Decimal(18, 4)), MODIFY COMMENT 'two'",
		"ALTER TABLE team.rows MODIFY COLUMN price Nullable(Decimal(38, 4)) COMMENT 'p'",
		"ALTER TABLE team.rows MODIFY TTL toDateTime(at) + INTERVAL 2 DAY",
		"ALTER TABLE team.rows MODIFY SETTING non_replicated_deduplication_window = 5000",
		"CREATE MATERIALIZED VIEW team.view ENGINE = SummingMergeTree ORDER BY name" + windowed + " AS SELECT name, count() AS total FROM team.rows GROUP BY name",
	} {
		server.query(statement)
	}
	equal(test, "columns", server.query("SELECT groupArray((name, type, comment)) FROM (SELECT * FROM system.columns WHERE database = 'team' AND table = 'rows' ORDER BY position) FORMAT TSVRaw"),
		"[('id','UInt64',''),('at','DateTime64(3)',''),('extra','JSON',''),('name','LowCardinality(String)','c'),('price','Nullable(Decimal(38, 4))','p')]")
	described := server.query("SELECT comment, engine_full FROM system.tables WHERE database = 'team' AND name = 'rows'")
	for _, part := range []string{"two\t", "toIntervalDay(2)", "non_replicated_deduplication_window = 5000"} {
		if !strings.Contains(described, part) {
			test.Errorf("%q is missing in %s", part, described)
		}
	}
	server.query("DROP DATABASE team SYNC")
	equal(test, "gone", server.query("SELECT count() FROM system.tables WHERE database = 'team'"), "0")
}

func TestFaultsArePlayedAsTheFileSays(test *testing.T) {
	server := startServer(test)
	server.query("CREATE TABLE rows (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
	must(test, os.WriteFile(server.fault, []byte(`{"refuse_password": true}`), 0o600))
	equal(test, "refused", server.ask("SELECT 1", nil).status, 403)
	must(test, os.WriteFile(server.fault, []byte(`{"cut_reply_after_insert": 1}`), 0o600))
	if _, err := server.request(http.MethodPost, settings{"query": "INSERT INTO rows FORMAT Native"}, io.MultiReader(bytes.NewReader(nativeBlock(0, "a"))), nil); err == nil {
		test.Error("the reply was not cut")
	}
	equal(test, "the cut insert is done", server.query("SELECT count() FROM rows"), "1")
	server.insertOK("INSERT INTO rows FORMAT Native", nativeBlock(1, "b"), nil)
	must(test, os.WriteFile(server.fault, []byte(`{"refuse_password": true}`), 0o600))
	equal(test, "refused again", server.ask("SELECT 1", nil).status, 403)
	must(test, os.Remove(server.fault))
	equal(test, "no file is no fault", server.query("SELECT count() FROM rows"), "2")
}
