//! Kafka as a source: one consumer of a group, read by one thread.
//!
//! In: connection and group. Out: borrowed records, and rebalances as values.
//! The rebalance callback only notes what is to change; the flow gives partitions up between two polls and calls `release`, and the
//! group waits for that. Every position is committed by us, with metadata; nothing is stored or committed behind our back.
//! Not here: what is committed, and when.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use super::{Change, Commit, Committed, Ends, Headers, Message, Reader, Source, SourceError};
use crate::record::{Position, Record};

pub mod fault;
pub mod listener;
pub mod originals;
pub mod properties;

mod context;
#[cfg(all(test, feature = "real"))]
pub(crate) mod own_topic;
#[cfg(test)]
mod tests;

use context::Context;
use fault::fault;
use properties::Connection;

/// Records taken between two looks at anything else.
const BULK: usize = 1024;
const ANSWER: Duration = Duration::from_secs(5);
const WATERMARKS: Duration = Duration::from_secs(1);
/// Stands in for a header's name that is not UTF-8, which the client cannot give.
const UNREADABLE: &str = "tributary-unreadable-header";

/// One consumer of a group.
pub struct KafkaSource {
    consumer: BaseConsumer<Context>,
    topic: String,
}

impl KafkaSource {
    /// Joins the group.
    ///
    /// # Errors
    /// When a property is refused.
    pub fn join(connection: &Connection, group: &str, topic: &str) -> Result<Self, SourceError> {
        let consumer: BaseConsumer<Context> = connection
            .consumer(group)
            .create_with_context(Context::default())
            .map_err(|error| fault("create the consumer", error))?;
        consumer.subscribe(&[topic]).map_err(|error| fault("subscribe to the topic", error))?;
        Ok(Self { consumer, topic: topic.to_owned() })
    }

    /// Builds the error of an action that Kafka did not do.
    fn fault(&self, action: &'static str, error: KafkaError) -> SourceError {
        self.consumer.context().listener.fault(action, error, Instant::now())
    }

    fn list(&self, partitions: &[i32]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition(&self.topic, *partition);
        }
        list
    }
}

impl Source for KafkaSource {
    fn poll<R: Reader>(&mut self, wait: Duration, reader: &mut R) -> Result<(), SourceError> {
        let mut wait = wait;
        let (mut failed, mut has_read) = (Ok(()), false);
        for _ in 0..BULK {
            match self.consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    has_read = true;
                    reader.record(&Lent(&message).message());
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => reader.end(partition),
                Some(Err(error)) => {
                    failed = Err(self.fault("read from Kafka", error));
                    break;
                }
            }
            wait = Duration::ZERO;
            if !reader.wants_more() {
                break;
            }
        }
        if has_read {
            self.consumer.context().listener.works();
        }
        for mut change in self.consumer.context().take_changes() {
            if let Change::Revoked { lost, .. } = &mut change {
                *lost = self.consumer.assignment_lost();
            }
            reader.change(change);
        }
        failed
    }

    fn committed(&mut self, partitions: &[i32]) -> Result<Vec<Committed>, SourceError> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let list = self
            .consumer
            .committed_offsets(self.list(partitions), ANSWER)
            .map_err(|error| self.fault("read the committed offsets", error))?;
        self.consumer.context().listener.works();
        list.elements()
            .iter()
            .map(|element| {
                element
                    .error()
                    .map_err(|error| self.fault("read the committed offset of a partition", error))?;
                let offset = if let Offset::Offset(offset) = element.offset() { Some(offset) } else { None };
                // The client panics when another program left metadata that is no text; that is nobody's mark.
                let metadata =
                    catch_unwind(AssertUnwindSafe(|| element.metadata().to_owned())).unwrap_or_default();
                Ok(Committed { partition: element.partition(), offset, metadata })
            })
            .collect()
    }

    fn ends(&mut self, partition: i32) -> Result<Ends, SourceError> {
        let (low, high) = self
            .consumer
            .fetch_watermarks(&self.topic, partition, WATERMARKS)
            .map_err(|error| self.fault("read the ends of a partition", error))?;
        self.consumer.context().listener.works();
        Ok(Ends { low, high })
    }

    fn start(&mut self, starts: &[(i32, i64)]) -> Result<(), SourceError> {
        let mut list = TopicPartitionList::with_capacity(starts.len());
        for (partition, offset) in starts {
            list.add_partition_offset(&self.topic, *partition, Offset::Offset(*offset))
                .map_err(|error| self.fault("name an offset", error))?;
        }
        self.consumer.incremental_assign(&list).map_err(|error| self.fault("take up partitions", error))
    }

    fn release(&mut self, partitions: &[i32]) -> Result<(), SourceError> {
        let list = self.list(partitions);
        // The client keeps our pause with a partition that is given up, and would never fetch it for us again.
        self.consumer
            .resume(&list)
            .map_err(|error| self.fault("resume partitions that are given up", error))?;
        self.consumer.incremental_unassign(&list).map_err(|error| self.fault("give up partitions", error))
    }

    fn commit(&mut self, commits: &[Commit]) -> Result<(), SourceError> {
        let mut list = TopicPartitionList::with_capacity(commits.len());
        for commit in commits {
            let mut element = list.add_partition(&self.topic, commit.partition);
            element
                .set_offset(Offset::Offset(commit.offset))
                .map_err(|error| self.fault("name an offset", error))?;
            element.set_metadata(&commit.metadata);
        }
        self.consumer
            .commit(&list, CommitMode::Sync)
            .map_err(|error| self.fault("commit positions", error))?;
        self.consumer.context().listener.works();
        Ok(())
    }

    fn pause(&mut self, partitions: &[i32]) -> Result<(), SourceError> {
        self.consumer.pause(&self.list(partitions)).map_err(|error| self.fault("pause partitions", error))
    }

    fn reached(&mut self, partition: i32) -> Result<Option<i64>, SourceError> {
        let positions = self
            .consumer
            .position()
            .map_err(|error| self.fault("ask how far a partition was read", error))?;
        let position = positions.find_partition(&self.topic, partition).map(|element| element.offset());
        Ok(position
            .and_then(|position| if let Offset::Offset(offset) = position { Some(offset) } else { None }))
    }

    fn resume(&mut self, partitions: &[i32]) -> Result<(), SourceError> {
        self.consumer.resume(&self.list(partitions)).map_err(|error| self.fault("resume partitions", error))
    }
}

impl Drop for KafkaSource {
    fn drop(&mut self) {
        // Leaving the group asks for partitions once more, and nobody is there to answer but the context itself.
        self.consumer.context().close();
    }
}

/// A Kafka message on loan: its record at once, its headers when they are asked for.
struct Lent<'a>(&'a BorrowedMessage<'a>);

impl Lent<'_> {
    fn message(&self) -> Message<'_> {
        let Self(message) = self;
        Message {
            record: Record {
                position: Position { partition: message.partition(), offset: message.offset() },
                timestamp_milliseconds: message.timestamp().to_millis().unwrap_or(0),
                payload: message.payload(),
            },
            key: message.key(),
            headers: self,
        }
    }
}

impl Headers for Lent<'_> {
    fn each(&self, visit: &mut dyn FnMut(&str, Option<&[u8]>)) {
        let Some(headers) = self.0.headers() else { return };
        for index in 0..headers.count() {
            // The client panics at a name that is not UTF-8.
            match catch_unwind(AssertUnwindSafe(|| headers.try_get(index))) {
                Ok(Some(header)) => visit(header.key, header.value),
                Ok(None) => {}
                Err(_) => visit(UNREADABLE, None),
            }
        }
    }
}
