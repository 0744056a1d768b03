//! Caps: each alone, and who is over when a cap is lowered or passed.

use super::*;
use crate::tenants::file::{Caps, Retention};

fn pipeline(uid: &str, second: u8, spec: &str) -> AnalyticsPipeline {
    serde_yaml::from_str(&format!(
        "{{apiVersion: tributary.dev/v1alpha1, kind: AnalyticsPipeline, metadata: {{name: {uid}, namespace: shop, uid: {uid}, creationTimestamp: '2026-01-01T00:00:0{second}Z'}}, spec: {{schemas: [{{name: purchase}}], {spec}}}}}"
    ))
    .unwrap()
}

fn standing(caps: Caps) -> Standing {
    Standing { tenant: Some("acme".into()), caps, ..Standing::default() }
}

fn faults(pipeline: &AnalyticsPipeline, caps: Caps, fellows: &[AnalyticsPipeline]) -> Vec<String> {
    let hours = Duration::from_secs(3600);
    let fellows: Vec<_> = fellows.iter().map(Counted::of).collect();
    let faults = check(pipeline, 72 * hours, (&standing(caps), &fellows));
    assert!(faults.iter().all(|fault| fault.reason == Reason::QuotaExceeded && fault.cure == Cure::Change));
    faults.into_iter().map(|fault| fault.message).collect()
}

#[test]
fn each_cap_is_told_with_the_value_and_who_sets_it() {
    let it = pipeline("a", 1, "kafka: {partitions: 13}, processor: {replicas: 5}");
    let caps = Caps {
        partitions: Some(12),
        replicas: Some(4),
        retention: Some(Retention { duration: Duration::from_secs(3600), text: "1h".into() }),
        ..Caps::default()
    };
    let told = faults(&it, caps, &[]);
    assert_eq!(told.len(), 3, "{told:?}");
    for (told, words) in told.iter().zip([
        ["13 is above 12", "`caps.partitions` of tenant `acme`"],
        ["5 is above 4", "`caps.replicas` of tenant `acme`"],
        ["`72h` is longer than `1h`", "`caps.retention` of tenant `acme`"],
    ]) {
        assert!(
            words.iter().all(|word| told.contains(word)) && told.contains("Helm value `tenants`"),
            "{told}"
        );
    }
}

#[test]
fn what_is_as_large_as_its_cap_is_within() {
    let it = pipeline("a", 1, "kafka: {partitions: 12}");
    let caps =
        Caps { partitions: Some(12), pipelines: Some(1), partitions_in_total: Some(12), ..Caps::default() };
    assert_eq!(faults(&it, caps, std::slice::from_ref(&it)), Vec::<String>::new());
    assert_eq!(faults(&it, Caps::default(), std::slice::from_ref(&it)), Vec::<String>::new());
}

#[test]
fn the_youngest_pipelines_are_the_ones_over() {
    let all = [pipeline("c", 1, ""), pipeline("a", 2, ""), pipeline("b", 3, "")];
    for cap in 0..=3 {
        let caps = Caps { pipelines: Some(cap), ..Caps::default() };
        let over: Vec<bool> = all.iter().map(|it| !faults(it, caps.clone(), &all).is_empty()).collect();
        let expected: Vec<bool> = (0..3).map(|rank| rank >= cap).collect();
        assert_eq!(over, expected, "cap {cap}");
    }
    let told = faults(&all[2], Caps { pipelines: Some(2), ..Caps::default() }, &all);
    assert!(told[0].contains("2 older pipelines, and may have 2"), "{told:?}");
    assert!(!told[0].contains("`c`") && !told[0].contains("`a`"), "no other pipeline is named: {told:?}");
}

#[test]
fn partitions_in_total_are_counted_from_the_oldest_and_what_does_not_fit_is_left_out() {
    let with = |n: i32| format!("kafka: {{partitions: {n}}}");
    let all = [pipeline("a", 1, &with(6)), pipeline("b", 2, &with(20)), pipeline("c", 3, &with(4))];
    let caps = Caps { partitions_in_total: Some(10), ..Caps::default() };
    let over: Vec<bool> = all.iter().map(|it| !faults(it, caps.clone(), &all).is_empty()).collect();
    assert_eq!(over, [false, true, false]);
    let told = faults(&all[1], caps, &all);
    assert!(
        told[0].contains("would have 26, above 10") && told[0].contains("`caps.partitionsInTotal`"),
        "{told:?}"
    );
}

#[test]
fn within_one_second_the_uid_decides_who_is_over() {
    let all = [pipeline("b", 1, ""), pipeline("a", 1, "")];
    let caps = Caps { pipelines: Some(1), ..Caps::default() };
    assert!(faults(&all[1], caps.clone(), &all).is_empty() && !faults(&all[0], caps, &all).is_empty());
}
