//! What `/metrics` says after a few looks.

use super::*;

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
