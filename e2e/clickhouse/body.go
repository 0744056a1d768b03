// Body room: reads and decompresses a whole body. Nothing is used of a body that ends early or does not decode.
// The memory of one body serves the next: inserts come often and are large, and pages that are new each time cost as much as decoding.

package main

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	native "github.com/ClickHouse/ch-go/compress"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// bodyLimit bounds what one request may hold in memory, counted after decompression.
const bodyLimit = 1 << 30

// bodies has the buffers that no request uses now; what is not used for a while goes with the garbage.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// readBody reads the whole body before anything of it is used: a body that ends early must insert nothing.
// The bytes are the buffer's.
func readBody(request *http.Request, wanted wantedStatement, body *bytes.Buffer) ([]byte, error) {
	body.Reset()
	decoded, err := decodeTransport(request)
	if err != nil {
		return nil, err
	}
	if wanted.decompressBody {
		decoded = newFrameReader(decoded)
	}
	if request.ContentLength > 0 && request.ContentLength < bodyLimit {
		body.Grow(int(request.ContentLength) + bytes.MinRead)
	}
	count, err := body.ReadFrom(io.LimitReader(decoded, bodyLimit+1))
	if err != nil {
		return nil, endsEarly("body", "inserted", err.Error())
	}
	if count > bodyLimit {
		return nil, &problem{code: codeQueryIsTooLarge, name: "QUERY_IS_TOO_LARGE", text: fmt.Sprintf("the request's body is above %d bytes: send smaller inserts", bodyLimit)}
	}
	return body.Bytes(), nil
}

// endsEarly is the answer to a part of a request that cannot be had whole.
func endsEarly(part, done, why string) error {
	return &problem{code: codeCannotReadAllData, name: "CANNOT_READ_ALL_DATA", text: "the request's " + part + " is broken or ends early, nothing was " + done + ": " + why}
}

func decodeTransport(request *http.Request) (io.Reader, error) {
	var decoded io.Reader
	var err error
	switch encoding := strings.ToLower(request.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
		decoded = request.Body
	case "gzip":
		decoded, err = gzip.NewReader(request.Body)
	case "deflate":
		decoded, err = zlib.NewReader(request.Body)
	case "zstd":
		decoded, err = zstd.NewReader(request.Body, zstd.WithDecoderConcurrency(1))
	case "lz4":
		decoded = lz4.NewReader(request.Body)
	default:
		return nil, &problem{code: codeNotImplemented, name: "NOT_IMPLEMENTED", text: "Unknown compression method in HTTP header: " + encoding + ": send gzip, deflate, zstd or lz4"}
	}
	if err != nil {
		return nil, endsEarly("body", "inserted", err.Error())
	}
	return decoded, nil
}

// frameHead is checksum (16 bytes), method (1), size with head (4) and size of the content (4).
const frameHead = 25

// frameReader reads ClickHouse's compressed frames. It takes one whole frame at a time, so that an end inside a frame
// is an error and only an end between frames is an end.
type frameReader struct {
	source  io.Reader
	frame   []byte
	unread  bytes.Reader // of the frame
	decoder *native.Reader
	left    int // decoded bytes of the frame that nobody has read yet
}

func newFrameReader(source io.Reader) *frameReader {
	reader := &frameReader{source: source}
	reader.decoder = native.NewReader(&reader.unread)
	return reader
}

func (reader *frameReader) Read(target []byte) (int, error) {
	for reader.left == 0 {
		if err := reader.readFrame(); err != nil {
			return 0, err
		}
	}
	count, err := reader.decoder.Read(target[:min(len(target), reader.left)])
	if err != nil {
		return 0, fmt.Errorf("decode a compressed frame: %v", err)
	}
	reader.left -= count
	return count, nil
}

func (reader *frameReader) readFrame() error {
	var head [frameHead]byte
	if _, err := io.ReadFull(reader.source, head[:]); err != nil {
		return err
	}
	packed, plain := binary.LittleEndian.Uint32(head[17:]), binary.LittleEndian.Uint32(head[21:])
	if packed < 9 || packed > bodyLimit || plain > bodyLimit {
		return fmt.Errorf("a compressed frame says it has %d bytes that hold %d", packed, plain)
	}
	length := frameHead + int(packed) - 9
	reader.frame = append(slices.Grow(reader.frame[:0], length), head[:]...)[:length]
	if _, err := io.ReadFull(reader.source, reader.frame[frameHead:]); err != nil {
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	reader.unread.Reset(reader.frame)
	reader.left = int(plain)
	return nil
}
