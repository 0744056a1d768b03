// How statements and rows are told apart, without the engine.

package main

import "testing"

func TestRowsBeginWhereClickHousesParserSaysSo(test *testing.T) {
	for text, want := range map[string][3]string{ // head, format, rows
		"INSERT INTO t FORMAT TSV\n1\n":                                 {"INSERT INTO t ", "TSV", "1\n"},
		"INSERT INTO t FORMAT TSV \r\n\n1":                              {"INSERT INTO t ", "TSV", "\n1"},
		"insert t values(1)":                                            {"insert t ", "Values", "(1)"},
		"INSERT INTO values VALUES (1)":                                 {"INSERT INTO values ", "Values", " (1)"},
		"INSERT INTO `a b`.\"format\" (values, format) VALUES 1":        {"INSERT INTO `a b`.\"format\" (values, format) ", "Values", " 1"},
		"/* VALUES */ INSERT -- FORMAT x\nINTO t FORMAT Native":         {"/* VALUES */ INSERT -- FORMAT x\nINTO t ", "Native", ""},
		"INSERT INTO {t:Identifier} SETTINGS a = 'VALUES' FORMAT CSV 1": {"INSERT INTO {t:Identifier} SETTINGS a = 'VALUES' ", "CSV", "1"},
		"INSERT INTO FUNCTION file('VALUES') FORMAT CSV\n1":             {"INSERT INTO FUNCTION file('VALUES') ", "CSV", "1"},
	} {
		got := splitText([]byte(text))
		equal(test, text, [3]string{got.text, got.inputFormat, string(got.rows)}, want)
		equal(test, text, got.carriesData, true)
	}
	for _, text := range []string{"SELECT 1", "INSERT INTO t SELECT 1 AS format, 2 AS values", "INSERT INTO t WITH 1 AS x SELECT x", "CREATE TABLE t (values UInt8)", "INSERT INTO t", "", "INSERT INTO 'open"} {
		got := splitText([]byte(text))
		equal(test, text, got.carriesData, false)
		equal(test, text, got.text, text)
	}
	equal(test, "output format", splitText([]byte("SELECT 'FORMAT a', (SELECT 1) FORMAT JSON SETTINGS x = 1")).outputFormat, "JSON")
}

func TestQuotedTextCannotBreakOut(test *testing.T) {
	equal(test, "value", quote(`a'b\c`, '\''), `'a\'b\\c'`)
	equal(test, "name", quote("a`b", '`'), "`a\\`b`")
}
