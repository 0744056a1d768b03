//! What `/metrics` says after a few looks.

use std::fs;

use crds::exposition;

use super::*;
use crate::testing::repository;

fn key(name: &str) -> Key {
    Key { kind: "AnalyticsPipeline", namespace: "shop".into(), name: name.into() }
}

#[test]
fn an_object_counts_as_one_problem_until_it_is_ready() {
    let metrics = Metrics::new();
    let took = Duration::from_millis(3);
    metrics.looked_at(&key("ios"), Reason::KafkaUnreachable, false, took);
    metrics.looked_at(&key("ios"), Reason::KafkaUnreachable, false, took);
    metrics.looked_at(&key("web"), Reason::SpecInvalid, false, took);
    let line = |reason: &str, n: u8| {
        format!("tributary_operator_problems{{kind=\"AnalyticsPipeline\",reason=\"{reason}\"}} {n}\n")
    };
    let text = metrics.render().unwrap();
    assert!(text.contains(&line("KafkaUnreachable", 1)), "{text}");
    assert!(text.contains(&line("SpecInvalid", 1)), "{text}");
    assert!(
        text.contains("reconciles_total{kind=\"AnalyticsPipeline\",reason=\"KafkaUnreachable\"} 2\n"),
        "{text}"
    );

    metrics.looked_at(&key("ios"), Reason::Succeeded, true, took);
    metrics.forget(&key("web"));
    let text = metrics.render().unwrap();
    assert!(text.contains(&line("KafkaUnreachable", 0)), "{text}");
    assert!(text.contains(&line("SpecInvalid", 0)), "{text}");
}

#[test]
fn the_page_of_metrics_is_current() {
    let metrics = Metrics::new();
    metrics.looked_at(&key("ios"), Reason::KafkaUnreachable, false, Duration::from_millis(3));
    metrics.wrote("AnalyticsPipeline");
    metrics.asked("get");
    let shown = exposition::read(&metrics.render().unwrap());
    assert_eq!(shown.len(), 7, "a metric that this test does not fill is not shown: {shown:#?}");

    let path = repository().join("docs/reference/metrics.md");
    let page = fs::read_to_string(&path).unwrap();
    let current = exposition::with_section(&page, "operator", &exposition::table(&shown));
    if page != current {
        fs::write(&path, current).unwrap();
        panic!("{} was stale and is written anew; look at it and commit it", path.display());
    }
}
