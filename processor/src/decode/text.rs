//! Text of an event without a copy: a span of the record, or of the arena that holds unescaped strings.
//!
//! In: offsets. Out: `&str`.
//! Spans instead of borrows let one scratch serve every record without a lifetime, so without an allocation an event.

/// A piece of text, one register small. It means something only together with the [`Texts`] of its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(u64);

/// Set in the start when the text stands in the arena. Records are shorter than this, see [`MAXIMUM_BYTES`].
const ARENA: u64 = 1 << 31;

/// Longest record that spans can address. Brokers take far less.
pub(crate) const MAXIMUM_BYTES: usize = (ARENA >> 2) as usize;

impl Span {
    /// No text.
    pub(crate) const EMPTY: Self = Self(0);

    /// A piece of the record, which is at most [`MAXIMUM_BYTES`] long.
    #[inline]
    pub(crate) fn payload(start: usize, end: usize) -> Self {
        Self((start as u64) << 32 | end as u64)
    }

    /// A piece of the arena.
    pub(crate) fn arena(start: usize, end: usize) -> Self {
        Self((start as u64 | ARENA) << 32 | end as u64)
    }

    /// Where the piece begins in the record or the arena.
    pub(crate) fn start(self) -> usize {
        (self.0 >> 32 & (ARENA - 1)) as usize
    }

    fn end(self) -> usize {
        (self.0 & (ARENA - 1)) as usize
    }

    /// Bytes of the piece.
    pub(crate) fn len(self) -> usize {
        self.end() - self.start()
    }
}

/// The two places where the text of one event stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Texts<'a> {
    /// The record.
    pub(crate) payload: &'a str,
    /// Unescaped strings, defaults, hashes and masks.
    pub(crate) arena: &'a str,
}

impl<'a> Texts<'a> {
    /// Returns the text of a span of this event.
    #[inline]
    pub(crate) fn get(self, span: Span) -> &'a str {
        let text = if span.0 & ARENA << 32 == 0 { self.payload } else { self.arena };
        &text[span.start()..span.end()]
    }

    /// Returns the bytes of a span of this event: what is copied need not be cut where characters begin.
    #[inline]
    pub(crate) fn bytes(&self, span: Span) -> &'a [u8] {
        let text = if span.0 & ARENA << 32 == 0 { self.payload } else { self.arena };
        &text.as_bytes()[span.start()..span.end()]
    }
}

/// Appends text to the arena and returns where it stands.
pub(crate) fn keep(arena: &mut String, text: &str) -> Span {
    let start = arena.len();
    arena.push_str(text);
    Span::arena(start, arena.len())
}
