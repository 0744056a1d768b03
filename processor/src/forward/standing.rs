//! Standing: how a rule stands, for `/status` and `/metrics`.
//!
//! In: what became of its events, and what is wrong at the moment. Out: a [`RuleReport`] and the metrics.
//! A trouble is told as long as it lasts: the destination's while an event fails, the stream's until it is read again.
//! Not here: any value of an event.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crds::processor_report::RuleReport;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::forward::delivery::Trouble;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByRule {
    rule: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    rule: String,
    outcome: &'static str,
}

/// The metrics of all rules. Their names are bounded by the StreamConfig.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    matched: Family<ByRule, Counter>,
    forwarded: Family<ByOutcome, Counter>,
    repeated: Family<ByRule, Counter>,
    undecided: Family<ByRule, Counter>,
    lag: Family<ByRule, Gauge>,
}

impl Metrics {
    /// Names the metrics in the registry of the processor, which puts `tributary_processor_` before every name.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("forward_matched", "Events that a forwarding rule chose", self.matched.clone());
        registry.register(
            "forwarded",
            "Chosen events that are settled, by outcome: sent or dead_lettered",
            self.forwarded.clone(),
        );
        registry.register(
            "forward_repeated",
            "Attempts to deliver an event that failed and are repeated",
            self.repeated.clone(),
        );
        registry.register(
            "forward_undecided",
            "Events that `when` cannot be said of, because they lack a field that it reads; they are not forwarded",
            self.undecided.clone(),
        );
        registry.register_with_unit(
            "forward_lag",
            "Records before which a forwarding rule is not settled, in the partitions of this process",
            Unit::Other("records".to_owned()),
            self.lag.clone(),
        );
    }

    /// Returns how one rule, of one generation, stands: from nothing.
    pub fn standing(&self, rule: &str, generation: i64) -> Standing {
        let by_rule = ByRule { rule: rule.to_owned() };
        let by_outcome = |outcome| ByOutcome { rule: rule.to_owned(), outcome };
        Standing {
            rule: rule.to_owned(),
            generation,
            matched: self.matched.get_or_create_owned(&by_rule),
            sent: self.forwarded.get_or_create_owned(&by_outcome("sent")),
            dead_lettered: self.forwarded.get_or_create_owned(&by_outcome("dead_lettered")),
            repeated: self.repeated.get_or_create_owned(&by_rule),
            undecided: self.undecided.get_or_create_owned(&by_rule),
            lag: self.lag.get_or_create_owned(&by_rule),
            troubles: Mutex::default(),
        }
    }
}

/// How one rule stands.
#[derive(Debug)]
pub struct Standing {
    rule: String,
    generation: i64,
    matched: Counter,
    sent: Counter,
    dead_lettered: Counter,
    repeated: Counter,
    undecided: Counter,
    lag: Gauge,
    troubles: Mutex<Troubles>,
}

#[derive(Debug, Default)]
struct Troubles {
    /// Of the rule itself, or of the stream that it reads.
    reading: Option<Trouble>,
    /// What the destination said last, while at least one event fails.
    sending: Option<Trouble>,
    n_failing: usize,
}

impl Standing {
    /// Returns what is said of the rule.
    pub fn report(&self) -> RuleReport {
        let troubles = self.lock();
        let trouble = troubles.reading.as_ref().or(troubles.sending.as_ref()).cloned();
        let (reason, message) =
            trouble.map_or((None, String::new()), |Trouble { reason, message }| (Some(reason), message));
        RuleReport {
            name: self.rule.clone(),
            generation: self.generation,
            reason,
            message,
            matched: self.matched.get(),
            sent: self.sent.get(),
            dead_lettered: self.dead_lettered.get(),
            lag: self.lag.get(),
        }
    }

    /// An event was chosen.
    pub fn matched(&self) {
        self.matched.inc();
    }

    /// An event was taken by the destination.
    pub fn sent(&self) {
        self.sent.inc();
    }

    /// An event went to the dead-letter topic.
    pub fn dead_lettered(&self) {
        self.dead_lettered.inc();
    }

    /// An attempt failed and is repeated.
    pub fn repeated(&self) {
        self.repeated.inc();
    }

    /// `when` has no answer for an event.
    pub fn undecided(&self) {
        self.undecided.inc();
    }

    /// Sets how many records there are before which the rule is not settled.
    pub fn set_lag(&self, lag: i64) {
        self.lag.set(lag);
    }

    /// The stream cannot be read, or the rule cannot run.
    pub fn cannot_read(&self, trouble: Trouble) {
        self.lock().reading = Some(trouble);
    }

    /// The stream is read.
    pub fn reads(&self) {
        self.lock().reading = None;
    }

    /// Opens the account of one event.
    pub fn failing(&self) -> Failing<'_> {
        Failing { standing: self, has_failed: false }
    }

    fn lock(&self) -> MutexGuard<'_, Troubles> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The account of one event: its troubles are forgotten when it is settled or given up.
#[derive(Debug)]
pub struct Failing<'a> {
    standing: &'a Standing,
    has_failed: bool,
}

impl Failing<'_> {
    /// An attempt failed.
    pub fn tell(&mut self, trouble: Trouble) {
        let mut troubles = self.standing.lock();
        if !self.has_failed {
            self.has_failed = true;
            troubles.n_failing += 1;
        }
        troubles.sending = Some(trouble);
    }
}

impl Drop for Failing<'_> {
    fn drop(&mut self) {
        if self.has_failed {
            let mut troubles = self.standing.lock();
            troubles.n_failing -= 1;
            if troubles.n_failing == 0 {
                troubles.sending = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crds::conditions::Reason;

    use super::*;

    fn trouble(message: &str) -> Trouble {
        Trouble { reason: Reason::DestinationUnreachable, message: message.into() }
    }

    #[test]
    fn a_trouble_lasts_until_no_event_fails() {
        let standing = Metrics::default().standing("hook", 3);
        let (mut one, mut other) = (standing.failing(), standing.failing());
        one.tell(trouble("503"));
        one.tell(trouble("502"));
        other.tell(trouble("500"));
        drop(one);
        assert_eq!(standing.report().message, "500");
        assert_eq!(standing.report().reason, Some(Reason::DestinationUnreachable));
        drop(other);
        assert_eq!(
            standing.report(),
            RuleReport { name: "hook".into(), generation: 3, ..RuleReport::default() }
        );
    }

    #[test]
    fn what_keeps_the_rule_from_reading_is_told_first() {
        let standing = Metrics::default().standing("hook", 3);
        let mut failing = standing.failing();
        failing.tell(trouble("503"));
        standing.cannot_read(trouble("no broker"));
        assert_eq!(standing.report().message, "no broker");
        standing.reads();
        assert_eq!(standing.report().message, "503");
    }

    #[test]
    fn reports_and_metrics_say_the_same() {
        let metrics = Metrics::default();
        let mut registry = Registry::with_prefix("tributary_processor");
        metrics.register(&mut registry);
        let standing = metrics.standing("hook", 3);
        standing.matched();
        standing.matched();
        standing.sent();
        standing.dead_lettered();
        standing.set_lag(7);
        let report = standing.report();
        assert_eq!((report.matched, report.sent, report.dead_lettered, report.lag), (2, 1, 1, 7));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("text takes everything");
        for line in [
            "tributary_processor_forward_matched_total{rule=\"hook\"} 2",
            "tributary_processor_forwarded_total{rule=\"hook\",outcome=\"sent\"} 1",
            "tributary_processor_forwarded_total{rule=\"hook\",outcome=\"dead_lettered\"} 1",
            "tributary_processor_forward_lag_records{rule=\"hook\"} 7",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
