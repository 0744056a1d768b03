//! Metrics: every number that a processor shows, each with its help text.
//!
//! In: what was settled, repeated or measured. Out: the text of `/metrics`.
//! Outcomes are counted when a record is settled, so the sum of outcomes is the number of records read.
//! Not here: labels that are not from a closed list (partitions excepted, which the topic bounds).

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
use prometheus_client::registry::Registry;

use crate::batch::Tally;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Because {
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
    retries: Family<Because, Count>,
    lag: Family<Partition, Gauge<i64, AtomicI64>>,
    buffered: Gauge<i64, AtomicI64>,
    lost: Count,
    from_table: Count,
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
            registry: std::sync::Mutex::new(Registry::default()),
        };
        registry.register(
            "read_records",
            "Records read from the topic and settled; the sum of all outcomes",
            metrics.read.clone(),
        );
        registry.register(
            "records",
            "Settled records by outcome: stored, dead_lettered, filtered, deduplicated",
            metrics.outcomes.clone(),
        );
        registry.register("rejected_records", "Dead-lettered records by reason", metrics.rejected.clone());
        registry.register("batches", "Batches written and acknowledged", metrics.batches.clone());
        registry.register(
            "written_bytes",
            "Bytes of rows written, before compression",
            metrics.bytes.clone(),
        );
        registry.register(
            "insert_seconds",
            "Time that the inserts of a batch took",
            metrics.insert_seconds.clone(),
        );
        registry.register(
            "retries",
            "Failed tries to read, write or commit, by reason",
            metrics.retries.clone(),
        );
        registry.register("lag_records", "Records of a partition that are not read yet", metrics.lag.clone());
        registry.register(
            "buffered_bytes",
            "Memory of records that are read and not yet written",
            metrics.buffered.clone(),
        );
        metrics.register_losses(&mut registry);
        for outcome in ["stored", "dead_lettered", "filtered", "deduplicated"] {
            drop(metrics.outcomes.get_or_create(&Outcome { outcome }));
        }
        Self { registry: std::sync::Mutex::new(registry), ..metrics }
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
    pub fn retry(&self, reason: Reason) {
        self.retries.get_or_create(&Because { reason: reason.to_string() }).inc();
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
mod tests {
    use super::*;

    #[test]
    fn the_outcomes_add_up_to_the_records_read() {
        let metrics = Metrics::new();
        let mut tally = Tally { stored: 5, filtered: 2, deduplicated: 1, ..Tally::default() };
        tally.reject(RejectionReason::WrongType);
        metrics.settled(&tally, Some((100, Duration::from_millis(3))));
        metrics.settled(&tally, None);
        let text = metrics.text().expect("a string takes all");
        let value = |line: &str| {
            let rest = text.lines().find_map(|found| found.strip_prefix(line)).expect(line);
            rest.trim().parse::<u64>().expect("a number")
        };
        let sum: u64 = ["stored", "dead_lettered", "filtered", "deduplicated"]
            .map(|outcome| value(&format!("tributary_processor_records_total{{outcome=\"{outcome}\"}}")))
            .iter()
            .sum();
        assert_eq!(sum, 18);
        assert_eq!(value("tributary_processor_read_records_total"), sum);
        assert_eq!(value("tributary_processor_rejected_records_total{reason=\"WrongType\"}"), 2);
    }

    #[test]
    fn every_metric_has_a_help_text() {
        let text = Metrics::new().text().expect("a string takes all");
        for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = line.split(' ').next().expect("a name");
            assert!(text.contains(&format!("# HELP {name} ")), "{name}");
        }
    }
}
