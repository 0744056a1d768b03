//! What `kubectl wait`, Flux and Argo CD read from the three kinds in every situation, through the whole control plane; and from
//! every status that could be. That Argo CD's script says the same is asserted wherever kstatus is asked.

use serde_json::json;

use crate::kafka::KafkaError;
use crate::testing::{self, Fixture, argo};

const SCHEMA: &str = "{apiVersion: tributary.dev/v1alpha1, kind: EventSchema, metadata: {name: purchase, namespace: shop}, spec: {fields: [{name: a, type: String}]}}";
const PIPELINE: &str = "{apiVersion: tributary.dev/v1alpha1, kind: AnalyticsPipeline, metadata: {name: ios, namespace: shop}, spec: {schemas: [{name: purchase}]}}";
const RULE: &str = "{apiVersion: tributary.dev/v1alpha1, kind: ForwardingRule, metadata: {name: copy, namespace: shop}, spec: {pipeline: {name: ios}, destination: {type: Kafka, kafka: {topic: shop.copy}}}}";
const KINDS: [(&str, &str); 3] =
    [("eventschemas", "purchase"), ("analyticspipelines", "ios"), ("forwardingrules", "copy")];

fn read(fixture: &Fixture) -> Vec<&'static str> {
    KINDS.iter().map(|(plural, name)| fixture.kstatus(plural, name)).collect()
}

async fn settled(objects: &[&str]) -> Fixture {
    let mut fixture = Fixture::of(&objects.join("\n---\n"));
    fixture.settle().await;
    fixture
}

#[tokio::test(start_paused = true)]
async fn what_nobody_has_looked_at_is_in_progress() {
    let fixture = Fixture::of(&[SCHEMA, PIPELINE, RULE].join("\n---\n"));
    assert_eq!(read(&fixture), ["InProgress"; 3]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_another_object_is_in_progress() {
    let fixture = settled(&[PIPELINE, RULE]).await;
    assert_eq!(fixture.kstatus("analyticspipelines", "ios"), "InProgress");
    assert_eq!(fixture.kstatus("forwardingrules", "copy"), "InProgress");
}

#[tokio::test(start_paused = true)]
async fn what_is_as_it_should_be_is_current_and_so_is_what_is_suspended() {
    let mut fixture = settled(&[SCHEMA, PIPELINE]).await;
    assert_eq!(fixture.kstatus("eventschemas", "purchase"), "Current");
    assert_eq!(fixture.kstatus("analyticspipelines", "ios"), "Current");
    fixture.put(&PIPELINE.replace("spec: {", "spec: {suspend: true, "));
    fixture.settle().await;
    assert_eq!(fixture.kstatus("analyticspipelines", "ios"), "Current");
    fixture.put(&PIPELINE.replace("spec: {", "spec: {unknownEvents: Drop, "));
    assert_eq!(fixture.kstatus("analyticspipelines", "ios"), "InProgress", "a newer generation");
}

#[tokio::test(start_paused = true)]
async fn what_only_a_person_can_mend_has_failed() {
    let schema = SCHEMA.replace("type: String", "type: Decimal(5, 9)");
    let rule = RULE.replace("shop.copy", "bank.copy");
    let fixture = settled(&[&schema, PIPELINE, &rule]).await;
    assert_eq!(fixture.kstatus("eventschemas", "purchase"), "Failed");
    assert_eq!(fixture.kstatus("forwardingrules", "copy"), "Failed");
    let mut fixture =
        settled(&[SCHEMA, &PIPELINE.replace("spec: {", "spec: {clickhouse: {orderBy: [nothing]}, ")]).await;
    assert_eq!(fixture.kstatus("analyticspipelines", "ios"), "Failed");
    fixture.put(PIPELINE);
    fixture.settle().await;
    assert_eq!(fixture.kstatus("analyticspipelines", "ios"), "Current", "mended");
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_passes_is_in_progress_and_a_deleted_object_terminates() {
    let mut fixture = settled(&[SCHEMA, PIPELINE]).await;
    fixture
        .topics
        .fail_next(KafkaError::Unreachable { action: "describe topics".into(), source: "refused".into() });
    fixture.look_at_all().await;
    assert_eq!(fixture.kstatus("analyticspipelines", "ios"), "InProgress");
    let path = "/apis/tributary.dev/v1alpha1/namespaces/shop/analyticspipelines/ios";
    fixture
        .cluster
        .edit(path, |object| object["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z"));
    assert_eq!(fixture.kstatus("analyticspipelines", "ios"), "Terminating");
}

#[test]
fn every_status_that_could_be_is_read_alike() {
    let condition =
        |kind: &str, status: &str| json!({"type": kind, "status": status, "reason": "R", "message": "m"});
    let ready = |status: &str| condition("Ready", status);
    let situations = [
        ("nobody looked", json!(null), "InProgress"),
        ("the default of the definition", json!({"observedGeneration": -1}), "InProgress"),
        ("of the spec before", json!({"observedGeneration": 1, "conditions": [ready("True")]}), "InProgress"),
        (
            "a failure of the spec before",
            json!({"observedGeneration": 1, "conditions": [ready("False"), condition("Stalled", "True")]}),
            "InProgress",
        ),
        ("settled", json!({"observedGeneration": 2, "conditions": [ready("True")]}), "Current"),
        (
            "settled once more",
            json!({"observedGeneration": 2, "conditions": [ready("True"), condition("Stalled", "False")]}),
            "Current",
        ),
        (
            "under way",
            json!({"observedGeneration": 2, "conditions": [ready("False"), condition("Reconciling", "True")]}),
            "InProgress",
        ),
        ("not known", json!({"observedGeneration": 2, "conditions": [ready("Unknown")]}), "InProgress"),
        (
            "stuck",
            json!({"observedGeneration": 2, "conditions": [ready("False"), condition("Stalled", "True")]}),
            "Failed",
        ),
        (
            "stuck and under way",
            json!({"observedGeneration": 2, "conditions": [condition("Stalled", "True"), condition("Reconciling", "True")]}),
            "InProgress",
        ),
        (
            "a step failed",
            json!({"observedGeneration": 2, "conditions": [condition("TableReady", "False"), ready("True")]}),
            "Current",
        ),
        ("no conditions", json!({"observedGeneration": 2}), "Current"),
    ];
    for kind in ["EventSchema", "AnalyticsPipeline", "ForwardingRule"] {
        for (situation, status, wanted) in &situations {
            let mut object = json!({"kind": kind, "metadata": {"generation": 2}, "status": status});
            assert_eq!(testing::kstatus(&object), *wanted, "{kind}: {situation}");
            object["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z");
            assert_eq!(testing::kstatus(&object), "Terminating", "{kind}: {situation}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn argo_cd_shows_the_reason_and_the_remedy() {
    let fixture = settled(&[PIPELINE]).await;
    let path = "/apis/tributary.dev/v1alpha1/namespaces/shop/analyticspipelines/ios";
    let (health, message) = argo::health(&fixture.cluster.get(path).unwrap());
    assert_eq!(health, "Progressing");
    assert!(message.starts_with("DependencyNotReady: ") && message.contains("purchase"), "{message}");
}
