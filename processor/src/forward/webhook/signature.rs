//! Signature: what Standard Webhooks say about secrets and signatures. Pure.
//!
//! In: the text of the secret file; id, time and body of a delivery. Out: the header `webhook-signature`.
//! Two secrets, separated by white space, give two signatures: so a secret is changed without a gap.
//! Not here: reading the file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crds::signing_secret::{self, SigningSecretError};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The signing secrets of a rule.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets(Vec<Vec<u8>>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// Reads the text of a secret file.
    ///
    /// # Errors
    /// When one of the secrets cannot be used, or there is none.
    pub fn parse(text: &str) -> Result<Self, SigningSecretError> {
        signing_secret::parse(text).map(Self)
    }

    /// Returns one `v1` signature a secret, separated by a space.
    pub fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let signatures: Vec<_> = self.0.iter().map(|secret| signature(secret, id, seconds, body)).collect();
        signatures.join(" ")
    }
}

fn signature(secret: &[u8], id: &str, seconds: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn signs_the_published_example() {
        let secrets = Secrets::parse(SECRET).expect("it is a secret");
        assert_eq!(secrets.sign(ID, 1_614_265_330, BODY), SIGNATURE);
    }

    #[test]
    fn two_secrets_give_two_signatures_in_their_order() {
        let secrets = Secrets::parse(&format!("{SECRET} {OTHER}\n")).expect("they are secrets");
        let both = secrets.sign(ID, 1_614_265_330, BODY);
        let (first, second) = both.split_once(' ').expect("there are two");
        assert_eq!(first, SIGNATURE);
        assert_eq!(second, Secrets::parse(OTHER).expect("it is a secret").sign(ID, 1_614_265_330, BODY));
    }

    #[test]
    fn debug_output_counts_secrets_and_shows_none() {
        assert_eq!(format!("{:?}", Secrets::parse(SECRET)), "Ok(Secrets(1))");
    }
}
