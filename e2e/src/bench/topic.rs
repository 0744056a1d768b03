//! The topic of a workload: filled once, read by all contenders.
//!
//! In: a generator, a number of events or a rate and an end. Out: records, spread evenly over the partitions, and what must become of
//! them; the ends of topics, cheaply asked. Not here: names of topics.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::BaseRecord;

use super::workload::generator::{Expected, Fate, Generator};
use super::workload::{Compression, Workload};
use crate::kafka::{Kafka, finish, hand_over, producer};

/// Partitions of a topic, where nothing else is said.
pub const PARTITIONS: i32 = 4;
const PATIENCE: Duration = Duration::from_secs(20);
/// Records between two looks at the clock.
const STRIDE: u64 = 64;

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

/// Where events go.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The topics; the events go round them.
    pub topics: &'a [String],
    /// Partitions of each; the events of a topic go round them.
    pub partitions: i32,
    /// How batches are compressed.
    pub compression: Compression,
}

impl Target<'_> {
    fn place(&self, number: u64) -> BaseRecord<'_, [u8], [u8]> {
        let (n_topics, n_partitions) = (self.topics.len() as u64, u64::from(self.partitions.unsigned_abs()));
        let topic = self.topics.get((number % n_topics) as usize).map_or("", String::as_str);
        BaseRecord::to(topic).partition((number / n_topics % n_partitions) as i32)
    }
}

/// How much is sent, and how fast.
#[derive(Debug)]
pub struct Pace<'a> {
    /// No more events than these.
    pub events: u64,
    /// Events a second; none: as fast as the broker takes them.
    pub rate: Option<u64>,
    /// Set by whoever has seen enough.
    pub enough: &'a AtomicBool,
}

/// Makes the topic and fills it.
pub async fn load(
    kafka: &Kafka,
    (topic, partitions): (&str, i32),
    workload: &Workload,
    (events, seed): (u64, u64),
) -> Result<Loaded> {
    kafka.create_topic(topic, partitions).await?;
    let (kafka, name, workload) = (kafka.clone(), topic.to_owned(), *workload);
    tokio::task::spawn_blocking(move || {
        let enough = AtomicBool::new(false);
        let mut generator = Generator::new(&workload, seed)?;
        let pace = Pace { events, rate: None, enough: &enough };
        let topics = [name];
        let target = Target { topics: &topics, partitions, compression: workload.compression };
        let expected = send(&kafka, &target, &mut generator, (&pace, &mut |_| {}))?;
        let [topic] = topics;
        Ok(Loaded { topic, partitions, workload, expected })
    })
    .await?
}

/// Sends events until there are enough, and tells of each, in order, as soon as the producer has it.
pub fn send(
    kafka: &Kafka,
    target: &Target<'_>,
    generator: &mut Generator,
    (pace, tell): (&Pace<'_>, &mut dyn FnMut(Fate)),
) -> Result<Expected> {
    let producer = producer(kafka.config(), target.compression.codec())?;
    let (begun, mut expected, mut event) = (Instant::now(), Expected::default(), String::new());
    while expected.events < pace.events {
        let fate = generator.next(&mut event).context("writing an event")?;
        let record = target.place(expected.events).payload(event.as_bytes());
        hand_over(&producer, record)?;
        expected.add(event.len(), fate);
        tell(fate);
        if !expected.events.is_multiple_of(STRIDE) {
            continue;
        }
        producer.poll(Duration::ZERO);
        if let Some(rate) = pace.rate {
            let due = Duration::from_secs_f64(expected.events as f64 / rate as f64);
            producer.poll(due.saturating_sub(begun.elapsed()));
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
        }
        if pace.enough.load(Ordering::Relaxed) {
            break;
        }
    }
    finish(&producer, &target.topics.join(", "))?;
    Ok(expected)
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
