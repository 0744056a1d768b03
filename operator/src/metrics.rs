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
use prometheus_client::registry::Registry;

use crate::objects::Key;

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

/// Every metric of this binary.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    reconciles: Family<ReasonLabels, Counter>,
    durations: Family<KindLabel, Histogram, fn() -> Histogram>,
    problems: Family<ReasonLabels, Gauge>,
    writes: Family<KindLabel, Counter>,
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
        let reconciles = Family::default();
        registry.register(
            "reconciles",
            "Objects looked at, by kind and by the reason of their Ready condition",
            reconciles.clone(),
        );
        let durations = Family::<KindLabel, Histogram, fn() -> Histogram>::new_with_constructor(seconds);
        registry.register(
            "reconcile_duration_seconds",
            "Time that one look at an object took, by kind",
            durations.clone(),
        );
        let problems = Family::default();
        registry.register("problems", "Objects that are not ready, by kind and reason", problems.clone());
        let writes = Family::default();
        registry.register(
            "writes",
            "Writes to Kubernetes, by kind of the object written; a settled object costs none",
            writes.clone(),
        );
        let leader = Gauge::default();
        registry.register("leader", "1 while this process holds the Lease", leader.clone());
        let standing = Arc::default();
        Self { registry: Arc::new(registry), reconciles, durations, problems, writes, leader, standing }
    }

    /// Counts one look at an object, and whether it is ready after it.
    pub fn looked_at(&self, key: &Key, reason: Reason, is_ready: bool, took: Duration) {
        self.reconciles.get_or_create(&ReasonLabels { kind: key.kind, reason: reason.as_str() }).inc();
        self.durations.get_or_create(&KindLabel { kind: key.kind }).observe(took.as_secs_f64());
        self.stand(key, (!is_ready).then_some(reason));
    }

    /// Takes an object that is gone out of the problems.
    pub fn forget(&self, key: &Key) {
        self.stand(key, None);
    }

    /// Counts one write to Kubernetes.
    pub fn wrote(&self, kind: &'static str) {
        self.writes.get_or_create(&KindLabel { kind }).inc();
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
