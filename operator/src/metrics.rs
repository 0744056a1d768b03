//! Metrics: every one of this binary, with its help text.
//!
//! In: what the reporter, the gateway to Kubernetes and the Lease saw. Out: the text of `/metrics`.
//! Labels come from enums only (kind, reason), never from names, so that their number is bounded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crds::conditions::Reason;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::objects::Key;
use crate::{event_schema, forwarding_rule, pipeline};

/// Label of what belongs to one kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

/// Labels of what belongs to one kind and one reason.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    kind: &'static str,
    reason: &'static str,
}

/// Label of a request to the apiserver.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerbLabel {
    verb: &'static str,
}

/// Every metric of this binary.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    reconciles: Family<ReasonLabels, Counter>,
    durations: Family<KindLabel, Histogram, fn() -> Histogram>,
    failures: Family<KindLabel, Counter>,
    problems: Family<ReasonLabels, Gauge>,
    writes: Family<KindLabel, Counter>,
    requests: Family<VerbLabel, Counter>,
    leader: Gauge,
    standing: Arc<Mutex<HashMap<Key, Reason>>>,
}

fn seconds() -> Histogram {
    Histogram::new([0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0])
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Declares all metrics.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("tributary_operator");
        let metrics = Self {
            registry: Arc::default(),
            reconciles: Family::default(),
            durations: Family::new_with_constructor(seconds),
            failures: Family::default(),
            problems: Family::default(),
            writes: Family::default(),
            requests: Family::default(),
            leader: Gauge::default(),
            standing: Arc::default(),
        };
        metrics.register(&mut registry);
        // A counter that begins with its first failure hides that one from `rate`.
        for kind in [event_schema::KIND, pipeline::KIND, forwarding_rule::KIND] {
            drop(metrics.failures.get_or_create(&KindLabel { kind }));
        }
        Self { registry: Arc::new(registry), ..metrics }
    }

    fn register(&self, registry: &mut Registry) {
        registry.register(
            "reconciles",
            "Objects looked at, by kind and by the reason of their Ready condition",
            self.reconciles.clone(),
        );
        registry.register_with_unit(
            "reconcile_duration",
            "Time that one look at an object took, by kind",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register(
            "failures",
            "Looks at an object that the apiserver ended: it refused a read or a write, or did not answer; by kind",
            self.failures.clone(),
        );
        registry.register(
            "problems",
            "Objects that are not ready, by kind and reason",
            self.problems.clone(),
        );
        registry.register(
            "writes",
            "Writes to Kubernetes, by kind of the object written; a settled object costs none",
            self.writes.clone(),
        );
        registry.register(
            "requests",
            "Requests to the apiserver, by verb: get (lists too), watch, patch, create, update, delete",
            self.requests.clone(),
        );
        registry.register("leader", "1 while this process holds the Lease", self.leader.clone());
    }

    /// Counts one look at an object, and whether it is ready after it.
    pub fn looked_at(&self, key: &Key, reason: Reason, is_ready: bool, took: Duration) {
        self.reconciles.get_or_create(&ReasonLabels { kind: key.kind, reason: reason.as_str() }).inc();
        self.durations.get_or_create(&KindLabel { kind: key.kind }).observe(took.as_secs_f64());
        self.stand(key, (!is_ready).then_some(reason));
    }

    /// Counts a look that the apiserver ended.
    pub fn failed(&self, kind: &'static str) {
        self.failures.get_or_create(&KindLabel { kind }).inc();
    }

    /// Takes an object that is gone out of the problems.
    pub fn forget(&self, key: &Key) {
        self.stand(key, None);
    }

    /// Counts one write to Kubernetes.
    pub fn wrote(&self, kind: &'static str) {
        self.writes.get_or_create(&KindLabel { kind }).inc();
    }

    /// Counts a request to the apiserver.
    pub fn asked(&self, verb: &'static str) {
        self.requests.get_or_create(&VerbLabel { verb }).inc();
    }

    /// Says whether this process holds the Lease.
    pub fn lead(&self, is_leader: bool) {
        self.leader.set(i64::from(is_leader));
    }

    /// Renders all metrics as Prometheus reads them.
    pub fn render(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }

    fn stand(&self, key: &Key, problem: Option<Reason>) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match problem {
            Some(reason) => standing.insert(key.clone(), reason),
            None => standing.remove(key),
        };
        if before == problem {
            return;
        }
        let gauge = |reason: Reason| {
            self.problems.get_or_create(&ReasonLabels { kind: key.kind, reason: reason.as_str() }).clone()
        };
        if let Some(reason) = before {
            gauge(reason).dec();
        }
        if let Some(reason) = problem {
            gauge(reason).inc();
        }
    }
}

#[cfg(test)]
mod tests;
