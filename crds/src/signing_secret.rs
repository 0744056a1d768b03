//! Signing secrets of webhooks, as Standard Webhooks say: `whsec_` and the base64 of 24 to 64 bytes.
//!
//! In: the text of a Secret's key. Out: the keys, in their order; two, separated by white space, change a secret without a gap.
//! The operator asks whether a Secret can be used, the processor signs with it: one form for both.
//! Not here: signing, and reading the text. No error repeats it.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

const PREFIX: &str = "whsec_";

/// Base64 that is not strict about its end: people cut it off.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The text holds no secret that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a signing secret must be `whsec_` and the base64 of 24 to 64 bytes, as Standard Webhooks say; two may stand there, separated by a space"
)]
pub struct SigningSecretError;

/// Reads the keys of the signing secrets in a text; there is at least one.
///
/// # Errors
/// When one of them cannot be used, or there is none.
pub fn parse(text: &str) -> Result<Vec<Vec<u8>>, SigningSecretError> {
    let keys: Vec<Vec<u8>> = text.split_whitespace().map(key).collect::<Result<_, _>>()?;
    if keys.is_empty() { Err(SigningSecretError) } else { Ok(keys) }
}

fn key(text: &str) -> Result<Vec<u8>, SigningSecretError> {
    let key = text.strip_prefix(PREFIX).and_then(|key| LENIENT.decode(key).ok());
    key.filter(|key| (24..=64).contains(&key.len())).ok_or(SigningSecretError)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn two_secrets_give_two_keys_in_their_order() {
        let keys = parse(&format!("{SECRET} {OTHER}\n")).unwrap();
        assert_eq!(keys, [parse(SECRET).unwrap(), parse(OTHER).unwrap()].concat());
    }

    #[test]
    fn padding_may_be_missing() {
        assert_eq!(parse(OTHER.trim_end_matches('=')), parse(OTHER));
    }

    #[test]
    fn a_secret_that_cannot_be_used_is_refused_and_not_repeated() {
        for text in [
            "",
            " \n",
            "secret",
            "whsec_",
            "whsec_c2hvcnQ=",
            "whsec_not base64",
            "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            &format!("{SECRET} other"),
            &format!("whsec_{}", "A".repeat(88)),
        ] {
            let error = parse(text).expect_err(text);
            assert!(!error.to_string().contains("MfKQ9r8"));
        }
    }
}
