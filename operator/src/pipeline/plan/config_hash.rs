//! The hash in the pod template: a pod starts anew when, and only when, something that it reads once has changed.
//!
//! In: the configuration and the key of hashed fields. Out: 32 hexadecimal digits. Pure.
//! Not here: passwords and signing secrets. The processor reads them again when they change, and a hash that anybody with
//! `view` can read must not help to guess them; the key has at least 32 bytes, which nobody guesses.

use sha2::{Digest, Sha256};

use crate::kubernetes::labels;

/// Hashes all that a pod reads once.
pub(super) fn config_hash(config: &str, hash_key: Option<&[u8]>) -> String {
    let mut hasher = Sha256::new();
    // The length first, so that no two sets of parts give the same bytes.
    hasher.update(u64::try_from(config.len()).unwrap_or(u64::MAX).to_be_bytes());
    hasher.update(config);
    hasher.update(hash_key.unwrap_or_default());
    labels::digits(hasher)
}
