//! Secret: one key of a Secret beside the object that names it, read by `get` and never listed or watched.
//!
//! In: a reference. Out: the value, or the fault with the command that mends it.
//! Values pass through to hashes and checks only; no message and no status ever holds one.

use crds::conditions::Reason;
use crds::shared::SecretKeyReference;
use k8s_openapi::api::core::v1::Secret;

use crate::fault::Fault;
use crate::kubernetes::{ApplyError, Kubernetes};

/// What stands at one key of a Secret.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretValue {
    /// No Secret of that name.
    NoSecret,
    /// The operator may not read it.
    Forbidden,
    /// The Secret has no such key.
    NoKey,
    /// The value.
    Value(Vec<u8>),
}

impl std::fmt::Debug for SecretValue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::NoSecret => "NoSecret",
            Self::Forbidden => "Forbidden",
            Self::NoKey => "NoKey",
            Self::Value(_) => "Value(…)",
        })
    }
}

/// Reads one key of a Secret.
pub async fn read(
    kubernetes: &Kubernetes,
    namespace: &str,
    reference: &SecretKeyReference,
) -> Result<SecretValue, ApplyError> {
    // The CRDs say so too; an object may be older than they are, and the name becomes a part of a path.
    let is_name = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-' || it == b'.';
    if !reference.name.bytes().all(is_name) || reference.name.starts_with('.') {
        return Ok(SecretValue::NoSecret);
    }
    let secret = match kubernetes.get::<Secret>(namespace, &reference.name).await {
        Ok(Some(secret)) => secret,
        Ok(None) => return Ok(SecretValue::NoSecret),
        Err(error) if error.is_forbidden() => return Ok(SecretValue::Forbidden),
        Err(error) => return Err(error),
    };
    let value = secret.data.and_then(|mut data| data.remove(&reference.key));
    Ok(value.map_or(SecretValue::NoKey, |value| SecretValue::Value(value.0)))
}

/// Returns the value, or what is missing and the command that makes it. `example` stands for the value in the command.
pub fn value_of<'a>(
    value: &'a SecretValue,
    namespace: &str,
    reference: &SecretKeyReference,
    example: &str,
) -> Result<&'a [u8], Fault> {
    let SecretKeyReference { name, key } = reference;
    match value {
        SecretValue::Value(value) => Ok(value),
        SecretValue::NoSecret => Err(Fault::dependency(
            Reason::SecretNotFound,
            format!(
                "Secret `{name}` does not exist; create it: kubectl -n {namespace} create secret generic {name} --from-literal={key}={example}"
            ),
        )),
        SecretValue::Forbidden => Err(Fault::dependency(
            Reason::SecretNotFound,
            format!(
                "the operator may not read Secret `{name}`; the platform team grants it `get` on the Secrets of namespace `{namespace}`"
            ),
        )),
        SecretValue::NoKey => Err(Fault::dependency(
            Reason::SecretKeyMissing,
            format!(
                "Secret `{name}` has no key `{key}`; add it: kubectl -n {namespace} patch secret {name} -p '{{\"stringData\":{{\"{key}\":\"{example}\"}}}}'"
            ),
        )),
    }
}
