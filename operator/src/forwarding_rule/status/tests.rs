//! What processors say of a rule, and what its status makes of it.

use std::net::IpAddr;

use crds::processor_report::ProcessorReport;
use serde_json::json;

use super::*;
use crate::kubernetes::labels;
use crate::testing::Fixture;

const OBJECTS: &str = "
{apiVersion: tributary.dev/v1alpha1, kind: EventSchema, metadata: {name: purchase, namespace: shop}, spec: {fields: [{name: a, type: String}]}}
---
{apiVersion: tributary.dev/v1alpha1, kind: AnalyticsPipeline, metadata: {name: ios, namespace: shop}, spec: {schemas: [{name: purchase}]}}
---
{apiVersion: tributary.dev/v1alpha1, kind: AnalyticsPipeline, metadata: {name: x, namespace: shop}, spec: {schemas: [{name: purchase}]}}
---
{apiVersion: tributary.dev/v1alpha1, kind: ForwardingRule, metadata: {name: copy, namespace: shop}, spec: {pipeline: {name: ios}, destination: {type: Kafka, kafka: {topic: shop.x}}}}
";

fn pod(name: &str, address: &str) -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "labels": labels::selector("ios")},
        "status": {"phase": "Running", "podIP": address},
    })
}

async fn world(reports: &[RuleReport]) -> Fixture {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.settle().await;
    for (n, report) in reports.iter().enumerate() {
        let address = format!("10.1.0.{n}");
        fixture.cluster.put(pod(&format!("pod-{n}"), &address));
        let report =
            ProcessorReport { ready: true, rules: vec![report.clone()], ..ProcessorReport::default() };
        fixture.reports.0.lock().unwrap().insert(address.parse::<IpAddr>().unwrap(), report);
    }
    fixture.settle().await;
    fixture
}

fn report(sent: u64, reason: Option<Reason>) -> RuleReport {
    let message = "410 Gone".into();
    RuleReport { name: "copy".into(), generation: 1, sent, reason, message, ..RuleReport::default() }
}

#[tokio::test(start_paused = true)]
async fn a_rule_is_ready_when_the_processors_have_taken_it_up() {
    let fixture = world(&[]).await;
    assert!(fixture.ready("forwardingrules", "copy").starts_with("Ready=False Progressing"));
    let fixture = world(&[report(3, None), report(4, None)]).await;
    assert!(fixture.ready("forwardingrules", "copy").starts_with("Ready=True Succeeded"));
    let rule = fixture.guarded_rule("shop", "copy").0.unwrap();
    assert_eq!(rule.status.unwrap().sent, Some(7));
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_refuses_everything_parks_the_rule_and_not_the_pipeline() {
    let fixture = world(&[report(0, Some(Reason::DestinationRejected))]).await;
    let conditions = fixture.conditions("forwardingrules", "copy");
    assert!(conditions.contains(&"Stalled=True DestinationRejected: 410 Gone".to_owned()), "{conditions:?}");
    assert!(conditions.contains(&"DestinationReachable=False DestinationRejected: 410 Gone".to_owned()));
    assert!(fixture.ready("analyticspipelines", "ios").starts_with("Ready=True"));
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_is_away_goes_by_itself() {
    let fixture = world(&[report(0, Some(Reason::DestinationUnreachable))]).await;
    let conditions = fixture.conditions("forwardingrules", "copy");
    assert!(
        conditions.iter().any(|text| text.starts_with("Reconciling=True DestinationUnreachable")),
        "{conditions:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_processor_that_was_started_with_the_rule_as_it_was_says_nothing_of_it_as_it_is() {
    let former = |sent| RuleReport { generation: 0, ..report(sent, Some(Reason::DestinationRejected)) };
    let fixture = world(&[former(3)]).await;
    let ready = fixture.ready("forwardingrules", "copy");
    assert!(ready.starts_with("Ready=False Progressing") && ready.contains("as it was"), "{ready}");
    assert_eq!(fixture.guarded_rule("shop", "copy").0.unwrap().status.unwrap().sent, None);
    let fixture = world(&[former(3), report(4, None)]).await;
    let ready = fixture.ready("forwardingrules", "copy");
    assert!(ready.starts_with("Ready=False Progressing") && ready.contains("as it was"), "{ready}");
    assert_eq!(fixture.guarded_rule("shop", "copy").0.unwrap().status.unwrap().sent, Some(4));
}

#[tokio::test(start_paused = true)]
async fn a_rule_is_suspended_when_no_processor_names_it_any_more() {
    let mut fixture = world(&[report(3, None)]).await;
    fixture.put(&OBJECTS.replace("{pipeline: {name: ios}", "{suspend: true, pipeline: {name: ios}"));
    fixture.settle().await;
    let ready = fixture.ready("forwardingrules", "copy");
    assert!(ready.starts_with("Ready=False Progressing") && ready.contains("still forward"), "{ready}");
    fixture.reports.0.lock().unwrap().clear();
    fixture.settle().await;
    assert!(fixture.ready("forwardingrules", "copy").starts_with("Ready=True Suspended"));
}
