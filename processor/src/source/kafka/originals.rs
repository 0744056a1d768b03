//! Originals: records read once more, by their positions.
//!
//! In: offsets of one partition. Out: the records with key, bytes and headers; those that are gone are missing.
//! A short-lived client of its own does it, outside the group: it is asked for only when the server refuses rows, and when the group
//! holds no position any more.
//! Not here: anything a stream does every day.

use std::time::{Duration, Instant};

use crds::conditions::Reason;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::Lent;
use super::fault;
use super::listener::Listener;
use super::properties::Connection;
use crate::batch::Original;
use crate::retry::Verdict;
use crate::sink::{Originals, SinkError};
use crate::source::SourceError;

/// How long the topic may be silent.
const LONGEST: Duration = Duration::from_secs(10);

/// Reads records again.
#[derive(Debug, Clone)]
pub struct KafkaOriginals {
    connection: Connection,
    group: String,
    topic: String,
}

impl KafkaOriginals {
    /// Builds a reader of a topic's records.
    pub fn new(connection: Connection, group: &str, topic: &str) -> Self {
        Self { connection, group: format!("{group}.originals"), topic: topic.to_owned() }
    }

    fn read(&self, partition: i32, offsets: &[i64]) -> Result<Vec<Original>, SourceError> {
        let action = "read records again";
        let Some((first, last)) = offsets.first().zip(offsets.last()) else { return Ok(Vec::new()) };
        let consumer: BaseConsumer<Listener> = self
            .connection
            .consumer(&self.group)
            .create_with_context(Listener::default())
            .map_err(|error| fault::fault(action, error))?;
        let fault = |error| consumer.context().fault(action, error, Instant::now());
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, partition, Offset::Offset(*first)).map_err(fault)?;
        consumer.assign(&list).map_err(fault)?;
        let mut found = Vec::new();
        let mut heard = Instant::now();
        while heard.elapsed() < LONGEST {
            let message = match consumer.poll(Duration::from_millis(200)) {
                None => continue,
                Some(Ok(message)) => message,
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(found),
                Some(Err(error)) => return Err(fault(error)),
            };
            heard = Instant::now();
            if offsets.binary_search(&message.offset()).is_ok() {
                found.push(Original::new(&Lent(&message).message()));
            }
            if message.offset() >= *last {
                return Ok(found);
            }
        }
        let silent = KafkaError::MessageConsumption(rdkafka::types::RDKafkaErrorCode::OperationTimedOut);
        Err(fault(silent))
    }
}

impl Originals for KafkaOriginals {
    async fn fetch(&self, partition: i32, offsets: Vec<i64>) -> Result<Vec<Original>, SinkError> {
        let reader = self.clone();
        let read = tokio::task::spawn_blocking(move || reader.read(partition, &offsets)).await;
        let (reason, error): (_, Box<dyn std::error::Error + Send + Sync>) = match read {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => (error.reason, Box::new(error)),
            Err(error) => (Reason::InternalError, Box::new(error)),
        };
        Err(SinkError {
            verdict: Verdict::Retry,
            reason,
            message: "failed to read records again".into(),
            source: Some(error),
        })
    }
}
