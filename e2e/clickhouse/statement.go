// Statement room: cuts the rows off an INSERT, because the engine takes them only through its insert stream (inline
// binary rows are cut at the first blank line). It follows ClickHouse's parser as far as that needs and no further.

package main

import (
	"bytes"
	"strings"
)

// statement is one statement, its rows (of an INSERT that brings them) cut off.
type statement struct {
	text         string
	carriesData  bool
	inputFormat  string
	rows         []byte
	outputFormat string
}

// splitStatement joins URL and body as ClickHouse does (the body goes on where the URL stops) and cuts the rows off.
func splitStatement(query string, body []byte) statement {
	if strings.TrimSpace(query) == "" {
		return splitText(body)
	}
	parts := splitText([]byte(query))
	switch {
	case len(body) == 0:
		return parts
	case !parts.carriesData:
		return splitText(append([]byte(query+"\n"), body...))
	case len(bytes.TrimSpace(parts.rows)) == 0:
		parts.rows = body // the common case: nothing of a large body is copied
	default:
		parts.rows = append(append(bytes.Clone(parts.rows), '\n'), body...)
	}
	return parts
}

// splitText reads words outside brackets and quotes until it knows where rows would begin.
func splitText(text []byte) statement {
	scanner := wordScanner{text: text}
	first := scanner.next()
	if !strings.EqualFold(first, "INSERT") {
		return statement{text: string(text), outputFormat: lastFormat(&scanner)}
	}
	scanner.skipTarget()
	for word := scanner.next(); word != ""; word = scanner.next() {
		switch strings.ToUpper(word) {
		case "SELECT", "WITH", "FROM", "WATCH", "EXECUTE":
			return statement{text: string(text)} // the engine finds the rows itself
		case "VALUES":
			return statement{text: string(text[:scanner.start]), carriesData: true, inputFormat: "Values", rows: text[scanner.at:]}
		case "FORMAT":
			head := string(text[:scanner.start])
			format := scanner.next()
			if strings.EqualFold(format, "VALUES") {
				format = "Values"
			}
			return statement{text: head, carriesData: format != "", inputFormat: format, rows: afterFormat(text[scanner.at:])}
		}
	}
	return statement{text: string(text)}
}

// afterFormat follows ClickHouse's parser: rows begin after the first newline, or after the blanks when there is none.
func afterFormat(rest []byte) []byte {
	rest = bytes.TrimLeft(rest, " \t\f")
	rest = bytes.TrimPrefix(rest, []byte("\r"))
	return bytes.TrimPrefix(rest, []byte("\n"))
}

func lastFormat(scanner *wordScanner) string {
	format := ""
	for word := scanner.next(); word != ""; word = scanner.next() {
		if strings.EqualFold(word, "FORMAT") {
			format = scanner.next()
		}
	}
	return format
}

// wordScanner gives the bare words of a statement that stand outside brackets, quotes and comments.
type wordScanner struct {
	text      []byte
	at, start int
}

// next gives the next word, or nothing at the end.
func (scanner *wordScanner) next() string {
	depth := 0
	for scanner.at < len(scanner.text) {
		letter := scanner.text[scanner.at]
		switch {
		case isWord(letter):
			scanner.start = scanner.at
			for scanner.at < len(scanner.text) && isWord(scanner.text[scanner.at]) {
				scanner.at++
			}
			if depth <= 0 {
				return string(scanner.text[scanner.start:scanner.at])
			}
		case letter == '(' || letter == '[' || letter == '{':
			depth++
			scanner.at++
		case letter == ')' || letter == ']' || letter == '}':
			depth--
			scanner.at++
		default:
			scanner.skipOther(letter)
		}
	}
	return ""
}

// skipOther steps over a quoted text, a comment or a single sign.
func (scanner *wordScanner) skipOther(letter byte) {
	rest := scanner.text[scanner.at:]
	switch {
	case letter == '\'' || letter == '"' || letter == '`':
		scanner.skipQuoted(letter)
	case bytes.HasPrefix(rest, []byte("--")) || letter == '#':
		scanner.skipPast(rest, "\n")
	case bytes.HasPrefix(rest, []byte("/*")):
		scanner.skipPast(rest, "*/")
	default:
		scanner.at++
	}
}

func (scanner *wordScanner) skipPast(rest []byte, end string) {
	found := bytes.Index(rest, []byte(end))
	if found < 0 {
		scanner.at = len(scanner.text)
		return
	}
	scanner.at += found + len(end)
}

func (scanner *wordScanner) skipQuoted(mark byte) {
	for scanner.at++; scanner.at < len(scanner.text); scanner.at++ {
		switch scanner.text[scanner.at] {
		case '\\':
			scanner.at++
		case mark:
			scanner.at++
			return // a doubled mark begins the next quoted text, which comes to the same
		}
	}
}

// skipTarget steps over INTO [TABLE|FUNCTION] and the table's name, which may be any word.
func (scanner *wordScanner) skipTarget() {
	before := *scanner
	if !strings.EqualFold(scanner.next(), "INTO") {
		*scanner = before
	}
	before = *scanner
	if word := scanner.next(); !strings.EqualFold(word, "TABLE") && !strings.EqualFold(word, "FUNCTION") {
		*scanner = before
	}
	for {
		scanner.skipBlank()
		if scanner.at >= len(scanner.text) {
			return
		}
		switch letter := scanner.text[scanner.at]; {
		case letter == '`' || letter == '"':
			scanner.skipQuoted(letter)
		case letter == '{':
			scanner.skipPast(scanner.text[scanner.at:], "}")
		case isWord(letter):
			for scanner.at < len(scanner.text) && isWord(scanner.text[scanner.at]) {
				scanner.at++
			}
		default:
			return
		}
		scanner.skipBlank()
		if scanner.at >= len(scanner.text) || scanner.text[scanner.at] != '.' {
			return
		}
		scanner.at++
	}
}

func (scanner *wordScanner) skipBlank() {
	for scanner.at < len(scanner.text) && bytes.IndexByte([]byte(" \t\r\n\f\v"), scanner.text[scanner.at]) >= 0 {
		scanner.at++
	}
}

func isWord(letter byte) bool {
	return letter == '_' || letter >= '0' && letter <= '9' || letter >= 'a' && letter <= 'z' || letter >= 'A' && letter <= 'Z' || letter >= 0x80
}
