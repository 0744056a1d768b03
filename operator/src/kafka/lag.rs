//! The lag of a consumer group: records of a topic that it has not acknowledged.
//!
//! In: a topic, the name of a group. Out: one number over all partitions. Blocks, so it runs where that is allowed.
//! The client that asks bears the group's name, because librdkafka gives positions of no other; it never joins the group, and
//! goes after each question: it is asked for few streams, a few times a minute.
//! A partition without a position counts whole; one whose position is older than its first record counts from there.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError as ClientError, KafkaResult};
use rdkafka::{Offset, TopicPartitionList};

use super::admin::TIMEOUT;
use super::topic::Topic;
use super::verdict::{code, has_no_coordinator};

const COORDINATOR_WAIT: Duration = Duration::from_millis(100);

/// Asks for the lag.
pub(super) fn lag(mut config: ClientConfig, topic: &Topic, group: &str) -> KafkaResult<i64> {
    let consumer: BaseConsumer = config.set("group.id", group).create()?;
    // Positions first: asked after the ends they have moved on meanwhile, and a load that is hardly kept up with looks like none.
    let committed = committed(&consumer, topic)?;
    // The offset of a question is a time: these two stand for the first and the last record.
    let (first, end) = (ask(&consumer, topic, Offset::Beginning)?, ask(&consumer, topic, Offset::End)?);
    let offset = |list: &TopicPartitionList, partition: i32| -> KafkaResult<Option<i64>> {
        let Some(element) = list.find_partition(&topic.name, partition) else { return Ok(None) };
        element.error()?;
        Ok(element.offset().to_raw().filter(|offset| *offset >= 0))
    };
    let mut lag: i64 = 0;
    for partition in 0..topic.partitions {
        let first = offset(&first, partition)?.unwrap_or(0);
        let end = offset(&end, partition)?.unwrap_or(first);
        let next = offset(&committed, partition)?.unwrap_or(first).max(first);
        lag = lag.saturating_add(end.saturating_sub(next).max(0));
    }
    Ok(lag)
}

/// A broker that has had no groups yet, or takes them over from another, has no coordinator for a moment: it is asked again.
fn committed(consumer: &BaseConsumer, topic: &Topic) -> KafkaResult<TopicPartitionList> {
    let until = Instant::now() + TIMEOUT;
    loop {
        let asked = consumer.committed_offsets(partitions(topic, Offset::Invalid)?, TIMEOUT);
        let is_early = asked.as_ref().err().and_then(code).is_some_and(has_no_coordinator);
        if !is_early || Instant::now() >= until {
            return asked;
        }
        std::thread::sleep(COORDINATOR_WAIT);
    }
}

fn ask(consumer: &BaseConsumer, topic: &Topic, which: Offset) -> KafkaResult<TopicPartitionList> {
    consumer.offsets_for_times(partitions(topic, which)?, TIMEOUT)
}

fn partitions(topic: &Topic, offset: Offset) -> Result<TopicPartitionList, ClientError> {
    let mut list = TopicPartitionList::new();
    for partition in 0..topic.partitions {
        list.add_partition_offset(&topic.name, partition, offset)?;
    }
    Ok(list)
}
