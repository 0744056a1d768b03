//! Text of an event without a copy: a span of the record, or of the arena that holds unescaped strings.
//!
//! In: offsets. Out: `&str`.
//! Spans instead of borrows let one scratch serve every record without a lifetime, so without an allocation an event.

/// A piece of text, eight bytes small. It means something only together with the [`Texts`] of its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

/// Set in `start` when the text stands in the arena. Records are shorter than this, see [`MAXIMUM_BYTES`].
const ARENA: u32 = 1 << 31;

/// Longest record that spans can address. Brokers take far less.
pub(crate) const MAXIMUM_BYTES: usize = (ARENA >> 2) as usize;

impl Span {
    /// No text.
    pub(crate) const EMPTY: Self = Self { start: 0, end: 0 };

    /// A piece of the record.
    pub(crate) fn payload(start: usize, end: usize) -> Self {
        // Records are at most MAXIMUM_BYTES long, so nothing is cut here.
        Self { start: start as u32, end: end as u32 }
    }

    /// A piece of the arena.
    pub(crate) fn arena(start: usize, end: usize) -> Self {
        Self { start: start as u32 | ARENA, end: end as u32 }
    }

    /// Where the piece begins in the record or the arena.
    pub(crate) fn start(self) -> usize {
        (self.start & !ARENA) as usize
    }

    /// Bytes of the piece.
    pub(crate) fn len(self) -> usize {
        (self.end - (self.start & !ARENA)) as usize
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
    pub(crate) fn get(self, span: Span) -> &'a str {
        if span.start & ARENA == 0 {
            &self.payload[span.start as usize..span.end as usize]
        } else {
            &self.arena[(span.start & !ARENA) as usize..span.end as usize]
        }
    }
}

/// Appends text to the arena and returns where it stands.
pub(crate) fn keep(arena: &mut String, text: &str) -> Span {
    let start = arena.len();
    arena.push_str(text);
    Span::arena(start, arena.len())
}
