//! ForwardingRule: which events of a stream leave for an outside service, exactly as a user writes it.
//!
//! In: YAML. Out: [`ForwardingRuleSpec`].
//! Not here: whether the address may be reached. CEL refuses what is wrong in itself; the operator and, at connect
//! time, the processor refuse what the platform team does not allow.

#![expect(clippy::duplicated_attributes, reason = "every column of kubectl get has a type of its own")]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admission;
use crate::shared::{ObjectReference, SecretKeyReference, TOPIC_PATTERN};

/// Which accepted events of a pipeline leave for an outside service.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "ForwardingRule",
    plural = "forwardingrules",
    shortname = "fwd",
    category = "tributary",
    namespaced,
    status = "ForwardingRuleStatus",
    derive = "PartialEq",
    doc = "Which accepted events of a pipeline leave for an outside service.",
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
        name = "Pipeline",
        type_ = "string",
        json_path = ".spec.pipeline.name",
        description = "Pipeline whose events are forwarded"
    ),
    printcolumn(
        name = "Destination",
        type_ = "string",
        json_path = ".spec.destination.type",
        description = "Kind of the destination"
    ),
    printcolumn(
        name = "Sent",
        type_ = "integer",
        json_path = ".status.sent",
        description = "Events that the destination has taken"
    ),
    printcolumn(
        name = "Dead",
        type_ = "integer",
        json_path = ".status.deadLettered",
        description = "Events that went to the dead-letter topic"
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
pub struct ForwardingRuleSpec {
    /// The pipeline whose events are forwarded.
    pub pipeline: ObjectReference,
    /// Event types that are forwarded; none named: all accepted ones. Example: `[purchase]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 128)), extend("x-kubernetes-list-type" = "set"))]
    pub events: Vec<String>,
    /// CEL expression over `event` that must be true for an event to be forwarded. Example: `event.amount > 100.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub when: Option<String>,
    /// Where a rule that is new begins. `Latest`: with the first record after the rule is in force. `Earliest`: with the oldest
    /// record that the topic still holds. Default: `Latest`.
    #[serde(default)]
    pub start: StartPosition,
    /// Where the events go.
    pub destination: Destination,
    /// Stops the forwarding; the position stays. Default: false.
    #[serde(default)]
    pub suspend: bool,
}

/// Where a rule that is new begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StartPosition {
    /// With the first record after the rule is in force.
    #[default]
    Latest,
    /// With the oldest record that the topic still holds.
    Earliest,
}

/// Where events go: the member that `type` names is set, and no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = admission::destination()))]
pub struct Destination {
    /// Kind of the destination, and name of the member that is set: `Webhook` or `Kafka`.
    #[serde(rename = "type")]
    pub kind: DestinationType,
    /// An HTTP endpoint that takes one signed request an event, as Standard Webhooks say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookDestination>,
    /// Another topic of the same Kafka.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kafka: Option<KafkaDestination>,
}

/// Kind of a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DestinationType {
    /// `webhook` is set.
    Webhook,
    /// `kafka` is set.
    Kafka,
}

/// An HTTP endpoint that takes one signed request an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = admission::webhook()))]
pub struct WebhookDestination {
    /// Address, `https` unless the platform team allows `http`; no user, no fragment. Example: `https://hooks.example.com/tributary`.
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,
    /// Secret that holds the signing secret: `whsec_` and base64 of 24 to 64 bytes.
    pub secret_ref: SecretKeyReference,
    /// How long one request may take. Default: `15s`.
    #[serde(default = "default_timeout")]
    #[schemars(length(min = 1, max = 20))]
    pub timeout: String,
    /// Requests under way at once, for each processor. Default: 8.
    #[serde(default = "default_max_in_flight")]
    #[schemars(range(min = 1, max = 256))]
    pub max_in_flight: i32,
}

fn default_timeout() -> String {
    "15s".into()
}

fn default_max_in_flight() -> i32 {
    8
}

/// Another topic of the same Kafka.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KafkaDestination {
    /// Name of the topic; it starts with `<namespace>.` and exists. Example: `shop.big-spenders`.
    #[schemars(length(min = 1, max = 249), regex(pattern = TOPIC_PATTERN))]
    pub topic: String,
}

/// What the operator found of a ForwardingRule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForwardingRuleStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `DestinationReachable`; `Reconciling` and `Stalled` only when True.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Events that the destination has taken, since the processors started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub sent: Option<i64>,
    /// Events that the destination refused for good and that went to the dead-letter topic, since the processors started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub dead_lettered: Option<i64>,
}
