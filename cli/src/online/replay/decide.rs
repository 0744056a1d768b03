//! Decide: which dead letters are sent again.
//!
//! In: a letter, its record, and the stream's line of today. Out: a [`Fate`], and the record as it is sent. Pure.

use std::collections::BTreeSet;

use processor::batch::Original;
use processor::line::Line;
use processor::record::{Position, Record};
use serde::Serialize;

use crate::online::kafka::write::Outgoing;
use crate::online::letters::{Letter, NOTE, NOTE_AS, NOTE_DIGEST, REPLAY_OF, digest, parse_position};

/// Our headers begin so; a record that is sent again has none of the letter's.
const OURS: &str = "tributary-";

/// What becomes of a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Fate {
    /// Today's schemas accept it.
    Sent,
    /// It was sent before.
    AlreadySent,
    /// Its record is stored; only the destination of a rule refused it.
    OfRule,
    /// Bytes of its record are missing.
    Cut,
    /// Today's schemas leave it out: `unknownEvents: Drop`.
    LeftOut,
    /// Today's schemas reject it.
    StillRejected {
        /// Why.
        reason: String,
        /// The field that breaks a rule; may be empty.
        field: String,
    },
}

/// Which letters are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Only these reasons; empty: all.
    pub(crate) reasons: Vec<String>,
    /// Only these positions; empty: all.
    pub(crate) positions: BTreeSet<Position>,
}

impl Choice {
    /// Whether a letter is meant.
    pub(crate) fn means(&self, letter: &Letter) -> bool {
        let position = parse_position(&letter.position);
        (self.reasons.is_empty() || self.reasons.contains(&letter.reason))
            && (self.positions.is_empty()
                || position.is_some_and(|position| self.positions.contains(&position)))
    }
}

/// Decides what becomes of a letter.
pub(crate) fn decide(letter: &Letter, record: &Original, line: &mut Line) -> Fate {
    if letter.rule.is_some() {
        return Fate::OfRule;
    }
    if letter.replayed_as.is_some() {
        return Fate::AlreadySent;
    }
    if letter.is_cut {
        return Fate::Cut;
    }
    let record = Record {
        position: parse_position(&letter.position).unwrap_or(record.position),
        timestamp_milliseconds: record.timestamp_milliseconds,
        payload: record.payload.as_deref(),
    };
    match line.accept(&record) {
        Ok(Some(_)) => Fate::Sent,
        Ok(None) => Fate::LeftOut,
        Err(rejected) => Fate::StillRejected { reason: rejected.reason.to_string(), field: rejected.field },
    }
}

/// Returns the record as it is sent: key, bytes, headers and about the time of before, to the partition of before where that still is.
pub(crate) fn outgoing(
    letter: &Letter,
    record: &Original,
    topic: &str,
    partitions: &BTreeSet<i32>,
) -> Outgoing {
    let partition = parse_position(&letter.position).map(|position| position.partition);
    let mut headers: Vec<_> =
        record.headers.iter().filter(|(name, _)| !name.starts_with(OURS)).cloned().collect();
    headers.push((REPLAY_OF.to_owned(), Some(format!("{topic}:{}", letter.position).into_bytes())));
    Outgoing {
        partition: partition.filter(|partition| partitions.contains(partition)),
        milliseconds: Some(record.timestamp_milliseconds),
        key: record.key.clone(),
        payload: record.payload.clone(),
        headers,
    }
}

/// Returns the note that a letter was sent, and as what.
pub(crate) fn note(letter: &Letter, record: &Original, topic: &str, sent_as: Position) -> Outgoing {
    let sent_as = format!("{}:{}", sent_as.partition, sent_as.offset);
    let headers = [
        (NOTE, format!("{topic}:{}", letter.position)),
        (NOTE_DIGEST, digest(record.payload.as_deref())),
        (NOTE_AS, sent_as),
    ];
    Outgoing {
        partition: None,
        milliseconds: None,
        key: Some(letter.position.clone().into_bytes()),
        payload: None,
        headers: headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Some(value.into_bytes())))
            .collect(),
    }
}
