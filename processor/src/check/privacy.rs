//! Privacy: what stands for a personal value from here on, in the table and in forwarded events.
//!
//! In: the text of a checked value. Out: its hash or mask.
//! Not here: dropped values; those simply do not go on.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// How many characters a mask leaves.
const LEFT: usize = 4;

/// The key of `privacy: Hash`, ready for use.
#[derive(Clone)]
pub(crate) struct HashKey(Hmac<Sha256>);

impl HashKey {
    /// Takes the bytes of the key. HMAC takes a key of any length; the operator asks for at least 32 bytes.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(key).ok().map(Self)
    }

    /// Appends 64 hexadecimal digits: equal texts have equal digits.
    pub(crate) fn hash(&self, text: &str, out: &mut String) {
        let mut mac = self.0.clone();
        mac.update(text.as_bytes());
        for byte in mac.finalize().into_bytes() {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

impl std::fmt::Debug for HashKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("HashKey")
    }
}

/// Appends the text with every character but the last four as `*`; a text of four or fewer is masked whole.
pub(crate) fn mask(text: &str, out: &mut String) {
    let n_characters = text.chars().count();
    let n_masked = if n_characters <= LEFT { n_characters } else { n_characters - LEFT };
    for (index, character) in text.chars().enumerate() {
        out.push(if index < n_masked { '*' } else { character });
    }
}
