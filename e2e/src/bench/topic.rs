//! The topic of a workload: filled once, read by all contenders.
//!
//! In: a workload and a number of events. Out: a topic, and what must become of its records; the ends of topics, cheaply asked.
//! Not here: how events are sent (`sending.rs`); names of topics.

use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::sending::{Feed, Sending};
use super::workload::Workload;
use super::workload::generator::Expected;
use crate::kafka::Kafka;

/// Partitions of a topic, where nothing else is said.
pub const PARTITIONS: i32 = 4;
const PATIENCE: Duration = Duration::from_secs(20);

/// A topic and what it holds.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Its name.
    pub topic: String,
    /// Its partitions.
    pub partitions: i32,
    /// Which events it holds.
    pub workload: Workload,
    /// What must become of them.
    pub expected: Expected,
}

/// Makes the topic and fills it.
pub async fn load(
    kafka: &Kafka,
    (topic, partitions): (&str, i32),
    workload: &Workload,
    (events, seed): (u64, u64),
) -> Result<Loaded> {
    kafka.create_topic(topic, partitions).await?;
    let topics = vec![topic.to_owned()];
    let feed = Feed { topics, partitions, workload: *workload, events, rate: None, seed };
    let expected = Sending::start(kafka.clone(), feed, |_| {}).all().await?;
    Ok(Loaded { topic: topic.to_owned(), partitions, workload: *workload, expected })
}

/// Asks for the ends of topics again and again, over one connection.
pub struct Ends(BaseConsumer);

impl Ends {
    /// Connects with the first question.
    pub fn new(kafka: &Kafka) -> Result<Self> {
        let mut config = kafka.config();
        // A group must be named; it is never joined.
        config.set("group.id", "bench").set("enable.auto.commit", "false");
        Ok(Self(config.create().context("making a Kafka consumer")?))
    }

    /// Records that a topic of one partition has taken.
    pub fn records(&self, topic: &str) -> Result<u64> {
        let (first, end) = self
            .0
            .fetch_watermarks(topic, 0, PATIENCE)
            .with_context(|| format!("asking for the end of {topic}"))?;
        Ok((end - first).unsigned_abs())
    }
}
