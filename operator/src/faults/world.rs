//! A world in which the real operator runs: its controllers over twins of the apiserver, Kafka and ClickHouse, in virtual time.
//!
//! In: what a team, a platform team or chance does ([`Step`]). Out: a world that has settled, or why it never does.
//! The operator ends where the fuse blows, and starts anew a second later, with nothing in its memory.
//! Not here: the Lease; only one operator runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::admission::admit;
use super::workloads::Step;
use crate::clickhouse::memory::MemoryTables;
use crate::connection::Files;
use crate::context::Context;
use crate::controllers;
use crate::http::Readiness;
use crate::kafka::memory::MemoryTopics;
use crate::kubernetes::Kubernetes;
use crate::metrics::Metrics;
use crate::objects::Stores;
use crate::report::Reporter;
use crate::settings::Settings;
use crate::tenants::Tenants;
use crate::tenants::gather::Registry;
use crate::testing::cluster::{FakeCluster, path_of};
use crate::testing::fuse::Fuse;
use crate::testing::gateways::{Book, Gate, GatedTables, GatedTopics};
use crate::testing::kubelet::Kubelet;
use crate::testing::{ToldReports, noon, settings};

/// Between two looks at the world.
const TICK: Duration = Duration::from_millis(500);
/// How long nothing may happen in a world that has settled: longer than a look at the resync takes to come.
const QUIET: Duration = Duration::from_secs(25);
/// Between two looks of the operator at what is settled.
const RESYNC: Duration = Duration::from_secs(10);
/// Within this time a step has settled.
const BOUND: Duration = Duration::from_secs(300);

/// A world with one operator.
pub(super) struct World {
    pub(super) cluster: FakeCluster,
    pub(super) topics: Arc<MemoryTopics>,
    pub(super) tables: Arc<MemoryTables>,
    pub(super) fuse: Fuse,
    pub(super) gate: Gate,
    reports: Arc<ToldReports>,
    kubelet: Kubelet,
    settings: Settings,
    operator: JoinHandle<()>,
}

impl World {
    /// Makes an empty world, and starts the operator in it.
    pub(super) fn new() -> Self {
        let fuse = Fuse::default();
        let cluster = FakeCluster::with_fuse(fuse.clone());
        let (topics, tables) = (Arc::new(MemoryTopics::new()), Arc::new(MemoryTables::new()));
        let reports = Arc::new(ToldReports::default());
        let kubelet = Kubelet::new(cluster.clone(), Arc::clone(&topics), Arc::clone(&reports));
        let mut settings = settings();
        settings.resync = RESYNC;
        settings.allow_adopt = true;
        let gate = Gate {
            cluster: cluster.clone(),
            fuse: fuse.clone(),
            book: Book::default(),
            violations: cluster.violations(),
        };
        let operator = tokio::spawn(async {});
        let mut world = Self { cluster, topics, tables, fuse, gate, reports, kubelet, settings, operator };
        world.start();
        world
    }

    /// Starts the operator, with nothing in its memory.
    pub(super) fn start(&mut self) {
        self.fuse.mend();
        let client = self.cluster.client();
        let metrics = Metrics::new();
        let kubernetes = Kubernetes::new(client.clone(), metrics.clone());
        let (stores, writers) = Stores::new();
        let ctx = Context {
            settings: Arc::new(self.settings.clone()),
            reporter: Arc::new(Reporter::new(kubernetes.clone(), metrics.clone(), "test")),
            kubernetes,
            registry: Registry::new(Tenants::default(), vec![stores.clone()], BTreeMap::new()),
            stores,
            topics: Arc::new(GatedTopics(Arc::clone(&self.topics), self.gate.clone())),
            tables: Arc::new(GatedTables(Arc::clone(&self.tables), self.gate.clone())),
            reports: Arc::clone(&self.reports) as _,
            metrics,
            retries: Arc::default(),
            memories: Arc::default(),
            files: Files::Folder,
            clock: noon,
        };
        self.operator = tokio::spawn(async move {
            let stop = CancellationToken::new();
            controllers::run(client, None, (Arc::new(ctx), writers), Readiness::default(), stop).await;
        });
    }

    /// Ends the operator as `kill -9` does.
    pub(super) async fn kill(&mut self) {
        self.operator.abort();
        // An operator that was ended has no result.
        drop((&mut self.operator).await);
    }

    /// Does what a step says; the operator hears of it by itself.
    pub(super) async fn act(&mut self, step: &Step) {
        match step {
            Step::Apply(yaml) => self.apply(yaml),
            Step::Delete(path) => self.cluster.delete(path),
            Step::Change(change) => change(self),
            Step::Upgrade(change) => {
                change(&mut self.settings);
                self.kill().await;
                self.start();
            }
        }
    }

    fn apply(&self, yaml: &str) {
        for document in serde_yaml::Deserializer::from_str(yaml) {
            let object = Value::deserialize(document).unwrap();
            if !object.is_null() {
                let before = self.cluster.get(&path_of(&object));
                self.cluster.put(admit(&object, before.as_ref()).unwrap());
            }
        }
    }

    /// Lets time pass until nothing happens any more.
    pub(super) async fn settle(&mut self) -> Result<(), String> {
        let (started, mut changed) = (Instant::now(), Instant::now());
        let mut before = self.age();
        while changed.elapsed() < QUIET {
            self.tick().await;
            if self.operator.is_finished() {
                return Err("the operator has ended by itself".into());
            }
            if self.age() != before {
                (before, changed) = (self.age(), Instant::now());
            }
            if started.elapsed() > BOUND {
                return Err(format!("does not settle; the last writes: {}", self.last_writes()));
            }
        }
        Ok(())
    }

    /// Lets time pass, whatever happens.
    pub(super) async fn wait(&mut self, time: Duration) {
        let started = Instant::now();
        while started.elapsed() < time {
            self.tick().await;
        }
    }

    async fn tick(&mut self) {
        let fuse = self.fuse.clone();
        tokio::select! {
            () = fuse.blown() => {
                self.kill().await;
                sleep(Duration::from_secs(1)).await;
                self.start();
            }
            () = sleep(TICK) => {}
        }
        self.kubelet.tick();
    }

    fn last_writes(&self) -> String {
        const SHOWN: usize = 12;
        let trace = self.fuse.trace();
        let last: Vec<_> =
            trace.iter().rev().take(SHOWN).map(|(write, nth)| format!("{write} ({nth})")).collect();
        last.join(", ")
    }

    fn age(&self) -> (u64, usize) {
        (self.cluster.version(), self.fuse.trace().len())
    }

    /// Returns what the operator did that it never may: to what is another's, or nobody's any more.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.violations().as_slice() {
            [] => Ok(()),
            violations => Err(format!("touched what it may not: {}", violations.join("; "))),
        }
    }

    fn violations(&self) -> Vec<String> {
        self.gate.violations.lock().unwrap().clone()
    }

    /// Does steps, each after the one before has settled.
    pub(super) async fn live(&mut self, steps: &[Step]) -> Result<(), String> {
        for (number, step) in steps.iter().enumerate() {
            self.act(step).await;
            self.settle().await.map_err(|problem| format!("step {}: {problem}", number + 1))?;
        }
        Ok(())
    }
}
