//! Names and values that want out of their quotes: SQL, settings, line ends, other alphabets.
//!
//! In: nothing. Out: the same texts each time. Who uses them says what must become of them: refused, or kept exactly.

/// What ends a quote, a statement, a line or a list somewhere.
const FRAGMENTS: [&str; 36] = [
    "`",
    "``",
    "\\",
    "\\\\",
    "\\`",
    "'",
    "''",
    "\\'",
    "\"",
    "\"\"",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "\u{8}",
    "\u{1b}[2J",
    ";",
    "--",
    "/*",
    "*/",
    "#",
    "(",
    ")",
    "=",
    ",",
    "@",
    "{x:Identifier}",
    "${x}",
    "%s",
    "?",
    "é",
    "\u{1d54f}",
    "\u{200b}",
    "\u{202e}",
    "\u{2019}",
    "\u{ff40}",
];

/// What is tried once the quote is open.
const TEMPLATES: [&str; 6] = [
    "x|",
    "|x",
    "x|; DROP TABLE canary; --",
    "x|) ENGINE = Memory AS SELECT 1 --",
    "x| SETTINGS a = 1, b = 2",
    "x|,cleanup.policy=compact",
];

/// Returns all texts.
pub(crate) fn texts() -> Vec<String> {
    let filled = |fragment: &str| TEMPLATES.map(|template| template.replace('|', fragment));
    FRAGMENTS.iter().flat_map(|fragment| filled(fragment)).collect()
}
