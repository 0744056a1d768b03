//! Properties: the librdkafka settings of every client that this process makes.
//!
//! In: the platform team's properties and secrets. Out: settings in which ours win, because the guarantee stands on them.
//! Not here: values of secrets in any text; [`Connection`] has no `Debug` that shows them.

use std::collections::BTreeMap;
use std::fmt;

use rdkafka::ClientConfig;

/// After this long without a word, the group gives our partitions to others. Longer than an insert may take.
pub const SESSION_TIMEOUT_MILLISECONDS: u64 = 12_000;

/// What a consumer fetches ahead, kilobytes.
const QUEUE_KILOBYTES: u32 = 4_096;

/// How to reach Kafka.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection {
    bootstrap: String,
    properties: BTreeMap<String, String>,
    queue_kilobytes: u32,
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.properties.keys().collect();
        formatter
            .debug_struct("Connection")
            .field("bootstrap", &self.bootstrap)
            .field("names", &names)
            .finish()
    }
}

impl Connection {
    /// Builds a connection; secrets win over properties of the same name.
    pub fn new(
        bootstrap: &str,
        properties: &BTreeMap<String, String>,
        secrets: &BTreeMap<String, String>,
    ) -> Self {
        let mut properties = properties.clone();
        properties.extend(secrets.iter().map(|(name, value)| (name.clone(), value.clone())));
        Self { bootstrap: bootstrap.to_owned(), properties, queue_kilobytes: QUEUE_KILOBYTES }
    }

    /// The same, with another bound of what a consumer fetches ahead, kilobytes.
    #[must_use]
    pub fn with_queue(self, queue_kilobytes: u32) -> Self {
        Self { queue_kilobytes, ..self }
    }

    /// Returns the settings of a consumer that keeps its positions itself.
    pub fn consumer(&self, group: &str) -> ClientConfig {
        let mut config = self.base();
        config
            .set("group.id", group)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed")
            .set("session.timeout.ms", SESSION_TIMEOUT_MILLISECONDS.to_string())
            .set("heartbeat.interval.ms", "3000")
            .set("max.poll.interval.ms", "120000")
            // How soon partitions that were added are read.
            .set("topic.metadata.refresh.interval.ms", "10000")
            .set("queued.max.messages.kbytes", self.queue_kilobytes.to_string())
            .set("fetch.max.bytes", "2097152")
            .set("fetch.queue.backoff.ms", "20")
            .set("allow.auto.create.topics", "false");
        config
    }

    /// Returns the settings of a producer whose word counts: in order, once, on all replicas.
    pub fn producer(&self) -> ClientConfig {
        let mut config = self.base();
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("compression.type", "lz4")
            .set("linger.ms", "10")
            .set("message.timeout.ms", "15000")
            .set("message.max.bytes", "16777216")
            .set("queue.buffering.max.kbytes", "16384")
            .set("topic.metadata.propagation.max.ms", "5000");
        config
    }

    fn base(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("client.id", "tributary-processor")
            .set("statistics.interval.ms", "0")
            .set("socket.timeout.ms", "10000")
            .set("socket.keepalive.enable", "true")
            .set("reconnect.backoff.max.ms", "3000");
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_guarantee_stands_on_cannot_be_set_otherwise() {
        let theirs = BTreeMap::from([
            ("enable.auto.commit".to_owned(), "true".to_owned()),
            ("security.protocol".to_owned(), "ssl".to_owned()),
        ]);
        let config = Connection::new("kafka:9092", &theirs, &BTreeMap::new()).consumer("group");
        assert_eq!(config.get("enable.auto.commit"), Some("false"));
        assert_eq!(config.get("security.protocol"), Some("ssl"));
    }

    #[test]
    fn no_secret_is_shown() {
        let secrets = BTreeMap::from([("sasl.password".to_owned(), "hunter2".to_owned())]);
        let connection = Connection::new("kafka:9092", &BTreeMap::new(), &secrets);
        assert!(!format!("{connection:?}").contains("hunter2"));
    }
}
