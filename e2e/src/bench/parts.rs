//! The parts of a benchmark: which runs each of them makes, and where what they find is kept.
//!
//! In: contenders and ground. Out: outcomes in the report, lines on the screen. Not here: how one run is made (`run.rs`).

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::growth::Step;
use super::report::{OURS, Plan};
use super::topic::{Loaded, PARTITIONS};
use super::workload::Workload;
use super::{Bench, Runner, growth, latency, pipelines, streams};
use crate::screen::thousands;

impl Bench {
    /// Ours and its peers, on all workloads, and after kills.
    pub(super) async fn peers(&mut self) -> Result<()> {
        self.main_workload().await?;
        if !self.settings.main_only {
            self.other_workloads().await?;
        }
        self.kill_all().await
    }

    /// Ours, and ours with one thing changed.
    pub(super) async fn growth(&mut self) -> Result<()> {
        let Plan { other_events: events, other_rounds: rounds, .. } = self.report.plan;
        for family in growth::families() {
            let mut topics: Vec<Loaded> = Vec::new();
            for step in &family.steps {
                if topics.iter().all(|loaded| loaded.partitions != step.partitions) {
                    topics.push(self.load((&Workload::MAIN, step.partitions), events).await?);
                }
            }
            let runner = |step: &Step| -> Option<Runner> {
                let loaded = topics.iter().find(|loaded| loaded.partitions == step.partitions)?;
                Some((Arc::new(step.contender), loaded.clone()))
            };
            let here: Vec<Runner> = family.steps.iter().filter_map(runner).collect();
            self.screen.step(family.title, "")?;
            let outcomes = self.rounds(&here, (rounds, family.title)).await?;
            self.report.growth.0.extend(outcomes);
            for loaded in topics {
                self.ground.kafka.delete_topic(&loaded.topic).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn latency(&mut self) -> Result<()> {
        let Plan { seconds, seed, .. } = self.report.plan;
        self.screen.step("From the app's call to the row", "")?;
        let screen = &mut self.screen;
        let show = |found: &latency::Latency| {
            let latency::Latency { age, share, rate, p50, p99, p999, .. } = found;
            Ok(screen.line(&format!(
                "   batches of {age:>4} ms at most, {share:>2} % of capacity ({} events/s): p50 {p50:.0} ms, p99 {p99:.0} ms, p99.9 {p999:.0} ms",
                thousands(*rate)
            ))?)
        };
        let found = latency::measure(&mut self.ground, (Duration::from_secs(seconds), seed), show).await?;
        self.report.latency = Some(found);
        Ok(())
    }

    pub(super) async fn streams(&mut self) -> Result<()> {
        let Plan { seconds, n_streams, seed, .. } = self.report.plan;
        self.screen.step(&format!("An idle stream, and {n_streams} small ones"), "")?;
        let each = Duration::from_secs(2 * seconds);
        let extent = streams::Extent { n_streams, rate: 10, load: 0, each, seed };
        self.report.streams = Some(streams::measure(&mut self.ground, extent).await?);
        Ok(())
    }

    pub(super) async fn pipelines(&mut self) -> Result<()> {
        let Plan { seconds, n_pipelines, .. } = self.report.plan;
        self.screen.step("The operator with many pipelines, on the real apiserver", "")?;
        let screen = &mut self.screen;
        let show = |found: &pipelines::Found| {
            Ok(screen.line(&format!(
                "   {} pipelines are Ready after {:.1} s, with {:.0} requests; an operator that starts anew writes {:.0} times",
                thousands(found.n_pipelines as u64),
                found.ready_seconds,
                found.made.requests,
                found.restart.writes
            ))?)
        };
        // Longer than the pause between two looks for drift.
        let rest = Duration::from_secs(20 * seconds).min(Duration::from_secs(120));
        self.report.pipelines = Some(pipelines::measure(&mut self.ground, (&n_pipelines, rest), show).await?);
        Ok(())
    }

    /// Each contender in pairs with ours, on the events that it can do.
    async fn main_workload(&mut self) -> Result<()> {
        let (ours, others) = self.contenders.split_first().context("ours is missing")?;
        let (ours, others) = (Arc::clone(ours), others.to_vec());
        let mut workloads = vec![Workload::MAIN];
        workloads
            .extend(others.iter().map(|other| other.workload()).find(|workload| *workload != Workload::MAIN));
        for workload in workloads {
            let loaded = self.load((&workload, PARTITIONS), self.report.plan.events).await?;
            let rounds = self.report.plan.rounds;
            let here: Vec<_> = others.iter().filter(|other| other.workload() == workload).collect();
            let ours: Runner = (Arc::clone(&ours), loaded.clone());
            let mut outcomes = Vec::new();
            if here.is_empty() {
                outcomes = self.rounds(std::slice::from_ref(&ours), (rounds, "alone")).await?;
            }
            for other in here {
                let pair = [ours.clone(), (Arc::clone(other), loaded.clone())];
                outcomes.extend(self.rounds(&pair, (rounds, other.name())).await?);
            }
            self.report.peers.0.extend(outcomes);
            self.ground.kafka.delete_topic(&loaded.topic).await?;
        }
        Ok(())
    }

    /// Ours and the baselines on everything else.
    async fn other_workloads(&mut self) -> Result<()> {
        let is_internal = |name: &str| [OURS, "floor", "value"].contains(&name);
        let internal: Vec<_> =
            self.contenders.iter().filter(|contender| is_internal(contender.name())).cloned().collect();
        for workload in Workload::OTHERS {
            let loaded = self.load((&workload, PARTITIONS), self.report.plan.other_events).await?;
            let here: Vec<Runner> =
                internal.iter().map(|contender| (Arc::clone(contender), loaded.clone())).collect();
            let outcomes = self.rounds(&here, (self.report.plan.other_rounds, "all")).await?;
            self.report.peers.0.extend(outcomes);
            self.ground.kafka.delete_topic(&loaded.topic).await?;
        }
        Ok(())
    }
}
