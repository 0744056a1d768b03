//! Report: whether the data path works, and why not.
//!
//! In: what the flow and the forwarding rules found. Out: [`ProcessorReport`], which `/readyz` and `/status` show.
//! Ready means: the group was joined, rows can be written, and records are read when there are some. A fault that passes by itself
//! makes a processor unready only when it has lasted [`PATIENCE`]; one that somebody must mend does so at once.
//! Not here: HTTP, and any value of an event.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crds::conditions::Reason;
use crds::processor_report::{Counters, ProcessorReport, RuleReport};
use crds::rejection::RejectionReason;

use crate::batch::Tally;
use crate::retry::Verdict;
use crate::sink::SinkError;

/// How long a fault that passes by itself is borne.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long nothing may be read although records wait.
const STANDSTILL: Duration = Duration::from_secs(30);

/// What was found, shared by all who find something.
pub struct Health(Mutex<State>);

struct State {
    started: Instant,
    is_joined: bool,
    is_paused: bool,
    source: Option<Problem>,
    write: Option<Problem>,
    refused: Option<(Reason, String)>,
    read_at: Instant,
    partitions: Vec<i32>,
    lag: i64,
    counters: Counters,
    rejected: BTreeMap<String, u64>,
    rules: BTreeMap<String, RuleReport>,
}

struct Problem {
    reason: Reason,
    message: String,
    since: Instant,
    is_for_people: bool,
}

impl Health {
    /// Begins with nothing found.
    pub fn new(now: Instant) -> Self {
        Self(Mutex::new(State {
            started: now,
            is_joined: false,
            is_paused: false,
            source: None,
            write: None,
            refused: None,
            read_at: now,
            partitions: Vec::new(),
            lag: 0,
            counters: Counters::default(),
            rejected: BTreeMap::new(),
            rules: BTreeMap::new(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The group was joined; partitions may be none.
    pub fn joined(&self) {
        let mut state = self.state();
        state.is_joined = true;
        state.source = None;
    }

    /// These partitions are ours.
    pub fn partitions(&self, partitions: &[i32]) {
        self.state().partitions = partitions.to_vec();
    }

    /// Records were read.
    pub fn read(&self, now: Instant) {
        let mut state = self.state();
        state.read_at = now;
        state.source = None;
    }

    /// Reading is paused because more is kept than may be kept, or goes on.
    pub fn pause(&self, is_paused: bool) {
        self.state().is_paused = is_paused;
    }

    /// The source did what it was asked.
    pub fn source_works(&self) {
        self.state().source = None;
    }

    /// The source failed.
    pub fn source_failed(&self, reason: Reason, message: String, now: Instant) {
        let mut state = self.state();
        let since = state.source.as_ref().map_or(now, |problem| problem.since);
        let is_for_people = reason == Reason::KafkaAuthFailed;
        state.source = Some(Problem { reason, message, since, is_for_people });
    }

    /// Rows were written, or none wait any more.
    pub fn wrote(&self) {
        self.state().write = None;
    }

    /// A write failed.
    pub fn write_failed(&self, error: &SinkError, now: Instant) {
        let mut state = self.state();
        let since = state.write.as_ref().map_or(now, |problem| problem.since);
        let is_for_people = error.verdict == Verdict::Stop;
        state.write =
            Some(Problem { reason: error.reason, message: error.to_string(), since, is_for_people });
    }

    /// The table is asked since then what it has, and has not answered yet.
    pub fn waits_for_table(&self, since: Instant) {
        let waits = || {
            Problem {
            reason: Reason::ClickHouseUnreachable,
            message: "ClickHouse was asked which rows and event ids it has of a partition, and has not answered yet; \
                      records of the partition wait for it"
                .to_owned(),
            since,
            is_for_people: false,
        }
        };
        self.state().write.get_or_insert_with(waits);
    }

    /// A partition cannot be read until somebody mends something and the process starts anew.
    pub fn refused(&self, reason: Reason, message: String) {
        self.state().refused = Some((reason, message));
    }

    /// Every partition can be read again.
    pub fn nothing_refused(&self) {
        self.state().refused = None;
    }

    /// This is how far behind the partitions are.
    pub fn lags(&self, lags: &[(i32, i64)]) {
        self.state().lag = lags.iter().map(|(_, lag)| lag).sum();
    }

    /// These records are settled.
    pub fn settled(&self, tally: &Tally) {
        let mut state = self.state();
        let counters = &mut state.counters;
        counters.read += tally.total();
        counters.stored += tally.stored;
        counters.dead_lettered += tally.dead_lettered();
        counters.filtered += tally.filtered;
        counters.deduplicated += tally.deduplicated;
        for (reason, n) in RejectionReason::ALL.iter().zip(tally.rejected) {
            if n > 0 {
                *state.rejected.entry(reason.to_string()).or_default() += n;
            }
        }
    }

    /// This is how a forwarding rule stands.
    pub fn rule(&self, rule: RuleReport) {
        self.state().rules.insert(rule.name.clone(), rule);
    }

    /// Returns the report at this moment.
    pub fn report(&self, now: Instant) -> ProcessorReport {
        let state = self.state();
        let problem = state.problem(now);
        ProcessorReport {
            ready: problem.is_none(),
            reason: problem.as_ref().map(|(reason, _)| *reason),
            message: problem.map(|(_, message)| message).unwrap_or_default(),
            counters: state.counters,
            rejected: state.rejected.clone(),
            lag: state.lag,
            partitions: state.partitions.clone(),
            rules: state.rules.values().cloned().collect(),
        }
    }
}

impl State {
    fn problem(&self, now: Instant) -> Option<(Reason, String)> {
        let lasts = |problem: &&Problem| {
            problem.is_for_people || now.saturating_duration_since(problem.since) >= PATIENCE
        };
        // Dead letters find no broker while Kafka lets nobody in.
        let refusal = self.source.as_ref().filter(|problem| problem.is_for_people);
        let write = self
            .write
            .as_ref()
            .filter(|problem| refusal.is_none() || problem.reason != Reason::KafkaUnreachable);
        if let Some(problem) = write.filter(lasts).or_else(|| self.source.as_ref().filter(lasts)) {
            return Some((problem.reason, problem.message.clone()));
        }
        if let Some(refused) = &self.refused {
            return Some(refused.clone());
        }
        if !self.is_joined {
            if now.saturating_duration_since(self.started) < PATIENCE {
                return Some((Reason::Progressing, "the processor is joining the consumer group".to_owned()));
            }
            // No running number in a message: it stands in a condition, and each change of one is a write.
            let reason = self.source.as_ref().map_or(Reason::KafkaUnreachable, |problem| problem.reason);
            let message = format!(
                "the consumer group was not joined within {} s; check that Kafka is reachable and the topic is there",
                PATIENCE.as_secs()
            );
            return Some((reason, message));
        }
        let stands_still =
            self.lag > 0 && !self.is_paused && now.saturating_duration_since(self.read_at) >= STANDSTILL;
        stands_still.then(|| {
            let message = format!(
                "records wait and none was read for {} s; check Kafka and the processor's log",
                STANDSTILL.as_secs()
            );
            (Reason::KafkaUnreachable, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(verdict: Verdict) -> SinkError {
        SinkError { verdict, reason: Reason::ClickHouseAuthFailed, message: "mend it".into(), source: None }
    }

    #[test]
    fn a_processor_is_ready_once_it_has_joined_the_group() {
        let now = Instant::now();
        let health = Health::new(now);
        assert_eq!(health.report(now).reason, Some(Reason::Progressing));
        assert_eq!(health.report(now + PATIENCE).reason, Some(Reason::KafkaUnreachable));
        health.joined();
        assert!(health.report(now).ready);
    }

    #[test]
    fn a_refused_password_is_said_at_once_and_a_short_outage_is_borne() {
        let now = Instant::now();
        let health = Health::new(now);
        health.joined();
        health.write_failed(&failure(Verdict::Retry), now);
        assert!(health.report(now + PATIENCE / 2).ready);
        assert!(!health.report(now + PATIENCE).ready);
        health.wrote();
        assert!(health.report(now + PATIENCE).ready);
        health.write_failed(&failure(Verdict::Stop), now);
        assert_eq!(health.report(now).reason, Some(Reason::ClickHouseAuthFailed));
    }

    #[test]
    fn dead_letters_that_find_no_broker_do_not_hide_that_kafka_refuses_the_password() {
        let now = Instant::now();
        let health = Health::new(now);
        health.joined();
        let unreachable = SinkError {
            verdict: Verdict::Retry,
            reason: Reason::KafkaUnreachable,
            message: "Kafka takes no letters".into(),
            source: None,
        };
        health.write_failed(&unreachable, now);
        health.source_failed(Reason::KafkaAuthFailed, "mend it".into(), now);
        assert_eq!(health.report(now + PATIENCE).reason, Some(Reason::KafkaAuthFailed));
        health.write_failed(&failure(Verdict::Stop), now);
        assert_eq!(health.report(now + PATIENCE).reason, Some(Reason::ClickHouseAuthFailed));
    }

    #[test]
    fn a_processor_that_reads_nothing_although_records_wait_is_not_ready() {
        let now = Instant::now();
        let health = Health::new(now);
        health.joined();
        health.lags(&[(0, 5), (1, 0)]);
        assert!(health.report(now).ready);
        let report = health.report(now + STANDSTILL);
        assert_eq!((report.ready, report.lag, report.reason), (false, 5, Some(Reason::KafkaUnreachable)));
        assert!(report.message.starts_with("records wait"), "{}", report.message);
        health.pause(true);
        assert!(health.report(now + STANDSTILL).ready);
    }
}
