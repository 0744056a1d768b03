//! What travels along the line: a record in, one outcome out.
//!
//! In: what Kafka gave for one position. Out: [`Outcome`], one of the four ends that every record has
//! (the fourth, deduplicated, is decided by the flow, which knows earlier events).
//! Not here: the event and its row; those live in buffers that are used again for every record.

use crds::rejection::RejectionReason;

use crate::decode::time::{FIRST_SECOND, LAST_SECOND};

/// Where a record stands in its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Partition.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
}

/// One Kafka message, as far as the table is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Where it stands.
    pub position: Position,
    /// Kafka's time of the record, milliseconds since 1970.
    pub timestamp_milliseconds: i64,
    /// The bytes of the value; `None` is a tombstone.
    pub payload: Option<&'a [u8]>,
}

impl Record<'_> {
    /// When Kafka got it, milliseconds since 1970, within what a column holds.
    #[must_use]
    pub fn received_at_milliseconds(&self) -> i64 {
        self.timestamp_milliseconds.clamp(FIRST_SECOND * 1000, LAST_SECOND * 1000)
    }
}

/// Why a record did not become a row. No part of it ever holds the value of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The reason: dead-letter header and metric label.
    pub reason: RejectionReason,
    /// Path of the field that broke a rule; may be empty.
    pub field: String,
    /// `name@version` of the schema; empty when no schema was found.
    pub schema: String,
    /// Names the field, the rule and the remedy.
    pub message: String,
}

/// How a record ended on the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is a row now.
    Stored,
    /// It was left out as the pipeline asks for: an event type that no schema describes, with `unknownEvents: Drop`.
    Filtered,
    /// It broke a rule.
    Rejected(Rejected),
}
