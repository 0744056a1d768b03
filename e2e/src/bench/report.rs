//! The report: everything that a benchmark found, and the numbers that follow from it. Pure.
//!
//! In: outcomes of runs, losses after kills. Out: medians and spreads by contender and workload, ratios within rounds.
//! Void runs are counted and otherwise left out. Not here: how it looks.

use serde::Serialize;

use super::kills::Losses;
use super::latency::Latencies;
use super::pairs::Spread;
use super::pipelines::Pipelines;
use super::run::Outcome;
use super::streams::Streams;
use super::workload::Workload;

/// The contender that the others are compared with.
pub const OURS: &str = "tributary";

/// A contender that took part.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// One word.
    pub name: &'static str,
    /// A few words.
    pub title: &'static str,
    /// Its versions.
    pub version: String,
    /// What it was told, word for word.
    pub configuration: String,
    /// The events that it was compared on.
    pub workload: Workload,
    /// Whether events that warm it up are left out.
    pub warms_up: bool,
}

/// How much was done.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Plan {
    /// Whether it is the short one.
    pub quick: bool,
    /// Events of the main workload.
    pub events: u64,
    /// Events of each other workload.
    pub other_events: u64,
    /// Rounds of the main workload, for each pair.
    pub rounds: usize,
    /// Rounds of each other workload.
    pub other_rounds: usize,
    /// Kills of each contender.
    pub kills: u64,
    /// Seconds of one reading of latency; a reading of small streams takes twice as long.
    pub seconds: u64,
    /// Small streams.
    pub n_streams: usize,
    /// Pipelines of one operator: a few, and many.
    pub n_pipelines: [usize; 2],
    /// Equal seeds give equal events and kills.
    pub seed: u64,
}

/// Everything that was found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Lines about the machine: a name and a value.
    pub machine: Vec<(String, String)>,
    /// How much was done.
    pub plan: Plan,
    /// Who took part.
    pub entries: Vec<Entry>,
    /// Who did not, and why.
    pub absent: Vec<(String, String)>,
    /// Runs against the peers.
    pub peers: Outcomes,
    /// After the kills: of each contender, or why there is nothing to say.
    pub losses: Vec<(&'static str, Result<Losses, String>)>,
    /// Runs of ours with one thing changed.
    pub growth: Outcomes,
    /// From the app's call to the row.
    pub latency: Option<Latencies>,
    /// Streams that have little to do.
    pub streams: Option<Streams>,
    /// What the operator costs with some pipelines.
    pub pipelines: Option<Pipelines>,
}

/// Runs, and the numbers that follow from them.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Outcomes(pub Vec<Outcome>);

impl Outcomes {
    /// Runs of a contender on a workload that count.
    pub fn runs<'a>(&'a self, contender: &'a str, workload: &Workload) -> impl Iterator<Item = &'a Outcome> {
        let workload = workload.to_string();
        self.0.iter().filter(move |run| {
            run.contender == contender && run.workload == workload && run.faults.is_empty()
        })
    }

    /// Runs that do not count.
    pub fn void(&self) -> impl Iterator<Item = &Outcome> {
        self.0.iter().filter(|run| !run.faults.is_empty())
    }

    /// A number of a contender on a workload.
    #[must_use]
    pub fn spread(
        &self,
        contender: &str,
        workload: &Workload,
        number: fn(&Outcome) -> f64,
    ) -> Option<Spread> {
        Spread::of(self.runs(contender, workload).map(number))
    }

    /// A number of a contender as a multiple of ours, within rounds.
    #[must_use]
    pub fn against_ours(
        &self,
        contender: &str,
        workload: &Workload,
        number: fn(&Outcome) -> f64,
    ) -> Option<Spread> {
        Spread::of_ratios(self.runs(contender, workload).filter_map(|theirs| {
            let ours = self.runs(OURS, workload).find(|ours| ours.pair == theirs.pair)?;
            Some((number(theirs), number(ours)))
        }))
    }
}

impl Report {
    /// Runs that do not count.
    pub fn void(&self) -> impl Iterator<Item = &Outcome> {
        self.peers.void().chain(self.growth.void())
    }

    /// Whether all that was run is as it must be: no run void, and nothing of ours lost or doubled.
    #[must_use]
    pub fn is_right(&self) -> bool {
        let ours = self.losses.iter().filter(|(name, _)| *name == OURS);
        let is_kept = |losses: &Result<Losses, String>| {
            losses.as_ref().is_ok_and(|losses| losses.lost == 0 && losses.doubled == 0)
        };
        self.void().next().is_none() && ours.into_iter().all(|(_, losses)| is_kept(losses))
    }
}
