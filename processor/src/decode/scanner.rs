//! Scanner: steps over JSON text once, exactly by RFC 8259, without building anything.
//!
//! In: text that is known to be UTF-8. Out: spans of strings, numbers, arrays and objects, or where the text is broken.
//! Every byte is judged, also of values that nobody reads: a record is JSON or it is rejected, whatever its schema.
//! Why not a library: numbers must stay text (exact decimals, 2^64), nesting must be bounded also in skipped values (a
//! recursive skip of `[[[[…` ends the process), lone surrogates must be found in skipped values too (ClickHouse refuses
//! the whole block for one), and an offset instead of a borrow lets the scratch be used again.

mod string;

use super::text::{Span, Texts};
use super::trie::Key;

/// Deepest nesting of objects and arrays; the record itself is the first level.
pub(crate) const MAXIMUM_DEPTH: u32 = 32;

/// Why scanning ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    /// Not JSON: what was expected, and at which byte.
    Broken {
        /// Offset in the record.
        at: u32,
        /// What the scanner looked for.
        expected: &'static str,
    },
    /// JSON, but no object.
    NotAnObject,
    /// Nested deeper than [`MAXIMUM_DEPTH`].
    TooDeep,
    /// What was looked for is found; the rest does not matter yet.
    Found,
}

/// The scan has ended early; the scanner knows why. Without a size, so that results stay in registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop;

/// One value of a JSON text, as far as a scan tells, with its text. Two registers: this is made for every field of every event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Not there, or `null`.
    Missing,
    /// `true`.
    True(Span),
    /// `false`.
    False(Span),
    /// A number with neither point nor exponent.
    Whole(Span),
    /// Any other number.
    Fraction(Span),
    /// A string without its quotes and escapes.
    Text(Span),
    /// An array as it is written.
    Array(Span),
    /// An object as it is written.
    Object(Span),
}

/// What ClickHouse's JSON type would refuse, and with it the whole block, found while values for it are stepped over.
#[derive(Debug, Default)]
pub(crate) struct Captures {
    /// Hash of the dotted path of every value, with the owner of the value; two equal hashes are one path given twice.
    pub(crate) paths: Vec<(u64, u32)>,
    /// Whose values are stepped over; the decoder's business.
    pub(crate) owner: u32,
    /// Whether a number is beyond 64 bits.
    pub(crate) oversized: bool,
}

/// Where to note what is captured, and the hash of the path down to here.
type Capture<'c> = Option<(u64, &'c mut Captures)>;

/// Position in a JSON text.
pub(crate) struct Scanner<'a, 's> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: u32,
    arena: &'s mut String,
    /// Why the scan has ended early.
    halt: Halt,
}

impl<'a, 's> Scanner<'a, 's> {
    /// Starts at the first byte; unescaped strings go to `arena`.
    pub(crate) fn new(text: &'a str, arena: &'s mut String) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0, depth: 0, arena, halt: Halt::Found }
    }

    /// Goes to an offset where a value begins.
    pub(crate) fn go_to(&mut self, at: usize) {
        self.at = at;
    }

    /// Offset of the next byte.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Steps over one byte that was looked at.
    pub(crate) fn step(&mut self) {
        self.at += 1;
    }

    /// Steps over `text` if it stands here.
    pub(crate) fn step_over(&mut self, text: &[u8]) -> bool {
        let stands_here = self.bytes.get(self.at..self.at + text.len()) == Some(text);
        if stands_here {
            self.at += text.len();
        }
        stands_here
    }

    /// Steps over a key and its closing quote if they stand here.
    #[inline]
    pub(crate) fn step_over_key(&mut self, key: &Key) -> bool {
        match key.begins(&self.bytes[self.at..]) {
            Some(length) => {
                self.at += length;
                true
            }
            None => false,
        }
    }

    /// The texts that this scanner's spans stand in.
    pub(crate) fn texts(&self) -> Texts<'_> {
        Texts { payload: self.text, arena: self.arena }
    }

    /// Text of a span that this scanner made.
    pub(crate) fn get(&self, span: Span) -> &str {
        self.texts().get(span)
    }

    /// Steps over white space and returns the byte that follows; 0, which no JSON holds, at the end.
    #[inline(always)]
    pub(crate) fn peek(&mut self) -> u8 {
        match self.bytes.get(self.at) {
            Some(&byte) if byte > b' ' => byte,
            Some(_) => self.peek_behind_space(),
            None => 0,
        }
    }

    /// Behind a call, as apps send no white space: a loop at every token would cost all of them.
    #[inline(never)]
    fn peek_behind_space(&mut self) -> u8 {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// Makes sure that nothing but white space follows.
    pub(crate) fn end(&mut self) -> Result<(), Stop> {
        self.peek();
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.broken("the end of the record")) }
    }

    /// The error that something else was expected here.
    #[cold]
    pub(crate) fn broken(&mut self, expected: &'static str) -> Stop {
        self.stop(Halt::Broken { at: self.at as u32, expected })
    }

    /// Ends the scan.
    #[cold]
    pub(crate) fn stop(&mut self, halt: Halt) -> Stop {
        self.halt = halt;
        Stop
    }

    /// Why the scan has ended early, if it has.
    pub(crate) fn halt(&self) -> Halt {
        self.halt
    }

    /// Steps into an object or array over its bracket.
    pub(crate) fn descend(&mut self) -> Result<(), Stop> {
        self.at += 1;
        self.depth += 1;
        if self.depth > MAXIMUM_DEPTH { Err(self.stop(Halt::TooDeep)) } else { Ok(()) }
    }

    /// Steps out of an object or array over its bracket.
    pub(crate) fn ascend(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    /// Steps over the colon behind a key.
    #[inline]
    pub(crate) fn colon(&mut self) -> Result<(), Stop> {
        if self.peek() != b':' {
            return Err(self.broken("a colon"));
        }
        self.at += 1;
        Ok(())
    }

    /// Steps over one value: strings here, as most are strings.
    #[inline(always)]
    pub(crate) fn cell(&mut self, capture: Capture<'_>) -> Result<Cell, Stop> {
        if self.peek() == b'"' {
            self.at += 1;
            return Ok(Cell::Text(self.string()?));
        }
        self.other_cell(capture)
    }

    fn other_cell(&mut self, capture: Capture<'_>) -> Result<Cell, Stop> {
        let first = self.peek();
        let start = self.at;
        match first {
            b'-' | b'0'..=b'9' => {
                let cell = self.number()?;
                if let Some((_, captures)) = capture {
                    captures.oversized |= is_oversized(&self.text[start..self.at]);
                }
                Ok(cell)
            }
            b't' => {
                self.literal(b"true")?;
                Ok(Cell::True(Span::payload(start, self.at)))
            }
            b'f' => {
                self.literal(b"false")?;
                Ok(Cell::False(Span::payload(start, self.at)))
            }
            b'n' => {
                self.literal(b"null")?;
                Ok(Cell::Missing)
            }
            b'[' => {
                self.skip_array(capture)?;
                Ok(Cell::Array(Span::payload(start, self.at)))
            }
            b'{' => {
                self.skip_object(capture)?;
                Ok(Cell::Object(Span::payload(start, self.at)))
            }
            _ => Err(self.broken("a value")),
        }
    }

    fn literal(&mut self, text: &'static [u8]) -> Result<(), Stop> {
        if self.step_over(text) { Ok(()) } else { Err(self.broken("a value")) }
    }

    fn skip_array(&mut self, mut capture: Capture<'_>) -> Result<(), Stop> {
        self.descend()?;
        if self.peek() == b']' {
            self.ascend();
            return Ok(());
        }
        loop {
            // Each element has paths of its own: the place in the text makes them different from its neighbour's.
            let at = self.at.to_le_bytes();
            let inner = capture.as_mut().map(|(path, captures)| (path_hash(*path, &at), &mut **captures));
            self.skip(inner)?;
            match self.peek() {
                b',' => self.at += 1,
                b']' => {
                    self.ascend();
                    return Ok(());
                }
                _ => return Err(self.broken("a comma or the end of the array")),
            }
        }
    }

    fn skip_object(&mut self, mut capture: Capture<'_>) -> Result<(), Stop> {
        self.descend()?;
        if self.peek() == b'}' {
            self.ascend();
            return Ok(());
        }
        loop {
            if self.peek() != b'"' {
                return Err(self.broken("a field name"));
            }
            self.at += 1;
            let kept = self.arena.len();
            let key = self.string()?;
            let inner = capture.as_mut().map(|(path, captures)| {
                let path = path_hash(*path, self.get(key).as_bytes());
                captures.paths.push((path, captures.owner));
                (path, &mut **captures)
            });
            self.arena.truncate(kept);
            self.colon()?;
            self.skip(inner)?;
            match self.peek() {
                b',' => self.at += 1,
                b'}' => {
                    self.ascend();
                    return Ok(());
                }
                _ => return Err(self.broken("a comma or the end of the object")),
            }
        }
    }

    /// Steps over a value whose text is not needed.
    pub(crate) fn skip(&mut self, capture: Capture<'_>) -> Result<(), Stop> {
        let kept = self.arena.len();
        self.cell(capture)?;
        self.arena.truncate(kept);
        Ok(())
    }

    fn number(&mut self) -> Result<Cell, Stop> {
        let start = self.at;
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        let first_digit = self.at;
        self.digits()?;
        if self.bytes[first_digit] == b'0' && self.at > first_digit + 1 {
            self.at = first_digit + 1;
            return Err(self.broken("no digit after a leading zero"));
        }
        let mut whole = true;
        if self.bytes.get(self.at) == Some(&b'.') {
            whole = false;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            whole = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        let span = Span::payload(start, self.at);
        Ok(if whole { Cell::Whole(span) } else { Cell::Fraction(span) })
    }

    fn digits(&mut self) -> Result<(), Stop> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.bytes.get(self.at) {
            self.at += 1;
        }
        if self.at == start { Err(self.broken("a digit")) } else { Ok(()) }
    }
}

/// Continues the hash of a path by one name; `a` → `b` and `a.b` are the same path, as they are to ClickHouse's JSON.
/// The hash has no secret: the decision that two names are one must be the same on every run.
pub(crate) fn path_hash(path: u64, name: &[u8]) -> u64 {
    const PRIME: u64 = 0x0100_0000_01b3;
    let mut hash = (path ^ u64::from(b'.')).wrapping_mul(PRIME);
    for byte in name {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
    }
    hash
}

/// Whether ClickHouse's JSON refuses a number: whole ones beyond 64 bits, others beyond a float.
#[cold]
fn is_oversized(text: &str) -> bool {
    if text.len() < 19 && !text.contains(['e', 'E']) {
        return false;
    }
    let whole = !text.contains(['.', 'e', 'E']);
    if whole {
        text.parse::<i64>().is_err() && text.parse::<u64>().is_err()
    } else {
        super::number::float(text).is_none()
    }
}
