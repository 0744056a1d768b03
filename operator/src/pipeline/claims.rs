//! Claims: which topics a pipeline asks for, and whether another one of its namespace asked before. Pure.
//!
//! In: pipelines of one namespace. Out: the names, and the conflict of the younger.
//! Topics of two namespaces never meet, because a topic's name begins with its namespace, and a namespace has no dot.

use crds::AnalyticsPipeline;
use crds::conditions::{ConditionType, Reason};
use kube::ResourceExt;

use crate::clickhouse::table::TableName;
use crate::fault::{Cure, Fault};
use crate::objects::age;

/// End of the name of a dead-letter topic.
const DEAD_LETTERS: &str = ".dead-letters";

/// Returns the name of the stream's topic.
pub fn topic(pipeline: &AnalyticsPipeline) -> String {
    let default = || format!("{}.{}", pipeline.namespace().unwrap_or_default(), pipeline.name_any());
    pipeline.spec.kafka.topic.clone().unwrap_or_else(default)
}

/// Returns the name of the stream's table.
pub fn table(pipeline: &AnalyticsPipeline) -> TableName {
    TableName { database: pipeline.namespace().unwrap_or_default(), table: pipeline.name_any() }
}

/// Returns the name of the topic that keeps rejected records.
pub fn dead_letter_topic(pipeline: &AnalyticsPipeline) -> String {
    format!("{}{DEAD_LETTERS}", topic(pipeline))
}

/// Returns all topics that a pipeline asks for.
pub fn topics(pipeline: &AnalyticsPipeline) -> [String; 2] {
    [topic(pipeline), dead_letter_topic(pipeline)]
}

/// Returns the consumer group of a pipeline; those of its rules begin with it.
pub fn group(pipeline: &AnalyticsPipeline) -> String {
    format!("tributary.{}.{}", pipeline.namespace().unwrap_or_default(), pipeline.name_any())
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
