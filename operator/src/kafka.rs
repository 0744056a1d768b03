//! Kafka: the gateway to topics and consumer groups.
//!
//! In: [`topic::TopicChange`]s. Out: topics as they are, and one error type that says whether waiting helps.
//! The real one is [`admin::AdminTopics`]; [`memory::MemoryTopics`] is its twin for tests, and one contract test holds both.
//! Not here: which topics are wanted and who owns them; the pipeline's plan knows.

pub mod admin;
mod lag;
pub mod memory;
pub mod topic;
mod topic_id;
mod verdict;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use crds::conditions::Reason;

use topic::{Topic, TopicChange};

/// Topics of the one Kafka that this operator works with.
#[async_trait]
pub trait Topics: Send + Sync {
    /// Returns those of the named topics that exist, in the order of the names.
    async fn describe(&self, names: &[String]) -> Result<Vec<Topic>, KafkaError>;

    /// Returns the id of the cluster; none when it is not known now, or has none.
    async fn cluster(&self) -> Option<String>;

    /// Returns the id of a topic, which another topic of the same name never has; none when it is not known now, or has none.
    async fn topic_id(&self, name: &str) -> Option<String>;

    /// Asks whether a topic would be created now, and makes nothing. One that exists would not, however old the metadata is
    /// that [`Self::describe`] answered from: the broker that decides is asked.
    async fn check_creation(&self, topic: &Topic) -> Result<(), KafkaError>;

    /// Returns how many records of a topic a consumer group has not acknowledged. A group without positions has acknowledged nothing.
    async fn lag(&self, topic: &Topic, group: &str) -> Result<i64, KafkaError>;

    /// Makes a change. Creating what is there as wanted and deleting what is gone are no errors.
    async fn apply(&self, change: &TopicChange) -> Result<(), KafkaError>;
}

/// How to reach Kafka: asked for anew on each use, so that a rotated password heals by itself.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaConnection {
    /// `host:port`, several separated by commas.
    pub bootstrap: String,
    /// librdkafka properties, secrets among them.
    pub properties: BTreeMap<String, String>,
}

/// Reads the connection; the real one reads the files of the connection folder.
pub type ReadKafkaConnection = dyn Fn() -> Result<KafkaConnection, std::io::Error> + Send + Sync;

impl fmt::Debug for KafkaConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.properties.keys().collect();
        formatter
            .debug_struct("KafkaConnection")
            .field("bootstrap", &self.bootstrap)
            .field("properties", &names)
            .finish()
    }
}

/// What stands behind an error.
pub type Cause = Box<dyn Error + Send + Sync>;

/// A question or a change that Kafka did not answer well. `action` is what was tried: `create topic `shop.ios``.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// The connection Secret cannot be read.
    #[error(
        "failed to read the connection to Kafka; check the files `kafka.<property>` of the operator's connection Secret"
    )]
    Connection {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Kafka does not answer.
    #[error(
        "failed to {action}: Kafka does not answer; check that the brokers run and that kafka.bootstrapServers names them"
    )]
    Unreachable {
        /// What was tried.
        action: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// Kafka refuses user or password, or a certificate is refused.
    #[error(
        "failed to {action}: Kafka refuses user or password, or a certificate is refused; check `kafka.sasl.username`, `kafka.sasl.password` and \
         the `kafka.ssl.` files of the operator's connection Secret"
    )]
    AuthFailed {
        /// What was tried.
        action: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// Kafka cannot do it now, and can later.
    #[error("failed to {action}: Kafka cannot do it yet")]
    NotYet {
        /// What was tried.
        action: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// Kafka refuses what was asked.
    #[error("failed to {action}: Kafka refuses it; {remedy}")]
    Rejected {
        /// What was tried.
        action: String,
        /// What to do.
        remedy: &'static str,
        /// Why.
        #[source]
        source: Cause,
    },
}

impl KafkaError {
    /// Returns the reason for condition, Event and metric.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Connection { .. } => Reason::SecretKeyMissing,
            Self::Unreachable { .. } => Reason::KafkaUnreachable,
            Self::AuthFailed { .. } => Reason::KafkaAuthFailed,
            Self::NotYet { .. } | Self::Rejected { .. } => Reason::KafkaRejected,
        }
    }

    /// Returns whether waiting alone may help. What is not transient waits for a person, who may change the spec, Kafka or
    /// the Secret: try again on change and at the resync.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::NotYet { .. } => true,
            Self::Connection { .. } | Self::AuthFailed { .. } | Self::Rejected { .. } => false,
        }
    }
}
