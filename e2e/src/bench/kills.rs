//! Kills: a contender is killed with -9 again and again while events keep coming, and then each event is looked for.
//!
//! In: a contender, how many kills, a seed. Out: how many rows are missing and how many are there twice.
//! The kills are spread over lanes that run side by side, each with a topic and a table of its own, as most of the time a consumer group
//! waits for the dead to be given up. A kill comes at a random moment after the mover was seen to work. Time is not measured here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use tokio::task::JoinSet;

use super::contender::{Contender, Mover, Task};
use super::ground::Ground;
use super::sending::{Feed, Sending};
use super::server::Server;
use super::topic::{Loaded, PARTITIONS};
use super::workload::generator::Expected;
use crate::clickhouse::Count;
use crate::generator::random::Random;

/// Lanes of one contender.
const LANES: u64 = 4;
/// Events a second and lane.
const RATE: u64 = 5_000;
/// How long a mover may take to be seen at work, and how long nothing may change after the last event before what is missing counts as
/// lost: four JVMs start beside each other, and repeat first what is there already.
const AT_WORK: Duration = Duration::from_secs(300);
/// A kill comes at most this much later.
const LATEST: u64 = 1_500;
const INTERVAL: Duration = Duration::from_millis(200);

/// What is left after the kills.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Losses {
    /// Kills.
    pub kills: u64,
    /// Events sent.
    pub events: u64,
    /// Rows that should be there and are not.
    pub lost: u64,
    /// Rows that are there once more than they should.
    pub doubled: u64,
}

/// One lane: a topic that is being filled, a mover that is killed.
struct Lane {
    task: Task,
    contender: Arc<dyn Contender>,
    random: Random,
    kills: u64,
    /// A ClickHouse of the lane's own, where that is the mover.
    server: Option<Server>,
    sending: Sending,
}

/// Kills a contender so many times.
pub async fn kill(
    ground: &mut Ground,
    contender: &Arc<dyn Contender>,
    kills: u64,
    seed: u64,
) -> Result<Losses> {
    let lanes = LANES.min(kills);
    let (mut tasks, mut running, mut ended) = (Vec::new(), JoinSet::new(), Vec::new());
    for lane in 0..lanes {
        let share = kills / lanes + u64::from(lane < kills % lanes);
        let lane = Lane::begin(ground, contender, (share, seed.wrapping_mul(1_000) + lane)).await?;
        tasks.push(lane.task.clone());
        running.spawn(lane.run());
    }
    while let Some(lane) = running.join_next().await {
        ended.push(lane.context("a lane of kills ended with a defect").flatten());
    }
    for task in &tasks {
        // A lane's own ClickHouse is gone, and its tables with it.
        contender.remove(task).await.unwrap_or_default();
        ground.clear(task).await.unwrap_or_default();
        ground.kafka.delete_topic(&task.loaded.topic).await?;
    }
    ended.into_iter().try_fold(Losses::default(), |sum, found| Ok(sum.with(found?)))
}

impl Losses {
    fn with(self, other: Self) -> Self {
        Self {
            kills: self.kills + other.kills,
            events: self.events + other.events,
            lost: self.lost + other.lost,
            doubled: self.doubled + other.doubled,
        }
    }
}

impl Lane {
    /// Makes a lane, its topic being filled.
    async fn begin(
        ground: &mut Ground,
        contender: &Arc<dyn Contender>,
        (kills, seed): (u64, u64),
    ) -> Result<Self> {
        let topic = ground.name("killed-events");
        ground.kafka.create_topic(&topic, PARTITIONS).await?;
        let workload = contender.workload();
        let server = if contender.needs_own_server() {
            Some(Server::start(&ground.settings, &ground.folder.join("runs").join(&topic)).await?)
        } else {
            None
        };
        let at = server.as_ref().unwrap_or(&ground.server);
        let at = (at.url().to_owned(), at.clickhouse());
        let (topics, rate) = (vec![topic.clone()], Some(RATE));
        let feed = Feed { topics, partitions: PARTITIONS, workload, events: u64::MAX, rate, seed };
        let sending = Sending::start(ground.kafka.clone(), feed, |_| {});
        let loaded = Loaded { topic, partitions: PARTITIONS, workload, expected: Expected::default() };
        let task = ground.task_at(contender.as_ref(), &loaded, at).await?;
        Ok(Self { task, contender: Arc::clone(contender), random: Random::new(seed), kills, server, sending })
    }

    async fn run(mut self) -> Result<Losses> {
        let mover = self.kill_all().await?;
        let expected = self.sending.end().await?;
        let mover = self.settled(mover, expected.rows).await?;
        self.contender.stop(&self.task, mover).await?;
        // Looked at once more, as what comes last may come twice.
        let count = self.count().await?;
        Ok(Losses {
            kills: self.kills,
            events: expected.events,
            lost: expected.rows.saturating_sub(count.positions),
            doubled: count.rows - count.positions,
        })
    }

    /// Starts the mover and kills it again and again; returns the last one, which lives.
    async fn kill_all(&mut self) -> Result<Mover> {
        let mut mover = self.contender.start(&self.task).await?;
        for _ in 0..self.kills {
            mover = self.at_work(mover).await?;
            tokio::time::sleep(Duration::from_millis(self.random.below(LATEST))).await;
            mover = match (mover, &mut self.server) {
                (Mover::Process(mut process), _) => {
                    process.kill();
                    self.contender.start(&self.task).await?
                }
                (Mover::Server, Some(server)) => {
                    server.kill();
                    server.start_again().await?;
                    Mover::Server
                }
                (Mover::Server, None) => Mover::Server,
            };
        }
        Ok(mover)
    }

    /// Waits until the mover has written something.
    async fn at_work(&self, mut mover: Mover) -> Result<Mover> {
        let (begun, before) = (Instant::now(), self.count().await?);
        while self.count().await? == before {
            mover = self.alive(mover).await?;
            let last_words = match &mover {
                Mover::Process(process) => process.last_words(),
                Mover::Server => String::new(),
            };
            let longest = AT_WORK.as_secs();
            ensure!(begun.elapsed() < AT_WORK, "it wrote nothing for {longest} s after a kill: {last_words}");
            tokio::time::sleep(INTERVAL).await;
        }
        Ok(mover)
    }

    /// Starts a mover again that has ended by itself, as a kubelet does.
    async fn alive(&self, mover: Mover) -> Result<Mover> {
        match mover {
            Mover::Process(process) if process.has_ended() => {
                drop(process);
                self.contender.start(&self.task).await
            }
            mover @ (Mover::Process(_) | Mover::Server) => Ok(mover),
        }
    }

    /// Waits until all rows are there, or nothing comes any more.
    async fn settled(&self, mut mover: Mover, wanted: u64) -> Result<Mover> {
        let (mut last, mut changed) = (self.count().await?, Instant::now());
        while last.positions < wanted && changed.elapsed() < AT_WORK {
            tokio::time::sleep(INTERVAL).await;
            mover = self.alive(mover).await?;
            let now = self.count().await?;
            if now != last {
                (last, changed) = (now, Instant::now());
            }
        }
        Ok(mover)
    }

    async fn count(&self) -> Result<Count> {
        self.task.clickhouse.count(&self.task.table.to_string()).await
    }
}
