//! Learn: what the table must say about a partition before its records are taken.
//!
//! In: a [`Load`]. Out: the event ids of the window; and, when the group holds no position any more (nobody was a member for a week), the
//! offset behind the newest row that this very topic gave.
//! A topic that was made anew has the same positions once more, so the newest row counts only when the record at its position came at
//! the same time; otherwise it is a row of an earlier life, and only later rows are looked at.
//! Not here: when it is asked again; see `flow/writing.rs`.

use crds::conditions::Reason;

use crate::deduplicate::Seen;
use crate::position::Range;
use crate::retry::Verdict;
use crate::sink::{Originals, Sink, SinkError};
use crate::source::Ends;

/// Rows of earlier lives that are looked at, one after the other. Each is later than the one before, so there are few.
const LOOKS: usize = 64;

/// A question about a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Partition.
    pub partition: i32,
    /// Which assignment of the partition it belongs to.
    pub assignment: u64,
    /// Event ids of rows from this offset on are not asked for.
    pub before: i64,
    /// Window of event ids in seconds; none: they are not asked for.
    pub window_seconds: Option<u64>,
    /// What the topic has, when the group does not say where to begin.
    pub unknown: Option<Ends>,
}

/// The answer.
pub struct Learned {
    /// Where to begin, when that was asked and the table knows it.
    pub start: Option<i64>,
    /// The event ids, when they were asked for.
    pub seen: Option<Seen>,
}

/// Asks the table.
///
/// # Errors
/// When table or topic do not answer, or cannot be understood.
pub async fn learn<S: Sink, O: Originals>(
    load: &Load,
    rows: &S,
    originals: &O,
) -> Result<Learned, SinkError> {
    let start = match load.unknown {
        Some(ends) => behind_newest(load.partition, ends, rows, originals).await?,
        None => None,
    };
    let seen = match load.window_seconds {
        Some(window) => {
            let before = start.unwrap_or(load.before);
            Some(rows.seen(load.partition, before, Seen::new(window)).await?)
        }
        None => None,
    };
    Ok(Learned { start, seen })
}

async fn behind_newest<S: Sink, O: Originals>(
    partition: i32,
    ends: Ends,
    rows: &S,
    originals: &O,
) -> Result<Option<i64>, SinkError> {
    let range = Range { first: ends.low, last: ends.high - 1 };
    let mut after = None;
    for _ in 0..LOOKS {
        let Some(newest) = rows.newest(partition, range, after).await? else { return Ok(None) };
        let found = originals.fetch(partition, vec![newest.offset]).await?;
        if found.first().is_some_and(|record| record.received_at_milliseconds() == newest.received_at) {
            return Ok(Some(newest.offset + 1));
        }
        after = Some(newest.received_at);
    }
    Err(SinkError {
        verdict: Verdict::Stop,
        reason: Reason::ClickHouseRejected,
        message: format!(
            "the group holds no position of partition {partition}, and the table has too many rows of earlier topics of this \
             name to tell where to begin: commit a position by hand, or delete those rows"
        ),
        source: None,
    })
}
