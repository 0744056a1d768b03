// Request room: URL, headers and forms become a wantedStatement. Every parameter that ClickHouse does not reserve is a
// setting; the engine itself says which of them exist.

package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"sort"
	"strings"
)

// wantedStatement is what the URL and the headers of a request ask for; the body is read apart.
type wantedStatement struct {
	query, database, format, queryID string
	user, password                   string
	parameters, settings             map[string]string
	compressReply, decompressBody    bool
	compressHTTP, readOnly           bool
}

// Parameters that are no settings and are accepted without effect (user and password are read apart).
var reservedParameters = map[string]bool{
	"user": true, "password": true, "session_id": true, "session_timeout": true, "session_check": true,
	"close_session": true, "quota_key": true, "stacktrace": true, "role": true, "buffer_size": true,
	"wait_end_of_query": true, "client_protocol_version": true,
}

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

func readRequest(request *http.Request) (wantedStatement, error) {
	wanted := wantedStatement{parameters: map[string]string{}, settings: map[string]string{}}
	given, err := url.ParseQuery(request.URL.RawQuery)
	if err != nil {
		return wanted, &problem{code: codeBadArguments, name: "BAD_ARGUMENTS", text: "the URL's parameters do not parse: " + err.Error()}
	}
	wanted.database = request.Header.Get("X-ClickHouse-Database")
	wanted.format = firstOf(request.Header.Get("X-ClickHouse-Format"), "TabSeparated")
	wanted.queryID = randomIdentifier()
	wanted.readOnly = request.Method != http.MethodPost && request.Method != http.MethodPut
	wanted.user, wanted.password = credentials(request, given)
	return wanted, wanted.take(given)
}

// take reads parameters of the URL or of a form.
func (wanted *wantedStatement) take(given url.Values) error {
	for name, values := range given {
		value := values[len(values)-1]
		switch {
		case name == "query":
			wanted.query = value
		case name == "database":
			wanted.database = firstOf(value, wanted.database)
		case name == "default_format":
			wanted.format = firstOf(value, wanted.format)
		case name == "query_id":
			wanted.queryID = firstOf(value, wanted.queryID)
		case name == "compress":
			wanted.compressReply = isTrue(value)
		case name == "decompress":
			wanted.decompressBody = isTrue(value)
		case reservedParameters[name]:
		case strings.HasPrefix(name, "param_"):
			wanted.parameters[strings.TrimPrefix(name, "param_")] = value
		case settingName.MatchString(name):
			wanted.settings[name] = value
		default:
			return &problem{code: codeUnknownSetting, name: "UNKNOWN_SETTING", text: "Unknown setting '" + name + "'"}
		}
	}
	wanted.compressHTTP = isTrue(wanted.settings["enable_http_compression"])
	return nil
}

// takeForm reads a multipart body, in which clients send long statements and parameters.
func (wanted *wantedStatement) takeForm(contentType string, body []byte) (bool, error) {
	kind, details, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" {
		return false, nil
	}
	// Go's reader takes an end inside a part's head for the form's end, so the closing line is asked for first.
	if !bytes.HasSuffix(bytes.TrimRight(body, "\r\n"), []byte("--"+details["boundary"]+"--")) {
		return true, endsEarly("form", "run", "its closing boundary is missing")
	}
	form, err := multipart.NewReader(bytes.NewReader(body), details["boundary"]).ReadForm(bodyLimit)
	if err != nil {
		return true, endsEarly("form", "run", err.Error())
	}
	defer form.RemoveAll()
	if len(form.File) > 0 {
		return true, &problem{code: codeNotImplemented, name: "NOT_IMPLEMENTED", text: "External tables are not supported by this development server"}
	}
	return true, wanted.take(form.Value)
}

func credentials(request *http.Request, given url.Values) (string, string) {
	if user := request.Header.Get("X-ClickHouse-User"); user != "" {
		return user, request.Header.Get("X-ClickHouse-Key")
	}
	if user, password, present := request.BasicAuth(); present {
		return user, password
	}
	return firstOf(given.Get("user"), "default"), given.Get("password")
}

// preparations are the statements that give a fresh session its database and settings.
func (wanted wantedStatement) preparations() []string {
	var statements []string
	if wanted.database != "" {
		statements = append(statements, "USE "+quote(wanted.database, '`'))
	}
	if len(wanted.settings) > 0 {
		assignments := make([]string, 0, len(wanted.settings))
		for name, value := range wanted.settings {
			assignments = append(assignments, name+" = "+quote(value, '\''))
		}
		sort.Strings(assignments)
		statements = append(statements, "SET "+strings.Join(assignments, ", "))
	}
	if wanted.readOnly && wanted.settings["readonly"] == "" {
		// As the server does: a GET may read and choose settings, and nothing else.
		statements = append(statements, "SET readonly = 2")
	}
	return statements
}

func quote(text string, mark byte) string {
	var quoted strings.Builder
	quoted.WriteByte(mark)
	for index := range len(text) {
		if text[index] == mark || text[index] == '\\' {
			quoted.WriteByte('\\')
		}
		quoted.WriteByte(text[index])
	}
	quoted.WriteByte(mark)
	return quoted.String()
}

func isTrue(value string) bool { return value == "1" || strings.EqualFold(value, "true") }

func firstOf(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}

func randomIdentifier() string {
	var raw [16]byte
	rand.Read(raw[:])
	text := hex.EncodeToString(raw[:])
	return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")
}
