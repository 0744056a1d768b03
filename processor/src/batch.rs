//! Batch: rows, dead letters and counts of one partition, and the contiguous range of positions that they settle.
//!
//! In: one outcome a record, in order. Out: a batch when it is full (rows, bytes), when its oldest record is old enough, or when
//! the range that an intent names is complete. Time is an argument; there is no timer inside.
//! Not here: IO, and the decision what becomes of a record.

use std::time::Instant;

use crds::rejection::RejectionReason;
use tracing::Span;

use crate::columns::Rows;
use crate::position::Range;
use crate::record::{Position, Record, Rejected};
use crate::source::{Headers, Message};

/// Bytes of rows before compression, above which a batch is full: the server makes one part of an insert of up to twice as many
/// (`min_insert_block_size_bytes`), and holds all of them in memory meanwhile.
const MOST_BYTES_OF_ROWS: usize = 128 << 20;

/// When a batch is full; `flow/beat.rs` says when it is old.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Rows.
    pub max_rows: usize,
    /// Memory of rows and dead letters, bytes.
    pub max_bytes: usize,
}

/// A record copied with all that was in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// Where it stood.
    pub position: Position,
    /// Kafka's time of the record.
    pub timestamp_milliseconds: i64,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The bytes of the value.
    pub payload: Option<Vec<u8>>,
    /// The headers.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Original {
    /// Copies what a message lends.
    pub fn new(message: &Message<'_>) -> Self {
        let mut headers = Vec::new();
        message.headers.each(&mut |name, value| headers.push((name.to_owned(), value.map(<[u8]>::to_vec))));
        Self {
            position: message.record.position,
            timestamp_milliseconds: message.record.timestamp_milliseconds,
            key: message.key.map(<[u8]>::to_vec),
            payload: message.record.payload.map(<[u8]>::to_vec),
            headers,
        }
    }

    /// Returns what its row says about when Kafka got it.
    pub fn received_at_milliseconds(&self) -> i64 {
        self.message().record.received_at_milliseconds()
    }

    /// Lends it again.
    pub fn message(&self) -> Message<'_> {
        Message {
            record: Record {
                position: self.position,
                timestamp_milliseconds: self.timestamp_milliseconds,
                payload: self.payload.as_deref(),
            },
            key: self.key.as_deref(),
            headers: self,
        }
    }

    /// Returns the memory that it takes.
    pub fn n_bytes(&self) -> usize {
        let headers: usize =
            self.headers.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, Vec::len)).sum();
        let record = self.key.as_ref().map_or(0, Vec::len) + self.payload.as_ref().map_or(0, Vec::len);
        size_of::<Self>() + headers + record
    }
}

impl Headers for Original {
    fn each(&self, visit: &mut dyn FnMut(&str, Option<&[u8]>)) {
        for (name, value) in &self.headers {
            visit(name, value.as_deref());
        }
    }
}

/// A rejected record, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The record.
    pub original: Original,
    /// Why.
    pub rejected: Rejected,
}

impl Letter {
    fn n_bytes(&self) -> usize {
        self.original.n_bytes()
            + size_of::<Rejected>()
            + self.rejected.message.len()
            + self.rejected.field.len()
    }
}

/// How a batch came to its range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repetition {
    /// Whether other schemas made the rows the first time: the table may have what is rejected now, and the other way round.
    pub reconcile: bool,
    /// Whether parts of the range were written already, each under a token of its own.
    pub split: bool,
}

/// What became of the records of a batch, beside those that are rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records that are rows of the table.
    pub stored: u64,
    /// Left out as the pipeline asks for.
    pub filtered: u64,
    /// Left out because the event id was stored before.
    pub deduplicated: u64,
    /// Dead letters by reason, in the order of [`RejectionReason::ALL`].
    pub rejected: [u64; RejectionReason::ALL.len()],
}

impl Tally {
    /// Counts one dead letter.
    pub fn reject(&mut self, reason: RejectionReason) {
        if let Some(index) = RejectionReason::ALL.iter().position(|known| *known == reason) {
            self.rejected[index] += 1;
        }
    }

    /// Takes one dead letter back: the table has the record after all.
    pub fn accept(&mut self, reason: RejectionReason) {
        if let Some(index) = RejectionReason::ALL.iter().position(|known| *known == reason) {
            self.rejected[index] = self.rejected[index].saturating_sub(1);
        }
    }

    /// Returns the number of dead letters.
    pub fn dead_lettered(&self) -> u64 {
        self.rejected.iter().sum()
    }

    /// Returns the number of records settled.
    pub fn total(&self) -> u64 {
        self.stored + self.filtered + self.deduplicated + self.dead_lettered()
    }
}

/// What an outcome adds to a batch.
pub enum Entry {
    /// A row was appended to the rows.
    Row {
        /// Time of the event, milliseconds.
        event_time: i64,
    },
    /// Nothing to write.
    Filtered,
    /// Nothing to write.
    Deduplicated,
    /// A dead letter.
    Letter(Box<Letter>),
}

/// Rows, dead letters and counts of one contiguous range.
pub struct Batch {
    /// The positions it settles.
    pub range: Range,
    /// The rows.
    pub rows: Rows,
    /// The dead letters that are not delivered yet.
    pub letters: Vec<Letter>,
    /// What became of every record.
    pub tally: Tally,
    /// Earliest and latest time of its events, milliseconds.
    pub times: Option<(i64, i64)>,
    /// Earliest and latest time at which Kafka got its records, whatever became of them, milliseconds.
    pub received: Option<(i64, i64)>,
    /// Set when an intent names the range: an earlier owner of the partition may have written it.
    pub repetition: Option<Repetition>,
    /// What is traced of it: nothing, unless the flow says otherwise.
    pub span: Span,
    letter_bytes: usize,
    opened: Instant,
}

impl Batch {
    /// Opens a batch at the offset of its first record.
    pub fn open(first: i64, rows: Rows, now: Instant) -> Self {
        Self {
            range: Range { first, last: first },
            rows,
            letters: Vec::new(),
            tally: Tally::default(),
            times: None,
            received: None,
            repetition: None,
            span: Span::none(),
            letter_bytes: 0,
            opened: now,
        }
    }

    /// Adds the outcome of this record, which lies behind all before it.
    pub fn add(&mut self, record: &Record<'_>, entry: Entry) {
        self.range.last = record.position.offset;
        self.received = Some(stretched(self.received, record.received_at_milliseconds()));
        match entry {
            Entry::Row { event_time } => {
                self.tally.stored += 1;
                self.times = Some(stretched(self.times, event_time));
            }
            Entry::Filtered => self.tally.filtered += 1,
            Entry::Deduplicated => self.tally.deduplicated += 1,
            Entry::Letter(letter) => {
                self.tally.reject(letter.rejected.reason);
                self.letter_bytes += letter.n_bytes();
                self.letters.push(*letter);
            }
        }
    }

    /// Returns the memory that it takes.
    pub fn n_bytes(&self) -> usize {
        self.rows.memory() + self.letter_bytes
    }

    /// Returns whether it may not grow.
    pub fn is_full(&self, limits: &Limits) -> bool {
        self.rows.n_rows() >= limits.max_rows
            || self.letters.len() >= limits.max_rows
            || self.n_bytes() >= limits.max_bytes
            || self.rows.n_bytes() >= MOST_BYTES_OF_ROWS
    }

    /// Returns whether there is nothing to write, to deliver or to look up.
    pub fn is_nothing(&self) -> bool {
        !self.needs_intent() && self.letters.is_empty()
    }

    /// Returns whether an insert may happen for it.
    pub fn needs_intent(&self) -> bool {
        !self.rows.is_empty() || self.repetition.is_some_and(|repetition| repetition.reconcile)
    }

    /// Returns when its first record came.
    pub fn opened(&self) -> Instant {
        self.opened
    }
}

/// Returns the earliest and the latest of some times and one more.
fn stretched(times: Option<(i64, i64)>, time: i64) -> (i64, i64) {
    times.map_or((time, time), |(earliest, latest)| (earliest.min(time), latest.max(time)))
}
