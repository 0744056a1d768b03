//! Claims: which topics a pipeline asks for, and whether another one of its namespace asked before. Pure.
//!
//! In: pipelines of one namespace. Out: the names, and the conflict of the younger.
//! In specs a topic begins with its namespace; the prefix of a tenant stands before that in Kafka, the same for the whole
//! namespace: so pipelines of one namespace are compared by what their specs say, and [`Names`] go out to Kafka.
//! Topics of two namespaces never meet: a namespace has no dot, and `plan/tenancy.rs` keeps the prefixes apart.

use crds::AnalyticsPipeline;
use crds::conditions::{ConditionType, Reason};
use kube::ResourceExt;

use crate::clickhouse::mark::{DEAD_LETTERS, Mark};
use crate::clickhouse::table::TableName;
use crate::fault::{Cure, Fault};
use crate::objects::age;
use crate::tenants::Standing;

/// The names of a pipeline's things outside Kubernetes.
#[derive(Debug, Clone, PartialEq)]
pub struct Names {
    /// The stream's topic.
    pub topic: String,
    /// The topic that keeps rejected records.
    pub dead_letter_topic: String,
    /// The table.
    pub table: TableName,
}

/// Returns the names of a pipeline's things, the prefixes of its tenant before them.
pub fn names(pipeline: &AnalyticsPipeline, standing: &Standing) -> Names {
    let database = format!("{}{}", standing.database_prefix, pipeline.namespace().unwrap_or_default());
    Names {
        topic: standing.topic(&topic(pipeline)),
        dead_letter_topic: standing.topic(&dead_letter_topic(pipeline)),
        table: TableName { database, table: pipeline.name_any() },
    }
}

/// Returns whether the topic is one that a pipeline of the namespace may have.
pub fn is_in_namespace(pipeline: &AnalyticsPipeline, standing: &Standing) -> bool {
    let (topic, namespace) = (topic(pipeline), pipeline.namespace().unwrap_or_default());
    let rest = topic.strip_prefix(&namespace).and_then(|rest| rest.strip_prefix('.'));
    rest.is_some_and(|rest| !rest.is_empty()) && standing.reserved_prefix(&standing.topic(&topic)).is_none()
}

/// Returns the name of the stream's topic, as specs write it.
pub fn topic(pipeline: &AnalyticsPipeline) -> String {
    let default = || format!("{}.{}", pipeline.namespace().unwrap_or_default(), pipeline.name_any());
    pipeline.spec.kafka.topic.clone().unwrap_or_else(default)
}

/// Returns the name of the topic that keeps rejected records, as specs write it.
pub fn dead_letter_topic(pipeline: &AnalyticsPipeline) -> String {
    format!("{}{DEAD_LETTERS}", topic(pipeline))
}

/// Returns all topics that a pipeline asks for, as specs write them.
pub fn topics(pipeline: &AnalyticsPipeline) -> [String; 2] {
    [topic(pipeline), dead_letter_topic(pipeline)]
}

/// Returns the consumer group of a pipeline; those of its rules begin with it.
pub fn group(pipeline: &AnalyticsPipeline) -> String {
    format!("tributary.{}.{}", pipeline.namespace().unwrap_or_default(), pipeline.name_any())
}

/// Returns whether a mark is this pipeline's: its name, and not that of a namespace that was there before under the same name.
pub fn is_owner(pipeline: &AnalyticsPipeline, standing: &Standing, mark: &Mark) -> bool {
    let (namespace, name) = (pipeline.namespace().unwrap_or_default(), pipeline.name_any());
    mark.pipeline == format!("{namespace}/{name}") && !is_of_a_former_namespace(standing, mark)
}

/// Returns whether a mark was set for another namespace than the one that has the name now.
pub fn is_of_a_former_namespace(standing: &Standing, mark: &Mark) -> bool {
    matches!((&mark.namespace, &standing.namespace_uid), (Some(marked), Some(uid)) if marked != uid)
}

/// Returns whether two pipelines ask for one topic.
pub fn overlap(left: &AnalyticsPipeline, right: &AnalyticsPipeline) -> bool {
    let right = topics(right);
    topics(left).iter().any(|topic| right.contains(topic))
}

/// Returns the conflict with a pipeline that asked before, if there is one.
pub fn conflict(pipeline: &AnalyticsPipeline, neighbours: &[AnalyticsPipeline]) -> Option<Fault> {
    let older = neighbours
        .iter()
        .filter(|other| other.uid() != pipeline.uid() && overlap(pipeline, other))
        .filter(|other| age(*other) < age(pipeline))
        .min_by_key(|other| age(*other))?;
    let taken: Vec<_> = topics(pipeline).into_iter().filter(|topic| topics(older).contains(topic)).collect();
    Some(Fault::new(
        ConditionType::TopicReady,
        Reason::ResourceConflict,
        Cure::Change,
        format!(
            "topic `{}` belongs to the older AnalyticsPipeline `{}`; name another one in `spec.kafka.topic` (in a new object: it cannot be changed), or delete the older pipeline",
            taken.join("`, `"),
            older.name_any()
        ),
    ))
}

#[cfg(test)]
mod tests;
