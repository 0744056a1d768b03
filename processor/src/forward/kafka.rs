//! Kafka for rules: the clients of the real thing.
//!
//! In: the connection and the topics of the stream. Out: one consumer a rule, dead letters, and a producer's settings.
//! Not here: anything that a rule decides.

use crds::stream_config::StreamConfig;
use rdkafka::ClientConfig;

use crate::forward::Clients;
use crate::sink::dead_letter::DeadLetterProducer;
use crate::source::SourceError;
use crate::source::kafka::KafkaSource;
use crate::source::kafka::properties::Connection;

/// Makes clients of the stream's Kafka.
#[derive(Debug, Clone)]
pub struct KafkaClients {
    connection: Connection,
    topic: String,
    dead_letter_topic: String,
}

impl KafkaClients {
    /// Builds the maker of clients.
    pub fn new(connection: Connection, config: &StreamConfig) -> Self {
        Self {
            connection,
            topic: config.kafka.topic.clone(),
            dead_letter_topic: config.kafka.dead_letter_topic.clone(),
        }
    }
}

impl Clients for KafkaClients {
    type Source = KafkaSource;
    type DeadLetters = DeadLetterProducer;

    fn source(&self, group: &str) -> Result<KafkaSource, SourceError> {
        KafkaSource::join(&self.connection, group, &self.topic)
    }

    fn dead_letters(&self) -> DeadLetterProducer {
        DeadLetterProducer::new(self.connection.clone(), &self.topic, &self.dead_letter_topic)
    }

    fn producer(&self) -> ClientConfig {
        self.connection.producer()
    }
}
