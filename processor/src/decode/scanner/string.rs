//! Strings of a JSON text: plain ones are stepped over sixteen bytes at a time, escapes are undone into the arena.
//!
//! In: the place behind an opening quote. Out: the span of the string without its quotes and escapes.
//! Control characters, unknown escapes and halves of surrogate pairs are not JSON.

use wide::u8x16;

use super::{Scanner, Stop};
use crate::decode::text::Span;

impl Scanner<'_, '_> {
    /// Steps over a string behind its opening quote.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<Span, Stop> {
        let start = self.at;
        self.at = end_of_plain_text(self.bytes, start);
        match self.bytes.get(self.at) {
            Some(b'"') => {
                self.at += 1;
                Ok(Span::payload(start, self.at - 1))
            }
            Some(b'\\') => self.escaped_string(start),
            Some(_) => Err(self.broken("no control character in a string")),
            None => Err(self.broken("the end of the string")),
        }
    }

    #[cold]
    fn escaped_string(&mut self, mut plain: usize) -> Result<Span, Stop> {
        let start = self.arena.len();
        loop {
            self.at = end_of_plain_text(self.bytes, self.at);
            self.arena.push_str(&self.text[plain..self.at]);
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Span::arena(start, self.arena.len()));
                }
                Some(b'\\') => {
                    self.at += 1;
                    let character = self.escape()?;
                    self.arena.push(character);
                    plain = self.at;
                }
                Some(_) => return Err(self.broken("no control character in a string")),
                None => return Err(self.broken("the end of the string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Stop> {
        let character = match self.bytes.get(self.at) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode_escape();
            }
            _ => return Err(self.broken("an escape")),
        };
        self.at += 1;
        Ok(character)
    }

    fn unicode_escape(&mut self) -> Result<char, Stop> {
        let first = self.four_hexadecimal_digits()?;
        let code = match first {
            0xd800..=0xdbff => {
                if !self.step_over(b"\\u") {
                    return Err(self.broken("the second half of a surrogate pair"));
                }
                let second = self.four_hexadecimal_digits()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(self.broken("the second half of a surrogate pair"));
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(|| self.broken("the first half of a surrogate pair"))
    }

    fn four_hexadecimal_digits(&mut self) -> Result<u32, Stop> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.bytes.get(self.at).and_then(|byte| char::from(*byte).to_digit(16));
            let Some(digit) = digit else { return Err(self.broken("four hexadecimal digits")) };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }
}

const QUOTE: u8x16 = u8x16::new([b'"'; 16]);
const BACKSLASH: u8x16 = u8x16::new([b'\\'; 16]);
const LAST_CONTROL: u8x16 = u8x16::new([0x1f; 16]);

/// Returns where the text from `at` on first holds a quote, a backslash or a control character; its length if nowhere.
#[inline]
fn end_of_plain_text(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        let text = u8x16::new(*chunk);
        let special = text.simd_eq(QUOTE) | text.simd_eq(BACKSLASH) | text.simd_eq(text.min(LAST_CONTROL));
        let places = special.to_bitmask();
        if places != 0 {
            return at + places.trailing_zeros() as usize;
        }
        at += 16;
    }
    while let Some(byte) = bytes.get(at) {
        if *byte < 0x20 || *byte == b'"' || *byte == b'\\' {
            break;
        }
        at += 1;
    }
    at
}
