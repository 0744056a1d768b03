//! Ends: where records ended, once the processors have settled them.
//!
//! In: positions that were just written. Out: for each, whether it is a row, a dead letter with its reason, or left out; or that it waits.
//! What counts is what stands in ClickHouse and in the dead-letter topic. Not here: records of before.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use crds::stream_config::StreamConfig;
use processor::position::Range;
use processor::record::Position;
use processor::source::Ends;
use serde::{Deserialize, Serialize};

use super::clickhouse::ClickHouse;
use super::kafka::Kafka;
use super::letters::{Letter, understand};

/// Between two looks at what is acknowledged.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// Where a record ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum End {
    /// It is a row.
    Stored,
    /// It is a dead letter.
    DeadLettered {
        /// Why.
        reason: String,
        /// The field that broke a rule; may be empty.
        field: String,
        /// What is said of it.
        message: String,
    },
    /// It is settled, and neither: `unknownEvents: Drop`, or its event is stored already.
    LeftOut,
    /// The processors have not settled it in time.
    Waiting,
}

/// What is watched while records are settled.
pub(super) struct Watch<'a> {
    /// Where letters come to.
    pub(super) kafka: &'a Kafka,
    /// Where rows come to.
    pub(super) clickhouse: &'a ClickHouse,
    /// The stream.
    pub(super) config: &'a StreamConfig,
    letters: BTreeMap<i32, Ends>,
}

impl<'a> Watch<'a> {
    /// Begins before the records are written: dead letters are looked for from here on.
    pub(super) fn begin(
        kafka: &'a Kafka,
        clickhouse: &'a ClickHouse,
        config: &'a StreamConfig,
    ) -> Result<Self> {
        let letters = kafka.ends(&config.kafka.dead_letter_topic)?;
        Ok(Self { kafka, clickhouse, config, letters })
    }

    /// Waits until the processors have settled some positions, and says where each ended.
    pub(super) async fn ends(
        &self,
        positions: &[Position],
        timeout: Duration,
    ) -> Result<BTreeMap<Position, End>> {
        let mut last: BTreeMap<i32, i64> = BTreeMap::new();
        for position in positions {
            let last = last.entry(position.partition).or_insert(position.offset);
            *last = position.offset.max(*last);
        }
        let partitions: Vec<i32> = last.keys().copied().collect();
        let (begun, kafka) = (Instant::now(), &self.config.kafka);
        let acknowledged = loop {
            let acknowledged = self.kafka.committed(&kafka.topic, &kafka.group, &partitions)?;
            let is_settled = |(partition, last): (&i32, &i64)| {
                acknowledged.get(partition).copied().flatten().is_some_and(|next| next > *last)
            };
            if last.iter().all(is_settled) || begun.elapsed() >= timeout {
                break acknowledged;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        };
        let stored = self.clickhouse.stored(positions).await?;
        let mut letters = self.letters(positions)?;
        let mut ends = BTreeMap::new();
        for position in positions {
            let next = acknowledged.get(&position.partition).copied().flatten();
            let end = if stored.contains(position) {
                End::Stored
            } else if let Some(letter) = letters.remove(position) {
                letter
            } else if next.is_some_and(|next| next > position.offset) {
                End::LeftOut
            } else {
                End::Waiting
            };
            ends.insert(*position, end);
        }
        Ok(ends)
    }

    /// Reads the letters that have come since, of some positions.
    fn letters(&self, positions: &[Position]) -> Result<BTreeMap<Position, End>> {
        let topic = &self.config.kafka.dead_letter_topic;
        let mut ranges = BTreeMap::new();
        for (partition, ends) in self.kafka.ends(topic)? {
            let first = self.letters.get(&partition).map_or(ends.low, |before| before.high);
            if first < ends.high {
                ranges.insert(partition, Range { first, last: ends.high - 1 });
            }
        }
        let mut letters = BTreeMap::new();
        self.kafka.read(topic, &ranges, &mut |lent| {
            let letter = understand(lent.position(), lent.milliseconds(), &lent.headers());
            if let Some((position, letter)) = letter
                && letter.rule.is_none()
                && positions.contains(&position)
            {
                let Letter { reason, field, message, .. } = letter;
                letters.insert(position, End::DeadLettered { reason, field, message });
            }
            Ok(())
        })?;
        Ok(letters)
    }
}
