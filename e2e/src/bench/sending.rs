//! Sending: events on their way into topics, on a thread of its own, until there are enough or nobody wants more.
//!
//! In: a [`Feed`]: which events, where to, how fast. Out: records, spread evenly over topics and partitions, and what must become of them.
//! Dropped, it stops. Not here: the topics themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rdkafka::producer::BaseRecord;
use tokio::task::JoinHandle;

use super::workload::Workload;
use super::workload::generator::{Expected, Fate, Generator};
use crate::kafka::{Kafka, finish, hand_over, producer};

/// Records between two looks at the clock.
const STRIDE: u64 = 64;

/// What is sent, where to, and how fast.
#[derive(Debug)]
pub struct Feed {
    /// The topics; the events go round them.
    pub topics: Vec<String>,
    /// Partitions of each; the events of a topic go round them.
    pub partitions: i32,
    /// Which events.
    pub workload: Workload,
    /// No more events than these.
    pub events: u64,
    /// Events a second; none: as fast as the broker takes them.
    pub rate: Option<u64>,
    /// Equal seeds give equal events.
    pub seed: u64,
}

/// Events on their way.
#[derive(Debug)]
pub struct Sending {
    task: JoinHandle<Result<Expected>>,
    enough: Arc<AtomicBool>,
}

impl Sending {
    /// Begins, and tells of each event, in order, as soon as the producer has it.
    #[must_use]
    pub fn start(kafka: Kafka, feed: Feed, mut tell: impl FnMut(Fate) + Send + 'static) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&enough);
        let task = tokio::task::spawn_blocking(move || send(&kafka, &feed, &stop, &mut tell));
        Self { task, enough }
    }

    /// Lets no more events begin.
    pub fn stop(&self) {
        self.enough.store(true, Ordering::Relaxed);
    }

    /// Whether the broker has all that was sent, or sending has failed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Waits until all events are sent, and says what must become of them.
    pub async fn all(&mut self) -> Result<Expected> {
        (&mut self.task).await.context("sending ended with a defect")?
    }

    /// Stops, and says what must become of what was sent.
    pub async fn end(&mut self) -> Result<Expected> {
        self.stop();
        self.all().await
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Feed {
    fn place(&self, number: u64) -> BaseRecord<'_, [u8], [u8]> {
        let (n_topics, n_partitions) = (self.topics.len() as u64, u64::from(self.partitions.unsigned_abs()));
        let topic = self.topics.get((number % n_topics) as usize).map_or("", String::as_str);
        BaseRecord::to(topic).partition((number / n_topics % n_partitions) as i32)
    }
}

fn send(kafka: &Kafka, feed: &Feed, enough: &AtomicBool, tell: &mut dyn FnMut(Fate)) -> Result<Expected> {
    let mut generator = Generator::new(&feed.workload, feed.seed)?;
    let producer = producer(kafka.config(), feed.workload.compression.codec())?;
    let (begun, mut expected, mut event) = (Instant::now(), Expected::default(), String::new());
    while expected.events < feed.events {
        let fate = generator.next(&mut event).context("writing an event")?;
        let record = feed.place(expected.events).payload(event.as_bytes());
        hand_over(&producer, record)?;
        expected.add(event.len(), fate);
        tell(fate);
        if !expected.events.is_multiple_of(STRIDE) {
            continue;
        }
        producer.poll(Duration::ZERO);
        if let Some(rate) = feed.rate {
            let due = Duration::from_secs_f64(expected.events as f64 / rate as f64);
            // To poll for less than a millisecond is to spin, on a core that others need.
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
        }
        if enough.load(Ordering::Relaxed) {
            break;
        }
    }
    finish(&producer, &feed.topics.join(", "))?;
    Ok(expected)
}
