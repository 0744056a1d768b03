//! An outside service that takes forwarded events: it verifies what Standard Webhooks say, and keeps what it got.
//!
//! In: a listen address and the signing secret. Out: every delivery that was verified, and how many were not.
//! It can be told to answer as a service in trouble does. It never follows, stores or logs anything else.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How far sender's and receiver's clocks may be apart, in seconds.
const TOLERANCE: i64 = 300;

/// A running receiver; it ends when dropped.
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    book: Arc<Mutex<Book>>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Book {
    secret: String,
    /// Verified deliveries by their id; a repetition has the same id.
    deliveries: BTreeMap<String, Value>,
    /// Why requests were refused.
    refusals: Vec<String>,
    requests: u64,
    /// The answer to every request, before it is looked at.
    trouble: Option<StatusCode>,
}

impl Receiver {
    /// Listens, and answers 204 to every delivery whose signature is right and 401 to others.
    pub async fn start(listen: SocketAddr, secret: &str) -> Result<Self> {
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("the webhook receiver cannot listen on {listen}"))?;
        let address = listener.local_addr()?;
        let book = Arc::new(Mutex::new(Book { secret: secret.to_owned(), ..Book::default() }));
        let router = Router::new().fallback(take).with_state(Arc::clone(&book));
        let server = tokio::spawn(async move {
            // The server ends with the process or with this task; it has no error of its own.
            drop(axum::serve(listener, router).await);
        });
        Ok(Self { address, book, server })
    }

    /// Ids of the events that were delivered with a right signature.
    #[must_use]
    pub fn events(&self) -> BTreeSet<String> {
        let id = |body: &Value| body["data"]["event_id"].as_str().unwrap_or_default().to_owned();
        self.open().deliveries.values().map(id).collect()
    }

    /// Bodies that were delivered with a right signature, by delivery id.
    #[must_use]
    pub fn deliveries(&self) -> BTreeMap<String, Value> {
        self.open().deliveries.clone()
    }

    /// Why requests were refused.
    #[must_use]
    pub fn refusals(&self) -> Vec<String> {
        self.open().refusals.clone()
    }

    /// Requests in all, repeated ones too.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.open().requests
    }

    /// Verifies with another secret from now on.
    pub fn set_secret(&self, secret: &str) {
        secret.clone_into(&mut self.open().secret);
    }

    /// Answers every request with this, whatever it carries, until told otherwise.
    pub fn trouble(&self, answer: Option<StatusCode>) {
        self.open().trouble = answer;
    }

    fn open(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(State(book): State<Arc<Mutex<Book>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let now = jiff::Timestamp::now().as_second();
    let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
    book.requests += 1;
    if let Some(answer) = book.trouble {
        return answer;
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed = Signed {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signatures: header("webhook-signature"),
    };
    let checked = signed.verify(&book.secret, &body, now).and_then(|()| Ok(serde_json::from_slice(&body)?));
    match checked {
        Ok(event) => {
            let id = signed.id.to_owned();
            book.deliveries.insert(id, event);
            StatusCode::NO_CONTENT
        }
        Err(error) => {
            book.refusals.push(format!("{error:#}"));
            StatusCode::UNAUTHORIZED
        }
    }
}

/// The headers of a signed delivery.
struct Signed<'a> {
    id: &'a str,
    timestamp: &'a str,
    signatures: &'a str,
}

impl Signed<'_> {
    /// Checks that one of the signatures is that of the body, and that the delivery is of now.
    fn verify(&self, secret: &str, body: &[u8], now: i64) -> Result<()> {
        ensure!(!self.id.is_empty(), "no header webhook-id");
        let sent: i64 = self.timestamp.parse().context("header webhook-timestamp is no number")?;
        ensure!((now - sent).abs() <= TOLERANCE, "webhook-timestamp is {} s away from now", now - sent);
        let key = secret.strip_prefix("whsec_").context("the secret does not begin with whsec_")?;
        let key = STANDARD.decode(key.trim()).context("the secret is not base64")?;
        for signature in self.signatures.split(' ').filter_map(|part| part.strip_prefix("v1,")) {
            let Ok(signature) = STANDARD.decode(signature) else { continue };
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).context("the secret cannot be a key")?;
            mac.update(self.id.as_bytes());
            mac.update(b".");
            mac.update(self.timestamp.as_bytes());
            mac.update(b".");
            mac.update(body);
            if mac.verify_slice(&signature).is_ok() {
                return Ok(());
            }
        }
        bail!("no signature v1 of the body in `{}`", self.signatures)
    }
}

#[cfg(test)]
mod tests {
    use super::Signed;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNED: Signed<'static> = Signed {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp: "1614265330",
        signatures: "v1,b3RoZXI= v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    };

    #[test]
    fn accepts_the_published_example_beside_a_signature_of_another_key() {
        SIGNED.verify(SECRET, BODY, 1_614_265_330).unwrap();
    }

    #[test]
    fn refuses_another_body_another_secret_and_another_day() {
        SIGNED.verify(SECRET, b"{}", 1_614_265_330).unwrap_err();
        SIGNED.verify("whsec_AAAA", BODY, 1_614_265_330).unwrap_err();
        SIGNED.verify(SECRET, BODY, 1_614_265_330 + 86_400).unwrap_err();
    }
}
