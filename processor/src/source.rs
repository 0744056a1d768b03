//! Source: where records come from, and where positions are kept.
//!
//! In: nothing. Out: records lent to a [`Reader`] (never copied), and changes of the assignment as values, so that the flow
//! settles them between two polls, on its own thread.
//! A revoked partition stays fenced to this member until [`Source::release`]: whatever the flow does before it, it may do.
//! Not here: what a position means; see `intent.rs`.

use std::time::Duration;

use crds::conditions::Reason;

use crate::record::Record;

#[cfg(test)]
mod contract;
pub mod kafka;
#[cfg(test)]
pub(crate) mod memory;

/// A record with the parts that only dead letters and destinations need.
pub struct Message<'a> {
    /// What the line takes.
    pub record: Record<'a>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The headers, read only when somebody asks.
    pub headers: &'a dyn Headers,
}

/// Headers of a record.
pub trait Headers {
    /// Calls `visit` for each header, in order.
    fn each(&self, visit: &mut dyn FnMut(&str, Option<&[u8]>));
}

/// Who takes what a poll gives.
pub trait Reader {
    /// Takes one record; the bytes are gone afterwards.
    fn record(&mut self, message: &Message<'_>);
    /// Whether the poll may go on; what is kept is counted between polls.
    fn wants_more(&self) -> bool {
        true
    }
    /// Learns that a partition has been read to its end.
    fn end(&mut self, partition: i32);
    /// Learns of a change; it is settled after the poll.
    fn change(&mut self, change: Change);
}

/// A change of the assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// These partitions are ours from now on; maybe none.
    Assigned(Vec<i32>),
    /// These are to be given up.
    Revoked {
        /// The partitions.
        partitions: Vec<i32>,
        /// Whether they are somebody else's already, so that no commit can succeed.
        lost: bool,
    },
}

/// What the group holds of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Partition.
    pub partition: i32,
    /// Offset; absent when nothing was ever committed.
    pub offset: Option<i64>,
    /// What stands beside it.
    pub metadata: String,
}

/// What the group shall hold of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Partition.
    pub partition: i32,
    /// Offset of the next record.
    pub offset: i64,
    /// What stands beside it.
    pub metadata: String,
}

/// First offset that is still there, and the one behind the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// First offset that is still there.
    pub low: i64,
    /// Offset behind the last record.
    pub high: i64,
}

/// Why the source did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action}")]
pub struct SourceError {
    /// What was asked.
    pub action: &'static str,
    /// The reason shown to people.
    pub reason: Reason,
    /// Whether no repetition can help, so that a new client is needed.
    pub fatal: bool,
    /// Whether the group hands partitions out anew meanwhile, which is no failure: who holds the partition then asks again.
    pub rebalance: bool,
    /// The cause.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Where records come from. Used by one thread.
pub trait Source {
    /// Serves whatever happened, waiting at most `wait` for the first record.
    ///
    /// # Errors
    /// When the source is away; it goes on trying by itself unless the error is fatal.
    fn poll<R: Reader>(&mut self, wait: Duration, reader: &mut R) -> Result<(), SourceError>;

    /// Returns what the group holds of these partitions.
    ///
    /// # Errors
    /// When the group's coordinator does not answer.
    fn committed(&mut self, partitions: &[i32]) -> Result<Vec<Committed>, SourceError>;

    /// Returns the ends of a partition.
    ///
    /// # Errors
    /// When the partition's leader does not answer.
    fn ends(&mut self, partition: i32) -> Result<Ends, SourceError>;

    /// Begins to read assigned partitions, each at its offset.
    ///
    /// # Errors
    /// When the client refuses.
    fn start(&mut self, starts: &[(i32, i64)]) -> Result<(), SourceError>;

    /// Gives up revoked partitions. Nothing of theirs may be committed afterwards; a pause of theirs is forgotten.
    ///
    /// # Errors
    /// When the client refuses.
    fn release(&mut self, partitions: &[i32]) -> Result<(), SourceError>;

    /// Commits positions and waits for the answer.
    ///
    /// # Errors
    /// When it may not have happened.
    fn commit(&mut self, commits: &[Commit]) -> Result<(), SourceError>;

    /// Stops reading these partitions; polls go on.
    ///
    /// # Errors
    /// When the client refuses.
    fn pause(&mut self, partitions: &[i32]) -> Result<(), SourceError>;

    /// Returns the offset before which all of an assigned partition was given to the reader, or passed as a mark of a transaction, which
    /// nobody is given; absent while nothing was.
    ///
    /// # Errors
    /// When the client refuses.
    fn reached(&mut self, partition: i32) -> Result<Option<i64>, SourceError>;

    /// Goes on reading these partitions where reading stopped.
    ///
    /// # Errors
    /// When the client refuses.
    fn resume(&mut self, partitions: &[i32]) -> Result<(), SourceError>;
}
