//! StreamConfig: the one thing that passes from operator to processor.
//!
//! In: the operator's plan. Out: a versioned, serde-typed YAML file in a ConfigMap, whose hash stands in the pod template.
//! Not here: secrets. They are files beside it (see [`paths`]), so that the hash and the ConfigMap hold none.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::analytics_pipeline::{Envelope, UnknownEvents};
use crate::event_schema::EventSchemaSpec;
use crate::forwarding_rule::{DestinationType, StartPosition};

/// Version of the file that this build writes and reads.
pub const STREAM_CONFIG_VERSION: u32 = 1;

/// Where the processor finds its files.
pub mod paths {
    /// The StreamConfig.
    pub const STREAM_CONFIG: &str = "/etc/tributary/config/stream.yaml";
    /// Folder of the connection Secret: `clickhouse-user`, `clickhouse-password`, and one file a librdkafka property
    /// named `kafka.<property>` (`kafka.sasl.password`).
    pub const CONNECTION: &str = "/etc/tributary/connection";
    /// The key of `privacy: Hash`.
    pub const HASH_KEY: &str = "/etc/tributary/hash-key/key";
    /// Folder of the rules' secrets: one file a rule, named like the rule.
    pub const RULES: &str = "/etc/tributary/rules";
}

/// All that a processor must know of its stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamConfig {
    /// [`STREAM_CONFIG_VERSION`]; a processor refuses a file of another version.
    pub version: u32,
    /// Which stream it is.
    pub stream: StreamIdentity,
    /// Where records come from and dead letters go.
    pub kafka: KafkaConfig,
    /// Where rows go.
    pub clickhouse: ClickHouseConfig,
    /// The schemas in force.
    pub schemas: Vec<SchemaVersion>,
    /// Under which paths the sources send type, id and time.
    pub envelope: Envelope,
    /// What happens to an event whose type no schema describes.
    pub unknown_events: UnknownEvents,
    /// When a batch is written.
    pub batch: BatchConfig,
    /// Window of deduplication by event id in seconds; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deduplication_window_seconds: Option<u64>,
    /// Whether the file [`paths::HASH_KEY`] is there.
    #[serde(default)]
    pub has_hash_key: bool,
    /// The forwarding rules, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleConfig>,
    /// Which addresses forwarding may reach.
    #[serde(default)]
    pub egress: EgressConfig,
}

/// Which stream it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamIdentity {
    /// Namespace of the AnalyticsPipeline.
    pub namespace: String,
    /// Name of the AnalyticsPipeline.
    pub name: String,
    /// Stands first in every insert token. It is the table's: made once, kept in the table's comment, so that a pipeline
    /// that takes its table up again repeats the tokens of its predecessor.
    pub id: String,
    /// Counts the lives of the topic: positions of one epoch are never those of another.
    pub epoch: u32,
}

/// Where records come from and dead letters go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KafkaConfig {
    /// `host:port`, several separated by commas.
    pub bootstrap: String,
    /// Topic of the stream.
    pub topic: String,
    /// Topic of its dead letters.
    pub dead_letter_topic: String,
    /// Consumer group of the table; a rule's group is `<group>.<rule>`.
    pub group: String,
    /// librdkafka properties without secrets, from the platform team's values (`security.protocol`, `sasl.mechanism` …).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
}

/// Where rows go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClickHouseConfig {
    /// `http(s)://host:port`.
    pub url: String,
    /// Database.
    pub database: String,
    /// Table.
    pub table: String,
}

/// A schema in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SchemaVersion {
    /// Name of the EventSchema.
    pub name: String,
    /// Accepted version, from 1.
    pub version: i32,
    /// The spec as it was accepted.
    pub spec: EventSchemaSpec,
}

/// When a batch is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchConfig {
    /// Rows of one partition.
    pub max_rows: usize,
    /// Memory of one partition's rows and dead letters, bytes.
    pub max_bytes: usize,
    /// Age of the oldest row, milliseconds.
    pub max_age_milliseconds: u64,
}

/// One forwarding rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleConfig {
    /// Name of the ForwardingRule.
    pub name: String,
    /// UID of the ForwardingRule; part of every delivery's id.
    pub uid: String,
    /// Generation of the ForwardingRule; a [`RuleReport`](crate::processor_report::RuleReport) gives it back.
    #[serde(default)]
    pub generation: i64,
    /// Event types; empty: all accepted ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// CEL over `event`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Where the rule begins when its group has no position.
    #[serde(default)]
    pub start: StartPosition,
    /// Kind of the destination; the member of that name is set.
    #[serde(rename = "type")]
    pub kind: DestinationType,
    /// The webhook; its secret is the file `<paths::RULES>/<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookConfig>,
    /// The topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
}

/// A webhook of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookConfig {
    /// Address.
    pub url: String,
    /// How long one request may take, milliseconds.
    pub timeout_milliseconds: u64,
    /// Requests under way at once.
    pub max_in_flight: usize,
}

/// Which addresses forwarding may reach, beyond public `https` ones: the platform team's word.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EgressConfig {
    /// Whether `http` is allowed.
    pub allow_http: bool,
    /// Networks in CIDR form that are allowed although they are private. Example: `10.20.0.0/16`.
    pub allowed_networks: Vec<String>,
}

#[cfg(test)]
mod tests;
