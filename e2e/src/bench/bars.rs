//! The bars: what a benchmark must show, and whether it does. Pure.
//!
//! In: the [`Report`]. Out: one [`Bar`] each: the limit, what was found, reached or not. What was not measured is not reached.

use super::Part;
use super::pairs::Spread;
use super::report::{OURS, Report};
use super::run::Outcome;
use super::streams::Cost;
use super::workload::Workload;

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// The part that measures it.
    pub part: Part,
    /// What is demanded, in words.
    pub demand: String,
    /// What was found, in words; none when it was not measured.
    pub found: Option<String>,
    /// Whether it is reached.
    pub is_reached: bool,
}

impl Bar {
    /// In one word, or three.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        match (&self.found, self.is_reached) {
            (None, _) => "not measured",
            (Some(_), true) => "reached",
            (Some(_), false) => "not reached",
        }
    }
}

/// All bars.
#[must_use]
pub fn bars(report: &Report) -> Vec<Bar> {
    [peers(report), growth(report), latency(report), streams(report)].concat()
}

fn peers(report: &Report) -> Vec<Bar> {
    let main = &Workload::MAIN;
    let speed = report.peers.spread(OURS, main, |run| 1e6 / run.mover());
    let floor = report.peers.against_ours("floor", main, Outcome::mover);
    let engine = report.peers.against_ours("kafka-engine", main, Outcome::together);
    let spark = report.peers.against_ours("spark", main, Outcome::together);
    let peak = report.peers.spread(OURS, main, |run| run.peak() as f64 / 1e6);
    let least = |spread: &Spread, limit: f64| spread.median >= limit;
    vec![
        bar(Part::Peers, "at least 500,000 events a CPU second of the processor", speed, |speed| {
            (format!("{:.0}", speed.median), least(speed, 500_000.0))
        }),
        bar(Part::Peers, "at least 60 % of the floor's speed", floor, |floor| {
            (format!("{:.0} %", floor.median * 100.0), least(floor, 0.6))
        }),
        bar(
            Part::Peers,
            "processor and ClickHouse: at most a fifth of the Kafka engine's CPU",
            engine,
            |times| (format!("1/{:.1}", times.median), least(times, 5.0)),
        ),
        bar(Part::Peers, "processor and ClickHouse: at most a tenth of Spark's CPU", spark, |times| {
            (format!("1/{:.1}", times.median), least(times, 10.0))
        }),
        bar(Part::Peers, "at most 100 MB of memory with 4 partitions", peak, |peak| {
            (format!("{:.0} MB", peak.most), peak.most <= 100.0)
        }),
        rejected_cost(report),
    ]
}

fn growth(report: &Report) -> Vec<Bar> {
    let peak = report.growth.spread("64 partitions", &Workload::MAIN, |run| run.peak() as f64 / 1e6);
    let judge = |peak: &Spread| (format!("{:.0} MB", peak.most), peak.most <= 200.0);
    vec![bar(Part::Growth, "at most 200 MB of memory with 64 partitions", peak, judge)]
}

fn latency(report: &Report) -> Vec<Bar> {
    let half = |age| {
        let found = report.latency.iter().flat_map(|found| &found.runs);
        found.copied().find(|run| run.share == 50 && run.age == age)
    };
    let limit = |age: u64| {
        let demand = format!("p99 at half capacity, batches of {age} ms at most: at most {} ms", age + 200);
        bar(Part::Latency, &demand, half(age), |run| {
            (format!("{:.0} ms", run.p99), run.p99 <= (age + 200) as f64)
        })
    };
    vec![limit(100), limit(1_000)]
}

fn streams(report: &Report) -> Vec<Bar> {
    let found = report.streams.as_ref();
    let limit = |demand, cost: Option<&Cost>| {
        let judge = |memory: &f64| (format!("{memory:.1} MB"), *memory <= 20.0);
        bar(Part::Streams, demand, cost.map(|cost| cost.memory as f64 / 1e6), judge)
    };
    vec![
        limit("at most 20 MB of memory of an idle processor", found.map(|found| &found.idle)),
        limit("at most 20 MB of one that has had a load", found.map(|found| &found.after_load)),
    ]
}

/// A rejected event costs at most twice an accepted one: from the runs with none and with half of the events rejected.
fn rejected_cost(report: &Report) -> Bar {
    let cost = |rejected| report.peers.spread(OURS, &Workload { rejected, ..Workload::MAIN }, Outcome::mover);
    let times = cost(0).zip(cost(50)).map(|(none, half)| (half.median * 2.0 - none.median) / none.median);
    bar(Part::Peers, "a rejected event costs at most twice an accepted one", times, |times| {
        (format!("{times:.1} times"), *times <= 2.0)
    })
}

fn bar<T>(part: Part, demand: &str, found: Option<T>, judge: impl FnOnce(&T) -> (String, bool)) -> Bar {
    let judged = found.as_ref().map(judge);
    let is_reached = judged.as_ref().is_some_and(|(_, is_reached)| *is_reached);
    Bar { part, demand: demand.to_owned(), found: judged.map(|(found, _)| found), is_reached }
}

#[cfg(test)]
mod tests {
    use super::{Part, bars};
    use crate::bench::meter::Spent;
    use crate::bench::report::{Outcomes, Plan, Report};
    use crate::bench::run::Outcome;
    use crate::bench::workload::Workload;

    fn run(contender: &'static str, against: &str, mover: f64, server: f64) -> Outcome {
        Outcome {
            contender,
            workload: Workload::MAIN.to_string(),
            pair: (against.to_owned(), 0),
            events: 1_000_000,
            seconds: 1.0,
            spent: Spent { mover, server, mover_peak: 60_000_000, ..Spent::default() },
            is_server: contender == "kafka-engine",
            writes: contender != "floor",
            faults: Vec::new(),
            configuration: String::new(),
        }
    }

    fn report(outcomes: Vec<Outcome>) -> Report {
        let plan = Plan {
            quick: true,
            events: 0,
            other_events: 0,
            rounds: 0,
            other_rounds: 0,
            kills: 0,
            seconds: 0,
            n_streams: 0,
            n_pipelines: [0, 0],
            seed: 0,
        };
        Report {
            machine: Vec::new(),
            plan,
            entries: Vec::new(),
            absent: Vec::new(),
            peers: Outcomes(outcomes),
            losses: Vec::new(),
            growth: Outcomes::default(),
            latency: None,
            streams: None,
            pipelines: None,
        }
    }

    fn verdicts(report: &Report) -> Vec<&'static str> {
        let of_peers = bars(report).into_iter().filter(|bar| bar.part == Part::Peers);
        of_peers.map(|bar| bar.verdict()).collect()
    }

    #[test]
    fn a_bar_is_reached_by_what_was_measured_in_the_same_pair() {
        let outcomes = vec![
            run("tributary", "floor", 1.5, 1.5),
            run("floor", "floor", 1.0, 0.0),
            // A slow moment, which both runs of the pair share.
            run("tributary", "kafka-engine", 4.0, 4.0),
            run("kafka-engine", "kafka-engine", 0.0, 41.0),
        ];
        let verdicts = verdicts(&report(outcomes));
        assert_eq!(
            verdicts,
            ["not reached", "reached", "reached", "not measured", "reached", "not measured"]
        );
    }

    #[test]
    fn a_void_run_counts_for_nothing() {
        let mut void = run("tributary", "floor", 0.1, 0.1);
        void.faults.push("rows: 1 instead of 2".to_owned());
        let report = report(vec![void]);
        assert!(verdicts(&report).iter().all(|verdict| *verdict == "not measured"));
        assert!(!report.is_right());
    }
}
