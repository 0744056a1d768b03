//! Kafka: the one place that asks the brokers.
//!
//! In: a connection, names, positions. Out: ends and committed positions, and records lent or copied, transactions of others left out.
//! No group is joined and no position committed: a stream never notices that it is looked at.
//! Calls block; nothing else happens in this program meanwhile. Not here: what follows from any of it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use processor::batch::Original;
use processor::position::Range;
use processor::record::Position;
use processor::source::Ends;
use processor::source::kafka::listener::Listener;
use processor::source::kafka::properties::Connection;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

pub(super) mod write;

const ANSWER: Duration = Duration::from_secs(15);
/// How long a topic may be silent in which records are known to stand.
const SILENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(200);
/// Stands in for a header's name that is not UTF-8, which the client cannot give.
const UNREADABLE: &str = "tributary-unreadable-header";

/// Hears why Kafka does not answer.
type Client = BaseConsumer<Listener>;

/// A Kafka.
pub(super) struct Kafka {
    connection: Connection,
    bootstrap: String,
}

impl Kafka {
    /// Speaks to the brokers of a connection; it connects when something is asked.
    pub(super) fn new(connection: Connection, bootstrap: &str) -> Self {
        Self { connection, bootstrap: bootstrap.to_owned() }
    }

    fn consumer(&self, group: &str) -> Result<Client> {
        let config = named(self.connection.consumer(group));
        config.create_with_context(Listener::default()).context("failed to use the properties of Kafka")
    }

    /// Says why nobody answers; the client tells of a refusal only when it is polled.
    fn silent(&self, consumer: &Client) -> String {
        drop(consumer.poll(POLL));
        if consumer.context().is_refused(Instant::now()) {
            return format!(
                "Kafka refuses the user, the password or the certificate at {}: mend them in the connection Secret",
                self.bootstrap
            );
        }
        format!(
            "Kafka does not answer at {}; --kafka names brokers as they are reached from here (they must also be reachable under the \
             names that they advertise)",
            self.bootstrap
        )
    }

    /// Returns the ends of each partition of a topic.
    pub(super) fn ends(&self, topic: &str) -> Result<BTreeMap<i32, Ends>> {
        let consumer = self.consumer("kubectl-tributary")?;
        let metadata =
            consumer.fetch_metadata(Some(topic), ANSWER).with_context(|| self.silent(&consumer))?;
        let found = metadata.topics().iter().filter(|found| found.name() == topic && found.error().is_none());
        let partitions: Vec<i32> =
            found.flat_map(|found| found.partitions()).map(|found| found.id()).collect();
        if partitions.is_empty() {
            bail!("topic {topic} is not there, or this user may not see it");
        }
        let ends = |partition| {
            let (low, high) = consumer
                .fetch_watermarks(topic, partition, ANSWER)
                .with_context(|| format!("failed to ask for the ends of {topic}:{partition}"))?;
            Ok((partition, Ends { low, high }))
        };
        partitions.into_iter().map(ends).collect()
    }

    /// Returns the position that a group has acknowledged in each partition; none where it has none.
    pub(super) fn committed(
        &self,
        topic: &str,
        group: &str,
        partitions: &[i32],
    ) -> Result<BTreeMap<i32, Option<i64>>> {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(topic, *partition);
        }
        let committed = self
            .consumer(group)?
            .committed_offsets(list, ANSWER)
            .with_context(|| format!("failed to ask what group {group} has acknowledged"))?;
        let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
        Ok(committed.elements().iter().map(|it| (it.partition(), offset(it.offset()))).collect())
    }

    /// Returns the first offset of each partition whose record came at a time or later; the end where there is none.
    pub(super) fn since(
        &self,
        topic: &str,
        ends: &BTreeMap<i32, Ends>,
        milliseconds: i64,
    ) -> Result<BTreeMap<i32, i64>> {
        let mut list = TopicPartitionList::new();
        for partition in ends.keys() {
            list.add_partition_offset(topic, *partition, Offset::Offset(milliseconds))?;
        }
        let consumer = self.consumer("kubectl-tributary")?;
        let found = consumer.offsets_for_times(list, ANSWER).with_context(|| self.silent(&consumer))?;
        let of = |partition: i32, offset| {
            let end = ends.get(&partition).map_or(0, |ends| ends.high);
            if let Offset::Offset(offset) = offset { offset } else { end }
        };
        Ok(found.elements().iter().map(|it| (it.partition(), of(it.partition(), it.offset()))).collect())
    }

    /// Shows every record of some ranges, each partition in its order.
    pub(super) fn read(
        &self,
        topic: &str,
        ranges: &BTreeMap<i32, Range>,
        visit: &mut dyn FnMut(&Lent<'_>) -> Result<()>,
    ) -> Result<()> {
        let starts = ranges.iter().map(|(partition, range)| (*partition, range.first)).collect();
        let consumer = self.begin(topic, &starts)?;
        let mut open: BTreeMap<i32, i64> =
            ranges.iter().map(|(partition, range)| (*partition, range.last)).collect();
        let mut heard = Instant::now();
        while !open.is_empty() {
            if heard.elapsed() > SILENCE {
                bail!("Kafka gave nothing of topic {topic} for {} s", SILENCE.as_secs());
            }
            let Some(polled) = consumer.poll(POLL) else { continue };
            heard = Instant::now();
            match polled {
                Ok(message) => {
                    let Some(last) = open.get(&message.partition()).copied() else { continue };
                    if message.offset() <= last {
                        visit(&Lent(&message))?;
                    }
                    if message.offset() >= last {
                        open.remove(&message.partition());
                    }
                }
                Err(KafkaError::PartitionEOF(partition)) => drop(open.remove(&partition)),
                Err(error) => return Err(error).with_context(|| format!("failed to read topic {topic}")),
            }
        }
        Ok(())
    }

    /// Shows records as they come, until whoever looks has seen enough.
    pub(super) fn follow(
        &self,
        topic: &str,
        starts: &BTreeMap<i32, i64>,
        visit: &mut dyn FnMut(&Lent<'_>) -> Result<Flow>,
    ) -> Result<()> {
        let consumer = self.begin(topic, starts)?;
        loop {
            match consumer.poll(POLL) {
                None | Some(Err(KafkaError::PartitionEOF(_))) => {}
                // The client connects again by itself.
                Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_away) => {}
                Some(Ok(message)) => {
                    if visit(&Lent(&message))? == Flow::End {
                        return Ok(());
                    }
                }
                Some(Err(error)) => {
                    return Err(error).with_context(|| format!("failed to read topic {topic}"));
                }
            }
        }
    }

    /// Begins to read partitions, each at its offset.
    fn begin(&self, topic: &str, starts: &BTreeMap<i32, i64>) -> Result<Client> {
        let consumer = self.consumer("kubectl-tributary")?;
        let mut list = TopicPartitionList::new();
        for (partition, offset) in starts {
            list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
        }
        consumer.assign(&list).context("failed to read partitions")?;
        Ok(consumer)
    }
}

fn is_away(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::AllBrokersDown)
}

/// Whether more is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Yes.
    GoOn,
    /// No.
    End,
}

/// Returns whole partitions as ranges; those without records are left out.
pub(super) fn whole(ends: &BTreeMap<i32, Ends>) -> BTreeMap<i32, Range> {
    let range = |ends: &Ends| Range { first: ends.low, last: ends.high - 1 };
    ends.iter()
        .filter(|(_, ends)| ends.low < ends.high)
        .map(|(partition, ends)| (*partition, range(ends)))
        .collect()
}

fn named(mut config: ClientConfig) -> ClientConfig {
    config.set("client.id", "kubectl-tributary");
    config
}

/// A record on loan.
pub(super) struct Lent<'a>(&'a BorrowedMessage<'a>);

impl Lent<'_> {
    /// Where it stands.
    pub(super) fn position(&self) -> Position {
        Position { partition: self.0.partition(), offset: self.0.offset() }
    }

    /// Kafka's time of the record, milliseconds since 1970.
    pub(super) fn milliseconds(&self) -> i64 {
        self.0.timestamp().to_millis().unwrap_or(0)
    }

    /// The bytes.
    pub(super) fn payload(&self) -> Option<&[u8]> {
        self.0.payload()
    }

    /// The headers.
    pub(super) fn headers(&self) -> Vec<(String, Option<Vec<u8>>)> {
        let Some(headers) = self.0.headers() else { return Vec::new() };
        // The client panics at a name that is not UTF-8.
        let one = |index| match catch_unwind(AssertUnwindSafe(|| headers.try_get(index))) {
            Ok(Some(header)) => Some((header.key.to_owned(), header.value.map(<[u8]>::to_vec))),
            Ok(None) => None,
            Err(_) => Some((UNREADABLE.to_owned(), None)),
        };
        (0..headers.count()).filter_map(one).collect()
    }

    /// Copies it.
    pub(super) fn kept(&self) -> Original {
        Original {
            position: self.position(),
            timestamp_milliseconds: self.milliseconds(),
            key: self.0.key().map(<[u8]>::to_vec),
            payload: self.payload().map(<[u8]>::to_vec),
            headers: self.headers(),
        }
    }
}
