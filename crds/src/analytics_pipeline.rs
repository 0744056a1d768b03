//! AnalyticsPipeline: one stream, exactly as a user writes it.
//!
//! In: YAML. Out: [`AnalyticsPipelineSpec`], near the input; the operator's `Plan` is what it means.
//! Not here: which Kafka and which ClickHouse. That is the platform team's, in the Helm values.

#![expect(clippy::duplicated_attributes, reason = "every column of kubectl get has a type of its own")]

mod processor;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admission;
use crate::shared::{ObjectReference, PATH_PATTERN, SecretKeyReference};
pub use processor::{
    Autoscaling, BatchSpec, ProcessorResources, ProcessorSpec, ProcessorStatus, needed_memory,
};
pub(crate) use processor::{MEMORY_BESIDE_BATCHES, MEMORY_OF_A_BATCH};

/// One stream of events: a Kafka topic, a processor Deployment, a ClickHouse table.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "AnalyticsPipeline",
    plural = "analyticspipelines",
    shortname = "ap",
    category = "tributary",
    namespaced,
    status = "AnalyticsPipelineStatus",
    scale(
        spec_replicas_path = ".spec.processor.replicas",
        status_replicas_path = ".status.processor.replicas",
        label_selector_path = ".status.processor.selector"
    ),
    derive = "PartialEq",
    doc = "One stream of events: a Kafka topic, a processor Deployment, a ClickHouse table.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether all is as the spec says"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        description = "Why it is ready or not, one word of docs/reference/reasons.md"
    ),
    printcolumn(
        name = "Topic",
        type_ = "string",
        json_path = ".status.topic",
        description = "Topic that the apps write to"
    ),
    printcolumn(
        name = "Table",
        type_ = "string",
        json_path = ".status.table",
        description = "Table that people query"
    ),
    printcolumn(
        name = "Processors",
        type_ = "string",
        json_path = ".status.processor.summary",
        description = "Processor pods that work, of those wanted"
    ),
    printcolumn(
        name = "Lag",
        type_ = "integer",
        json_path = ".status.lag",
        description = "Records of the topic that are not read yet"
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        description = "What is wrong and what to do",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Time since the object was made"
    )
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = admission::analytics_pipeline()))]
pub struct AnalyticsPipelineSpec {
    /// EventSchemas of the events in the stream. At least one, at most 50.
    #[schemars(length(min = 1, max = 50), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub schemas: Vec<ObjectReference>,
    /// What happens to an event whose type no schema describes. `DeadLetter`: it goes to the dead-letter topic. `Store`: it is
    /// stored, the envelope in its columns, everything else in `extra`. `Drop`: it is left out and counted as filtered.
    /// Default: `DeadLetter`.
    #[serde(default)]
    pub unknown_events: UnknownEvents,
    /// Under which paths the sources send type, id and time of an event.
    #[serde(default)]
    pub envelope: Envelope,
    /// The topic.
    #[serde(default)]
    pub kafka: KafkaSpec,
    /// The table.
    #[serde(default)]
    pub clickhouse: ClickHouseSpec,
    /// The processor.
    #[serde(default)]
    pub processor: ProcessorSpec,
    /// Leaves out an event whose id was stored before. Absent: every event is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deduplication: Option<Deduplication>,
    /// What fields with `privacy: Hash` need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<PrivacySpec>,
    /// Takes over a fitting topic and table that Tributary did not make and no pipeline owns, where the platform team allows it. Default: false.
    #[serde(default)]
    pub adopt: bool,
    /// Stops the processor; topic and table stay, and so does the position. Default: false.
    #[serde(default)]
    pub suspend: bool,
    /// What deleting the object does to topic and table. `Retain`: they stay, and a pipeline of the same name takes them up
    /// again. `Delete`: topic, dead-letter topic and table are deleted with all that is in them. Default: `Retain`.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// What happens to an event whose type no schema describes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UnknownEvents {
    /// It goes to the dead-letter topic with reason `UnknownEventType`.
    #[default]
    DeadLetter,
    /// It is stored: the envelope in its columns, everything else in `extra`.
    Store,
    /// It is left out and counted as filtered.
    Drop,
}

/// Under which paths the sources send type, id and time of an event; the first that is present wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Envelope {
    /// Paths of the event type. Default: `[event]`.
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 128), regex(pattern = PATH_PATTERN)))]
    pub event: Vec<String>,
    /// Paths of the id that makes an event unique. Without a value, the id is made from the record's position. Default: `[event_id]`.
    #[schemars(length(max = 8), inner(length(min = 1, max = 128), regex(pattern = PATH_PATTERN)))]
    pub event_id: Vec<String>,
    /// Paths of the time at which the event happened: RFC 3339, or seconds or milliseconds since 1970. Without a value, the record's
    /// own time stands in. Default: `[event_time]`.
    #[schemars(length(max = 8), inner(length(min = 1, max = 128), regex(pattern = PATH_PATTERN)))]
    pub event_time: Vec<String>,
}

impl Default for Envelope {
    fn default() -> Self {
        Self {
            event: vec!["event".into()],
            event_id: vec!["event_id".into()],
            event_time: vec!["event_time".into()],
        }
    }
}

/// The topic of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = admission::kafka()))]
pub struct KafkaSpec {
    /// Name of the topic. Default: `<namespace>.<name>`; another name must start with `<namespace>.`. Cannot be changed. A prefix of the platform team is put before it; `status.topic` says the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub topic: Option<String>,
    /// Number of partitions; it can only grow. Default: 6.
    #[schemars(range(min = 1, max = 1000))]
    pub partitions: i32,
    /// Copies of each partition. Default: 1. Cannot be changed.
    #[schemars(range(min = 1, max = 9))]
    pub replicas: i32,
    /// How long records stay in the topic. Default: `72h`.
    #[schemars(length(min = 1, max = 20))]
    pub retention: String,
    /// More settings of the topic, from an allow-list: `cleanup.policy` is not among them. Example: `{compression.type: lz4}`. What is taken out here stays on the topic as it is: write the value that shall hold.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "admission::topic_settings")]
    pub config: BTreeMap<String, String>,
}

impl Default for KafkaSpec {
    fn default() -> Self {
        Self { topic: None, partitions: 6, replicas: 1, retention: "72h".into(), config: BTreeMap::new() }
    }
}

/// The table of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = admission::clickhouse()))]
pub struct ClickHouseSpec {
    /// How long rows stay in the table, counted from `event_time`; absent: for ever. Example: `365d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 20))]
    pub ttl: Option<String>,
    /// How the table is cut into parts on disk, by `event_time`: `None`, `Day`, `Month` or `Year`. Default: `Month`. Cannot be changed.
    pub partition_by: PartitionBy,
    /// Columns by which rows are sorted. Default: `[event, event_time]`. Cannot be changed.
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 63)))]
    pub order_by: Vec<String>,
}

impl Default for ClickHouseSpec {
    fn default() -> Self {
        Self {
            ttl: None,
            partition_by: PartitionBy::Month,
            order_by: vec!["event".into(), "event_time".into()],
        }
    }
}

/// How a table is cut into parts on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PartitionBy {
    /// Not at all.
    None,
    /// By day.
    Day,
    /// By month.
    #[default]
    Month,
    /// By year.
    Year,
}

/// Leaves out an event whose id was stored before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = admission::deduplication()))]
pub struct Deduplication {
    /// What makes two events the same. Only `event_id` today, and only within one partition: key records by the id or the user.
    pub key: DeduplicationKey,
    /// How far apart two records of the same event may be. Default: `24h`.
    #[schemars(length(min = 1, max = 20))]
    pub window: String,
}

impl Default for Deduplication {
    fn default() -> Self {
        Self { key: DeduplicationKey::EventId, window: "24h".into() }
    }
}

/// What makes two events the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeduplicationKey {
    /// The id of the event.
    #[default]
    #[serde(rename = "event_id")]
    EventId,
}

/// What fields with `privacy: Hash` need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrivacySpec {
    /// Secret that holds the key of the hash, at least 32 bytes. Streams that share it can be joined on the hash.
    pub hash_key: SecretKeyReference,
}

/// What deleting the object does to topic and table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Topic and table stay; a pipeline of the same name takes them up again.
    #[default]
    Retain,
    /// Topic, dead-letter topic and table are deleted with all that is in them.
    Delete,
}

/// What the operator did for an AnalyticsPipeline.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnalyticsPipelineStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `TopicReady`, `TableReady`, `ProcessorReady`; `ScalingActive` where pods follow the lag; `Reconciling` and `Stalled` only when True.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Name of the topic that the apps write to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 249))]
    pub topic: Option<String>,
    /// Name of the topic that keeps rejected records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 249))]
    pub dead_letter_topic: Option<String>,
    /// Name of the table, `database.table`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub table: Option<String>,
    /// The schema versions in force, `name@version`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(max = 64)))]
    pub schemas: Vec<String>,
    /// The processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<ProcessorStatus>,
    /// Records of the topic that are not read yet, over all partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub lag: Option<i64>,
}
