//! Report: what became of an object, told once: status, log line, Event and metric with one reason.
//!
//! In: the status before and after. Out: at most one status write, and an Event where `Ready` changed its status or reason, and one
//! where the number of processor pods was changed.
//! A status that did not change is not written; one in which only counters changed is written once a minute at most.
//! Not here: what the status says (each kind's `status.rs`).

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crds::analytics_pipeline::AnalyticsPipelineStatus;
use crds::conditions::{ConditionType, Reason};
use crds::event_schema::EventSchemaStatus;
use crds::forwarding_rule::ForwardingRuleStatus;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, ObjectMeta};
use serde::Serialize;
use tracing::{info, warn};

use crate::kubernetes::{ApplyError, Child, Kubernetes};
use crate::metrics::Metrics;
use crate::objects::Key;
use crate::status::{find, shortened};

/// How often a status is written in which only counters changed.
const COUNTERS_EVERY: Duration = Duration::from_secs(60);
/// Longest note that an Event takes, in bytes.
const NOTE_LIMIT: usize = 1024;
/// Name under which Events are reported.
const CONTROLLER: &str = "tributary.dev/operator";

/// Shows an error with all its causes, each once.
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.to_string();
        formatter.write_str(&shown)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !shown.contains(&text) {
                write!(formatter, ": {text}")?;
                shown = text;
            }
            source = cause.source();
        }
        Ok(())
    }
}

/// A status that can be reported.
pub trait Reportable: Clone + PartialEq + Serialize + Default {
    /// Returns its conditions.
    fn conditions(&self) -> &[Condition];
    /// Returns it without what counts up and down all the time.
    fn without_counters(&self) -> Self;
}

impl Reportable for AnalyticsPipelineStatus {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    fn without_counters(&self) -> Self {
        Self { lag: None, ..self.clone() }
    }
}

impl Reportable for EventSchemaStatus {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    fn without_counters(&self) -> Self {
        self.clone()
    }
}

impl Reportable for ForwardingRuleStatus {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    fn without_counters(&self) -> Self {
        Self { sent: None, dead_lettered: None, ..self.clone() }
    }
}

/// Tells what became of objects.
pub struct Reporter {
    kubernetes: Kubernetes,
    metrics: Metrics,
    instance: String,
    counters_written: Mutex<HashMap<Key, Timestamp>>,
}

impl Reporter {
    /// Makes the reporter of this process.
    pub fn new(kubernetes: Kubernetes, metrics: Metrics, instance: &str) -> Self {
        Self { kubernetes, metrics, instance: instance.into(), counters_written: Mutex::default() }
    }

    /// Writes the status if it changed, and says so where `Ready` did.
    pub async fn report<K, S>(
        &self,
        object: &K,
        key: &Key,
        (before, after): (Option<&S>, &S),
        now: Timestamp,
    ) -> Result<(), ApplyError>
    where
        K: Child,
        S: Reportable,
    {
        let nothing = S::default();
        let before = before.unwrap_or(&nothing);
        if before == after || !self.is_due(key, before, after, now) {
            return Ok(());
        }
        let telling = async {
            self.kubernetes.write_status::<K, S>(object.meta(), after).await?;
            self.tell(&object.object_ref(&()), key, (before.conditions(), after.conditions()), now).await;
            Ok(())
        };
        traces::within(traces::span!("report"), telling, |it| it.as_ref().err().map(ApplyError::reason)).await
    }

    /// Says, in log and Event, how `Ready` and the scaling of pods changed; says nothing when they did not.
    pub async fn tell(
        &self,
        object: &ObjectReference,
        key: &Key,
        (before, after): (&[Condition], &[Condition]),
        now: Timestamp,
    ) {
        self.tell_ready(object, key, (before, after), now).await;
        let Some(scaling) = scaling_news(before, after) else { return };
        let kind = if scaling.status == "True" {
            info!(object = %key, reason = scaling.reason, because = scaling.message, "scaled processors");
            "Normal"
        } else {
            warn!(object = %key, reason = scaling.reason, because = scaling.message, "processors do not scale");
            "Warning"
        };
        // Of two Events of one look each has a name of its own.
        let soon = now + Duration::from_nanos(1);
        self.publish(key, &self.event(object, scaling, kind, soon)).await;
    }

    async fn tell_ready(
        &self,
        object: &ObjectReference,
        key: &Key,
        (before, after): (&[Condition], &[Condition]),
        now: Timestamp,
    ) {
        let Some(ready) = find(after, ConditionType::Ready) else { return };
        let was = find(before, ConditionType::Ready);
        if was.is_some_and(|was| was.status == ready.status && was.reason == ready.reason) {
            return;
        }
        // Waiting and working are ordinary; only what a person may have to look at is a warning.
        let is_ordinary = ready.status == "True" || ready.reason == Reason::Progressing.as_str();
        if is_ordinary {
            info!(object = %key, ready = ready.status, reason = ready.reason, because = ready.message, "object changed");
        } else {
            warn!(object = %key, ready = ready.status, reason = ready.reason, because = ready.message, "object is not ready");
        }
        let kind = if is_ordinary { "Normal" } else { "Warning" };
        self.publish(key, &self.event(object, ready, kind, now)).await;
    }

    async fn publish(&self, key: &Key, event: &Event) {
        if let Err(error) = self.kubernetes.create(event).await {
            warn!(object = %key, error = %Chain(&error), "failed to publish an event");
        }
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, key: &Key) {
        self.metrics.forget(key);
        self.counters_written.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    fn is_due<S: Reportable>(&self, key: &Key, before: &S, after: &S, now: Timestamp) -> bool {
        let mut written = self.counters_written.lock().unwrap_or_else(PoisonError::into_inner);
        if before.without_counters() != after.without_counters() {
            written.insert(key.clone(), now);
            return true;
        }
        // A restart begins to count here, so that it costs no write.
        let last = *written.entry(key.clone()).or_insert(now);
        let is_due = now.duration_since(last).unsigned_abs() >= COUNTERS_EVERY;
        if is_due {
            written.insert(key.clone(), now);
        }
        is_due
    }

    fn event(&self, object: &ObjectReference, condition: &Condition, kind: &str, now: Timestamp) -> Event {
        let name = object.name.clone().unwrap_or_default();
        Event {
            metadata: ObjectMeta {
                name: Some(format!("{name}.{:x}", now.as_nanosecond())),
                namespace: object.namespace.clone(),
                ..ObjectMeta::default()
            },
            action: Some("Reconcile".into()),
            event_time: Some(MicroTime(now)),
            note: Some(shortened(&condition.message, NOTE_LIMIT)),
            reason: Some(condition.reason.clone()),
            regarding: Some(object.clone()),
            reporting_controller: Some(CONTROLLER.into()),
            reporting_instance: Some(shortened(&self.instance, 128)),
            type_: Some(kind.into()),
            ..Event::default()
        }
    }
}

/// Returns the condition that tells of a change of the number of pods, or why it does not follow the lag, where that is news
/// and `Ready` does not tell the same.
fn scaling_news<'a>(before: &[Condition], after: &'a [Condition]) -> Option<&'a Condition> {
    let scaling = find(after, ConditionType::ScalingActive)?;
    let was = find(before, ConditionType::ScalingActive);
    if scaling.status == "False" {
        let is_told = find(after, ConditionType::Ready).is_some_and(|ready| ready.reason == scaling.reason);
        let is_news = was.is_none_or(|was| was.status != scaling.status || was.reason != scaling.reason);
        return (is_news && !is_told).then_some(scaling);
    }
    let is_change =
        [Reason::ScaledOut, Reason::ScaledIn].iter().any(|reason| reason.as_str() == scaling.reason);
    let is_news = was.is_none_or(|was| was.reason != scaling.reason || was.message != scaling.message);
    (is_change && is_news).then_some(scaling)
}

#[cfg(test)]
mod tests;
