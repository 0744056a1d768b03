//! Two pipelines that name one topic.

use super::*;

fn pipeline(name: &str, second: u8, topic: Option<&str>) -> AnalyticsPipeline {
    let topic = topic.map(|topic| format!("kafka: {{topic: {topic}}}")).unwrap_or_default();
    serde_yaml::from_str(&format!(
        "apiVersion: tributary.dev/v1alpha1
kind: AnalyticsPipeline
metadata: {{name: {name}, namespace: shop, uid: {name}, creationTimestamp: '2026-01-01T00:00:0{second}Z'}}
spec:
  schemas: [{{name: purchase}}]
  {topic}"
    ))
    .unwrap()
}

#[test]
fn the_older_pipeline_keeps_the_topic_and_the_younger_is_told() {
    let older = pipeline("ios", 1, None);
    let younger = pipeline("a", 2, Some("shop.ios"));
    let all = [older.clone(), younger.clone()];
    assert_eq!(conflict(&older, &all), None);
    let fault = conflict(&younger, &all).unwrap();
    assert_eq!(fault.reason, Reason::ResourceConflict);
    assert!(
        fault.message.contains("`shop.ios`") && fault.message.contains("AnalyticsPipeline `ios`"),
        "{}",
        fault.message
    );
}

#[test]
fn within_one_second_the_uid_decides() {
    let (a, b) = (pipeline("a", 1, Some("shop.x")), pipeline("b", 1, Some("shop.x")));
    let all = [b.clone(), a.clone()];
    assert_eq!(conflict(&a, &all), None);
    assert!(conflict(&b, &all).is_some());
}

#[test]
fn the_dead_letter_topic_is_claimed_too() {
    let older = pipeline("ios", 1, None);
    let younger = pipeline("other", 2, Some("shop.ios.dead-letters"));
    assert!(conflict(&younger, &[older]).is_some());
}

#[test]
fn different_topics_do_not_conflict() {
    assert_eq!(conflict(&pipeline("android", 2, None), &[pipeline("ios", 1, None)]), None);
}
