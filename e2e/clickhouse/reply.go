// Reply room: output, errors and HTTP status codes as ClickHouse gives them, compressed as the client asked.

package main

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	native "github.com/ClickHouse/ch-go/compress"
	"github.com/klauspost/compress/zstd"
	"tributary.dev/e2e/clickhouse/internal/engine"
)

// The codes of ClickHouse that this program itself gives; all others are the engine's.
const (
	codeCannotReadAllData    = 33
	codeBadArguments         = 36
	codeNotImplemented       = 48
	codeSyntaxError          = 62
	codeUnknownSetting       = 115
	codeQueryIsTooLarge      = 335
	codeAuthenticationFailed = 516
	codeUnknownException     = 1002
)

// statusOfCode is ClickHouse's own map (exceptionCodeToHTTPStatus); every other code is 500.
var statusOfCode = statuses(map[int][]int{
	http.StatusUnauthorized:          {194},
	http.StatusForbidden:             {192, 193, 516, 511},
	http.StatusBadRequest:            {36, 427, 6, 25, 26, 38, 41, 72, 131, 675, 676, 27, 376, 15, 44, 8, 66, 67, 168, 167, 223, 62, 117, 53, 321, 33},
	http.StatusNotFound:              {60, 46, 47, 50, 56, 81, 115, 71, 63, 73, 336, 78, 138},
	http.StatusRequestEntityTooLarge: {335},
	http.StatusNotImplemented:        {48},
	http.StatusServiceUnavailable:    {209, 76, 439},
	http.StatusLengthRequired:        {381},
	http.StatusRequestTimeout:        {159},
})

func statuses(groups map[int][]int) map[int]int {
	flat := map[int]int{}
	for status, codes := range groups {
		for _, code := range codes {
			flat[code] = status
		}
	}
	return flat
}

// problem is an exception that this program finds itself; it is told as the engine would tell it.
type problem struct {
	code       int
	name, text string
}

func (found *problem) Error() string {
	return "Code: " + strconv.Itoa(found.code) + ". DB::Exception: " + found.text + " (" + found.name + ")"
}

var codePattern = regexp.MustCompile(`Code: (\d+)\. DB::`)

// refuse tells an error the way ClickHouse does: status, code header, text with the version.
func (front *front) refuse(writer http.ResponseWriter, err error) {
	code, text := codeUnknownException, err.Error()
	var found *problem
	var failure *engine.Failure
	if errors.As(err, &found) {
		code = found.code
	} else if errors.As(err, &failure) {
		if match := codePattern.FindStringSubmatch(text); match != nil {
			code, _ = strconv.Atoi(match[1])
		}
	}
	if !strings.Contains(text, "(version ") {
		text += " (version " + front.version + " (official build))"
	}
	status := statusOfCode[code]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	writer.Header().Set("X-ClickHouse-Exception-Code", strconv.Itoa(code))
	writePlain(writer, status, text+"\n")
}

func writePlain(writer http.ResponseWriter, status int, text string) {
	writer.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	writer.Header().Set("Content-Length", strconv.Itoa(len(text)))
	writer.WriteHeader(status)
	if _, err := io.WriteString(writer, text); err != nil {
		log.Printf("the client left before its reply was written: %v", err)
	}
}

// frameSize is how much output goes into one compressed frame; the server uses the same.
const frameSize = 1 << 20

func writeOutput(writer http.ResponseWriter, request *http.Request, wanted wantedStatement, output []byte) error {
	encoded, finish := encodeTransport(writer, request, wanted)
	if !wanted.compressReply {
		if _, err := encoded.Write(output); err != nil {
			return err
		}
		return finish()
	}
	frames := native.NewWriter(native.LevelZero, native.LZ4)
	for start := 0; start < len(output); start += frameSize {
		if err := frames.Compress(output[start:min(start+frameSize, len(output))]); err != nil {
			return err
		}
		if _, err := encoded.Write(frames.Data); err != nil {
			return err
		}
	}
	return finish()
}

// encodeTransport sets up what Accept-Encoding asks for, which ClickHouse heeds only with enable_http_compression=1.
func encodeTransport(writer http.ResponseWriter, request *http.Request, wanted wantedStatement) (io.Writer, func() error) {
	accepted := ""
	if wanted.compressHTTP {
		accepted = strings.ToLower(request.Header.Get("Accept-Encoding"))
	}
	for _, encoding := range []string{"gzip", "deflate", "zstd"} {
		if !strings.Contains(accepted, encoding) {
			continue
		}
		var encoded io.WriteCloser
		switch encoding {
		case "gzip":
			encoded = gzip.NewWriter(writer)
		case "deflate":
			encoded = zlib.NewWriter(writer)
		case "zstd":
			made, err := zstd.NewWriter(writer, zstd.WithEncoderConcurrency(1))
			if err != nil {
				continue
			}
			encoded = made
		}
		writer.Header().Set("Content-Encoding", encoding)
		return encoded, encoded.Close
	}
	return writer, func() error { return nil }
}

func contentType(format string) string {
	switch {
	case strings.HasPrefix(format, "JSONEachRow"), strings.HasPrefix(format, "JSONCompactEachRow"), strings.HasPrefix(format, "JSONStringsEachRow"):
		return "application/x-ndjson; charset=UTF-8"
	case strings.HasPrefix(format, "JSON"):
		return "application/json; charset=UTF-8"
	case strings.HasPrefix(format, "TabSeparated"), strings.HasPrefix(format, "TSV"):
		return "text/tab-separated-values; charset=UTF-8"
	case strings.HasPrefix(format, "CSV"):
		return "text/csv; charset=UTF-8; header=" + map[bool]string{true: "present", false: "absent"}[strings.Contains(format, "WithNames")]
	case strings.HasPrefix(format, "RowBinary"), format == "Native", format == "Parquet", strings.HasPrefix(format, "Arrow"), format == "ORC":
		return "application/octet-stream"
	default:
		return "text/plain; charset=UTF-8"
	}
}

// cutConnection ends the connection at once, as a killed server would.
func cutConnection(writer http.ResponseWriter) {
	hijacker, able := writer.(http.Hijacker)
	if !able {
		panic(http.ErrAbortHandler)
	}
	connection, _, err := hijacker.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if plain, isTCP := connection.(*net.TCPConn); isTCP {
		plain.SetLinger(0)
	}
	connection.Close()
}
