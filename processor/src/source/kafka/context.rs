//! Context: what librdkafka tells the consumer, kept until the reading thread asks.
//!
//! In: callbacks, all of them within a poll. Out: changes of the assignment, in order; errors go to the listener.
//! Not here: any decision. Only when the consumer is being closed are the client's questions answered at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;

use super::listener::Listener;
use crate::source::Change;

/// What librdkafka has told.
#[derive(Default)]
pub(super) struct Context {
    pub(super) listener: Listener,
    changes: Mutex<Vec<Change>>,
    closing: AtomicBool,
}

impl Context {
    /// Takes the changes noted since the last time.
    pub(super) fn take_changes(&self) -> Vec<Change> {
        self.changes.lock().map(|mut changes| std::mem::take(&mut *changes)).unwrap_or_default()
    }

    /// From now on, changes are answered at once.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }
}

impl ClientContext for Context {
    fn error(&self, error: KafkaError, text: &str) {
        self.listener.error(error, text);
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.listener.log(level, facility, text);
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let is_assignment = error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Relaxed) {
            let answered = if is_assignment {
                consumer.incremental_assign(list)
            } else {
                consumer.incremental_unassign(list)
            };
            if let Err(error) = answered {
                tracing::warn!(%error, "failed to answer a rebalance while leaving the group");
            }
            return;
        }
        let partitions = list
            .elements()
            .iter()
            .map(rdkafka::topic_partition_list::TopicPartitionListElem::partition)
            .collect();
        let change = if is_assignment {
            Change::Assigned(partitions)
        } else {
            Change::Revoked { partitions, lost: false }
        };
        if let Ok(mut changes) = self.changes.lock() {
            changes.push(change);
        }
    }
}
