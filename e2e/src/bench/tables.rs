//! The tables of a report, as rows of words, for the screen and for the page alike. Pure.
//!
//! In: the [`Report`]. Out: rows; the first is the head, the first column is words. Numbers are medians, in brackets the least and the
//! greatest. Not here: lines and bars around them.

use super::bars::bars;
use super::pairs::Spread;
use super::report::{OURS, Report};
use super::run::Outcome;
use super::workload::Workload;
use crate::screen::thousands;

/// Rows of a table.
pub(super) type Rows = Vec<Vec<String>>;

/// All contenders on the main workload.
#[must_use]
pub(super) fn main(report: &Report) -> Rows {
    let head = [
        "",
        "mover, µs",
        "ClickHouse, µs",
        "broker, µs",
        "events/s",
        "memory, MB",
        "mover / ours",
        "with ClickHouse / ours",
    ];
    let mut rows = vec![words(&head)];
    for entry in &report.entries {
        let number = |number: fn(&Outcome) -> f64| report.spread(entry.name, &entry.workload, number);
        let times = |number: fn(&Outcome) -> f64| {
            if entry.name == OURS { None } else { report.against_ours(entry.name, &entry.workload, number) }
        };
        rows.push(vec![
            entry.name.to_owned(),
            spread(number(Outcome::mover), 2),
            spread(number(Outcome::server), 2),
            median(number(Outcome::broker), 2),
            number(Outcome::rate).map_or_else(none, |rate| thousands(rate.median as u64)),
            number(|run| run.peak() as f64 / 1e6).map_or_else(none, |peak| format!("{:.0}", peak.most)),
            spread(times(Outcome::mover), 2),
            spread(times(Outcome::together), 2),
        ]);
    }
    rows
}

/// The other workloads, with the baselines.
#[must_use]
pub(super) fn others(report: &Report) -> Rows {
    let head = ["events", "ours, µs", "ClickHouse, µs", "broker, µs", "floor / ours", "value / ours"];
    let mut rows = vec![words(&head)];
    for workload in [Workload::MAIN].iter().chain(&Workload::OTHERS) {
        let number = |number: fn(&Outcome) -> f64| report.spread(OURS, workload, number);
        let times = |contender: &str| report.against_ours(contender, workload, Outcome::mover);
        rows.push(vec![
            workload.to_string(),
            spread(number(Outcome::mover), 2),
            median(number(Outcome::server), 2),
            median(number(Outcome::broker), 2),
            spread(times("floor"), 2),
            spread(times("value"), 2),
        ]);
    }
    rows
}

/// What was lost and doubled.
#[must_use]
pub(super) fn kills(report: &Report) -> Rows {
    let mut rows = vec![words(&["", "kills", "events", "lost", "doubled"])];
    for (name, losses) in &report.losses {
        let found = match losses {
            Ok(losses) => [losses.kills, losses.events, losses.lost, losses.doubled].map(thousands).to_vec(),
            Err(_) => vec![none(); 4],
        };
        rows.push([vec![(*name).to_owned()], found].concat());
    }
    rows
}

/// The bars.
#[must_use]
pub(super) fn demands(report: &Report) -> Rows {
    let head = words(&["demand", "found", "verdict"]);
    let bar = |bar: super::bars::Bar| {
        vec![bar.demand.clone(), bar.found.clone().unwrap_or_else(none), bar.verdict().to_owned()]
    };
    [head].into_iter().chain(bars(report).into_iter().map(bar)).collect()
}

fn words(head: &[&str]) -> Vec<String> {
    head.iter().map(|&word| word.to_owned()).collect()
}

/// A measured number, or a dash.
pub(super) fn number(number: f64) -> String {
    if number.is_finite() { format!("{number:.2}") } else { none() }
}

fn none() -> String {
    "–".to_owned()
}

fn median(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or_else(none, |spread| format!("{:.digits$}", spread.median))
}

fn spread(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or_else(none, |Spread { median, least, most, .. }| {
        format!("{median:.digits$} ({least:.digits$}–{most:.digits$})")
    })
}
