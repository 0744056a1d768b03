//! Pieces that more than one kind uses: references and the status conditions' container.
//!
//! In: YAML. Out: typed references. No reference names a namespace: an object reaches only what stands beside it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Shape of the name of an object of ours: a DNS label. Names made from it stay within what Kubernetes, Kafka and ClickHouse take.
pub const OBJECT_NAME_PATTERN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

/// Greatest length of the name of an object of ours: `<name>-processor` and what Kubernetes hangs on it stay below 63.
pub const OBJECT_NAME_LENGTH: usize = 40;

/// Shape of a path in the event, as sources send it.
pub(crate) const PATH_PATTERN: &str = r"^[A-Za-z0-9_$-]+(\.[A-Za-z0-9_$-]+)*$";

/// Shape of the name of a topic.
pub(crate) const TOPIC_PATTERN: &str = r"^[a-zA-Z0-9._-]+$";

/// Refers to another object of a known kind in the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ObjectReference {
    /// Name of the object, in the namespace of the object that refers to it. Example: `purchase`.
    #[schemars(length(min = 1, max = OBJECT_NAME_LENGTH), regex(pattern = OBJECT_NAME_PATTERN))]
    pub name: String,
}

/// Refers to one key of a Secret in the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct SecretKeyReference {
    /// Name of the Secret, in the namespace of the object that refers to it. Example: `webhook`.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
    /// Key inside the Secret. Example: `secret`.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}
