//! Latency: from the call that hands an event to the producer to the moment at which a query finds its row.
//!
//! In: the ground. Out: [`Latencies`]: percentiles in milliseconds for each age of batches and each share of what the machine can do.
//! What it can do is measured first, with the generator at work on the same cores. The table is looked at again and again, each time
//! only at parts that are new, so that a figure is too large by a look at most, and never too small. A look costs ClickHouse some
//! milliseconds of CPU, so they are few enough that they are not what is measured.
//! Not here: rejected events, which have no row.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::contender::tributary::Tributary;
use super::contender::{Contender, Task};
use super::ground::Ground;
use super::percentile::percentile;
use super::sending::{Feed, Sending};
use super::topic::{Loaded, PARTITIONS};
use super::workload::Workload;
use super::workload::generator::{Expected, Fate};

/// Pause between two looks at the table.
const LOOK: Duration = Duration::from_millis(25);
/// How long a stream may take to show its first row.
const FIRST: Duration = Duration::from_secs(30);
/// How long rows may take after the last event.
const LAST: Duration = Duration::from_secs(60);
/// Events before this are not looked at: the group forms, connections are opened.
const WARM_UP: Duration = Duration::from_secs(2);
/// Shares of the capacity, in percent.
const SHARES: [u64; 3] = [1, 50, 90];

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct Latencies {
    /// Events a second that the machine can do, generator and all on the same cores.
    pub capacity: u64,
    /// One for each age and share.
    pub runs: Vec<Latency>,
}

/// One run.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    /// Greatest age of a batch, milliseconds.
    pub age: u64,
    /// Share of the capacity, percent.
    pub share: u64,
    /// Events a second.
    pub rate: u64,
    /// Rows that were looked at.
    pub rows: usize,
    /// Percentiles, milliseconds.
    pub p50: f64,
    /// The same.
    pub p99: f64,
    /// The same.
    pub p999: f64,
}

/// Ages of batches: the processor with the age, and the age in milliseconds.
const AGES: [(Tributary, u64); 2] = [
    (Tributary { change: |config| config.batch.max_age_milliseconds = 100, ..Tributary::PLAIN }, 100),
    (Tributary { change: |config| config.batch.max_age_milliseconds = 1_000, ..Tributary::PLAIN }, 1_000),
];

/// Measures all of it; each run takes so long.
pub async fn measure(
    ground: &mut Ground,
    (each, seed): (Duration, u64),
    mut show: impl FnMut(&Latency) -> Result<()>,
) -> Result<Latencies> {
    let fast = stream(ground, &Tributary::PLAIN, (None, each, seed)).await?;
    let capacity = fast.visible_while_sending as f64 / fast.sending.as_secs_f64();
    let mut found = Latencies { capacity: capacity as u64, runs: Vec::new() };
    for (contender, age) in AGES {
        for share in SHARES {
            let rate = (found.capacity * share / 100).max(1);
            let mut seen = stream(ground, &contender, (Some(rate), each, seed)).await?.latencies;
            ensure!(!seen.is_empty(), "no row was seen at {rate} events a second");
            seen.sort_unstable_by(f64::total_cmp);
            let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| percentile(&seen, share));
            let latency = Latency { age, share, rate, rows: seen.len(), p50, p99, p999 };
            show(&latency)?;
            found.runs.push(latency);
        }
    }
    Ok(found)
}

/// What one stream showed.
struct Seen {
    /// Milliseconds, one a row.
    latencies: Vec<f64>,
    visible_while_sending: u64,
    sending: Duration,
}

/// The moments at which events were handed over, from a common beginning; none for events that have no row.
type Sent = Arc<Mutex<Vec<Option<Duration>>>>;

async fn stream(
    ground: &mut Ground,
    contender: &Tributary,
    (rate, each, seed): (Option<u64>, Duration, u64),
) -> Result<Seen> {
    let topic = ground.name("latency");
    ground.kafka.create_topic(&topic, PARTITIONS).await?;
    let loaded =
        Loaded { topic, partitions: PARTITIONS, workload: Workload::MAIN, expected: Expected::default() };
    let task = ground.task(contender, &loaded).await?;
    let mover = contender.start(&task).await?;
    let (begun, sent) = (Instant::now(), Sent::default());
    let mut sending = sender(ground, &task, (rate, seed), (begun, Arc::clone(&sent)));
    let seen = watch(&task, (begun, each), &mut sending).await;
    sending.stop();
    contender.stop(&task, mover).await?;
    ground.clear(&task).await?;
    ground.kafka.delete_topic(&task.loaded.topic).await?;
    let (looks, from, until, visible_while_sending) = seen?;
    let sent = sent.lock().ok().context("the sender left its list broken")?;
    Ok(Seen { latencies: latencies(&sent, &looks, from), visible_while_sending, sending: until - from })
}

fn sender(
    ground: &Ground,
    task: &Task,
    (rate, seed): (Option<u64>, u64),
    (begun, sent): (Instant, Sent),
) -> Sending {
    let Loaded { topic, partitions, workload, .. } = task.loaded.clone();
    let feed = Feed { topics: vec![topic], partitions, workload, events: u64::MAX, rate, seed };
    Sending::start(ground.kafka.clone(), feed, move |fate| {
        let moment = matches!(fate, Fate::Stored { .. }).then(|| begun.elapsed());
        if let Ok(mut sent) = sent.lock() {
            sent.push(moment);
        }
    })
}

/// One look: when it was over, a partition, the greatest offset whose row is there.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Look {
    at: Duration,
    partition: usize,
    offset: u64,
}

/// Looks until all rows are there; also says from when to when events counted, and how many rows came in that time.
async fn watch(
    task: &Task,
    (begun, each): (Instant, Duration),
    sending: &mut Sending,
) -> Result<(Vec<Look>, Duration, Duration, u64)> {
    let (mut table, mut looks) = (Parts::default(), Vec::new());
    while looks.is_empty() {
        ensure!(begun.elapsed() < FIRST, "no row within {} s", FIRST.as_secs());
        looks.extend(table.look(task, begun).await?);
    }
    let from = begun.elapsed() + WARM_UP;
    let (mut before, mut at_once) = (None, None);
    let expected = loop {
        looks.extend(table.look(task, begun).await?);
        if before.is_none() && begun.elapsed() >= from {
            before = Some(task.rows().await?);
        }
        if at_once.is_none() && begun.elapsed() >= from + each {
            at_once = Some((begun.elapsed(), task.rows().await?));
            sending.stop();
        }
        if sending.is_over() {
            break sending.all().await?;
        }
    };
    let (ended, last) = (Instant::now(), at_once.context("sending ended too early")?);
    while task.rows().await? < expected.rows {
        ensure!(ended.elapsed() < LAST, "rows are missing {} s after the last event", LAST.as_secs());
        looks.extend(table.look(task, begun).await?);
    }
    looks.extend(table.look(task, begun).await?);
    Ok((looks, from, last.0, last.1 - before.unwrap_or_default()))
}

/// The parts of the table that were looked at.
#[derive(Debug, Default)]
struct Parts {
    /// The number of the last insert in each, and its name; only the newest ones.
    looked_at: BTreeSet<(u64, String)>,
}

/// So many inserts behind the newest one nothing new comes any more: there are never more under way.
const STRAGGLERS: u64 = 100;

impl Parts {
    /// Looks at the new ones, those that were merged among them: an insert may be merged before anybody looks.
    async fn look(&mut self, task: &Task, begun: Instant) -> Result<Vec<Look>> {
        tokio::time::sleep(LOOK).await;
        let oldest = self.looked_at.last().map_or(0, |(newest, _)| newest.saturating_sub(STRAGGLERS));
        self.looked_at = self.looked_at.split_off(&(oldest, String::new()));
        let known: Vec<&str> = self.looked_at.iter().map(|(_, name)| name.as_str()).collect();
        let sql = format!(
            "SELECT _part AS part, toUInt64(splitByChar('_', _part)[3]) AS last_insert, _partition AS partition, \
             max(_offset) AS offset FROM {} WHERE last_insert >= {oldest} AND _part NOT IN ('{}') GROUP BY part, partition",
            task.table,
            known.join("','")
        );
        let found = task.clickhouse.rows(&sql).await?;
        let at = begun.elapsed();
        let number = |value: &serde_json::Value| value.as_u64().context("a position is no number");
        let mut looks = Vec::new();
        for row in found {
            let name = row["part"].as_str().context("a part without a name")?.to_owned();
            self.looked_at.insert((number(&row["last_insert"])?, name));
            let (partition, offset) = (number(&row["partition"])?, number(&row["offset"])?);
            looks.push(Look { at, partition: usize::try_from(partition)?, offset });
        }
        Ok(looks)
    }
}

/// The latency of each row whose event was sent from a moment on, milliseconds: events go round the partitions in turn.
fn latencies(sent: &[Option<Duration>], looks: &[Look], from: Duration) -> Vec<f64> {
    let n_partitions = PARTITIONS.unsigned_abs() as usize;
    let mut found = Vec::new();
    for partition in 0..n_partitions {
        let mut events = sent.iter().skip(partition).step_by(n_partitions).zip(0_u64..).peekable();
        for look in looks.iter().filter(|look| look.partition == partition) {
            while let Some((sent, _)) = events.next_if(|(_, offset)| *offset <= look.offset) {
                let counted = sent.filter(|sent| *sent >= from);
                found.extend(counted.map(|sent| look.at.saturating_sub(sent).as_secs_f64() * 1e3));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Look, latencies};

    #[test]
    fn an_event_is_visible_with_the_first_look_that_finds_its_offset_or_a_later_one() {
        let at = |milliseconds| Duration::from_millis(milliseconds);
        // Partitions 0, 1, 2, 3, then again; the third event was rejected.
        let sent = [Some(at(0)), Some(at(1)), None, Some(at(3)), Some(at(4)), Some(at(5))];
        let looks = [
            Look { at: at(10), partition: 0, offset: 0 },
            Look { at: at(20), partition: 1, offset: 1 },
            Look { at: at(30), partition: 0, offset: 1 },
        ];
        assert_eq!(latencies(&sent, &looks, at(0)), [10.0, 26.0, 19.0, 15.0]);
        assert_eq!(latencies(&sent, &looks, at(4)), [26.0, 15.0], "warm-up counts for nothing");
    }
}
