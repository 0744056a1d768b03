//! Originals: one record read once more, by its position.
//!
//! In: a position. Out: the record with key, bytes and headers, or the word that it is gone.
//! A short-lived client of its own does it, outside the group: it is asked for only when the server refuses a row.
//! Not here: anything a stream does every day.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::KafkaHeaders;
use super::fault::fault;
use super::properties::Connection;
use crate::batch::Original;
use crate::record::{Position, Record};
use crate::retry::Verdict;
use crate::sink::{Originals, SinkError};
use crate::source::{Message, SourceError};

const LONGEST: Duration = Duration::from_secs(10);

/// Reads single records again.
#[derive(Debug, Clone)]
pub struct KafkaOriginals {
    connection: Connection,
    group: String,
    topic: String,
}

impl KafkaOriginals {
    /// Builds a reader of single records.
    pub fn new(connection: Connection, group: &str, topic: &str) -> Self {
        Self { connection, group: format!("{group}.originals"), topic: topic.to_owned() }
    }

    fn read(&self, position: Position) -> Result<Option<Original>, SourceError> {
        let action = "read a refused record again";
        let consumer: BaseConsumer =
            self.connection.consumer(&self.group).create().map_err(|error| fault(action, error))?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, position.partition, Offset::Offset(position.offset))
            .map_err(|error| fault(action, error))?;
        consumer.assign(&list).map_err(|error| fault(action, error))?;
        let begun = Instant::now();
        while begun.elapsed() < LONGEST {
            match consumer.poll(Duration::from_millis(200)) {
                None => {}
                Some(Ok(message)) if message.offset() == position.offset => {
                    return Ok(Some(Original::new(&Message {
                        record: Record {
                            position,
                            timestamp_milliseconds: message.timestamp().to_millis().unwrap_or(0),
                            payload: message.payload(),
                        },
                        key: message.key(),
                        headers: &KafkaHeaders(&message),
                    })));
                }
                Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => return Ok(None),
                Some(Err(error)) => return Err(fault(action, error)),
            }
        }
        let silent = KafkaError::MessageConsumption(rdkafka::types::RDKafkaErrorCode::OperationTimedOut);
        Err(fault(action, silent))
    }
}

impl Originals for KafkaOriginals {
    async fn fetch(&self, position: Position) -> Result<Option<Original>, SinkError> {
        let reader = self.clone();
        let read = tokio::task::spawn_blocking(move || reader.read(position)).await;
        let error: Box<dyn std::error::Error + Send + Sync> = match read {
            Ok(Ok(original)) => return Ok(original),
            Ok(Err(error)) => Box::new(error),
            Err(error) => Box::new(error),
        };
        Err(SinkError {
            verdict: Verdict::Retry,
            reason: crds::conditions::Reason::KafkaUnreachable,
            message: "failed to read a refused record again".into(),
            source: Some(error),
        })
    }
}
