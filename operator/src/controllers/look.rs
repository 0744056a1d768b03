//! Look: what one look at an object found, and when the next one is due. Pure but for the count of retries.
//!
//! In: conditions and faults. Out: [`Look`], and the waiting time that follows from it.
//! What goes by itself is tried again with growing distance; who waits for another object looks every few seconds; a user's
//! error is left alone for ten minutes, because a change wakes it anyway; what is settled is looked at for drift.

use std::time::Duration;

use crds::conditions::{ConditionType, Reason};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::fault::{self, Cure, Fault};
use crate::objects::Key;
use crate::retries::Retries;
use crate::status::find;

/// Between two looks while something is waited for.
const WAITING: Duration = Duration::from_secs(5);
/// Between two looks at a lag that decides on the number of pods.
const SCALING: Duration = Duration::from_secs(15);
/// Between two looks at a user's error.
const STALLED: Duration = Duration::from_secs(600);

/// How soon an object is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// At the resync.
    Settled,
    /// A few times a minute, because the lag is looked at.
    Scaling,
    /// Every few seconds.
    Waiting,
    /// With growing distance.
    Failing,
    /// With growing distance, and at the latest at the resync.
    FailingButWatched,
    /// Every ten minutes.
    Stalled,
    /// When a watch says so.
    OnChange,
}

impl Pace {
    /// Returns the pace that faults ask for.
    pub fn of_faults(faults: &[Fault]) -> Self {
        let Some(gravest) = fault::gravest(faults) else { return Self::Settled };
        match gravest.cure {
            Cure::Retry => Self::Failing,
            Cure::Dependency => Self::Waiting,
            Cure::Change if faults.iter().any(may_be_mended_elsewhere) => Self::Settled,
            Cure::Change => Self::Stalled,
        }
    }

    /// Returns the pace of an object whose counters are read at the resync, whatever else is the matter.
    #[must_use]
    pub fn at_most_resync(self) -> Self {
        match self {
            Self::Stalled => Self::Settled,
            Self::Failing => Self::FailingButWatched,
            Self::Settled | Self::Scaling | Self::Waiting | Self::FailingButWatched | Self::OnChange => self,
        }
    }

    /// Returns the pace of a settled object whose pods follow its lag.
    #[must_use]
    pub fn by_lag(self) -> Self {
        if self == Self::Settled { Self::Scaling } else { self }
    }
}

/// What is wrong with topic, table or Deployment, and what a server refuses, may be mended there, where no watch tells.
fn may_be_mended_elsewhere(fault: &Fault) -> bool {
    let is_about_a_thing = matches!(
        fault.about,
        ConditionType::TopicReady | ConditionType::TableReady | ConditionType::ProcessorReady
    );
    // The last two may be mended by the platform team, or by another namespace of the tenant, and nothing here is told.
    let is_refused = matches!(
        fault.reason,
        Reason::KafkaRejected
            | Reason::ClickHouseRejected
            | Reason::QuotaExceeded
            | Reason::NamespaceNotAllowed
    );
    fault.cure == Cure::Change && (is_about_a_thing || is_refused)
}

/// What one look at an object found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Reason of `Ready`.
    pub reason: Reason,
    /// Whether `Ready` is True.
    pub is_ready: bool,
    /// When to look again.
    pub pace: Pace,
}

impl Look {
    /// Tells what a look found.
    pub fn new(conditions: &[Condition], pace: Pace) -> Self {
        let ready = find(conditions, ConditionType::Ready);
        let reason = ready.map(|ready| serde_json::Value::String(ready.reason.clone()));
        let is_under_way = find(conditions, ConditionType::Reconciling).is_some();
        Self {
            reason: reason
                .and_then(|reason| serde_json::from_value(reason).ok())
                .unwrap_or(Reason::InternalError),
            is_ready: ready.is_some_and(|ready| ready.status == "True"),
            pace: if matches!(pace, Pace::Settled | Pace::Scaling) && is_under_way {
                Pace::Waiting
            } else {
                pace
            },
        }
    }

    /// Tells that an object is going, and nothing is left to do.
    pub fn gone() -> Self {
        Self { reason: Reason::Succeeded, is_ready: true, pace: Pace::OnChange }
    }

    /// Tells that the object was changed and comes back through the watch.
    pub fn unchanged() -> Self {
        Self { reason: Reason::Progressing, is_ready: false, pace: Pace::Waiting }
    }

    /// Returns when the next look is due; absent: on change.
    pub fn next(&self, key: &Key, retries: &Retries, resync: Duration) -> Option<Duration> {
        match self.pace {
            Pace::Failing => return Some(retries.failed(key)),
            Pace::FailingButWatched => return Some(retries.failed(key).min(resync)),
            Pace::Settled | Pace::Scaling | Pace::Waiting | Pace::Stalled | Pace::OnChange => {
                retries.succeeded(key)
            }
        }
        match self.pace {
            Pace::Settled => Some(resync),
            Pace::Scaling => Some(resync.min(SCALING)),
            Pace::Waiting => Some(WAITING),
            Pace::Stalled => Some(STALLED),
            Pace::OnChange | Pace::Failing | Pace::FailingButWatched => None,
        }
    }
}

#[cfg(test)]
mod tests;
