//! EventSchema: what one event type looks like, exactly as a user writes it.
//!
//! In: YAML. Out: [`EventSchemaSpec`], near the input; [`crate::schema::Schema`] is what it means.
//! Not here: checks between objects; what needs other objects is a condition, set by the operator.

#![expect(clippy::duplicated_attributes, reason = "every column of kubectl get has a type of its own")]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admission;

/// What one event type looks like, and what to do with one that does not.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "EventSchema",
    plural = "eventschemas",
    shortname = "evs",
    category = "tributary",
    namespaced,
    status = "EventSchemaStatus",
    derive = "PartialEq",
    doc = "What one event type looks like, and what to do with one that does not.",
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
        name = "Version",
        type_ = "integer",
        json_path = ".status.accepted.version",
        description = "Accepted version, counted from 1"
    ),
    printcolumn(
        name = "Compat",
        type_ = "string",
        json_path = ".spec.compatibility",
        description = "Which changes are accepted"
    ),
    printcolumn(
        name = "Used-By",
        type_ = "integer",
        json_path = ".status.usedBy",
        description = "Number of pipelines that name the schema"
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
#[schemars(extend("x-kubernetes-validations" = admission::event_schema()))]
pub struct EventSchemaSpec {
    /// Value of the event-type field that this schema describes. Default: the name of the object. Example: `purchase`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub event: Option<String>,
    /// Other values of the event-type field that mean the same event, as other sources call it. Example: `[order_completed]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 128)), extend("x-kubernetes-list-type" = "set"))]
    pub event_aliases: Vec<String>,
    /// Which changes are accepted, judged against the version accepted before. `None`: any. `Backward`: the new version accepts
    /// every event that the old one accepted (optional fields are added, checks loosened). `Forward`: the old version accepts
    /// every event that the new one accepts (checks are tightened). `Full`: both. Default: `Backward`.
    #[serde(default)]
    pub compatibility: Compatibility,
    /// What happens to fields that the schema does not name. `Capture`: they are kept in the JSON column `extra`. `Reject`: the
    /// event is rejected with reason `UnknownField`. `Drop`: they are left out. Default: `Capture`.
    #[serde(default)]
    pub unknown_fields: UnknownFields,
    /// The fields of the event. At least one, at most 200.
    #[schemars(length(min = 1, max = 200), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub fields: Vec<FieldSpec>,
    /// Rules between fields, in CEL, as in a CustomResourceDefinition. At most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub rules: Vec<RuleSpec>,
}

/// Which changes of a schema are accepted. The names are those of the schema registries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Compatibility {
    /// Any change.
    None,
    /// The new version reads what the old one accepted: optional fields may be added, checks may be loosened.
    #[default]
    Backward,
    /// The old version reads what the new one accepts: fields may be added, checks may be tightened.
    Forward,
    /// Both.
    Full,
}

/// What happens to fields that the schema does not name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UnknownFields {
    /// They are kept in the JSON column `extra`.
    #[default]
    Capture,
    /// The event is rejected with reason `UnknownField`.
    Reject,
    /// They are left out.
    Drop,
}

/// One field of an event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = admission::field()))]
pub struct FieldSpec {
    /// Path of the field in the event; dots go into nested objects. The column is the path with `_` for `.`.
    /// Examples: `order_id`, `device.os`.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Type of the field and of its column: `String`, `Bool`, `Int8` … `Int64`, `UInt8` … `UInt64`, `Float32`, `Float64`,
    /// `Decimal(P, S)`, `Date`, `DateTime`, `DateTime64(P)`, `UUID`, `Json`, or `Array(T)` of a type before. Example: `Decimal(18, 2)`.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 40))]
    pub type_name: String,
    /// Whether an event without the field is rejected. Default: false.
    #[serde(default)]
    pub required: bool,
    /// Other paths under which sources send the field. Example: `[uid, userId]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(min = 1, max = 128)), extend("x-kubernetes-list-type" = "set"))]
    pub aliases: Vec<String>,
    /// Value stored when the field is missing, as text that parses as the field's type. Example: `USD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub default: Option<String>,
    /// Whether a value of another JSON type is converted when that loses nothing (`"12"` to 12, `12` to `"12"`,
    /// seconds or milliseconds since 1970 to a time). Default: false.
    #[serde(default)]
    pub coerce: bool,
    /// How a personal value is stored and forwarded. `Plain`: as it is. `Hash`: HMAC-SHA-256 under the pipeline's
    /// `privacy.hashKey`, 64 hexadecimal digits: equal values stay equal, nobody reads them. `Mask`: every character but the
    /// last four becomes `*`. `Drop`: it is checked, then left out: there is no column. Default: `Plain`.
    #[serde(default)]
    pub privacy: Privacy,
    /// Least value of a number. Example: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<f64>,
    /// Greatest value of a number. Example: 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
    /// Least number of characters of a string, or of elements of an array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_048_576))]
    pub min_length: Option<u32>,
    /// Greatest number of characters of a string, or of elements of an array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_048_576))]
    pub max_length: Option<u32>,
    /// Regular expression that a string must match somewhere; anchor it with `^` and `$`. Linear time, no look-around. Example: `^[A-Z]{3}$`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub pattern: Option<String>,
    /// The only values that a string may have. Example: `[USD, EUR]`.
    #[serde(default, rename = "enum", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(max = 256)), extend("x-kubernetes-list-type" = "set"))]
    pub allowed: Vec<String>,
    /// What the field means, for the people who query it; becomes the comment of the column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub description: Option<String>,
}

/// How a personal value is stored and forwarded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Privacy {
    /// As it is.
    #[default]
    Plain,
    /// HMAC-SHA-256 under the pipeline's `privacy.hashKey`, 64 hexadecimal digits: equal values stay equal, nobody reads them.
    Hash,
    /// Every character but the last four becomes `*`; a value of four characters or fewer is masked whole.
    Mask,
    /// Checked, then left out: there is no column.
    Drop,
}

/// A rule between fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleSpec {
    /// CEL expression over `event` that must be true. Example: `event.amount < 100000.0 || event.currency == 'USD'`.
    #[schemars(length(min = 1, max = 1024))]
    pub rule: String,
    /// What to tell the sender of an event that breaks the rule. Example: `large purchases are in USD`.
    #[schemars(length(min = 1, max = 256))]
    pub message: String,
}

/// What the operator found of an EventSchema.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventSchemaStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `SchemaAccepted`; `Reconciling` and `Stalled` only when True.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The version in force: what pipelines check events against, and what the next change is judged against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<AcceptedVersion>,
    /// Number of pipelines in the namespace that name this schema.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub used_by: i32,
}

/// A version of a schema that was accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptedVersion {
    /// Counts accepted changes, from 1.
    #[schemars(range(min = 1))]
    pub version: i32,
    /// The spec as it was accepted.
    pub spec: EventSchemaSpec,
}
