//! Many small streams: what a stream costs that has nothing or little to do.
//!
//! In: the ground. Out: [`Streams`]: memory, CPU and requests of an idle stream, new and after a load; of a hundred with a few events a
//! second each; and of the same events in one process, which is what several streams that share a Deployment would cost at best: a group, a
//! consumer and connections for all of them, and still a batch for each partition.
//! Not here: what the operator asks of the apiserver, of Kafka and of ClickHouse for a stream.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::contender::tributary::Tributary;
use super::contender::{Contender, Mover, Task};
use super::ground::Ground;
use super::sending::{Feed, Sending};
use super::topic::Loaded;
use super::workload::Workload;
use super::workload::generator::Expected;
use crate::host;

/// How long a stream may take to store its first row; a hundred start at once.
const START: Duration = Duration::from_secs(180);
const INTERVAL: Duration = Duration::from_millis(250);
/// Between the first row and the first reading: what has started is over.
const REST: Duration = Duration::from_secs(10);

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct Streams {
    /// Seconds of each reading.
    pub seconds: u64,
    /// One stream that has had a single event.
    pub idle: Cost,
    /// Events of a load.
    pub load: u64,
    /// One stream that has had a load, with dead letters.
    pub after_load: Cost,
    /// Requests to Kafka of an idle stream in a minute, by kind.
    pub requests: BTreeMap<String, f64>,
    /// Streams of the other two.
    pub n_streams: usize,
    /// Events a second and stream.
    pub rate: u64,
    /// Each in a process of its own.
    pub apart: Cost,
    /// All in one process.
    pub together: Cost,
}

/// What was spent in a minute, over all streams.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Cost {
    /// Resident memory of all processors, bytes.
    pub memory: u64,
    /// CPU seconds of the processors in a minute.
    pub processors: f64,
    /// CPU seconds of ClickHouse in a minute, merges included.
    pub server: f64,
    /// CPU seconds of the broker in a minute.
    pub broker: f64,
    /// Statements that ClickHouse was sent in a minute.
    pub statements: f64,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Streams.
    pub n_streams: usize,
    /// Events a second and stream; 0: there are some at first, and then none.
    pub rate: u64,
    /// Events before that, where none keep coming.
    pub load: u64,
    /// How long each is read.
    pub each: Duration,
    /// Equal seeds give equal events.
    pub seed: u64,
}

/// What a stream has had that was busy once.
const LOAD: u64 = 500_000;
/// Partitions of a small stream.
const PARTITIONS: i32 = 1;
/// The client tells of each request; only for counting them, as telling costs CPU.
const TALKATIVE: Tributary = Tributary {
    change: |config| drop(config.kafka.properties.insert("debug".to_owned(), "protocol".to_owned())),
    log: "info,librdkafka=debug",
    ..Tributary::PLAIN
};

/// Measures all of it.
pub async fn measure(ground: &mut Ground, extent: Extent) -> Result<Streams> {
    let one = Extent { n_streams: 1, rate: 0, ..extent };
    let idle = Group::start(ground, &Tributary::PLAIN, (1, PARTITIONS), one).await?.read(ground).await?;
    let loaded = Extent { load: LOAD, ..one };
    let after_load =
        Group::start(ground, &Tributary::PLAIN, (1, PARTITIONS), loaded).await?.read(ground).await?;
    let requests = requests(ground, one).await?;
    let apart = Group::start(ground, &Tributary::PLAIN, (extent.n_streams, PARTITIONS), extent)
        .await?
        .read(ground)
        .await?;
    let partitions = i32::try_from(extent.n_streams)?;
    let together =
        Group::start(ground, &Tributary::PLAIN, (1, partitions), extent).await?.read(ground).await?;
    let Extent { n_streams, rate, each, .. } = extent;
    Ok(Streams {
        seconds: each.as_secs(),
        idle,
        load: LOAD,
        after_load,
        requests,
        n_streams,
        rate,
        apart,
        together,
    })
}

async fn requests(ground: &mut Ground, extent: Extent) -> Result<BTreeMap<String, f64>> {
    let group = Group::start(ground, &TALKATIVE, (1, PARTITIONS), extent).await?;
    let log = || std::fs::read_to_string(group.streams[0].task.folder.join("tributary.log"));
    let before = sent_requests(&log().context("reading the log")?);
    tokio::time::sleep(extent.each).await;
    let after = sent_requests(&log().context("reading the log")?);
    group.end(ground).await?;
    let minutes = extent.each.as_secs_f64() / 60.0;
    let more = |(name, n): (String, u64)| {
        let more = n - before.get(&name).copied().unwrap_or_default();
        (more > 0).then(|| (name, more as f64 / minutes))
    };
    let found: BTreeMap<_, _> = after.into_iter().filter_map(more).collect();
    ensure!(!found.is_empty(), "the client's log tells of no request");
    Ok(found)
}

/// Counts the lines `Sent FetchRequest (v11, …)` by their kind.
fn sent_requests(log: &str) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for (_, rest) in log.lines().filter_map(|line| line.split_once("Sent ")) {
        if let Some((name, _)) = rest.split_once("Request (") {
            *found.entry(name.to_owned()).or_default() += 1;
        }
    }
    found
}

/// Streams at work, and the events that keep coming.
struct Group {
    streams: Vec<Stream>,
    extent: Extent,
    /// Nothing, where no more events come.
    sending: Option<Sending>,
}

struct Stream {
    task: Task,
    mover: Mover,
}

impl Group {
    /// Starts processors and waits until each has stored a row of each partition, or all of its rows where no more come.
    async fn start(
        ground: &mut Ground,
        contender: &Tributary,
        (n_processors, partitions): (usize, i32),
        extent: Extent,
    ) -> Result<Self> {
        let rejected = if extent.load > 0 { Workload::MAIN.rejected } else { 0 };
        let (mut streams, workload) = (Vec::new(), Workload { rejected, ..Workload::MAIN });
        for _ in 0..n_processors {
            let topic = ground.name("small");
            ground.kafka.create_topic(&topic, partitions).await?;
            let loaded = Loaded { topic, partitions, workload, expected: Expected::default() };
            let task = ground.task(contender, &loaded).await?;
            let mover = contender.start(&task).await?;
            streams.push(Stream { task, mover });
        }
        let topics = streams.iter().map(|stream| stream.task.loaded.topic.clone()).collect();
        let mut sending = sender(ground, (topics, partitions), (workload, extent));
        let (begun, is_over) = (Instant::now(), extent.rate == 0);
        let (what, wanted) = if is_over {
            ("count()", sending.all().await?.rows)
        } else {
            ("uniqExact(_partition)", u64::from(partitions.unsigned_abs()))
        };
        for stream in &streams {
            let sql = format!("SELECT {what} AS n FROM {}", stream.task.table);
            while stream.task.clickhouse.number(&sql).await? < wanted {
                ensure!(
                    begun.elapsed() < START,
                    "a stream did not store its first rows within {} s",
                    START.as_secs()
                );
                tokio::time::sleep(INTERVAL).await;
            }
        }
        let sending = (!is_over).then_some(sending);
        tokio::time::sleep(REST).await;
        Ok(Self { streams, extent, sending })
    }

    /// Reads what a minute costs, and ends it all.
    async fn read(self, ground: &mut Ground) -> Result<Cost> {
        let before = self.reading(ground).await?;
        tokio::time::sleep(self.extent.each).await;
        let after = self.reading(ground).await?;
        let minutes = self.extent.each.as_secs_f64() / 60.0;
        let cost = Cost {
            memory: after.memory,
            processors: (after.processors - before.processors) / minutes,
            server: (after.server - before.server) / minutes,
            broker: (after.broker - before.broker) / minutes,
            statements: (after.statements - before.statements) / minutes,
        };
        self.end(ground).await?;
        Ok(cost)
    }

    async fn reading(&self, ground: &Ground) -> Result<Cost> {
        let (mut memory, mut processors) = (0, 0.0);
        for leader in self.streams.iter().filter_map(|stream| stream.mover.leader()) {
            let usage = host::usage(&host::session(leader));
            memory += usage.memory;
            processors += usage.cpu_seconds;
        }
        let sql = "SELECT toUInt64(sum(value)) AS n FROM system.events WHERE event = 'Query'";
        Ok(Cost {
            memory,
            processors,
            server: host::usage(&[ground.server.pid()]).cpu_seconds,
            broker: host::usage(ground.broker.as_slice()).cpu_seconds,
            statements: ground.server.clickhouse().number(sql).await? as f64,
        })
    }

    async fn end(mut self, ground: &mut Ground) -> Result<()> {
        if let Some(sending) = &mut self.sending {
            sending.end().await?;
        }
        for Stream { task, mover } in self.streams {
            Tributary::PLAIN.stop(&task, mover).await?;
            ground.clear(&task).await?;
            ground.kafka.delete_topic(&task.loaded.topic).await?;
        }
        Ok(())
    }
}

/// Sends a first event to each partition, and then so many a second as there are streams.
fn sender(
    ground: &Ground,
    (topics, partitions): (Vec<String>, i32),
    (workload, extent): (Workload, Extent),
) -> Sending {
    let n_partitions = topics.len() as u64 * u64::from(partitions.unsigned_abs());
    let (events, rate) = match extent.rate {
        0 => (n_partitions.max(extent.load), None),
        rate => (u64::MAX, Some(rate * extent.n_streams as u64)),
    };
    let feed = Feed { topics, partitions, workload, events, rate, seed: extent.seed };
    Sending::start(ground.kafka.clone(), feed, |_| {})
}

#[cfg(test)]
mod tests {
    use super::sent_requests;

    #[test]
    fn requests_are_counted_by_what_the_client_says_it_sent() {
        let log = "{\"message\":\"SEND [thrd:a]: a/1: Sent FetchRequest (v11, 94 bytes @ 0, CorrId 7)\"}\n\
                   {\"message\":\"RECV [thrd:a]: a/1: Received FetchResponse (v11, 30 bytes, CorrId 7)\"}\n\
                   {\"message\":\"SEND [thrd:a]: a/1: Sent HeartbeatRequest (v3, 94 bytes @ 0, CorrId 8)\"}\n\
                   {\"message\":\"SEND [thrd:a]: a/1: Sent FetchRequest (v11, 94 bytes @ 0, CorrId 9)\"}\n";
        let found: Vec<_> = sent_requests(log).into_iter().collect();
        assert_eq!(found, [("Fetch".to_owned(), 2), ("Heartbeat".to_owned(), 1)]);
    }
}
