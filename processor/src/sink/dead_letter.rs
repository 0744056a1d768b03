//! Dead letters: rejected records go to a topic of their own, with the reason in headers.
//!
//! In: letters. Out: delivered on all replicas, or still in the list.
//! The record is as it came: key, bytes, headers. Ours are added: `tributary-reason`, `-message`, `-field`, `-schema`, `-position`;
//! none of them holds a value of the event. A record that fits no message with them is cut, and `tributary-cut` says how long it was.
//! A letter may be delivered twice when the process dies between delivery and acknowledgement; the position tells.
//! Not here: the topic itself; the operator makes it. Without it the stream waits and says so.

use crds::conditions::Reason;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;

#[cfg(all(test, feature = "real"))]
mod contract;

use crate::batch::Letter;
use crate::produce::{OnDemand, Producer, Receipt, Round};
use crate::retry::Verdict;
use crate::sink::{DeadLetters, SinkError};
use crate::source::kafka::fault::reason;
use crate::source::kafka::properties::Connection;

/// Letters that are under way at once.
const AT_ONCE: usize = 1000;
/// What is left of a record that is too long for the topic.
const CUT: usize = 512 * 1024;

/// Produces to the dead-letter topic. The client is made when the first letter comes.
pub struct DeadLetterProducer {
    source_topic: String,
    topic: String,
    producer: OnDemand,
}

impl DeadLetterProducer {
    /// Builds a producer of letters about records of `source_topic`.
    pub fn new(connection: &Connection, source_topic: &str, topic: &str) -> Self {
        Self {
            source_topic: source_topic.to_owned(),
            topic: topic.to_owned(),
            producer: OnDemand::new(connection.producer()),
        }
    }

    fn headers(&self, letter: &Letter, cut_from: Option<usize>) -> OwnedHeaders {
        let Letter { original, rejected } = letter;
        let mut headers = OwnedHeaders::new_with_capacity(original.headers.len() + 6);
        for (name, value) in &original.headers {
            headers = headers.insert(Header { key: name, value: value.as_deref() });
        }
        let position =
            format!("{}:{}:{}", self.source_topic, original.position.partition, original.position.offset);
        let reason = rejected.reason.to_string();
        let length = cut_from.map(|length| length.to_string());
        let ours = [
            ("tributary-reason", reason.as_str()),
            ("tributary-message", rejected.message.as_str()),
            ("tributary-field", rejected.field.as_str()),
            ("tributary-schema", rejected.schema.as_str()),
            ("tributary-position", position.as_str()),
        ];
        let cut = length.as_deref().map(|length| ("tributary-cut", length));
        for (name, value) in ours.into_iter().chain(cut) {
            headers = headers.insert(Header { key: name, value: Some(value) });
        }
        headers
    }

    /// Hands a letter to the client.
    async fn send(&self, producer: &Producer, (letter, receipt): (&Letter, Receipt), cut: Option<usize>) {
        let original = &letter.original;
        let whole = original.payload.as_deref();
        let cut_from = whole.map(<[u8]>::len).filter(|length| cut.is_some_and(|cut| *length > cut));
        let payload = whole.map(|bytes| &bytes[..cut.unwrap_or(bytes.len()).min(bytes.len())]);
        let mut record = BaseRecord::with_opaque_to(&self.topic, Box::new(receipt))
            .headers(self.headers(letter, cut_from));
        (record.key, record.payload) = (original.key.as_deref(), payload);
        producer.send(record).await;
    }

    /// Delivers the letters at these places; returns the places of those that were not, and why.
    async fn deliver_some(
        &self,
        producer: &Producer,
        letters: &[Letter],
        places: impl ExactSizeIterator<Item = usize>,
        cut: Option<usize>,
    ) -> Vec<(usize, KafkaError)> {
        let round = Round::of(places.len());
        for place in places {
            self.send(producer, (&letters[place], round.receipt(place)), cut).await;
        }
        round.failures().await
    }

    /// Says why letters were not delivered: of a producer, a refused password shows only as letters that found no broker in time.
    fn failed(&self, producer: Option<&Producer>, error: KafkaError) -> SinkError {
        let cause = |code| producer.map_or(code, |producer| producer.cause(code));
        let reason = error.rdkafka_error_code().map(cause).map_or(Reason::KafkaRejected, reason);
        let topic = &self.topic;
        let (verdict, message) = if reason == Reason::KafkaUnreachable {
            (Verdict::Retry, format!("Kafka does not take dead letters for topic {topic} at the moment"))
        } else {
            let remedy = if reason == Reason::KafkaAuthFailed {
                "mend user, password or certificate in the connection Secret"
            } else {
                "create the topic, or allow this user to write to it"
            };
            let message = format!(
                "Kafka refuses dead letters for topic {topic}: {remedy}; until then nothing of the stream is acknowledged, and nothing is lost"
            );
            (Verdict::Stop, message)
        };
        SinkError { verdict, reason, message, source: Some(Box::new(error)) }
    }
}

impl DeadLetters for DeadLetterProducer {
    async fn deliver(&self, letters: &mut Vec<Letter>) -> Result<(), SinkError> {
        if letters.is_empty() {
            return Ok(());
        }
        let producer = self.producer.client().map_err(|error| self.failed(None, error))?;
        let mut delivered = 0;
        while delivered < letters.len() {
            let end = letters.len().min(delivered + AT_ONCE);
            let mut failures = self.deliver_some(&producer, letters, delivered..end, None).await;
            if failures.last().is_some_and(|(_, error)| is_too_large(error)) {
                let places: Vec<usize> = failures.iter().map(|(place, _)| *place).collect();
                failures = self.deliver_some(&producer, letters, places.into_iter(), Some(CUT)).await;
            }
            if let Some((_, error)) = failures.last() {
                let error = self.failed(Some(&producer), error.clone());
                keep_undelivered(letters, end, &failures);
                return Err(error);
            }
            delivered = end;
        }
        letters.clear();
        Ok(())
    }
}

/// Leaves the letters that failed, and those from `end` on, which were not tried.
fn keep_undelivered(letters: &mut Vec<Letter>, end: usize, failures: &[(usize, KafkaError)]) {
    let mut places = 0..;
    letters.retain(|_| {
        let place = places.next().unwrap_or(end);
        place >= end || failures.binary_search_by_key(&place, |(failed, _)| *failed).is_ok()
    });
}

fn is_too_large(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessageSize)
    )
}

#[cfg(test)]
mod tests {
    use rdkafka::error::KafkaError;

    use super::keep_undelivered;
    use crate::batch::{Letter, Original};
    use crate::record::{Position, Rejected};
    use crds::rejection::RejectionReason;

    /// A letter about a record.
    pub(super) fn letter(offset: i64, payload: Vec<u8>) -> Letter {
        Letter {
            original: Original {
                position: Position { partition: 0, offset },
                timestamp_milliseconds: 0,
                key: Some(b"key".to_vec()),
                payload: Some(payload),
                headers: vec![("trace".to_owned(), Some(b"one".to_vec()))],
            },
            rejected: Rejected {
                reason: RejectionReason::BrokenJson,
                field: String::new(),
                schema: String::new(),
                message: "the record is no JSON".to_owned(),
            },
        }
    }

    #[test]
    fn what_failed_and_what_was_not_tried_stays_in_order() {
        let mut letters: Vec<_> = (0..8).map(|offset| letter(offset, Vec::new())).collect();
        keep_undelivered(&mut letters, 6, &[(3, KafkaError::Canceled), (5, KafkaError::Canceled)]);
        let left: Vec<_> = letters.iter().map(|letter| letter.original.position.offset).collect();
        assert_eq!(left, [3, 5, 6, 7]);
    }
}
