//! Flow: the whole way of a stream's records, from the source to the acknowledged position. Read [`Flow::turn`] first.
//!
//! ```text
//! source ─ record ─▶ intake ─▶ batch ─ intent ─▶ try ─▶ settled ─ acknowledge ─▶ source
//!                      └ line (decode, check, map)  └ insert, then dead letters
//! ```
//!
//! In: a source, a writer and the stream's config. Out: every record in exactly one of stored, dead-lettered, filtered, deduplicated.
//! One thread decides everything and is the only one that commits, so a revoked partition is given up between two commits.
//! The protocol, and where each step stands:
//! 1. a batch is a contiguous range of one partition (`flow/intake.rs`);
//! 2. its intent is committed before its insert, and confirmed before every further try (`flow/writing.rs`);
//! 3. the next intent of the partition acknowledges it; a partition that falls idle is acknowledged plainly;
//! 4. a new owner repeats the range of an intent exactly (`flow/assignment.rs`).
//!
//! Memory: what is read and not written yet is bounded by twice `batch.maxBytes`, as far as `columns.rs` counts it, one poll, and one range
//! that must be repeated whole; above it, reading stops (`flow/reading.rs`). The event ids of the window come on top (`deduplicate.rs`).
//! Not here: what a row is (`line.rs`), what an insert is (`deliver.rs`, `sink/`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use crds::conditions::Reason;
use crds::schema::problems::Problems;
use crds::stream_config::StreamConfig;

use crate::batch::Limits;
use crate::flow::beat::Beat;
use crate::flow::intake::Intake;
use crate::flow::reading::Reading;
use crate::flow::writer::Writer;
use crate::intent::Tokens;
use crate::metrics::{Metrics, Step};
use crate::report::Health;
use crate::retry::Jitter;
use crate::source::{Source, SourceError};
use crate::sparing::Sparing;

mod assignment;
mod beat;
mod caution;
mod held;
mod intake;
mod partition;
mod reading;
mod run;
mod traced;
pub mod writer;
mod writing;

pub use run::{Ended, run};

/// Tries under way at once, each of another partition: fewer, and many partitions wait for each other.
const AWAY_AT_ONCE: usize = 8;
/// The same while reading waits for writing: one insert fills the server while the next block is encoded, and what comes meanwhile makes
/// the next batches larger.
const AWAY_AT_ONCE_UNDER_LOAD: usize = 2;
/// How often the ends of partitions are asked for.
const LAG_EVERY: Duration = Duration::from_secs(5);
/// The group waits no longer for a member that does not poll (`max.poll.interval.ms`).
const LONGEST_REBALANCE: Duration = Duration::from_secs(120);
const COMMIT_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// What a flow must know of its stream.
pub struct Stream {
    /// The stream.
    pub config: StreamConfig,
    /// The key of hashed fields.
    pub hash_key: Option<Vec<u8>>,
    /// Hash of all that makes rows of records.
    pub rules: String,
    /// Seed of the jitter between tries.
    pub seed: u64,
}

/// Why a flow cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// The stream's schemas cannot be used.
    #[error("failed to understand the stream's config")]
    Config(#[source] Problems),
    /// The source needs a new client.
    #[error("failed to go on reading")]
    Source(#[source] SourceError),
    /// A defect of ours.
    #[error("failed to write: a task panicked")]
    Broken,
}

/// The state of a stream's way, on one thread.
pub struct Flow<S, W> {
    source: S,
    writer: W,
    intake: Intake,
    stream: Stream,
    tokens: Tokens,
    beat: Beat,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    jitter: Jitter,
    assignments: u64,
    commit_after: Option<Instant>,
    over_since: Option<Instant>,
    loading_since: Option<Instant>,
    reading: Reading,
    lag_at: Instant,
    lag_next: usize,
    untaken_since: Option<Instant>,
    /// Since when the group refuses what is committed, because it hands partitions out anew.
    rebalance_since: Option<Instant>,
    said: Sparing,
    n_reports: u64,
    broken: Option<FlowError>,
}

impl<S: Source, W: Writer> Flow<S, W> {
    /// Builds a flow over a source and a writer.
    ///
    /// # Errors
    /// When the stream's schemas cannot be used.
    pub fn new(
        source: S,
        writer: W,
        stream: Stream,
        (metrics, health): (Arc<Metrics>, Arc<Health>),
        now: Instant,
    ) -> Result<Self, FlowError> {
        let batch = &stream.config.batch;
        let limits = Limits { max_rows: batch.max_rows.max(1), max_bytes: batch.max_bytes.max(1) };
        let beat = Beat::new(now, Duration::from_millis(batch.max_age_milliseconds));
        let intake =
            Intake::new(&stream.config, stream.hash_key.clone(), limits, now).map_err(FlowError::Config)?;
        let tokens =
            Tokens::new(&stream.config.stream.id, stream.config.stream.epoch, &stream.config.kafka.topic);
        Ok(Self {
            source,
            writer,
            intake,
            tokens,
            beat,
            metrics,
            health,
            jitter: Jitter::new(stream.seed),
            stream,
            assignments: 0,
            commit_after: None,
            over_since: None,
            loading_since: None,
            reading: Reading::All,
            lag_at: now,
            lag_next: 0,
            untaken_since: None,
            rebalance_since: None,
            said: Sparing::default(),
            n_reports: 0,
            broken: None,
        })
    }

    /// Does whatever is due, and reads for at most `wait`.
    ///
    /// # Errors
    /// When the flow cannot go on; what was under way is repeated by the next owner.
    pub fn turn(&mut self, now: Instant, wait: Duration) -> Result<(), FlowError> {
        self.intake.now = now;
        self.receive(now, Duration::ZERO);
        self.settle_changes(now);
        self.take_held(now);
        self.close_due(now);
        self.write(now);
        self.acknowledge(now);
        self.measure(now);
        self.read(now, wait);
        self.broken.take().map_or(Ok(()), Err)
    }

    fn numbers(&mut self) -> Vec<i32> {
        self.intake
            .all()
            .filter(|partition| partition.refused.is_none())
            .map(|partition| partition.number)
            .collect()
    }

    /// Notes that the source failed; a fatal failure ends the flow.
    fn source_failed(&mut self, mut error: SourceError) {
        let said = self.said.say(&chain(&error), self.intake.now);
        if error.rebalance {
            // Longer than any rebalance: our place in the group may be gone without a word.
            let since = *self.rebalance_since.get_or_insert(self.intake.now);
            error.fatal |= self.intake.now.saturating_duration_since(since) >= LONGEST_REBALANCE;
        }
        if error.rebalance && !error.fatal {
            if let Some(n_left_out) = said {
                tracing::info!(
                    error = chain(&error),
                    n_left_out,
                    "the group hands partitions out anew; whoever has the partition then commits"
                );
            }
            return;
        }
        if let Some(n_left_out) = said {
            tracing::warn!(error = chain(&error), reason = %error.reason, n_left_out, "the source failed");
        }
        self.metrics.retry(Step::Source, error.reason);
        self.health.source_failed(error.reason, chain(&error), self.intake.now);
        if error.fatal {
            self.broken = Some(FlowError::Source(error));
        }
    }

    /// Shows how far behind the partitions are, and asks one of them for its end now and then.
    fn measure(&mut self, now: Instant) {
        let numbers = self.numbers();
        if numbers.is_empty() || now < self.lag_at {
            return;
        }
        self.lag_at = now + LAG_EVERY / u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        self.lag_next = (self.lag_next + 1) % numbers.len();
        let number = numbers[self.lag_next];
        match self.source.ends(number) {
            Ok(ends) => {
                self.health.source_works();
                self.pass_marks(number, ends.high);
            }
            Err(error) => {
                // The question waits for an answer; it must not be what this thread spends its time with.
                self.lag_at = now + LAG_EVERY;
                self.source_failed(error);
            }
        }
        let lags: Vec<(i32, i64)> =
            self.intake.all().map(|partition| (partition.number, partition.lag())).collect();
        self.metrics.lags(&lags, self.intake.n_bytes());
        self.health.lags(&lags);
    }

    /// Learns how far a partition reaches. Where nothing is left to read before that but marks of transactions, they are acknowledged too,
    /// or the group would seem to be behind until the next record comes.
    fn pass_marks(&mut self, number: i32, high: i64) {
        let is_draining = self.intake.is_draining;
        let Some(partition) = self.intake.partition(number) else { return };
        partition.measured(high);
        if is_draining || !partition.is_read_to_end() || high <= partition.standing.offset {
            return;
        }
        match self.source.reached(number) {
            Ok(reached) => {
                if let Some((partition, reached)) = self.intake.partition(number).zip(reached) {
                    partition.passed(reached);
                }
            }
            Err(error) => self.source_failed(error),
        }
    }

    /// Begins to drain: nothing more is read, what was read is written.
    pub fn begin_drain(&mut self) {
        self.intake.is_draining = true;
        for partition in self.intake.all() {
            // A range that is not complete may not be written; its intent stands for the next owner.
            if partition.replay.is_none() {
                partition.close();
            } else {
                partition.filling = None;
            }
            partition.held.clear();
            partition.held_bytes = 0;
            partition.end = None;
        }
    }

    /// Returns whether nothing is under way and the group knows it.
    pub fn is_idle(&mut self) -> bool {
        self.intake.all().all(|partition| partition.is_idle())
    }

    /// Commits what is settled, before the group is left.
    pub fn leave(&mut self, now: Instant) {
        let numbers = self.numbers();
        self.commit_last(&numbers, now);
        if !self.intake.changes.is_empty() {
            self.decline();
        }
    }

    /// Ends the flow and hands back the source, which leaves the group when it is dropped.
    pub fn into_source(self) -> S {
        self.source
    }

    fn stop(&mut self, reason: Reason, message: String) {
        tracing::error!(%reason, message, "the stream stops");
        self.health.refused(reason, message);
    }
}

/// Returns an error with its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
pub(crate) mod tests;
