//! The hash in the pod template: a pod starts anew when, and only when, something that it reads at its start has changed.
//!
//! In: the configuration and the secrets' values. Out: 32 hexadecimal digits. Pure.
//! Every part is preceded by its length, so that no two sets of parts give the same bytes.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::forwarding_rule::check::Checked;

/// Hashes all that a pod reads at its start.
pub(super) fn config_hash(
    config: &str,
    connection: &BTreeMap<String, Vec<u8>>,
    hash_key: &Option<Vec<u8>>,
    rules: &[Checked],
) -> String {
    let mut hasher = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(bytes);
    };
    part(config.as_bytes());
    for (name, value) in connection {
        part(name.as_bytes());
        part(value);
    }
    part(hash_key.as_deref().unwrap_or_default());
    for rule in rules {
        part(rule.secret.as_ref().map(|(_, value)| value.as_slice()).unwrap_or_default());
    }
    let digest = hasher.finalize();
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
