//! Metrics: every number that a processor shows, each with its help text.
//!
//! In: what was settled, repeated or measured. Out: the text of `/metrics`.
//! Outcomes are counted when a record is settled, so the sum of outcomes is the number of records read.
//! Not here: labels that are not from a closed list (partitions excepted, which the topic bounds).

mod step;

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use crds::conditions::Reason;
use crds::rejection::RejectionReason;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::batch::Tally;
pub use step::Step;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Because {
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failed {
    step: &'static str,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Partition {
    partition: i32,
}

type Count = Counter<u64, AtomicU64>;

/// The numbers of one process.
pub struct Metrics {
    registry: std::sync::Mutex<Registry>,
    read: Count,
    outcomes: Family<Outcome, Count>,
    rejected: Family<Because, Count>,
    batches: Count,
    bytes: Count,
    insert_seconds: Histogram,
    retries: Family<Failed, Count>,
    lag: Family<Partition, Gauge<i64, AtomicI64>>,
    buffered: Gauge<i64, AtomicI64>,
    lost: Count,
    from_table: Count,
    start_time: Gauge<i64, AtomicI64>,
}

impl Metrics {
    /// Registers every metric.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("tributary_processor");
        let metrics = Self {
            read: Count::default(),
            outcomes: Family::default(),
            rejected: Family::default(),
            batches: Count::default(),
            bytes: Count::default(),
            insert_seconds: Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]),
            retries: Family::default(),
            lag: Family::default(),
            buffered: Gauge::default(),
            lost: Count::default(),
            from_table: Count::default(),
            start_time: Gauge::default(),
            registry: std::sync::Mutex::new(Registry::default()),
        };
        metrics.register_records(&mut registry);
        metrics.register_writes(&mut registry);
        metrics.register_losses(&mut registry);
        metrics.begin_at_nothing();
        Self { registry: std::sync::Mutex::new(registry), ..metrics }
    }

    fn register_records(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "read",
            "Records read from the topic and settled; the sum of all outcomes",
            Unit::Other("records".to_owned()),
            self.read.clone(),
        );
        registry.register(
            "records",
            "Settled records by outcome: stored, dead_lettered, filtered, deduplicated",
            self.outcomes.clone(),
        );
        registry.register_with_unit(
            "rejected",
            "Dead-lettered records by reason",
            Unit::Other("records".to_owned()),
            self.rejected.clone(),
        );
        registry.register_with_unit(
            "lag",
            "Records of a partition that are not read yet",
            Unit::Other("records".to_owned()),
            self.lag.clone(),
        );
        registry.register_with_unit(
            "buffered",
            "Memory of records that are read and not yet written",
            Unit::Bytes,
            self.buffered.clone(),
        );
        registry.register_with_unit(
            "start_time",
            "When the process started, since 1970",
            Unit::Seconds,
            self.start_time.clone(),
        );
    }

    fn register_writes(&self, registry: &mut Registry) {
        registry.register("batches", "Batches written and acknowledged", self.batches.clone());
        registry.register_with_unit(
            "written",
            "Bytes of rows written, before compression",
            Unit::Bytes,
            self.bytes.clone(),
        );
        registry.register_with_unit(
            "insert",
            "Time that the inserts of a batch took",
            Unit::Seconds,
            self.insert_seconds.clone(),
        );
        registry.register(
            "retries",
            "Failed tries that are repeated, by step (source: read or commit; learn: ask the table; insert; dead_letter) and reason",
            self.retries.clone(),
        );
    }

    fn register_losses(&self, registry: &mut Registry) {
        registry.register(
            "records_lost_by_retention",
            "Records that the topic deleted before they were read",
            self.lost.clone(),
        );
        registry.register(
            "positions_from_table",
            "Partitions whose position the group had lost; reading went on behind the table's newest row",
            self.from_table.clone(),
        );
    }

    /// Shows what may come as 0: a counter that begins with its first event hides that one from `rate`.
    fn begin_at_nothing(&self) {
        for outcome in ["stored", "dead_lettered", "filtered", "deduplicated"] {
            drop(self.outcomes.get_or_create(&Outcome { outcome }));
        }
        for reason in RejectionReason::ALL {
            drop(self.rejected.get_or_create(&Because { reason: reason.to_string() }));
        }
        for step in Step::ALL {
            for reason in step.reasons() {
                drop(self.retries.get_or_create(&Failed { step: step.as_str(), reason: reason.to_string() }));
            }
        }
    }

    /// Lets another room register metrics of its own.
    pub fn register(&self, register: impl FnOnce(&mut Registry)) {
        register(&mut self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    /// Returns the text of `/metrics`.
    ///
    /// # Errors
    /// Never for a `String`; the encoder's signature says otherwise.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner))?;
        Ok(text)
    }

    /// Counts records that are settled, and the insert that did it, if one was needed.
    pub fn settled(&self, tally: &Tally, write: Option<(usize, Duration)>) {
        self.read.inc_by(tally.total());
        let outcomes = [
            ("stored", tally.stored),
            ("dead_lettered", tally.dead_lettered()),
            ("filtered", tally.filtered),
            ("deduplicated", tally.deduplicated),
        ];
        for (outcome, n) in outcomes {
            self.outcomes.get_or_create(&Outcome { outcome }).inc_by(n);
        }
        for (reason, n) in RejectionReason::ALL.iter().zip(tally.rejected) {
            if n > 0 {
                self.rejected.get_or_create(&Because { reason: reason.to_string() }).inc_by(n);
            }
        }
        if let Some((n_bytes, took)) = write {
            self.batches.inc();
            self.bytes.inc_by(n_bytes as u64);
            self.insert_seconds.observe(took.as_secs_f64());
        }
    }

    /// Counts a try that failed.
    pub fn retry(&self, step: Step, reason: Reason) {
        self.retries.get_or_create(&Failed { step: step.as_str(), reason: reason.to_string() }).inc();
    }

    /// Says when the process started, in seconds since 1970.
    pub fn started(&self, at: i64) {
        self.start_time.set(at);
    }

    /// Shows how far behind the partitions are; those not named are somebody else's.
    pub fn lags(&self, lags: &[(i32, i64)], buffered: usize) {
        self.lag.clear();
        for (partition, lag) in lags {
            self.lag.get_or_create(&Partition { partition: *partition }).set(*lag);
        }
        self.buffered.set(i64::try_from(buffered).unwrap_or(i64::MAX));
    }

    /// Counts records that were deleted before they were read.
    pub fn lost_by_retention(&self, n: i64) {
        self.lost.inc_by(u64::try_from(n).unwrap_or(0));
    }

    /// Counts a partition whose position was found in the table.
    pub fn position_from_table(&self) {
        self.from_table.inc();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
