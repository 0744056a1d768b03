//! Writes to Kafka: records, alone or in transactions, and the deletion of a topic's beginning.
//!
//! In: records. Out: their positions, once all replicas have them. Nothing is written but what a person has asked for.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use processor::record::Position;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use super::{ANSWER, Kafka, named};

/// How long Kafka may take for all that was handed over.
const DELIVERY: Duration = Duration::from_secs(60);
const ROOM: Duration = Duration::from_millis(50);

/// A record on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// Partition; without one, the client chooses by the key.
    pub(crate) partition: Option<i32>,
    /// Time of the record; without one, that of its sending.
    pub(crate) milliseconds: Option<i64>,
    /// Key.
    pub(crate) key: Option<Vec<u8>>,
    /// Bytes.
    pub(crate) payload: Option<Vec<u8>>,
    /// Headers.
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Sends records.
pub(crate) struct Sender {
    producer: BaseProducer<Deliveries>,
}

/// What became of records, by their number.
#[derive(Default)]
struct Deliveries(Mutex<BTreeMap<usize, Result<Position, KafkaError>>>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let delivered = match result {
            Ok(message) => Ok(Position { partition: message.partition(), offset: message.offset() }),
            Err((error, _)) => Err(error.clone()),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(number, delivered);
    }
}

impl Sender {
    /// Makes a sender of single records.
    pub(crate) fn new(kafka: &Kafka) -> Result<Self> {
        let config = named(kafka.connection.producer());
        let producer = config
            .create_with_context(Deliveries::default())
            .context("failed to use the properties of Kafka")?;
        Ok(Self { producer })
    }

    /// Makes a sender of transactions under a name. Whoever had the name before can commit nothing any more.
    pub(crate) fn of_transactions(kafka: &Kafka, name: &str) -> Result<Self> {
        let mut config = named(kafka.connection.producer());
        config.set("transactional.id", name).set("transaction.timeout.ms", "60000");
        let producer: BaseProducer<Deliveries> = config
            .create_with_context(Deliveries::default())
            .context("failed to use the properties of Kafka")?;
        producer.init_transactions(DELIVERY).with_context(|| {
            format!("failed to begin transactions as `{name}`; the user of Kafka needs the right to write under that transactional id")
        })?;
        Ok(Self { producer })
    }

    /// Does some sending as one transaction: all of it counts, or nothing.
    pub(crate) fn transaction<T>(&self, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        self.producer.begin_transaction().context("failed to begin a transaction")?;
        let done = work(self).and_then(|done| {
            self.commit()?;
            Ok(done)
        });
        done.map_err(|error| match self.producer.abort_transaction(DELIVERY) {
            Ok(()) => error,
            Err(abort) => error.context(format!(
                "and the transaction could not be taken back at once ({abort}); it never counts"
            )),
        })
    }

    fn commit(&self) -> Result<()> {
        const TRIES: usize = 3;
        for _ in 1..TRIES {
            match self.producer.commit_transaction(DELIVERY) {
                Err(KafkaError::Transaction(error)) if error.is_retriable() => {}
                done => return done.context("failed to commit a transaction"),
            }
        }
        self.producer.commit_transaction(DELIVERY).context("failed to commit a transaction")
    }

    /// Sends records; returns their positions, in order, once the brokers have them all.
    pub(crate) fn send(&self, topic: &str, records: &[Outgoing]) -> Result<Vec<Position>> {
        for (number, record) in records.iter().enumerate() {
            self.hand_over(topic, number, record)?;
        }
        self.producer
            .flush(DELIVERY)
            .with_context(|| format!("Kafka has not taken all records for topic {topic}"))?;
        let mut deliveries =
            std::mem::take(&mut *self.producer.context().0.lock().unwrap_or_else(PoisonError::into_inner));
        let position = |number| match deliveries.remove(&number) {
            Some(delivered) => delivered.with_context(|| format!("Kafka refuses a record for topic {topic}")),
            None => Err(anyhow!("Kafka has not said what became of a record for topic {topic}")),
        };
        (0..records.len()).map(position).collect()
    }

    fn hand_over(&self, topic: &str, number: usize, record: &Outgoing) -> Result<()> {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in &record.headers {
            headers = headers.insert(Header { key, value: value.as_deref() });
        }
        let mut outgoing: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(topic, number).headers(headers);
        outgoing.partition = record.partition;
        outgoing.timestamp = record.milliseconds;
        outgoing.key = record.key.as_deref();
        outgoing.payload = record.payload.as_deref();
        loop {
            match self.producer.send(outgoing) {
                Ok(()) => return Ok(()),
                Err((error, refused)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                    self.producer.poll(ROOM);
                    outgoing = refused;
                }
                Err((error, _)) => {
                    return Err(error).with_context(|| format!("failed to send to topic {topic}"));
                }
            }
        }
    }
}

/// Deletes the records of a topic before some offsets.
pub(crate) async fn delete_before(kafka: &Kafka, topic: &str, offsets: &BTreeMap<i32, i64>) -> Result<()> {
    let config = named(kafka.connection.producer());
    let admin: AdminClient<DefaultClientContext> =
        config.create().context("failed to use the properties of Kafka")?;
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    let options = AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER));
    let deleted = admin
        .delete_records(&list, &options)
        .await
        .with_context(|| format!("failed to delete records of topic {topic}"))?;
    for element in deleted.elements() {
        element
            .error()
            .with_context(|| format!("failed to delete records of {topic}:{}", element.partition()))?;
    }
    Ok(())
}
