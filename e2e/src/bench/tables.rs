//! The tables of a report, as rows of words, for the screen and for the page alike. Pure.
//!
//! In: the [`Report`]. Out: rows; the first is the head, the first column is words. Numbers are medians, in brackets the least and the
//! greatest. Not here: lines and bars around them.

use super::Part;
use super::bars::bars;
use super::growth::Family;
use super::pairs::Spread;
use super::pipelines::Found;
use super::report::{OURS, Outcomes, Report};
use super::run::Outcome;
use super::topic::PARTITIONS;
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
        let number = |number: fn(&Outcome) -> f64| report.peers.spread(entry.name, &entry.workload, number);
        let times = |number: fn(&Outcome) -> f64| {
            if entry.name == OURS {
                None
            } else {
                report.peers.against_ours(entry.name, &entry.workload, number)
            }
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
        let number = |number: fn(&Outcome) -> f64| report.peers.spread(OURS, workload, number);
        let times = |contender: &str| report.peers.against_ours(contender, workload, Outcome::mover);
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

/// A family of changed streams, each beside the usual one.
#[must_use]
pub(super) fn growth(report: &Report, family: &Family) -> Rows {
    let head = ["", "mover, µs", "mover / usual", "ClickHouse, µs", "events/s", "memory, MB"];
    let mut rows = vec![words(&head)];
    // The usual stream runs in every family.
    let here = Outcomes(report.growth.0.iter().filter(|run| run.pair.0 == family.title).cloned().collect());
    for step in &family.steps {
        let name = step.contender.name;
        let number = |number: fn(&Outcome) -> f64| here.spread(name, &Workload::MAIN, number);
        let usual = name == OURS;
        let times = if usual { None } else { here.against_ours(name, &Workload::MAIN, Outcome::mover) };
        rows.push(vec![
            if usual {
                format!("usual ({PARTITIONS} partitions, 1 processor, 100,000 rows or 16 MiB)")
            } else {
                name.to_owned()
            },
            spread(number(Outcome::mover), 2),
            spread(times, 2),
            spread(number(Outcome::server), 2),
            number(Outcome::rate).map_or_else(none, |rate| thousands(rate.median as u64)),
            number(|run| run.peak() as f64 / 1e6).map_or_else(none, |peak| format!("{:.0}", peak.most)),
        ]);
    }
    rows
}

/// Percentiles by age of batches and share of the capacity.
#[must_use]
pub(super) fn latency(report: &Report) -> Rows {
    let head = ["batches at most", "of capacity", "events/s", "rows seen", "p50, ms", "p99, ms", "p99.9, ms"];
    let mut rows = vec![words(&head)];
    for run in report.latency.iter().flat_map(|found| &found.runs) {
        rows.push(vec![
            format!("{} ms", run.age),
            format!("{} %", run.share),
            thousands(run.rate),
            thousands(run.rows as u64),
            format!("{:.0}", run.p50),
            format!("{:.0}", run.p99),
            format!("{:.0}", run.p999),
        ]);
    }
    rows
}

/// What small streams cost in a minute.
#[must_use]
pub(super) fn streams(report: &Report) -> Rows {
    let head = [
        "",
        "processors, MB",
        "processors, CPU s a minute",
        "ClickHouse, CPU s a minute",
        "broker, CPU s a minute",
        "statements a minute",
    ];
    let mut rows = vec![words(&head)];
    let Some(found) = &report.streams else { return rows };
    let (n, rate) = (found.n_streams, found.rate);
    let costs = [
        ("one idle stream".to_owned(), &found.idle),
        (format!("one that has had {} events, and is idle since", thousands(found.load)), &found.after_load),
        (format!("{n} streams with {rate} events/s each, a process a stream"), &found.apart),
        ("the same events in one process".to_owned(), &found.together),
    ];
    for (name, cost) in costs {
        rows.push(vec![
            name,
            format!("{:.0}", cost.memory as f64 / 1e6),
            number(cost.processors),
            number(cost.server),
            number(cost.broker),
            thousands(cost.statements as u64),
        ]);
    }
    rows
}

/// A line of a table: its title, and how its number is found.
type Line = (&'static str, fn(&Found) -> f64);

/// What the operator costs with some pipelines.
#[must_use]
pub(super) fn pipelines(report: &Report) -> Rows {
    let all: Vec<&Found> = report.pipelines.iter().flat_map(|found| &found.0).collect();
    let head = all.iter().map(|found| format!("{} pipelines", thousands(found.n_pipelines as u64)));
    let lines: [Line; 12] = [
        ("until all are Ready, s", |found| found.ready_seconds),
        ("requests to the apiserver until then, a pipeline", |found| {
            found.made.requests / found.n_pipelines as f64
        }),
        ("writes until then, a pipeline", |found| found.made.writes / found.n_pipelines as f64),
        ("CPU of the operator until then, ms a pipeline", |found| {
            found.made.cpu * 1e3 / found.n_pipelines as f64
        }),
        ("memory of the operator, MB", |found| found.memory as f64 / 1e6),
        ("requests in a minute of rest", |found| found.rest.requests),
        ("writes in a minute of rest", |found| found.rest.writes),
        ("CPU s in a minute of rest", |found| found.rest.cpu),
        ("an operator that starts anew: until it has looked at all, s", |found| found.restart_seconds),
        ("its requests", |found| found.restart.requests),
        ("its writes", |found| found.restart.writes),
        ("until all are deleted, with topics and tables, s", |found| found.gone_seconds),
    ];
    let mut rows = vec![[String::new()].into_iter().chain(head).collect()];
    if !all.is_empty() {
        rows.extend(lines.iter().map(|(name, of)| {
            [(*name).to_owned()].into_iter().chain(all.iter().map(|found| number(of(found)))).collect()
        }));
    }
    rows
}

/// Requests of an idle stream to Kafka, in words.
pub(super) fn requests(report: &Report) -> String {
    let found = report.streams.iter().flat_map(|found| &found.requests);
    found.map(|(name, n)| format!("{n:.0} {name}")).collect::<Vec<_>>().join(", ")
}

/// The bars of parts.
#[must_use]
pub(super) fn demands(report: &Report, parts: &[Part]) -> Rows {
    let head = words(&["demand", "found", "verdict"]);
    let bar = |bar: super::bars::Bar| {
        vec![bar.demand.clone(), bar.found.clone().unwrap_or_else(none), bar.verdict().to_owned()]
    };
    let bars = bars(report).into_iter().filter(|bar| parts.contains(&bar.part));
    [head].into_iter().chain(bars.map(bar)).collect()
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
