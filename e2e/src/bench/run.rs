//! One run: a contender moves all events of a topic into a new table, measured, and every count checked.
//!
//! In: a contender, a loaded topic. Out: an [`Outcome`]; a wrong count is a fault in it and makes the run void.
//! ClickHouse's merges belong to what rows cost, so the run ends when nothing is merged any more. The mover's own spending ends with the last
//! row and the last dead letter. Not here: comparison.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use super::contender::baselines::REPORT;
use super::contender::{Contender, Done, Letters, Mover, Task};
use super::ground::Ground;
use super::meter::{Meter, Spent, Watched};
use super::topic::{Ends, Loaded};

/// Rare, as each look costs ClickHouse more than a millisecond.
const INTERVAL: Duration = Duration::from_millis(250);
/// How long nothing may move.
const STANDSTILL: Duration = Duration::from_secs(90);
/// How long ClickHouse may merge after the last row.
const MERGES: Duration = Duration::from_secs(60);

/// What came of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The contender.
    pub contender: &'static str,
    /// The events.
    pub workload: String,
    /// Whom it was compared with, and in which round.
    pub pair: (String, usize),
    /// Events that count: all, without those that warmed it up.
    pub events: u64,
    /// Seconds in which they were moved, the start of the process included where there was no warm-up.
    pub seconds: f64,
    /// What they cost.
    pub spent: Spent,
    /// Whether ClickHouse itself is the mover.
    pub is_server: bool,
    /// Whether rows are written at all.
    pub writes: bool,
    /// What is wrong with its counts; a run with faults is void.
    pub faults: Vec<String>,
    /// What the contender was told.
    #[serde(skip)]
    pub configuration: String,
}

impl Outcome {
    fn each(&self, seconds: f64) -> f64 {
        seconds * 1e6 / self.events as f64
    }

    /// Microseconds of the mover's CPU for each event; ClickHouse's, where that is the mover.
    #[must_use]
    pub fn mover(&self) -> f64 {
        self.each(if self.is_server { self.spent.server } else { self.spent.mover })
    }

    /// Microseconds of ClickHouse's CPU for each event, merges included; no number when no row is written.
    #[must_use]
    pub fn server(&self) -> f64 {
        if self.writes { self.each(self.spent.server) } else { f64::NAN }
    }

    /// Mover and ClickHouse together.
    #[must_use]
    pub fn together(&self) -> f64 {
        self.server() + self.each(self.spent.mover)
    }

    /// Microseconds of the broker's CPU for each event; no number when it runs elsewhere.
    #[must_use]
    pub fn broker(&self) -> f64 {
        self.each(self.spent.broker)
    }

    /// Events a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.events as f64 / self.seconds
    }

    /// The largest memory of the mover, bytes.
    #[must_use]
    pub fn peak(&self) -> u64 {
        if self.is_server { self.spent.server_peak } else { self.spent.mover_peak }
    }
}

/// Lets a contender move the events once. An error is about the ground; what the contender does wrong is in the outcome.
pub async fn run(ground: &mut Ground, contender: &dyn Contender, loaded: &Loaded) -> Result<Outcome> {
    let task = ground.task(contender, loaded).await?;
    let mut run = Run { ends: Ends::new(&ground.kafka)?, contender, task };
    let watched = Watched { mover: None, server: ground.server.pid(), broker: ground.broker };
    let mut outcome = run.move_all(watched).await?;
    if !ground.server.settle(MERGES).await? {
        outcome.result.faults.push(format!("ClickHouse still merged after {} s", MERGES.as_secs()));
    }
    let (mover, mut meter) = (outcome.mover, outcome.meter);
    let settled = meter.spent();
    outcome.result.spent = Spent { mover: outcome.result.spent.mover, ..settled };
    contender.stop(&run.task, mover).await?;
    if outcome.result.faults.is_empty() {
        outcome.result.faults = run.faults().await?;
    }
    contender.remove(&run.task).await?;
    ground.clear(&run.task).await?;
    Ok(outcome.result)
}

struct Run<'a> {
    ends: Ends,
    contender: &'a dyn Contender,
    task: Task,
}

/// A run whose mover still lives.
struct Moved {
    result: Outcome,
    mover: Mover,
    meter: Meter,
}

impl Run<'_> {
    async fn move_all(&mut self, watched: Watched) -> Result<Moved> {
        let mut meter = Meter::start(watched);
        let mut begun = Instant::now();
        let mover = self.contender.start(&self.task).await?;
        meter.watch(mover.leader());
        let expected = self.task.loaded.expected;
        let mut progress = Progress { warm_up: self.contender.warm_up(), ..Progress::new() };
        let mut faults = Vec::new();
        loop {
            // For the sake of the mover's memory.
            meter.spent();
            match self.look(&mover, &mut progress).await {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => {
                    faults.push(format!("{error:#}"));
                    break;
                }
            }
            if progress.is_warm(expected.events) {
                meter.begin_anew();
                begun = Instant::now();
            }
            tokio::time::sleep(INTERVAL).await;
        }
        let result = Outcome {
            contender: self.contender.name(),
            workload: self.task.loaded.workload.to_string(),
            pair: (String::new(), 0),
            events: expected.events.saturating_sub(progress.uncounted).max(1),
            seconds: begun.elapsed().as_secs_f64(),
            spent: meter.spent(),
            is_server: matches!(mover, Mover::Server),
            writes: self.contender.done() != Done::OwnWord,
            faults,
            configuration: self.contender.configuration(&self.task)?,
        };
        Ok(Moved { result, mover, meter })
    }

    /// Whether all is moved.
    async fn look(&self, mover: &Mover, progress: &mut Progress) -> Result<bool> {
        let expected = self.task.loaded.expected;
        let has_ended = matches!(mover, Mover::Process(process) if process.has_ended());
        let settled = match self.contender.done() {
            Done::OwnWord => {
                if self.task.folder.join(REPORT).exists() {
                    return Ok(true);
                }
                0
            }
            Done::Counts(letters) => {
                let rows = self.rows().await?;
                if rows >= expected.rows && self.letters(letters).await? >= expected.rejected {
                    return self.contender.has_done_the_rest(&self.task).await;
                }
                rows
            }
        };
        if has_ended && let Mover::Process(process) = mover {
            bail!("it ended by itself: {}", process.last_words());
        }
        progress.note(settled);
        if progress.moved.elapsed() > STANDSTILL {
            let wanted = expected.rows;
            bail!("nothing moved for {} s; {settled} of {wanted} rows are there", STANDSTILL.as_secs());
        }
        Ok(false)
    }

    async fn rows(&self) -> Result<u64> {
        self.task.clickhouse.number(&format!("SELECT count() AS n FROM {}", self.task.table)).await
    }

    async fn letters(&self, letters: Letters) -> Result<u64> {
        match letters {
            Letters::Topic => self.ends.records(&self.task.dead_letter_topic),
            Letters::Table => {
                let sql = format!("SELECT count() AS n FROM {}_errors", self.task.table);
                self.task.clickhouse.number(&sql).await
            }
            Letters::Nowhere => Ok(self.task.loaded.expected.rejected),
        }
    }

    /// What is wrong with the counts, now that the mover has stopped.
    async fn faults(&self) -> Result<Vec<String>> {
        let expected = self.task.loaded.expected;
        let found = match self.contender.done() {
            Done::OwnWord => {
                let path = self.task.folder.join(REPORT);
                let text =
                    std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
                let said: serde_json::Value =
                    serde_json::from_str(&text).context("reading the floor's report")?;
                let number = |name: &str| said[name].as_u64().unwrap_or_default();
                // It finds all flaws but the one that only a check finds.
                let (rows, letters) =
                    (expected.rows + expected.out_of_range, expected.rejected - expected.out_of_range);
                vec![("decoded", number("decoded"), rows), ("failed", number("failed"), letters)]
            }
            Done::Counts(letters) => {
                let count = self.task.clickhouse.count(&self.task.table.to_string()).await?;
                let sql = format!("SELECT toUInt64(sum(order_amount) * 100) AS n FROM {}", self.task.table);
                vec![
                    ("rows", count.rows, expected.rows),
                    ("positions", count.positions, expected.rows),
                    ("cents", self.task.clickhouse.number(&sql).await?, expected.cents),
                    ("dead letters", self.letters(letters).await?, expected.rejected),
                ]
            }
        };
        let wrong = found.into_iter().filter(|(_, found, wanted)| found != wanted);
        Ok(wrong.map(|(what, found, wanted)| format!("{what}: {found} instead of {wanted}")).collect())
    }
}

/// How far a run is.
struct Progress {
    settled: u64,
    moved: Instant,
    warm_up: u64,
    uncounted: u64,
}

impl Progress {
    fn new() -> Self {
        Self { settled: 0, moved: Instant::now(), warm_up: 0, uncounted: 0 }
    }

    fn note(&mut self, settled: u64) {
        if settled > self.settled {
            (self.settled, self.moved) = (settled, Instant::now());
        }
    }

    /// Whether it has warmed up just now. What it has read ahead by then counts in its favour.
    fn is_warm(&mut self, events: u64) -> bool {
        let is_warm = self.warm_up > 0 && self.uncounted == 0 && self.settled >= self.warm_up.min(events / 2);
        if is_warm {
            self.uncounted = self.settled;
        }
        is_warm
    }
}
