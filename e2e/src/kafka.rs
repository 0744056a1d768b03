//! Kafka as an app and as an operator of topics use it: send records, read a topic to its end, look at a topic and change it.
//!
//! In: the generator's records, names of topics. Out: offsets, kept records with their headers, settings.
//! librdkafka blocks, so everything here runs on threads that may wait.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Headers, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use crate::generator::Record;
use crate::generator::expected::Expected;

const PATIENCE: Duration = Duration::from_secs(20);

/// A Kafka broker.
#[derive(Debug, Clone)]
pub struct Kafka {
    bootstrap: String,
}

/// A record that was read back.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Key of the record.
    pub key: Vec<u8>,
    /// Bytes of the record.
    pub value: Vec<u8>,
    /// Headers, by name.
    pub headers: BTreeMap<String, String>,
}

impl Kept {
    /// A header, or nothing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// How a load is sent.
#[derive(Debug, Clone, Default)]
pub struct Load {
    /// Records a second; none: as fast as the broker takes them.
    pub rate: Option<u64>,
    /// Once set, the rest comes as fast as the broker takes it, whatever the rate.
    pub hurry: Arc<AtomicBool>,
    /// Counts the records handed to the client, for whoever watches.
    pub sent: Arc<AtomicU64>,
}

impl Kafka {
    /// Speaks to a broker. It connects when something is asked.
    #[must_use]
    pub fn new(bootstrap: &str) -> Self {
        Self { bootstrap: bootstrap.to_owned() }
    }

    /// Sends records with acks=all and returns what must become of them, once the broker has them all.
    pub async fn send<I>(&self, topic: &str, records: I, load: Load) -> Result<Expected>
    where
        I: Iterator<Item = Record> + Send + 'static,
    {
        let (config, topic) = (self.config(), topic.to_owned());
        tokio::task::spawn_blocking(move || send(config, &topic, records, &load)).await?
    }

    /// The offset after the last record, for each partition of a topic.
    pub async fn end_offsets(&self, topic: &str) -> Result<BTreeMap<i32, i64>> {
        let (config, topic) = (self.config(), topic.to_owned());
        tokio::task::spawn_blocking(move || {
            Ok(watermarks(&reader(config)?, &topic)?.into_iter().map(|(id, (_, end))| (id, end)).collect())
        })
        .await?
    }

    /// The number of records that a topic has taken; 0 when there is none of that name.
    pub async fn records(&self, topic: &str) -> Result<u64> {
        Ok(self.end_offsets(topic).await?.values().sum::<i64>().unsigned_abs())
    }

    /// The number of records of a topic that a group has not acknowledged.
    pub async fn unacknowledged(&self, topic: &str, group: &str) -> Result<u64> {
        let (mut config, topic) = (self.config(), topic.to_owned());
        config.set("group.id", group);
        tokio::task::spawn_blocking(move || unacknowledged(&config.create()?, &topic)).await?
    }

    /// Reads a topic from its first record to the last one of now.
    pub async fn read(&self, topic: &str) -> Result<Vec<Kept>> {
        let (config, topic) = (self.config(), topic.to_owned());
        tokio::task::spawn_blocking(move || read(&reader(config)?, &topic)).await?
    }

    /// Whether a topic exists.
    pub async fn has_topic(&self, topic: &str) -> Result<bool> {
        Ok(!self.end_offsets(topic).await?.is_empty())
    }

    /// The brokers, in words.
    pub async fn describe(&self) -> Result<String> {
        let config = self.config();
        tokio::task::spawn_blocking(move || {
            let consumer = reader(config)?;
            let metadata = consumer.fetch_metadata(None, PATIENCE).context("Kafka does not answer")?;
            let (brokers, topics) = (metadata.brokers().len(), metadata.topics().len());
            Ok(format!("{brokers} broker{}, {topics} topics", if brokers == 1 { "" } else { "s" }))
        })
        .await?
    }

    /// Makes a topic.
    pub async fn create_topic(&self, topic: &str, partitions: i32) -> Result<()> {
        let wanted = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let done = self.admin()?.create_topics(&[wanted], &AdminOptions::new()).await?;
        for result in done {
            result.map_err(|(name, code)| anyhow::anyhow!("topic {name} cannot be made: {code}"))?;
        }
        Ok(())
    }

    /// Deletes a topic.
    pub async fn delete_topic(&self, topic: &str) -> Result<()> {
        for result in self.admin()?.delete_topics(&[topic], &AdminOptions::new()).await? {
            result.map_err(|(name, code)| anyhow::anyhow!("topic {name} cannot be deleted: {code}"))?;
        }
        Ok(())
    }

    /// The value of a setting of a topic.
    pub async fn setting(&self, topic: &str, name: &str) -> Result<String> {
        let resource = ResourceSpecifier::Topic(topic);
        for described in self.admin()?.describe_configs(&[resource], &AdminOptions::new()).await? {
            let described =
                described.map_err(|code| anyhow::anyhow!("topic {topic} cannot be described: {code}"))?;
            if let Some(value) = described.get(name).and_then(|entry| entry.value.clone()) {
                return Ok(value);
            }
        }
        bail!("topic {topic} has no setting {name}")
    }

    /// Changes a setting of a topic behind the operator's back; the topic's other settings fall back to their defaults.
    pub async fn set(&self, topic: &str, name: &str, value: &str) -> Result<()> {
        let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(name, value);
        for altered in self.admin()?.alter_configs(&[change], &AdminOptions::new()).await? {
            altered.map_err(|(_, code)| anyhow::anyhow!("topic {topic} cannot be altered: {code}"))?;
        }
        Ok(())
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        self.config().create().context("making a Kafka admin client")
    }

    pub(crate) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap).set("client.id", "tributary-e2e");
        config
    }
}

fn reader(mut config: ClientConfig) -> Result<BaseConsumer> {
    // A group must be named, but nothing is committed to it.
    config
        .set("group.id", "tributary-e2e")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest");
    config.create().context("making a Kafka consumer")
}

fn watermarks(consumer: &BaseConsumer, topic: &str) -> Result<BTreeMap<i32, (i64, i64)>> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).context("Kafka does not answer")?;
    let mut found = BTreeMap::new();
    for partition in metadata.topics().iter().flat_map(|described| described.partitions()) {
        let ends = consumer
            .fetch_watermarks(topic, partition.id(), PATIENCE)
            .with_context(|| format!("asking for the offsets of {topic}:{}", partition.id()))?;
        found.insert(partition.id(), ends);
    }
    Ok(found)
}

fn unacknowledged(consumer: &BaseConsumer, topic: &str) -> Result<u64> {
    let (ends, mut asked) = (watermarks(consumer, topic)?, TopicPartitionList::new());
    for partition in ends.keys() {
        asked.add_partition(topic, *partition);
    }
    let committed = consumer.committed_offsets(asked, PATIENCE).context("asking what the group holds")?;
    let waiting = committed.elements().into_iter().map(|element| {
        let (first, end) = ends.get(&element.partition()).copied().unwrap_or_default();
        let next = if let Offset::Offset(offset) = element.offset() { offset } else { first };
        (end - next).max(0).unsigned_abs()
    });
    Ok(waiting.sum())
}

fn read(consumer: &BaseConsumer, topic: &str) -> Result<Vec<Kept>> {
    let mut assignment = TopicPartitionList::new();
    let mut open = BTreeMap::new();
    for (partition, (first, end)) in watermarks(consumer, topic)? {
        if first < end {
            assignment.add_partition_offset(topic, partition, Offset::Offset(first))?;
            open.insert(partition, end);
        }
    }
    consumer.assign(&assignment)?;
    let (begun, mut records) = (Instant::now(), Vec::new());
    while !open.is_empty() {
        if begun.elapsed() > Duration::from_secs(60) {
            bail!("read {} records of {topic} in 60 s and not its end", records.len());
        }
        let Some(message) = consumer.poll(Duration::from_millis(200)) else { continue };
        let message = message.with_context(|| format!("reading {topic}"))?;
        let Some(end) = open.get(&message.partition()).copied() else { continue };
        if message.offset() + 1 >= end {
            open.remove(&message.partition());
        }
        let headers = message.headers().map_or_else(BTreeMap::new, |headers| {
            let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
            headers.iter().map(|header| (header.key.to_owned(), text(header.value))).collect()
        });
        let bytes = |part: Option<&[u8]>| part.unwrap_or_default().to_vec();
        records.push(Kept { key: bytes(message.key()), value: bytes(message.payload()), headers });
    }
    Ok(records)
}

/// Remembers the records that the broker did not take.
#[derive(Default)]
pub(crate) struct Failures(Mutex<Option<KafkaError>>);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let (Err((error, _)), Ok(mut last)) = (result, self.0.lock()) {
            *last = Some(error.clone());
        }
    }
}

/// A producer whose records arrive once and in order, or not at all.
pub(crate) fn producer(mut config: ClientConfig, compression: &str) -> Result<BaseProducer<Failures>> {
    config
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("compression.type", compression)
        .set("linger.ms", "20")
        .set("message.timeout.ms", "120000");
    config.create_with_context(Failures::default()).context("making a Kafka producer")
}

/// Waits until the broker has all that was handed over.
pub(crate) fn finish(producer: &BaseProducer<Failures>, topic: &str) -> Result<()> {
    producer.flush(Duration::from_secs(120)).context("the broker did not take all records within 120 s")?;
    let failure = producer.context().0.lock().map_or(None, |mut last| last.take());
    failure.map_or(Ok(()), |error| Err(error).with_context(|| format!("sending to {topic}")))
}

/// Hands a record over, and waits while the producer has no room for it.
pub(crate) fn hand_over(producer: &BaseProducer<Failures>, record: BaseRecord<'_, [u8], [u8]>) -> Result<()> {
    let topic = record.topic;
    let mut outgoing = record;
    while let Err((error, refused)) = producer.send(outgoing) {
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
            return Err(error).with_context(|| format!("sending to {topic}"));
        }
        producer.poll(Duration::from_millis(20));
        outgoing = refused;
    }
    Ok(())
}

fn send(
    config: ClientConfig,
    topic: &str,
    records: impl Iterator<Item = Record>,
    load: &Load,
) -> Result<Expected> {
    let producer = producer(config, "lz4")?;
    let (begun, mut expected) = (Instant::now(), Expected::default());
    for record in records {
        let outgoing = BaseRecord::to(topic).key(record.key.as_bytes()).payload(record.value.as_slice());
        hand_over(&producer, outgoing.timestamp(record.timestamp))?;
        expected.add(&record.fate);
        load.sent.store(expected.sent, Ordering::Relaxed);
        if expected.sent.is_multiple_of(256) {
            producer.poll(Duration::ZERO);
            if let Some(rate) = load.rate.filter(|_| !load.hurry.load(Ordering::Relaxed)) {
                let due = Duration::from_secs_f64(expected.sent as f64 / rate as f64);
                producer.poll(due.saturating_sub(begun.elapsed()));
                std::thread::sleep(due.saturating_sub(begun.elapsed()));
            }
        }
    }
    finish(&producer, topic)?;
    Ok(expected)
}
