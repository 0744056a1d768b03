//! The counts of a processor, and the page that documents them.

use std::fs;
use std::path::Path;

use crds::exposition;

use super::*;
use crate::forward::standing;

#[test]
fn the_outcomes_add_up_to_the_records_read() {
    let metrics = Metrics::new();
    let mut tally = Tally { stored: 5, filtered: 2, deduplicated: 1, ..Tally::default() };
    tally.reject(RejectionReason::WrongType);
    metrics.settled(&tally, Some((100, Duration::from_millis(3))));
    metrics.settled(&tally, None);
    let text = metrics.text().expect("a string takes all");
    let value = |line: &str| {
        let rest = text.lines().find_map(|found| found.strip_prefix(line)).expect(line);
        rest.trim().parse::<u64>().expect("a number")
    };
    let sum: u64 = ["stored", "dead_lettered", "filtered", "deduplicated"]
        .map(|outcome| value(&format!("tributary_processor_records_total{{outcome=\"{outcome}\"}}")))
        .iter()
        .sum();
    assert_eq!(sum, 18);
    assert_eq!(value("tributary_processor_read_records_total"), sum);
    assert_eq!(value("tributary_processor_rejected_records_total{reason=\"WrongType\"}"), 2);
}

#[test]
fn every_metric_has_a_help_text() {
    let text = Metrics::new().text().expect("a string takes all");
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().expect("a name");
        assert!(text.contains(&format!("# HELP {name} ")), "{name}");
    }
}

#[test]
fn the_page_of_metrics_is_current() {
    let metrics = Metrics::new();
    metrics.lags(&[(0, 1)], 0);
    let rules = standing::Metrics::default();
    metrics.register(|registry| rules.register(registry));
    let rule = rules.standing("hook", 1);
    rule.set_lag(1);
    let shown = exposition::read(&metrics.text().expect("a string takes all"));
    assert_eq!(shown.len(), 17, "a metric that this test does not fill is not shown: {shown:#?}");

    let path = Path::new(env!("TRIBUTARY_REPOSITORY")).join("docs/reference/metrics.md");
    let page = fs::read_to_string(&path).expect("the page");
    let current = exposition::with_section(&page, "processor", &exposition::table(&shown));
    if page != current {
        fs::write(&path, current).expect("the page is writable");
        panic!("{} was stale and is written anew; look at it and commit it", path.display());
    }
}
