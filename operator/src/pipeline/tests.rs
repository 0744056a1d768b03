//! Looks at pipelines in a whole world in memory: healing, drift, faults, deletion, and that nothing is written without need.

use serde_json::{Value, json};

use super::*;
use crate::clickhouse::ClickHouseError;
use crate::clickhouse::table::{TableChange, TableName};
use crate::kafka::KafkaError;
use crate::kafka::topic::TopicChange;
use crate::kubernetes::labels;
use crate::testing::Fixture;

pub(super) const SCHEMA: &str = "{apiVersion: tributary.dev/v1alpha1, kind: EventSchema, metadata: {name: purchase, namespace: shop}, spec: {fields: [{name: a, type: String}]}}";
pub(super) const PIPELINE: &str = "{apiVersion: tributary.dev/v1alpha1, kind: AnalyticsPipeline, metadata: {name: ios, namespace: shop}, spec: {schemas: [{name: purchase}], privacy: {hashKey: {name: privacy, key: key}}}}";
pub(super) const SECRET: &str = "{apiVersion: v1, kind: Secret, metadata: {name: privacy, namespace: shop}, data: {key: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=}}";
const PATH: &str = "/apis/tributary.dev/v1alpha1/namespaces/shop/analyticspipelines/ios";
pub(super) const CHILDREN: [&str; 4] = [
    "/api/v1/namespaces/shop/serviceaccounts/ios-processor",
    "/api/v1/namespaces/shop/secrets/ios-processor",
    "/api/v1/namespaces/shop/configmaps/ios-processor",
    "/apis/apps/v1/namespaces/shop/deployments/ios-processor",
];

pub(super) fn ready(fixture: &Fixture) -> String {
    fixture.ready("analyticspipelines", "ios")
}

pub(super) async fn settled() -> Fixture {
    let mut fixture = Fixture::of(&[SCHEMA, SECRET, PIPELINE].join("\n---\n"));
    fixture.settle().await;
    assert!(ready(&fixture).starts_with("Ready=True Succeeded"), "{}", ready(&fixture));
    fixture
}

pub(super) fn away() -> KafkaError {
    KafkaError::Unreachable { action: "describe topics".into(), source: "connection refused".into() }
}

#[tokio::test(start_paused = true)]
async fn a_settled_pipeline_is_not_written_to_by_this_process_or_the_next() {
    let mut fixture = settled().await;
    let before = fixture.cluster.writes();
    fixture.topics.take_applied();
    fixture.tables.take_applied();
    fixture.look_at_all().await;
    // A restart forgets all that is in memory.
    fixture.ctx.retries = Default::default();
    fixture.ctx.reporter = std::sync::Arc::new(crate::report::Reporter::new(
        fixture.ctx.kubernetes.clone(),
        fixture.ctx.metrics.clone(),
        "another",
    ));
    fixture.look_at_all().await;
    assert_eq!(fixture.cluster.writes(), before);
    assert!(fixture.topics.take_applied().is_empty() && fixture.tables.take_applied().is_empty());
}

#[tokio::test(start_paused = true)]
async fn processors_are_pulled_with_the_secrets_that_the_platform_team_names() {
    let mut fixture = settled().await;
    let secrets = |fixture: &Fixture| {
        let deployment = fixture.cluster.get(CHILDREN[3]).unwrap();
        deployment["spec"]["template"]["spec"]["imagePullSecrets"].clone()
    };
    assert_eq!(secrets(&fixture), Value::Null);
    let mut settings = fixture.ctx.settings.as_ref().clone();
    settings.processor_image_pull_secrets = vec!["registry".into(), "mirror".into()];
    fixture.ctx.settings = std::sync::Arc::new(settings);
    fixture.settle().await;
    assert_eq!(secrets(&fixture), json!([{ "name": "registry" }, { "name": "mirror" }]));
}

#[tokio::test(start_paused = true)]
async fn every_order_of_apply_ends_in_the_same_ready_pipeline() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let objects = [SCHEMA, SECRET, PIPELINE];
        let mut fixture = Fixture::of("");
        for index in order {
            fixture.put(objects[index]);
            fixture.settle().await;
        }
        assert!(ready(&fixture).starts_with("Ready=True Succeeded"), "{order:?}: {}", ready(&fixture));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_named_and_waited_for_without_being_stalled() {
    let mut fixture = Fixture::of(PIPELINE);
    fixture.settle().await;
    let conditions = fixture.conditions("analyticspipelines", "ios");
    assert!(conditions[0].contains("EventSchema `purchase` does not exist"), "{conditions:?}");
    assert!(conditions[0].contains("kubectl -n shop create secret generic privacy"), "{conditions:?}");
    assert!(conditions[1].starts_with("Reconciling=True DependencyNotReady"), "{conditions:?}");
    assert!(fixture.cluster.events().contains(&"Warning DependencyNotReady ios".to_owned()));
    let look = reconcile(&fixture.ctx, &fixture.guarded_pipeline("shop", "ios").0.unwrap()).await.unwrap();
    assert_eq!(look.pace, Pace::Waiting);
}

#[tokio::test(start_paused = true)]
async fn events_are_published_only_when_ready_changes() {
    let mut fixture = settled().await;
    let n_events = fixture.cluster.events().len();
    for _ in 0..3 {
        fixture.topics.fail_next(away());
        fixture.look_at_all().await;
    }
    fixture.look_at_all().await;
    let events = fixture.cluster.events();
    assert_eq!(events[n_events..], ["Warning KafkaUnreachable ios", "Normal Succeeded ios"]);
}

#[tokio::test(start_paused = true)]
async fn children_changed_or_deleted_by_hand_are_repaired() {
    let mut fixture = settled().await;
    let before: Vec<Value> = CHILDREN.iter().map(|path| content(&fixture, path)).collect();
    fixture.cluster.edit(CHILDREN[0], |it| it["automountServiceAccountToken"] = json!(true));
    fixture.cluster.edit(CHILDREN[1], |it| it["data"]["clickhouse-user"] = json!("bm9ib2R5"));
    fixture.cluster.edit(CHILDREN[2], |it| it["data"]["stream.yaml"] = json!("version: 0"));
    fixture.cluster.edit(CHILDREN[3], |it| {
        it["spec"]["template"]["spec"]["containers"][0]["image"] = json!("evil:latest");
        it["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["--evil"]);
        it["spec"]["paused"] = json!(true);
        it["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("me");
    });
    fixture.settle().await;
    assert_eq!(CHILDREN.iter().map(|path| content(&fixture, path)).collect::<Vec<_>>(), before);
    CHILDREN.iter().for_each(|path| fixture.cluster.remove(path));
    fixture.settle().await;
    assert_eq!(CHILDREN.iter().map(|path| content(&fixture, path)).collect::<Vec<_>>(), before);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_wanted_is_taken_out_of_the_children() {
    let folder = std::env::temp_dir().join(format!("tributary-connection-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (user, password) = (folder.join("clickhouse-user"), folder.join("kafka.sasl.password"));
    std::fs::write(&user, "tributary").unwrap();
    std::fs::write(&password, "secret").unwrap();
    let mut fixture = Fixture::of(&[SCHEMA, SECRET, PIPELINE].join("\n---\n"));
    let mut settings = crate::testing::settings();
    settings.connection_dir = folder.clone();
    fixture.ctx.settings = std::sync::Arc::new(settings);
    fixture.settle().await;
    let copied = |fixture: &Fixture| fixture.cluster.get(CHILDREN[1]).unwrap()["data"].clone();
    assert_eq!(copied(&fixture)["kafka.sasl.password"], json!("c2VjcmV0"));
    let pods = fixture.cluster.get(CHILDREN[3]).unwrap()["spec"]["template"].clone();
    std::fs::remove_file(&password).unwrap();
    fixture.look_at_all().await;
    assert!(copied(&fixture)["kafka.sasl.password"].is_null(), "{}", copied(&fixture));
    let template = &fixture.cluster.get(CHILDREN[3]).unwrap()["spec"]["template"];
    assert_eq!(*template, pods, "no pod starts anew for a password");
    std::fs::remove_dir_all(&folder).unwrap();
}

fn content(fixture: &Fixture, path: &str) -> Value {
    let mut object = fixture.cluster.get(path).unwrap();
    let labels = object["metadata"]["labels"].clone();
    object["metadata"] = json!({"labels": labels});
    object.as_object_mut().unwrap().remove("status");
    object
}

#[tokio::test(start_paused = true)]
async fn settings_of_the_topic_and_columns_of_the_table_are_repaired() {
    let mut fixture = settled().await;
    let name = TableName { database: "shop".into(), table: "ios".into() };
    let (topic, table) = (fixture.topics.get("shop.ios").unwrap(), fixture.tables.get(&name).unwrap());
    let mut spoilt = topic.clone();
    spoilt.config.insert("retention.ms".into(), "1".into());
    fixture.topics.alter(spoilt);
    let mut spoilt = table.clone();
    spoilt.columns.retain(|column| column.name != "a");
    spoilt.ttl = Some("event_time + toIntervalDay(1)".into());
    fixture.tables.insert(name.clone(), spoilt);
    fixture.settle().await;
    assert_eq!(fixture.topics.get("shop.ios"), Some(topic));
    assert_eq!(fixture.tables.get(&name), Some(table));
}

#[tokio::test(start_paused = true)]
async fn kafka_away_is_told_tried_again_and_heals() {
    let mut fixture = settled().await;
    fixture.topics.fail_next(away());
    fixture.look_at_all().await;
    let conditions = fixture.conditions("analyticspipelines", "ios");
    assert!(conditions[0].starts_with("Ready=False KafkaUnreachable"), "{conditions:?}");
    assert!(conditions[1].starts_with("Reconciling=True KafkaUnreachable"), "{conditions:?}");
    assert!(conditions.iter().any(|text| text.starts_with("TopicReady=False KafkaUnreachable")));
    assert!(
        conditions.iter().any(|text| text.starts_with("TableReady=True")),
        "what is not concerned is kept"
    );
    fixture.settle().await;
    assert!(ready(&fixture).starts_with("Ready=True"));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_has_ended_for_good_does_not_count_as_running() {
    let mut fixture = settled().await;
    for (name, phase) in [("evicted", "Failed"), ("done", "Succeeded")] {
        fixture.cluster.put(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "labels": labels::selector("ios")}, "status": {"phase": phase}}));
    }
    fixture.put(&PIPELINE.replace("spec: {", "spec: {suspend: true, "));
    fixture.settle().await;
    assert!(ready(&fixture).starts_with("Ready=True Suspended"), "{}", ready(&fixture));
}

#[tokio::test(start_paused = true)]
async fn a_refused_password_is_told_as_such_and_both_services_at_once() {
    let mut fixture = settled().await;
    fixture
        .topics
        .fail_next(KafkaError::AuthFailed { action: "describe topics".into(), source: "sasl".into() });
    fixture
        .tables
        .fail_next(ClickHouseError::AuthFailed { action: "describe table".into(), source: "516".into() });
    fixture.look_at_all().await;
    let text = ready(&fixture);
    assert!(
        text.contains("Kafka refuses user or password")
            && text.contains("ClickHouse refuses user or password"),
        "{text}"
    );
    let conditions = fixture.conditions("analyticspipelines", "ios");
    assert!(conditions[1].starts_with("Reconciling=True"), "{conditions:?}");
}

#[tokio::test(start_paused = true)]
async fn fewer_partitions_are_refused_and_more_are_added() {
    let mut fixture = settled().await;
    let with = |n: i32| PIPELINE.replace("spec: {", &format!("spec: {{kafka: {{partitions: {n}}}, "));
    fixture.put(&with(12));
    fixture.settle().await;
    assert_eq!(fixture.topics.get("shop.ios").unwrap().partitions, 12);
    assert_eq!(fixture.topics.get("shop.ios.dead-letters").unwrap().partitions, 12);
    fixture.put(&with(3));
    fixture.settle().await;
    let conditions = fixture.conditions("analyticspipelines", "ios");
    assert!(conditions[1].starts_with("Stalled=True TopicPartitionsDecreaseNotSupported"), "{conditions:?}");
}

#[tokio::test(start_paused = true)]
async fn retain_has_no_finalizer_and_delete_has_one_that_goes_with_the_policy() {
    let mut fixture = settled().await;
    let finalizers = |fixture: &Fixture| fixture.cluster.get(PATH).unwrap()["metadata"]["finalizers"].clone();
    assert!(finalizers(&fixture).is_null());
    let delete = PIPELINE.replace("spec: {", "spec: {deletionPolicy: Delete, ");
    fixture.put(&delete);
    fixture.settle().await;
    assert_eq!(finalizers(&fixture), json!(["tributary.dev/data"]));
    fixture.put(PIPELINE);
    fixture.settle().await;
    assert_eq!(finalizers(&fixture), json!([]));
}

async fn deleting() -> Fixture {
    let mut fixture = settled().await;
    fixture.put(&PIPELINE.replace("spec: {", "spec: {deletionPolicy: Delete, "));
    fixture.settle().await;
    fixture.topics.insert_group("tributary.shop.ios");
    fixture.topics.take_applied();
    fixture.tables.take_applied();
    fixture.cluster.edit(PATH, |it| it["metadata"]["deletionTimestamp"] = json!("2026-01-02T12:00:00Z"));
    fixture.sync();
    fixture
}

#[tokio::test(start_paused = true)]
async fn delete_stops_the_processors_then_takes_groups_and_topics_and_the_table_last() {
    let mut fixture = deleting().await;
    let pod = |name: &str, phase: &str| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "labels": labels::selector("ios")}, "status": {"phase": phase}});
    fixture.cluster.put(pod("p", "Running"));
    fixture.cluster.put(pod("evicted", "Failed"));
    fixture.look_at_all().await;
    assert!(fixture.cluster.get(CHILDREN[3]).is_none());
    fixture.look_at_all().await;
    let text = ready(&fixture);
    assert!(text.contains("pods left: p. ") && text.contains("delete pod --force"), "{text}");
    assert!(fixture.topics.take_applied().is_empty(), "topics are deleted while a pod runs");
    fixture.cluster.remove("/api/v1/namespaces/shop/pods/p");
    fixture.look_at_all().await;
    let deleted = |name: &str| TopicChange::Delete { name: name.into() };
    assert_eq!(
        fixture.topics.take_applied(),
        [
            TopicChange::DeleteGroups { group: "tributary.shop.ios".into() },
            deleted("shop.ios"),
            deleted("shop.ios.dead-letters"),
        ]
    );
    assert!(matches!(fixture.tables.take_applied().as_slice(), [TableChange::DropTable { .. }]));
    assert!(fixture.cluster.get(PATH).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_look_at_a_pipeline_whose_place_another_has_taken_deletes_nothing() {
    let fixture = deleting().await;
    let seen = fixture.guarded_pipeline("shop", "ios").0.unwrap();
    CHILDREN.iter().chain([&PATH]).for_each(|path| fixture.cluster.remove(path));
    let fresh = PIPELINE.replace("namespace: shop}", "namespace: shop, uid: another}");
    fixture.cluster.put(serde_yaml::from_str(&fresh).unwrap());
    assert!(reconcile(&fixture.ctx, &seen).await.unwrap_err().is_conflict());
    fixture.cluster.remove(PATH);
    assert!(reconcile(&fixture.ctx, &seen).await.unwrap_err().is_conflict());
    assert!(fixture.topics.take_applied().is_empty() && fixture.tables.take_applied().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_look_at_an_older_pipeline_or_schema_makes_nothing() {
    let mut fixture = settled().await;
    let (seen, schema) = (
        fixture.guarded_pipeline("shop", "ios"),
        "/apis/tributary.dev/v1alpha1/namespaces/shop/eventschemas/purchase",
    );
    let older = fixture.cluster.get(schema).unwrap();
    fixture.put(&SCHEMA.replace("fields: [", "fields: [{name: b, type: String}, "));
    fixture.settle().await;
    fixture.tables.take_applied();
    // The schema is as it was again, and the operator's store does not know it yet.
    fixture.tables.remove(&TableName { database: "shop".into(), table: "ios".into() });
    fixture.cluster.edit(schema, |it| *it = older);
    assert!(reconcile(&fixture.ctx, &seen.0.unwrap()).await.unwrap_err().is_conflict());
    fixture.cluster.remove(PATH);
    CHILDREN.iter().for_each(|path| fixture.cluster.remove(path));
    let seen = fixture.guarded_pipeline("shop", "ios");
    assert!(reconcile(&fixture.ctx, &seen.0.unwrap()).await.unwrap_err().is_conflict());
    assert!(fixture.tables.take_applied().is_empty() && fixture.cluster.all("serviceaccounts").is_empty());
}

#[tokio::test(start_paused = true)]
async fn delete_with_kafka_away_says_so_and_how_to_give_up() {
    let mut fixture = deleting().await;
    fixture.look_at_all().await;
    fixture.topics.fail_next(away());
    fixture.look_at_all().await;
    let text = ready(&fixture);
    assert!(text.starts_with("Ready=False KafkaUnreachable: deletion waits"), "{text}");
    assert!(text.contains("spec.deletionPolicy: Retain"), "{text}");
    assert!(fixture.tables.take_applied().is_empty(), "the table is dropped before the topic");
    fixture.look_at_all().await;
    assert!(fixture.cluster.get(PATH).is_none());
}

#[tokio::test(start_paused = true)]
async fn delete_takes_nothing_from_another_kafka_cluster() {
    let mut fixture = deleting().await;
    fixture.topics.move_to("another");
    fixture.look_at_all().await;
    fixture.look_at_all().await;
    let text = ready(&fixture);
    assert!(text.starts_with("Ready=False OwnershipMismatch: deletion waits"), "{text}");
    assert!(fixture.topics.take_applied().is_empty() && fixture.tables.take_applied().is_empty());
}

#[tokio::test(start_paused = true)]
async fn delete_leaves_what_is_not_marked_ours() {
    let mut fixture = deleting().await;
    let name = TableName { database: "shop".into(), table: "ios".into() };
    let mut table = fixture.tables.get(&name).unwrap();
    table.comment = "mine".into();
    fixture.tables.insert(name.clone(), table);
    fixture.look_at_all().await;
    fixture.look_at_all().await;
    assert!(fixture.tables.get(&name).is_some());
    assert!(fixture.cluster.get(PATH).is_none());
}

#[tokio::test(start_paused = true)]
async fn an_object_that_was_deleted_in_between_is_no_failure() {
    let fixture = Fixture::of(&[SCHEMA, SECRET, PIPELINE].join("\n---\n"));
    let stale = fixture.guarded_pipeline("shop", "ios").0.unwrap();
    fixture.cluster.remove(PATH);
    let error = reconcile(&fixture.ctx, &stale).await.unwrap_err();
    assert!(error.is_gone(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_status_that_changed_in_between_is_not_overwritten() {
    let fixture = Fixture::of(&[SCHEMA, SECRET, PIPELINE].join("\n---\n"));
    let stale = fixture.guarded_pipeline("shop", "ios").0.unwrap();
    fixture.cluster.edit(PATH, |it| it["metadata"]["labels"] = json!({"touched": "yes"}));
    let error = reconcile(&fixture.ctx, &stale).await.unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
}
