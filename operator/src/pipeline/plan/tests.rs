//! Ownership of topic and table, in each state that the table in `ownership.rs` lists, and what restarts pods.

use std::collections::BTreeMap;

use serde_json::json;

use crate::clickhouse::mark::Mark;
use crate::clickhouse::table::TableName;
use crate::kafka::topic::{Topic, TopicChange};
use crate::testing::Fixture;

const OBJECTS: &str = "
{apiVersion: tributary.dev/v1alpha1, kind: EventSchema, metadata: {name: purchase, namespace: shop}, spec: {fields: [{name: a, type: String}]}}
---
{apiVersion: tributary.dev/v1alpha1, kind: AnalyticsPipeline, metadata: {name: ios, namespace: shop}, spec: {schemas: [{name: purchase}]}}
";
const PIPELINE: &str = "/apis/tributary.dev/v1alpha1/namespaces/shop/analyticspipelines/ios";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/shop/deployments/ios-processor";
const CONFIG_MAP: &str = "/api/v1/namespaces/shop/configmaps/ios-processor";

fn name() -> TableName {
    TableName { database: "shop".into(), table: "ios".into() }
}

fn foreign_topic(name: &str) -> Topic {
    Topic { name: name.into(), partitions: 6, replicas: 1, config: BTreeMap::new() }
}

fn mark(fixture: &Fixture) -> Mark {
    Mark::parse(&fixture.tables.get(&name()).unwrap().comment).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_tributary_did_not_make_is_not_touched() {
    for topic in ["shop.ios", "shop.ios.dead-letters"] {
        let mut fixture = Fixture::of(OBJECTS);
        fixture.topics.insert(foreign_topic(topic));
        fixture.settle().await;
        let ready = fixture.ready("analyticspipelines", "ios");
        assert!(ready.starts_with("Ready=False OwnershipMismatch") && ready.contains(topic), "{ready}");
        assert!(fixture.topics.take_applied().is_empty() && fixture.tables.take_applied().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_that_tributary_did_not_make_is_not_touched() {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.settle().await;
    let mut table = fixture.tables.get(&name()).unwrap();
    table.comment = "the finance team's".into();
    let mut fixture = Fixture::of(OBJECTS);
    fixture.tables.insert(name(), table);
    fixture.settle().await;
    let conditions = fixture.conditions("analyticspipelines", "ios");
    assert!(
        conditions.iter().any(|text| text.starts_with("TableReady=False OwnershipMismatch")),
        "{conditions:?}"
    );
    assert!(fixture.tables.take_applied().is_empty() && fixture.topics.take_applied().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_is_made_anew_takes_topic_and_table_up_with_their_id() {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.settle().await;
    let before = mark(&fixture);
    for path in [
        PIPELINE,
        DEPLOYMENT,
        CONFIG_MAP,
        "/api/v1/namespaces/shop/secrets/ios-processor",
        "/api/v1/namespaces/shop/serviceaccounts/ios-processor",
    ] {
        fixture.cluster.remove(path);
    }
    fixture.put(&OBJECTS.replace("{name: ios,", "{name: ios, uid: another,"));
    fixture.settle().await;
    assert!(fixture.ready("analyticspipelines", "ios").starts_with("Ready=True"));
    assert_eq!(mark(&fixture), before);
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_was_deleted_begins_a_new_life_after_the_processors_have_stopped() {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.settle().await;
    assert_eq!(mark(&fixture).epoch, 1);
    crate::kafka::Topics::apply(fixture.topics.as_ref(), &TopicChange::Delete { name: "shop.ios".into() })
        .await
        .unwrap();
    fixture.topics.take_applied();

    fixture.look_at_all().await;
    let deployment = fixture.cluster.get(DEPLOYMENT).unwrap();
    assert_eq!(deployment["spec"]["replicas"], json!(0));
    assert!(fixture.topics.take_applied().is_empty(), "the topic is made while processors run");
    assert!(fixture.ready("analyticspipelines", "ios").contains("was deleted; the processors stop"));
    let conditions = fixture.conditions("analyticspipelines", "ios");
    assert!(conditions.iter().any(|text| text.starts_with("TopicReady=False Progressing")), "{conditions:?}");

    fixture.settle().await;
    assert_eq!(mark(&fixture).epoch, 2);
    assert!(fixture.topics.get("shop.ios").is_some());
    assert_eq!(fixture.cluster.get(DEPLOYMENT).unwrap()["spec"]["replicas"], json!(1));
    assert!(
        fixture.cluster.get(CONFIG_MAP).unwrap()["data"]["stream.yaml"]
            .as_str()
            .unwrap()
            .contains("epoch: 2")
    );
    assert!(fixture.ready("analyticspipelines", "ios").starts_with("Ready=True"));
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_somebody_deleted_and_made_again_begins_a_new_life_too() {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.settle().await;
    let before = mark(&fixture);
    assert!(before.topic_id.is_some());
    // The same name and shape, seen at no time to be gone.
    fixture.topics.insert(fixture.topics.get("shop.ios").unwrap());

    fixture.look_at_all().await;
    assert_eq!(fixture.cluster.get(DEPLOYMENT).unwrap()["spec"]["replicas"], json!(0));
    assert_eq!(mark(&fixture), before, "the new life begins while processors of the old one run");

    fixture.settle().await;
    let after = mark(&fixture);
    assert_eq!(after.epoch, 2);
    assert_ne!(after.topic_id, before.topic_id);
    assert_eq!(fixture.cluster.get(DEPLOYMENT).unwrap()["spec"]["replicas"], json!(1));
    assert!(fixture.ready("analyticspipelines", "ios").starts_with("Ready=True"));
    fixture.settle().await;
    assert_eq!(mark(&fixture), after, "one life is counted once");
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_names_no_topic_id_is_completed() {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.settle().await;
    let before = mark(&fixture);
    let mut table = fixture.tables.get(&name()).unwrap();
    table.comment = Mark { topic_id: None, ..before.clone() }.comment();
    fixture.tables.insert(name(), table);
    fixture.settle().await;
    assert_eq!(mark(&fixture), before);
}

#[tokio::test(start_paused = true)]
async fn the_id_of_a_new_topic_is_in_its_mark_from_the_first_look_on_even_where_kafka_tells_it_late() {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.topics.withhold_next_id();
    fixture.look_at_all().await;
    assert!(fixture.topics.id("shop.ios").is_some(), "the topic is not made in the first look");
    assert_eq!(mark(&fixture).topic_id, fixture.topics.id("shop.ios"));
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_only_seems_to_be_gone_keeps_its_life() {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.settle().await;
    fixture.topics.hide("shop.ios");
    for _ in 0..3 {
        fixture.look_at_all().await;
        fixture.cluster.roll_out();
    }
    assert_eq!(mark(&fixture).epoch, 1, "a new epoch would store every record again");
    let ready = fixture.ready("analyticspipelines", "ios");
    assert!(ready.starts_with("Ready=False KafkaRejected"), "{ready}");
    fixture.topics.show_all();
    fixture.settle().await;
    assert_eq!(mark(&fixture).epoch, 1);
    assert!(fixture.ready("analyticspipelines", "ios").starts_with("Ready=True"));
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_kafka_refuses_counts_no_life_however_often_it_is_tried() {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.settle().await;
    for name in ["shop.ios", "shop.ios.dead-letters"] {
        let delete = TopicChange::Delete { name: name.into() };
        crate::kafka::Topics::apply(fixture.topics.as_ref(), &delete).await.unwrap();
    }
    let with_replicas =
        |n: i32| OBJECTS.replace("{schemas:", &format!("{{kafka: {{replicas: {n}}}, schemas:"));
    fixture.put(&with_replicas(3));
    for _ in 0..3 {
        fixture.settle().await;
        let ready = fixture.ready("analyticspipelines", "ios");
        assert!(ready.starts_with("Ready=False KafkaRejected"), "{ready}");
        assert_eq!(mark(&fixture).epoch, 1);
    }
    fixture.put(&with_replicas(1));
    fixture.settle().await;
    assert_eq!(mark(&fixture).epoch, 2, "the topic was gone, and its new life is one");
}

#[tokio::test(start_paused = true)]
async fn another_kafka_cluster_is_not_taken_for_the_one_that_has_the_topic() {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.settle().await;
    let before = (mark(&fixture), fixture.cluster.get(DEPLOYMENT));
    for has_topic in [true, false] {
        fixture.topics.move_to("another");
        if !has_topic {
            fixture.topics.hide("shop.ios");
            fixture.topics.hide("shop.ios.dead-letters");
        }
        fixture.settle().await;
        let ready = fixture.ready("analyticspipelines", "ios");
        assert!(ready.starts_with("Ready=False OwnershipMismatch"), "{ready}");
        assert!(ready.contains("cluster `memory`") && ready.contains("leads to `another`"), "{ready}");
        assert_eq!((mark(&fixture), fixture.cluster.get(DEPLOYMENT)), before, "nothing is touched");
    }
    fixture.topics.show_all();
    fixture.topics.move_to("memory");
    fixture.settle().await;
    assert_eq!(mark(&fixture), before.0);
    assert!(fixture.ready("analyticspipelines", "ios").starts_with("Ready=True"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_moved_for_good_goes_on_by_the_statement_that_is_given() {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.settle().await;
    fixture.topics.move_to("another");
    fixture.settle().await;
    let ready = fixture.ready("analyticspipelines", "ios");
    let (_, comment) = ready.split_once("ALTER TABLE `shop`.`ios` MODIFY COMMENT '").unwrap();
    let mut table = fixture.tables.get(&name()).unwrap();
    table.comment = comment.trim_end_matches('\'').to_owned();
    fixture.tables.insert(name(), table);
    fixture.settle().await;
    assert!(fixture.ready("analyticspipelines", "ios").starts_with("Ready=True"));
    assert_eq!((mark(&fixture).epoch, mark(&fixture).cluster.as_deref()), (2, Some("another")));
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_names_no_cluster_is_completed() {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.settle().await;
    let mut table = fixture.tables.get(&name()).unwrap();
    table.comment = Mark { cluster: None, ..mark(&fixture) }.comment();
    fixture.tables.insert(name(), table);
    fixture.settle().await;
    assert_eq!((mark(&fixture).epoch, mark(&fixture).cluster.as_deref()), (1, Some("memory")));
}

#[tokio::test(start_paused = true)]
async fn a_table_that_was_dropped_by_hand_is_made_anew() {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.settle().await;
    let drop = crate::clickhouse::table::TableChange::DropTable { table: name() };
    crate::clickhouse::Tables::apply(fixture.tables.as_ref(), &drop).await.unwrap();
    fixture.settle().await;
    assert!(fixture.tables.get(&name()).is_some());
    assert!(fixture.ready("analyticspipelines", "ios").starts_with("Ready=True"));
}

#[tokio::test(start_paused = true)]
async fn pods_start_anew_when_a_secret_they_read_changes_and_not_otherwise() {
    let secret = |value: &str| {
        format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: privacy, namespace: shop}}, data: {{key: {value}}}}}"
        )
    };
    let with_key = OBJECTS.replace("{schemas:", "{privacy: {hashKey: {name: privacy, key: key}}, schemas:");
    let mut fixture = Fixture::of(&with_key);
    fixture.put(&secret("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="));
    fixture.settle().await;
    let template = |fixture: &Fixture| fixture.cluster.get(DEPLOYMENT).unwrap()["spec"]["template"].clone();
    let first = template(&fixture);
    fixture.put(&with_key.replace("{schemas:", "{deletionPolicy: Retain, schemas:"));
    fixture.settle().await;
    assert_eq!(template(&fixture), first);
    fixture.put(&secret("MTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="));
    fixture.settle().await;
    assert_ne!(template(&fixture), first);
}

#[tokio::test(start_paused = true)]
async fn batches_that_do_not_fit_into_the_processors_memory_are_refused() {
    let spec = "spec: {processor: {resources: {memory: 128Mi}}, schemas:";
    let mut fixture = Fixture::of(&OBJECTS.replace("spec: {schemas:", spec));
    fixture.settle().await;
    let ready = fixture.ready("analyticspipelines", "ios");
    assert!(ready.starts_with("Ready=False SpecInvalid") && ready.contains("at least 224Mi"), "{ready}");
}
