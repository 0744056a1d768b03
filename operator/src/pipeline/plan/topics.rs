//! The topics of a pipeline: the stream's, and that of its dead letters. Pure.
//!
//! In: the spec. Out: two topics of the same shape, or what is wrong with name and settings.
//! Dead letters stay a week, or as long as the stream where that is longer, and may be larger by what their headers take.

use std::collections::BTreeMap;
use std::time::Duration;

use crds::AnalyticsPipeline;
use crds::admission::TOPIC_SETTINGS;
use kube::ResourceExt;

use super::numbers::Numbers;
use crate::fault::Fault;
use crate::kafka::topic::Topic;
use crate::pipeline::claims::{self, Names};

/// Longest name of a topic.
const LONGEST_NAME: usize = 249;
/// How long dead letters stay at least.
const DEAD_LETTER_RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);
/// What a broker takes when a topic says nothing, bytes.
const DEFAULT_MAX_MESSAGE_BYTES: u64 = 1_048_588;
/// Room for the headers of a dead letter, bytes.
const HEADER_ROOM: u64 = 64 * 1024;
const MAX_MESSAGE_BYTES: &str = "max.message.bytes";

/// Finds what is wrong with name and settings.
pub(super) fn check(pipeline: &AnalyticsPipeline, names: &Names) -> Vec<Fault> {
    let mut faults = Vec::new();
    let (topic, prefix) = (claims::topic(pipeline), format!("{}.", pipeline.namespace().unwrap_or_default()));
    if topic.strip_prefix(&prefix).is_none_or(str::is_empty) {
        faults.push(Fault::spec(format!(
            "`spec.kafka.topic`: `{topic}` must begin with `{prefix}`, the namespace"
        )));
    }
    let is_sound = topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if !is_sound || names.dead_letter_topic.len() > LONGEST_NAME {
        faults.push(Fault::spec(format!(
            "`spec.kafka.topic`: `{topic}` must be letters, digits, `.`, `_` and `-`, and with `.dead-letters` behind it at most {LONGEST_NAME} characters"
        )));
    }
    for key in pipeline.spec.kafka.config.keys().filter(|key| !TOPIC_SETTINGS.contains(&key.as_str())) {
        faults.push(Fault::spec(format!(
            "`spec.kafka.config`: `{key}` is not among the settings that may be chosen: {}",
            TOPIC_SETTINGS.join(", ")
        )));
    }
    faults
}

/// Returns the topics as they must be.
pub(super) fn wanted(pipeline: &AnalyticsPipeline, names: &Names, numbers: &Numbers) -> Vec<Topic> {
    let spec = &pipeline.spec.kafka;
    let topic = |name: String, config: BTreeMap<String, String>| Topic {
        name,
        partitions: spec.partitions,
        replicas: spec.replicas,
        config,
    };
    let mut stream = settings(numbers.retention);
    stream.extend(spec.config.clone());
    let mut dead_letters = settings(numbers.retention.max(DEAD_LETTER_RETENTION));
    let largest = spec.config.get(MAX_MESSAGE_BYTES).and_then(|text| text.parse().ok());
    let largest: u64 = largest.unwrap_or(DEFAULT_MAX_MESSAGE_BYTES);
    dead_letters.insert(MAX_MESSAGE_BYTES.into(), largest.saturating_add(HEADER_ROOM).to_string());
    if let Some((key, value)) = spec.config.get_key_value("min.insync.replicas") {
        dead_letters.insert(key.clone(), value.clone());
    }
    vec![topic(names.topic.clone(), stream), topic(names.dead_letter_topic.clone(), dead_letters)]
}

fn settings(retention: Duration) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("cleanup.policy".into(), "delete".into()),
        ("retention.ms".into(), retention.as_millis().to_string()),
    ])
}

#[cfg(test)]
mod tests;
