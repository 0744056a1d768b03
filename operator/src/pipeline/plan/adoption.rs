//! Adoption: whether a topic or table that Tributary did not make may be taken over. Pure.
//!
//! In: `spec.adopt`, what the platform team allows, the topics as they are, the marks of all tables. Out: yes, or the fault.
//! A topic is taken over only as it is: one that is compacted, or that keeps its records longer than the spec says, would lose
//! records by being taken over. Whether a table fits, its diff says: engine, keys, types of columns.
//! Not here: who else asks for the topic now (`claims.rs`).

use std::time::Duration;

use crds::AnalyticsPipeline;
use crds::conditions::{ConditionType, Reason};

use super::numbers::Numbers;
use crate::fault::{Cure, Fault};
use crate::kafka::topic::Topic;
use crate::pipeline::gather::Gathered;
use crate::tenants::Standing;

/// How long a broker keeps records where neither topic nor platform team says otherwise.
const BROKERS_RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);

/// Returns whether a pipeline asks to take over, and may.
pub(super) fn adopts(pipeline: &AnalyticsPipeline, standing: &Standing) -> bool {
    pipeline.spec.adopt && standing.allows_adoption
}

/// Says how what exists can be taken over: the end of messages about it.
pub(super) fn remedy(pipeline: &AnalyticsPipeline, standing: &Standing) -> String {
    let who = standing.adoption_is_allowed_by();
    match (pipeline.spec.adopt, standing.allows_adoption) {
        (true, _) => format!("`spec.adopt` takes nothing over until the platform team allows it ({who})"),
        (false, true) => "to take it over as it is, set `spec.adopt: true`".into(),
        (false, false) => {
            format!(
                "to take it over as it is, set `spec.adopt: true` once the platform team allows it ({who})"
            )
        }
    }
}

/// Checks the topics that are to be taken over.
pub(super) fn check_topics(topics: &[Topic], gathered: &Gathered, numbers: &Numbers) -> Result<(), Fault> {
    let marks = gathered.marks.as_ref().map_err(Clone::clone)?;
    for topic in topics {
        if marks.iter().any(|mark| mark.claims(&topic.name)) {
            return Err(fault(
                Reason::ResourceConflict,
                format!(
                    "topic `{}` belongs to another pipeline, which has the older claim, so it is not taken over; name another one in `spec.kafka.topic` of a new object",
                    topic.name
                ),
            ));
        }
        if let Some(why) = unfit(topic, numbers.retention) {
            let message = format!("topic `{}` cannot be taken over: {why}", topic.name);
            return Err(fault(Reason::OwnershipMismatch, message));
        }
    }
    Ok(())
}

/// Says what of a topic would be lost, and how to keep it.
fn unfit(topic: &Topic, retention: Duration) -> Option<String> {
    let setting = |key: &str| topic.config.get(key).map(String::as_str);
    if setting("cleanup.policy").is_some_and(|policy| policy != "delete") {
        return Some(
            "it is compacted, and a stream never is; copy its records to a topic that is not".into(),
        );
    }
    // -1, or what cannot be read: for ever.
    let there = match setting("retention.ms") {
        Some(text) => text.parse().map_or(Duration::MAX, Duration::from_millis),
        None => BROKERS_RETENTION,
    };
    (there > retention).then(|| {
        let hours = there.as_millis().div_ceil(3_600_000);
        let least = if there == Duration::MAX { "3650d".into() } else { format!("{hours}h") };
        format!("its records stay longer than `spec.kafka.retention` says, and some would be deleted at once; set it to at least {least}, or shorten `retention.ms` of the topic first")
    })
}

fn fault(reason: Reason, message: String) -> Fault {
    Fault::new(ConditionType::TopicReady, reason, Cure::Change, message)
}

#[cfg(test)]
mod tests;
