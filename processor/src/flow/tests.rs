//! The whole way over the twins: each way to fail is one sentence.
//!
//! A [`Member`] is one process: a flow over the world's topic, table and dead-letter topic. Time is virtual. A crash is the member
//! dropped in the middle of a call; its successor sees only what topic, group and table hold.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crds::analytics_pipeline::{Envelope, UnknownEvents};
use crds::stream_config::StreamConfig;
use tokio::runtime::Runtime;

use super::writer::{Report, Writer};
use super::{Flow, Stream};
use crate::deliver::{Job, Sinks, deliver};
use crate::learn::{Load, learn};
use crate::metrics::Metrics;
use crate::record::Record;
use crate::report::Health;
use crate::settings::rules_hash;
use crate::sink::memory::MemorySink;
use crate::source::memory::{Call, Fate, MemorySource, World};

mod ends;
mod forgotten;
mod histories;
mod poison;
mod readiness;
mod rebalances;
mod refusals;
mod repetition;
mod traced;
mod work;

/// What a trap panics with to end the process rather than the record.
pub(crate) struct Crash;

/// Springs when a record is taken.
pub(crate) struct Trap(Box<dyn FnMut(&Record<'_>) + Send>);

impl Trap {
    pub(super) fn spring(&mut self, record: &Record<'_>) {
        (self.0)(record);
    }
}

/// A stream with one schema: `tap`, whose `n` is an integer.
pub(crate) fn config() -> StreamConfig {
    let schema =
        serde_yaml::from_str("{name: tap, fields: [{name: n, type: Int64, required: true}]}").unwrap();
    let mut config = crate::cases::config(&[schema], Envelope::default(), UnknownEvents::Drop);
    config.batch.max_rows = 10;
    config.batch.max_bytes = 1 << 20;
    config.batch.max_age_milliseconds = 1000;
    config
}

const GOOD: &str = r#"{"event":"tap","n":1}"#;
const BAD: &str = r#"{"event":"tap","n":"many"}"#;
const OTHER: &str = r#"{"event":"scroll"}"#;

/// A writer that makes tries when it is asked for reports, so that a test says when.
struct StepWriter {
    runtime: Arc<Runtime>,
    sinks: Sinks<MemorySink, MemorySink, MemorySink>,
    jobs: Vec<Job>,
    loads: Vec<Load>,
    holds: Arc<Holds>,
}

/// What a test holds back.
#[derive(Default)]
struct Holds {
    tries: AtomicBool,
    answers: AtomicBool,
}

impl Writer for StepWriter {
    fn submit(&mut self, job: Box<Job>) {
        self.jobs.push(*job);
    }

    fn load(&mut self, load: Load) {
        self.loads.push(load);
    }

    fn report(&mut self, _wait: Duration) -> Option<Report> {
        if !self.holds.answers.load(Ordering::Relaxed)
            && let Some(load) = self.loads.pop()
        {
            let (rows, originals) = (&self.sinks.rows, &self.sinks.originals);
            let learned = self.runtime.block_on(learn(&load, rows, originals));
            return Some(Report::Loaded(load, learned));
        }
        if self.holds.tries.load(Ordering::Relaxed) {
            return None;
        }
        let mut job = self.jobs.pop()?;
        let end = self.runtime.block_on(deliver(&mut job, &self.sinks));
        Some(Report::Ended(Box::new(job), end))
    }
}

/// One process.
struct Member {
    number: u64,
    flow: Flow<MemorySource, StepWriter>,
    runtime: Arc<Runtime>,
    world: World,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    holds: Arc<Holds>,
}

impl Member {
    fn now(runtime: &Runtime) -> Instant {
        runtime.block_on(async { tokio::time::Instant::now().into_std() })
    }

    /// Starts a process that is given these partitions.
    fn start(
        world: &World,
        runtime: &Arc<Runtime>,
        number: u64,
        partitions: &[i32],
        config: StreamConfig,
    ) -> Self {
        let source = world.join(number, partitions);
        let sink = MemorySink { world: world.clone(), member: number };
        let sinks = Sinks { rows: sink.clone(), dead_letters: sink.clone(), originals: sink };
        let holds = Arc::<Holds>::default();
        let writer = StepWriter {
            runtime: Arc::clone(runtime),
            sinks,
            jobs: Vec::new(),
            loads: Vec::new(),
            holds: Arc::clone(&holds),
        };
        let now = Self::now(runtime);
        let (health, metrics) = (Arc::new(Health::new(now)), Arc::new(Metrics::new()));
        let rules = rules_hash(&config, None);
        let stream = Stream { config, hash_key: None, rules, seed: number };
        let flow =
            Flow::new(source, writer, stream, (Arc::clone(&metrics), Arc::clone(&health)), now).unwrap();
        let (runtime, world) = (Arc::clone(runtime), world.clone());
        Self { number, flow, runtime, world, health, metrics, holds }
    }

    /// Lets some time pass and makes one turn. Returns whether the process lives.
    fn turn(&mut self, milliseconds: u64) -> bool {
        self.runtime.block_on(tokio::time::advance(Duration::from_millis(milliseconds)));
        let now = Self::now(&self.runtime);
        let turned = catch_unwind(AssertUnwindSafe(|| self.flow.turn(now, Duration::ZERO)));
        match turned {
            Ok(result) => result.is_ok() && !self.world.is_crashed(self.number),
            Err(panic) => {
                assert!(is_crash(&*panic), "a panic that no test asked for");
                false
            }
        }
    }

    fn turns(&mut self, n: usize) -> bool {
        (0..n).all(|_| self.turn(200))
    }

    /// Holds tries back, or lets them go.
    fn hold(&self, holds: bool) {
        self.holds.tries.store(holds, Ordering::Relaxed);
    }

    /// Holds answers of the table back, or lets them go.
    fn hold_answers(&self, holds: bool) {
        self.holds.answers.store(holds, Ordering::Relaxed);
    }
}

fn is_crash(panic: &(dyn Any + Send)) -> bool {
    panic.is::<Crash>()
}

fn runtime() -> Arc<Runtime> {
    Arc::new(tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap())
}

/// A world with `n` good records in partition 0, and a process that is given it.
fn world_with(payloads: &[&str]) -> (World, Arc<Runtime>) {
    let world = World::default();
    for payload in payloads {
        world.append(0, 0, Some(payload));
    }
    (world, runtime())
}

/// Offsets of the table's rows of a partition, in rising order.
fn stored(world: &World, partition: i32) -> Vec<i64> {
    let state = world.state();
    let mut offsets: Vec<i64> =
        state.table.iter().filter(|row| row.partition == partition).map(|row| row.offset).collect();
    offsets.sort_unstable();
    offsets
}

fn committed(world: &World, partition: i32) -> (i64, String) {
    world.state().committed.get(&partition).cloned().unwrap_or((-1, String::new()))
}

fn all(range: std::ops::Range<i64>) -> Vec<i64> {
    range.collect()
}

/// Lets one call of a member end in a crash.
fn crash_at(world: &World, member: u64, n_calls: u64, has_effect: bool) {
    world.state().crash_in = Some((member, n_calls, has_effect));
}

fn fault(world: &World, call: Call, fates: &[Fate]) {
    world.state().faults.entry(call).or_default().extend(fates);
}
