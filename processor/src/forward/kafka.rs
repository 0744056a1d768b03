//! Kafka for rules: the clients of the real thing.
//!
//! In: addresses, topics, and secrets that may change. Out: one consumer a rule, dead letters, and a producer's settings.
//! Not here: anything that a rule decides.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crds::stream_config::KafkaConfig;
use rdkafka::ClientConfig;
use tokio::sync::watch;

use crate::forward::Clients;
use crate::settings::Secrets;
use crate::sink::dead_letter::DeadLetterProducer;
use crate::source::SourceError;
use crate::source::kafka::KafkaSource;
use crate::source::kafka::properties::Connection;

/// Records that a rule may have in memory before it looks at them, kilobytes: every rule has a consumer of its own.
const QUEUE_KILOBYTES: u32 = 4096;

/// Makes clients of the stream's Kafka, with the secrets of the moment.
#[derive(Debug, Clone)]
pub struct KafkaClients {
    config: KafkaConfig,
    secrets: watch::Receiver<Secrets>,
}

impl KafkaClients {
    /// Builds the maker of clients.
    pub fn new(config: &KafkaConfig, secrets: watch::Receiver<Secrets>) -> Self {
        Self { config: config.clone(), secrets }
    }

    fn with_secrets<T>(&self, use_them: impl FnOnce(&BTreeMap<String, String>) -> T) -> T {
        use_them(&self.secrets.borrow().kafka)
    }

    fn connection(&self) -> Connection {
        self.with_secrets(|secrets| Connection::new(&self.config.bootstrap, &self.config.properties, secrets))
    }
}

impl Clients for KafkaClients {
    type Source = KafkaSource;
    type DeadLetters = DeadLetterProducer;

    fn source(&self, group: &str) -> Result<KafkaSource, SourceError> {
        KafkaSource::join(&self.connection().with_queue(QUEUE_KILOBYTES), group, &self.config.topic)
    }

    fn dead_letters(&self) -> DeadLetterProducer {
        DeadLetterProducer::new(&self.connection(), &self.config.topic, &self.config.dead_letter_topic)
    }

    fn producer(&self) -> ClientConfig {
        self.connection().producer()
    }

    fn version(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.with_secrets(|secrets| secrets.hash(&mut hasher));
        hasher.finish()
    }
}
