//! Pieces that more than one kind uses: references and the status conditions' container.
//!
//! In: YAML. Out: typed references. No reference names a namespace: an object reaches only what stands beside it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Refers to another object of a known kind in the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ObjectReference {
    /// Name of the object, in the namespace of the object that refers to it. Example: `purchase`.
    pub name: String,
}

/// Refers to one key of a Secret in the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct SecretKeyReference {
    /// Name of the Secret, in the namespace of the object that refers to it. Example: `webhook`.
    pub name: String,
    /// Key inside the Secret. Example: `secret`.
    pub key: String,
}
