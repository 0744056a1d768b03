//! ForwardingRule: which events of a stream leave for an outside service, exactly as a user writes it.
//!
//! In: YAML. Out: [`ForwardingRuleSpec`].
//! Not here: whether the address may be reached. CEL refuses what is wrong in itself; the operator and, at connect
//! time, the processor refuse what the platform team does not allow.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::shared::{ObjectReference, SecretKeyReference};

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
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct ForwardingRuleSpec {
    /// The pipeline whose events are forwarded.
    pub pipeline: ObjectReference,
    /// Event types that are forwarded; none named: all accepted ones. Example: `[purchase]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// CEL expression over `event` that must be true for an event to be forwarded. Example: `event.amount > 100.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Where a rule that is new begins. Default: `Latest`.
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
pub struct Destination {
    /// Kind of the destination.
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
pub struct WebhookDestination {
    /// Address, `https` unless the platform team allows `http`; no user, no fragment. Example: `https://hooks.example.com/tributary`.
    pub url: String,
    /// Secret that holds the signing secret: `whsec_` and base64 of 24 to 64 bytes.
    pub secret_ref: SecretKeyReference,
    /// How long one request may take. Default: `15s`.
    #[serde(default = "default_timeout")]
    pub timeout: String,
    /// Requests under way at once, for each processor. Default: 8.
    #[serde(default = "default_max_in_flight")]
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
    pub sent: Option<i64>,
    /// Events that the destination refused for good and that went to the dead-letter topic, since the processors started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_lettered: Option<i64>,
}
