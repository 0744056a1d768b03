//! The benchmark: ours and what people would use instead, side by side on the same events, every count checked.
//!
//! In: the environment's broker; a ClickHouse of its own; the programs beside this one. Out: lines on the screen, `results.json` beside the
//! logs, and, unless it is the quick one, `docs/benchmarks.md`. Read [`run`] top to bottom.
//!
//! ```text
//! prepare -> peers: main workload, each contender in pairs with ours -> other workloads: ours, floor, value -> kills
//!         -> growth: ours with one thing changed -> latency -> many small streams -> many pipelines -> bars -> page
//! ```

pub mod bars;
mod conclusion;
pub mod contender;
pub mod ground;
pub mod growth;
pub mod kills;
pub mod latency;
mod machine;
pub mod meter;
pub mod page;
pub mod pairs;
mod parts;
pub mod percentile;
pub mod pipelines;
pub mod process;
pub mod report;
pub mod run;
pub mod sending;
pub mod server;
pub mod streams;
pub mod table;
mod tables;
pub mod topic;
pub mod workload;

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::environment;
use crate::screen::{Screen, thousands};
use contender::baselines::{Floor, Value};
use contender::kafka_engine::KafkaEngine;
use contender::spark::Spark;
use contender::tributary::Tributary;
use contender::{Contender, Done, installed};
use ground::Ground;
use report::{Entry, OURS, Outcomes, Plan, Report};
use topic::Loaded;
use workload::Workload;

/// Measures ours and its peers.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Kafka: `host:port`.
    #[arg(long, env = "KAFKA", value_name = "ADDRESS")]
    pub kafka: String,
    /// Fewer events and pairs; the page is left alone.
    #[arg(long)]
    pub quick: bool,
    /// Equal seeds give equal events and kills.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Events of the main workload.
    #[arg(long)]
    pub events: Option<u64>,
    /// Pairs of each contender with ours.
    #[arg(long)]
    pub pairs: Option<usize>,
    /// Kills of each contender; 0 leaves them out.
    #[arg(long)]
    pub kills: Option<u64>,
    /// Only these contenders, beside ours: `floor,value`. Such a benchmark leaves the page alone.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Leaves the other workloads out, and the page alone.
    #[arg(long)]
    pub main_only: bool,
    /// Only these parts; each has a section of the page, which it renews.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Part::ALL)]
    pub part: Vec<Part>,
}

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Ours and its peers, on all workloads, and after kills.
    Peers,
    /// Partitions, processors, rows a batch, features.
    Growth,
    /// From the app's call to the row.
    Latency,
    /// Idle and small streams.
    Streams,
    /// The operator with many pipelines.
    Pipelines,
}

impl Part {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 5] = [Self::Peers, Self::Growth, Self::Latency, Self::Streams, Self::Pipelines];

    /// One word, for marks and the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Peers => "peers",
            Self::Growth => "growth",
            Self::Latency => "latency",
            Self::Streams => "streams",
            Self::Pipelines => "pipelines",
        }
    }
}

/// A contender and the topic that it reads.
type Runner = (Arc<dyn Contender>, Loaded);

/// All that is needed along the way.
struct Bench {
    settings: Settings,
    screen: Screen,
    ground: Ground,
    contenders: Vec<Arc<dyn Contender>>,
    report: Report,
}

/// Runs everything; true when no count was wrong.
pub async fn run(settings: Settings) -> Result<bool> {
    let mut bench = Bench::prepare(settings).await?;
    let begun = Instant::now();
    let measured = bench.measure().await;
    bench.report.machine = machine::describe(&bench.ground).await;
    let folder = bench.ground.folder.clone();
    page::keep(&folder, &bench.report)?;
    measured?;
    bench.conclude(begun)?;
    Ok(bench.report.is_right())
}

impl Settings {
    fn plan(&self) -> Plan {
        let plan = if self.quick {
            Plan {
                quick: true,
                events: 800_000,
                other_events: 200_000,
                rounds: 1,
                other_rounds: 1,
                kills: 2,
                seconds: 4,
                n_streams: 4,
                n_pipelines: [5, 20],
                seed: 0,
            }
        } else {
            Plan {
                quick: false,
                events: 2_000_000,
                other_events: 500_000,
                rounds: 5,
                other_rounds: 3,
                kills: 20,
                seconds: 20,
                n_streams: 100,
                n_pipelines: [100, 1_000],
                seed: 0,
            }
        };
        Plan {
            events: self.events.unwrap_or(plan.events),
            other_events: self.events.unwrap_or(plan.other_events).min(plan.other_events),
            rounds: self.pairs.unwrap_or(plan.rounds),
            kills: self.kills.unwrap_or(plan.kills),
            seed: self.seed,
            ..plan
        }
    }

    /// Whether this is the whole benchmark, as the page describes it.
    fn is_whole(&self) -> bool {
        let is_as_planned = self.events.is_none() && self.pairs.is_none() && self.kills.is_none();
        !self.quick && !self.main_only && self.only.is_empty() && is_as_planned
    }
}

impl Bench {
    async fn prepare(settings: Settings) -> Result<Self> {
        let mut screen = Screen::new();
        let surroundings = environment::settings::Settings::from_environment();
        screen.step("Prepare the contenders", "")?;
        let mut all: Vec<Arc<dyn Contender>> = vec![
            Arc::new(Tributary::PLAIN),
            Arc::new(Floor),
            Arc::new(Value),
            Arc::new(KafkaEngine),
            Arc::new(Spark::new(&surroundings)),
        ];
        all.extend(installed::all(&surroundings));
        let (mut contenders, mut entries, mut absent) = (Vec::new(), Vec::new(), Vec::new());
        for contender in all {
            let name = contender.name();
            if name != OURS && !settings.only.is_empty() && !settings.only.iter().any(|only| only == name) {
                continue;
            }
            match contender.prepare(&surroundings) {
                Ok(version) => {
                    screen.line(&format!("   {name:<16} {} ({version})", contender.title()))?;
                    entries.push(Entry {
                        name,
                        title: contender.title(),
                        version,
                        configuration: String::new(),
                        workload: contender.workload(),
                        warms_up: contender.warm_up() > 0,
                    });
                    contenders.push(contender);
                }
                Err(why) => {
                    screen.line(&format!("   {name:<16} is left out: {why:#}"))?;
                    absent.push((name.to_owned(), format!("{why:#}")));
                }
            }
        }
        let ground = Ground::start(surroundings, &settings.kafka).await?;
        let report = Report {
            machine: Vec::new(),
            plan: settings.plan(),
            entries,
            absent,
            peers: Outcomes::default(),
            losses: Vec::new(),
            growth: Outcomes::default(),
            latency: None,
            streams: None,
            pipelines: None,
        };
        Ok(Self { settings, screen, ground, contenders, report })
    }

    async fn measure(&mut self) -> Result<()> {
        for part in self.settings.part.clone() {
            match part {
                Part::Peers => self.peers().await?,
                Part::Growth => self.growth().await?,
                Part::Latency => self.latency().await?,
                Part::Streams => self.streams().await?,
                Part::Pipelines => self.pipelines().await?,
            }
        }
        Ok(())
    }

    /// Fills a topic and reads it once, so that no contender is the first.
    async fn load(&mut self, (workload, partitions): (&Workload, i32), events: u64) -> Result<Loaded> {
        let all = thousands(events);
        self.screen.step(&format!("{workload}: load {all} events, {partitions} partitions"), "")?;
        let loaded = self.ground.load((workload, partitions), (events, self.report.plan.seed)).await?;
        let expected = loaded.expected;
        self.screen.line(&format!(
            "   {} bytes an event; {} rows and {} dead letters must come of them",
            expected.bytes / expected.events.max(1),
            thousands(expected.rows),
            thousands(expected.rejected)
        ))?;
        let reader = self.contenders.iter().find(|contender| contender.done() == Done::OwnWord).cloned();
        if let Some(reader) = reader {
            run::run(&mut self.ground, reader.as_ref(), &loaded).await?;
        }
        Ok(loaded)
    }

    /// Runs contenders against each other, forth and back.
    async fn rounds(
        &mut self,
        runners: &[Runner],
        (rounds, name): (usize, &str),
    ) -> Result<Vec<run::Outcome>> {
        let mut outcomes = Vec::new();
        for (round, order) in pairs::order(runners.len(), rounds).into_iter().enumerate() {
            for (contender, loaded) in order.into_iter().filter_map(|number| runners.get(number)) {
                let outcome = run::run(&mut self.ground, contender.as_ref(), loaded).await?;
                let outcome = run::Outcome { pair: (name.to_owned(), round), ..outcome };
                self.show(&outcome)?;
                let entry = self.report.entries.iter_mut().find(|entry| entry.name == outcome.contender);
                if let Some(entry) = entry.filter(|entry| entry.configuration.is_empty()) {
                    entry.configuration.clone_from(&outcome.configuration);
                }
                outcomes.push(outcome);
            }
        }
        Ok(outcomes)
    }

    fn show(&mut self, run: &run::Outcome) -> Result<()> {
        if !run.faults.is_empty() {
            let faults = run.faults.join("; ");
            return Ok(self.screen.line(&format!("   {:<16} VOID: {faults}", run.contender))?);
        }
        Ok(self.screen.line(&format!(
            "   {:<16} {:>6} µs an event   ClickHouse {:>6}   broker {:>5}   {:>9} events/s   {:>5} MB",
            run.contender,
            tables::number(run.mover()),
            tables::number(run.server()),
            tables::number(run.broker()),
            thousands(run.rate() as u64),
            run.peak() / 1_000_000
        ))?)
    }
}
