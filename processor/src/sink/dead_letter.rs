//! Dead letters: rejected records go to a topic of their own, with the reason in headers.
//!
//! In: letters. Out: delivered on all replicas, or still in the list.
//! The record is as it came: key, bytes, headers. Ours are added: `tributary-reason`, `-message`, `-field`, `-schema`, `-position`;
//! none of them holds a value of the event. A record that fits no message with them is cut, and `tributary-cut` says how long it was.
//! A letter may be delivered twice when the process dies between delivery and acknowledgement; the position tells.
//! Not here: the topic itself; the operator makes it. Without it the stream waits and says so.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crds::conditions::Reason;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};

mod round;

use crate::batch::Letter;
use crate::retry::Verdict;
use crate::sink::{DeadLetters, SinkError};
use crate::source::kafka::fault::reason;
use crate::source::kafka::properties::Connection;
use round::{Receipt, Receipts, Round};

/// Letters that are under way at once.
const AT_ONCE: usize = 1000;
/// What is left of a record that is too long for the topic.
const CUT: usize = 512 * 1024;
const QUEUE_FULL_WAIT: Duration = Duration::from_millis(20);

/// Answers come on a thread of its own.
type Client = ThreadedProducer<Receipts>;

/// Produces to the dead-letter topic. The client is made when the first letter comes.
pub struct DeadLetterProducer {
    connection: Connection,
    source_topic: String,
    topic: String,
    producer: Mutex<Option<Arc<Client>>>,
}

impl DeadLetterProducer {
    /// Builds a producer of letters about records of `source_topic`.
    pub fn new(connection: Connection, source_topic: &str, topic: &str) -> Self {
        Self {
            connection,
            source_topic: source_topic.to_owned(),
            topic: topic.to_owned(),
            producer: Mutex::new(None),
        }
    }

    /// Returns the client; a broken one is replaced.
    fn client(&self) -> Result<Arc<Client>, KafkaError> {
        let mut kept = self.producer.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(producer) = kept.as_ref().filter(|producer| producer.client().fatal_error().is_none()) {
            return Ok(Arc::clone(producer));
        }
        let producer = Arc::new(self.connection.producer().create_with_context(Receipts::default())?);
        *kept = Some(Arc::clone(&producer));
        Ok(producer)
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

    /// Hands a letter to the client, waiting while its queue is full; the receipt is answered in any case.
    async fn send(&self, producer: &Client, (letter, receipt): (&Letter, Receipt), cut: Option<usize>) {
        let original = &letter.original;
        let whole = original.payload.as_deref();
        let cut_from = whole.map(<[u8]>::len).filter(|length| cut.is_some_and(|cut| *length > cut));
        let payload = whole.map(|bytes| &bytes[..cut.unwrap_or(bytes.len()).min(bytes.len())]);
        let mut record = BaseRecord::with_opaque_to(&self.topic, Box::new(receipt))
            .headers(self.headers(letter, cut_from));
        (record.key, record.payload) = (original.key.as_deref(), payload);
        while let Err((error, refused)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return refused.delivery_opaque.answer(Err(error));
            }
            record = refused;
            tokio::time::sleep(QUEUE_FULL_WAIT).await;
        }
    }

    /// Delivers some letters; returns those that were not.
    async fn deliver_some(
        &self,
        producer: &Client,
        letters: Vec<Letter>,
        cut: Option<usize>,
    ) -> (Vec<Letter>, Option<KafkaError>) {
        let round = Round::of(letters.len());
        for (place, letter) in letters.iter().enumerate() {
            self.send(producer, (letter, round.receipt(place)), cut).await;
        }
        let mut failures = round.failures().await;
        let has_failed = |place: &usize| failures.binary_search_by_key(place, |(place, _)| *place).is_ok();
        let left = letters.into_iter().enumerate().filter(|(place, _)| has_failed(place));
        (left.map(|(_, letter)| letter).collect(), failures.pop().map(|(_, error)| error))
    }

    /// Says why letters were not delivered: of a producer, a refused password shows only as letters that found no broker in time.
    fn failed(&self, producer: Option<&Client>, error: KafkaError) -> SinkError {
        let cause =
            |code| producer.map_or(code, |producer| producer.context().listener.cause(code, Instant::now()));
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
        let producer = self.client().map_err(|error| self.failed(None, error))?;
        while !letters.is_empty() {
            let rest = letters.split_off(letters.len().min(AT_ONCE));
            let some = std::mem::replace(letters, rest);
            let (mut left, mut failure) = self.deliver_some(&producer, some, None).await;
            if failure.as_ref().is_some_and(is_too_large) {
                (left, failure) = self.deliver_some(&producer, left, Some(CUT)).await;
            }
            if let Some(error) = failure {
                letters.append(&mut left);
                return Err(self.failed(Some(&producer), error));
            }
        }
        Ok(())
    }
}

fn is_too_large(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessageSize)
    )
}
