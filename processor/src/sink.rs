//! Sink: where rows and dead letters go, and where the originals of refused rows come from.
//!
//! In: a token and the rows it stands for. Out: done, or a [`SinkError`] that carries its verdict.
//! Every write here may be repeated with the same token: it has effect once.
//! Not here: when to repeat; see `deliver.rs` and `flow.rs`.

use crds::conditions::Reason;

use crate::batch::{Letter, Original};
use crate::columns::Rows;
use crate::deduplicate::Seen;
use crate::position::Range;
use crate::retry::Verdict;

pub mod clickhouse;
pub mod dead_letter;
#[cfg(test)]
pub(crate) mod memory;

/// Why a write did not happen, or may not have happened.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SinkError {
    /// What it means.
    pub verdict: Verdict,
    /// The reason shown to people.
    pub reason: Reason,
    /// What is wrong and what to do; never a value of an event.
    pub message: String,
    /// The cause, where it holds no value of an event.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// One insert.
pub struct Write<'a> {
    /// The server drops a second write with the same token.
    pub token: &'a str,
    /// Buffers.
    pub rows: &'a Rows,
    /// Which of the rows.
    pub part: std::ops::Range<usize>,
}

/// Which rows of the table a question is about.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// Partition.
    pub partition: i32,
    /// Offsets.
    pub range: Range,
    /// Earliest and latest time of the events, milliseconds, when it is known: it spares the server most of the table.
    pub times: Option<(i64, i64)>,
    /// Earliest and latest time at which Kafka got the records, milliseconds: a topic of this name that was deleted left rows at the same
    /// positions, and those came earlier.
    pub received: Option<(i64, i64)>,
}

/// The newest row of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newest {
    /// Its offset.
    pub offset: i64,
    /// When Kafka got its record, milliseconds.
    pub received_at: i64,
}

/// Where rows go.
pub trait Sink: Send + Sync + 'static {
    /// Inserts rows as one block.
    fn write(&self, write: Write<'_>) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Returns the offsets of the range that the table has, in rising order.
    fn stored(&self, question: Question) -> impl Future<Output = Result<Vec<i64>, SinkError>> + Send;

    /// Returns the row with the highest offset of the range, among those that Kafka got after a time, if there is one.
    fn newest(
        &self,
        partition: i32,
        range: Range,
        after: Option<i64>,
    ) -> impl Future<Output = Result<Option<Newest>, SinkError>> + Send;

    /// Learns the event ids that a partition stored before an offset, within the window.
    fn seen(
        &self,
        partition: i32,
        before: i64,
        seen: Seen,
    ) -> impl Future<Output = Result<Seen, SinkError>> + Send;
}

/// Where dead letters go.
pub trait DeadLetters: Send + Sync + 'static {
    /// Delivers letters; those that are safe are taken out of the list, also when it fails half-way.
    fn deliver(&self, letters: &mut Vec<Letter>) -> impl Future<Output = Result<(), SinkError>> + Send;
}

/// Where the originals of records are had once more.
pub trait Originals: Send + Sync + 'static {
    /// Returns the records at these rising offsets, in order, without those that are not there any more.
    fn fetch(
        &self,
        partition: i32,
        offsets: Vec<i64>,
    ) -> impl Future<Output = Result<Vec<Original>, SinkError>> + Send;
}
