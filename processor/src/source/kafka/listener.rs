//! Listener: what librdkafka tells of its troubles, said sparingly, and the cause kept apart from what follows from it.
//!
//! ```text
//! Authentication ─▶ remembered ─▶ AllBrokersDown, timeouts ─▶ told as the refusal
//!                       └ until something works, or it was not heard again for a minute
//! ```
//! In: errors of one client, and the time. Out: log lines, and the reason of what fails: while Kafka refuses the user, the password or
//! the certificate, every connection ends, so the client also says that all brokers are down, and far more often.
//! Not here: what a code means by itself, see `fault.rs`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crds::conditions::Reason;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::fault::{fault, reason};
use crate::source::SourceError;
use crate::sparing::Sparing;

/// How long a refusal explains what fails. The client repeats one that goes on after 30 s, with its next try to connect.
const HOLDS: Duration = Duration::from_secs(60);
/// How OpenSSL begins what it says, and which words name a certificate of ours that a broker refuses: TLS 1.3 lets it say so only after
/// the handshake, so the client takes it for a connection that broke.
const ALERT: (&str, [&str; 3]) = ("SSL routines", ["certificate", "unknown ca", "access denied"]);

/// Hears one client; a clone hears with it.
#[derive(Debug, Clone, Default)]
pub struct Listener(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    said: Sparing,
    refusal: Option<(Code, Instant)>,
}

/// Kafka lets nobody in with what we have.
#[derive(Debug, thiserror::Error)]
#[error("Kafka refuses the user, the password or the certificate of the connection Secret")]
struct Refused(#[source] Code);

impl Listener {
    /// Hears an error, and says it when it was not said just now.
    pub(crate) fn hear(&self, code: Code, text: &str, now: Instant) {
        let mut heard = self.heard();
        if let Some(code) = refusal(code, text) {
            heard.refusal = Some((code, now));
        }
        if let Some(n_left_out) = heard.said.say(&code.to_string(), now) {
            tracing::warn!(error = %code, reason = text, n_left_out, "the Kafka client reports an error");
        }
    }

    /// Whether Kafka refuses the user, the password or the certificate.
    pub fn is_refused(&self, now: Instant) -> bool {
        reason(self.cause(Code::AllBrokersDown, now)) == Reason::KafkaAuthFailed
    }

    /// Hears that Kafka did what it was asked.
    pub(crate) fn works(&self) {
        self.heard().refusal = None;
    }

    /// Returns the code behind this one: a refusal explains that nobody answers.
    pub(crate) fn cause(&self, code: Code, now: Instant) -> Code {
        let held = self.heard().refusal.filter(|(_, at)| now.saturating_duration_since(*at) < HOLDS);
        match held {
            Some((refusal, _)) if reason(code) == Reason::KafkaUnreachable => refusal,
            Some(_) | None => code,
        }
    }

    /// Builds the error of an action that Kafka did not do.
    pub(crate) fn fault(&self, action: &'static str, error: KafkaError, now: Instant) -> SourceError {
        let cause = error.rdkafka_error_code().map(|code| self.cause(code, now));
        let fault = fault(action, error);
        match cause {
            // The same words for whatever fails of it: they stand in a condition, and each change of one is a write.
            Some(code) if reason(code) == Reason::KafkaAuthFailed => SourceError {
                action: "use Kafka",
                reason: Reason::KafkaAuthFailed,
                source: Box::new(Refused(code)),
                ..fault
            },
            Some(_) | None => fault,
        }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the refusal that an error tells of.
fn refusal(code: Code, text: &str) -> Option<Code> {
    let (begin, words) = ALERT;
    let is_alert = text.contains(begin) && words.iter().any(|word| text.contains(word));
    let is_refused = reason(code) == Reason::KafkaAuthFailed;
    is_refused.then_some(code).or_else(|| is_alert.then_some(Code::SSL))
}

impl ClientContext for Listener {
    fn error(&self, error: KafkaError, text: &str) {
        // To reach the end of a partition is what a consumer is for.
        if let Some(code) = error.rdkafka_error_code().filter(|code| *code != Code::PartitionEOF) {
            self.hear(code, text, Instant::now());
        }
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        use RDKafkaLogLevel::{Alert, Critical, Emerg, Error, Warning};
        // A connection that fails comes as an error, too.
        let is_loud = matches!(level, Emerg | Alert | Critical | Error | Warning) && facility != "FAIL";
        if !is_loud {
            // Under the client's own name: `info,librdkafka=debug` shows what it says, and the rest stays quiet.
            tracing::debug!(target: "librdkafka", facility, text, "the Kafka client says something");
        } else if let Some(n_left_out) = self.heard().said.say(text, Instant::now()) {
            tracing::warn!(facility, text, n_left_out, "the Kafka client warns");
        }
    }
}

impl ConsumerContext for Listener {}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "sasl_ssl://kafka:9093/bootstrap: SASL authentication error";

    fn reasons(listener: &Listener, code: Code, now: Instant) -> (Reason, String) {
        let error = listener.fault("read from Kafka", KafkaError::MessageConsumption(code), now);
        (error.reason, error.source.to_string())
    }

    #[test]
    fn a_refused_password_is_the_reason_of_all_that_follows_from_it_while_it_holds() {
        let (start, listener) = (Instant::now(), Listener::default());
        assert_eq!(reasons(&listener, Code::AllBrokersDown, start).0, Reason::KafkaUnreachable);
        listener.hear(Code::Authentication, TEXT, start);
        let told = reasons(&listener, Code::Authentication, start);
        assert_eq!(told.0, Reason::KafkaAuthFailed);
        for seconds in [0, 1, 30, 59] {
            for code in [Code::AllBrokersDown, Code::BrokerTransportFailure, Code::OperationTimedOut] {
                let now = start + Duration::from_secs(seconds);
                listener.hear(code, "3/3 brokers are down", now);
                assert_eq!(reasons(&listener, code, now), told, "{code:?} after {seconds} s");
            }
        }
    }

    #[test]
    fn a_refusal_ends_when_something_works_or_when_it_is_not_heard_again() {
        let (start, listener) = (Instant::now(), Listener::default());
        listener.hear(Code::Authentication, TEXT, start);
        listener.works();
        assert_eq!(reasons(&listener, Code::AllBrokersDown, start).0, Reason::KafkaUnreachable);
        listener.hear(Code::SSL, TEXT, start);
        assert_eq!(reasons(&listener, Code::AllBrokersDown, start).0, Reason::KafkaAuthFailed);
        assert_eq!(reasons(&listener, Code::AllBrokersDown, start + HOLDS).0, Reason::KafkaUnreachable);
    }

    #[test]
    fn a_refusal_does_not_hide_what_a_broker_answers() {
        let (start, listener) = (Instant::now(), Listener::default());
        listener.hear(Code::Authentication, TEXT, start);
        assert_eq!(reasons(&listener, Code::TopicAuthorizationFailed, start).0, Reason::KafkaRejected);
    }

    #[test]
    fn a_certificate_of_ours_that_is_refused_after_the_handshake_is_a_refusal() {
        let text = "ssl://kafka:9093/1: Receive failed: error:0A00045C:SSL routines::tlsv13 alert certificate required: SSL alert number 116";
        assert_eq!(refusal(Code::BrokerTransportFailure, text), Some(Code::SSL));
        assert_eq!(refusal(Code::BrokerTransportFailure, "Connect to ipv4#10.0.0.1:9093 failed"), None);
    }
}
