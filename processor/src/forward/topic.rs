//! Topic: sends an event to another topic of the same Kafka.
//!
//! In: a delivery. Out: the canonical event under the record's key, written by all replicas, and the verdict of the report.
//! The producer is idempotent; a delivery that is repeated after a crash has the same header `tributary-position`.
//! Not here: making the topic.

use crds::conditions::Reason;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;

use crate::forward::delivery::{Delivery, Destination, Refusal, Trouble, Verdict};
use crate::produce::{OnDemand, Round};
use crate::record::Position;
use crate::source::kafka::fault::reason;

/// Another topic of the same Kafka.
pub struct Topic {
    name: String,
    source: String,
    producer: OnDemand,
}

impl Topic {
    /// Builds the destination; `source` is the topic that the events come from, `config` the producer's.
    pub fn new(name: &str, source: &str, config: ClientConfig) -> Self {
        Self { name: name.to_owned(), source: source.to_owned(), producer: OnDemand::new(config) }
    }

    /// Writes an event, or says the error's code with the cause behind it.
    async fn write(&self, delivery: &Delivery) -> Result<(), (Option<RDKafkaErrorCode>, KafkaError)> {
        let producer = self.producer.client().map_err(|error| (error.rdkafka_error_code(), error))?;
        let Position { partition, offset } = delivery.position();
        let position = format!("{}:{partition}:{offset}", self.source);
        let headers = OwnedHeaders::new_with_capacity(2)
            .insert(Header { key: "tributary-position", value: Some(&position) })
            .insert(Header { key: "tributary-event-id", value: Some(&delivery.event_id) });
        let round = Round::of(1);
        let mut record = BaseRecord::<[u8], _, _>::with_opaque_to(&self.name, Box::new(round.receipt(0)))
            .payload(&delivery.json)
            .headers(headers);
        record.key = delivery.original.key.as_deref();
        producer.send(record).await;
        round.failures().await.pop().map_or(Ok(()), |(_, error)| {
            Err((error.rdkafka_error_code().map(|code| producer.cause(code)), error))
        })
    }
}

impl Destination for Topic {
    async fn send(&self, delivery: &Delivery) -> Verdict {
        match self.write(delivery).await {
            Ok(()) => Verdict::Taken,
            Err((code, error)) => verdict(&self.name, code, &error),
        }
    }
}

/// Says what an error of the producer means.
fn verdict(topic: &str, code: Option<RDKafkaErrorCode>, error: &KafkaError) -> Verdict {
    use RDKafkaErrorCode as Code;
    let park = |reason, message: String| Verdict::Park(Trouble { reason, message });
    match code {
        Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition) => park(
            Reason::DependencyNotReady,
            format!("topic `{topic}` does not exist; create it, or change `spec.destination.kafka.topic`"),
        ),
        Some(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed) => park(
            Reason::DestinationRejected,
            format!(
                "Kafka does not let Tributary write to topic `{topic}`; ask the platform team for the right"
            ),
        ),
        Some(Code::InvalidTopic) => park(
            Reason::DestinationRejected,
            format!("`{topic}` is no name of a topic; change `spec.destination.kafka.topic`"),
        ),
        Some(code) if reason(code) == Reason::KafkaAuthFailed => park(
            Reason::KafkaAuthFailed,
            "Kafka refuses the user, the password or the certificate; see the connection Secret".into(),
        ),
        Some(Code::MessageSizeTooLarge | Code::InvalidRecord) => Verdict::Refuse(Refusal {
            message: format!("topic `{topic}` refuses the event: {error}"),
            reply: Vec::new(),
        }),
        Some(_) | None => Verdict::Retry {
            after: None,
            trouble: Trouble {
                reason: Reason::DestinationUnreachable,
                message: format!(
                    "topic `{topic}` cannot be written ({error}); the events wait and are sent again"
                ),
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(code: RDKafkaErrorCode) -> &'static str {
        match verdict("shop.copy", Some(code), &KafkaError::MessageProduction(code)) {
            Verdict::Taken => "taken",
            Verdict::Retry { .. } => "retry",
            Verdict::Park(_) => "park",
            Verdict::Refuse(_) => "refuse",
        }
    }

    #[test]
    fn every_error_of_the_producer_has_its_class() {
        use RDKafkaErrorCode as Code;
        for (code, class_of) in [
            (Code::UnknownTopic, "park"),
            (Code::UnknownTopicOrPartition, "park"),
            (Code::TopicAuthorizationFailed, "park"),
            (Code::InvalidTopic, "park"),
            (Code::SaslAuthenticationFailed, "park"),
            (Code::MessageSizeTooLarge, "refuse"),
            (Code::InvalidRecord, "refuse"),
            (Code::MessageTimedOut, "retry"),
            (Code::QueueFull, "retry"),
            (Code::NotEnoughReplicas, "retry"),
            (Code::AllBrokersDown, "retry"),
        ] {
            assert_eq!(class(code), class_of, "{code:?}");
        }
    }
}
