//! Webhook: sends an event as Standard Webhooks say, one request an event.
//!
//! In: a delivery. Out: a request `{"type", "timestamp", "data"}`, signed with the secret of the rule's file, and the
//! verdict of its answer.
//! No redirect is followed, no proxy used, no address reached that the guard does not allow, no long answer read.
//! Not here: when to repeat, and any memory of what was sent.

use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use crds::conditions::Reason;
use crds::stream_config::WebhookConfig;
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, Url, redirect};

use crate::forward::delivery::{Delivery, Destination, Refusal, Trouble, Verdict};
use crate::forward::guard::{Forbidden, Guard};
use crate::forward::reply::{self, Reply};

pub mod signature;

use signature::Secrets;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// So much of an answer is read: enough to use the connection again, and no more.
const LONGEST_REPLY: usize = 64 * 1024;
/// So much of an answer is kept with a dead letter.
const KEPT_REPLY: usize = 2 * 1024;
const USER_AGENT: &str = concat!("Tributary/", env!("CARGO_PKG_VERSION"));

/// Tells the time.
pub type Clock = fn() -> Timestamp;

/// The webhook of one rule.
#[derive(Debug)]
pub struct Webhook {
    /// Where requests go and who sends them; or why none is sent.
    target: Result<(Url, Client), Forbidden>,
    secret_file: PathBuf,
    clock: Clock,
}

impl Webhook {
    /// Builds the webhook of a rule.
    ///
    /// # Errors
    /// When the machine lacks what TLS needs.
    pub fn new(
        config: &WebhookConfig,
        secret_file: PathBuf,
        guard: Guard,
        clock: Clock,
    ) -> Result<Self, Trouble> {
        let target = match guard.read(&config.url) {
            Ok(url) => Ok((url, client(config, &guard)?)),
            Err(forbidden) => Err(forbidden),
        };
        Ok(Self { target, secret_file, clock })
    }

    /// Reads the secret file: a new secret is in force with the next request.
    async fn secrets(&self) -> Result<Secrets, Trouble> {
        let text = tokio::fs::read_to_string(&self.secret_file).await.map_err(|error| Trouble {
            reason: Reason::SecretNotFound,
            message: format!("failed to read the signing secret: {error}; check the Secret of `secretRef`"),
        })?;
        Secrets::parse(&text).map_err(|error| Trouble {
            reason: Reason::SecretKeyMissing,
            message: format!("the Secret of `secretRef` cannot be used: {error}"),
        })
    }

    async fn verdict(&self, mut response: Response) -> Verdict {
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let reply = reply::classify(status, retry_after, (self.clock)());
        // The status counts; an answer whose rest is late or broken has still been given.
        let kept = read(&mut response).await;
        let said = format!("the destination answers {}", response.status());
        match reply {
            Reply::Taken => Verdict::Taken,
            Reply::Retry(after) => Verdict::Retry {
                after,
                trouble: Trouble {
                    reason: Reason::DestinationUnreachable,
                    message: format!("{said}; the events wait and are sent again"),
                },
            },
            Reply::Park(remedy) => Verdict::Park(Trouble {
                reason: Reason::DestinationRejected,
                message: format!("{said}: {remedy}; the events wait, and one is tried now and then"),
            }),
            Reply::Refused => Verdict::Refuse(Refusal { message: said, reply: kept }),
        }
    }
}

impl Destination for Webhook {
    async fn send(&self, delivery: &Delivery) -> Verdict {
        let secrets = match self.secrets().await {
            Ok(secrets) => secrets,
            Err(trouble) => return Verdict::Park(trouble),
        };
        let (url, client) = match &self.target {
            Ok(target) => target,
            Err(forbidden) => return park_forbidden(forbidden),
        };
        let id = delivery.id.to_string();
        let seconds = (self.clock)().as_second();
        let body = body(delivery);
        let request = client
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", secrets.sign(&id, seconds, &body))
            .body(body);
        match request.send().await {
            Ok(response) => self.verdict(response).await,
            Err(error) => without_reply(error),
        }
    }
}

/// Builds a client that follows no redirect, uses no proxy, and connects only where the guard lets it.
fn client(config: &WebhookConfig, guard: &Guard) -> Result<Client, Trouble> {
    let settings = || {
        Client::builder()
            .user_agent(USER_AGENT)
            .dns_resolver(guard.clone())
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(Duration::from_millis(config.timeout_milliseconds))
    };
    // An image without certificates of authorities can still speak http, and with https it says what it lacks.
    let client = settings().build().or_else(|error| {
        tracing::warn!(
            error = chain(&error),
            "found no certificates of authorities; no https destination can be reached"
        );
        settings().tls_certs_only([]).build()
    });
    client.map_err(|error| Trouble {
        reason: Reason::InternalError,
        message: format!("failed to make an HTTP client: {}", chain(&error)),
    })
}

/// Builds the body of a request.
fn body(delivery: &Delivery) -> Vec<u8> {
    let time = Timestamp::from_millisecond(delivery.event_time_milliseconds).unwrap_or(Timestamp::UNIX_EPOCH);
    let event = serde_json::Value::from(delivery.event.as_str());
    let mut body = format!("{{\"type\":{event},\"timestamp\":\"{time:.3}\",\"data\":").into_bytes();
    body.extend_from_slice(&delivery.json);
    body.push(b'}');
    body
}

/// Reads an answer as far as [`LONGEST_REPLY`] and returns what is kept of it.
async fn read(response: &mut Response) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut n_read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        let rest = KEPT_REPLY - kept.len();
        kept.extend_from_slice(&chunk[..chunk.len().min(rest)]);
        n_read += chunk.len();
        if n_read >= LONGEST_REPLY {
            break;
        }
    }
    kept
}

fn without_reply(error: reqwest::Error) -> Verdict {
    // An address may hold a token; the message goes into a status that others read.
    let error = error.without_url();
    if let Some(forbidden) = find_forbidden(&error) {
        return park_forbidden(forbidden);
    }
    let what = if error.is_timeout() { "does not answer in time" } else { "cannot be reached" };
    let message = format!("the destination {what} ({}); the events wait and are sent again", chain(&error));
    Verdict::Retry { after: None, trouble: Trouble { reason: Reason::DestinationUnreachable, message } }
}

fn park_forbidden(forbidden: &Forbidden) -> Verdict {
    Verdict::Park(Trouble { reason: Reason::DestinationForbidden, message: forbidden.to_string() })
}

fn find_forbidden<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Forbidden> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(forbidden) = error.downcast_ref() {
            return Some(forbidden);
        }
        cause = error.source();
    }
    None
}

/// Writes an error with its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let written = write!(text, ": {error}");
        debug_assert!(written.is_ok());
        cause = error.source();
    }
    text
}
