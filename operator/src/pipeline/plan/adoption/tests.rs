//! What may be taken over, and that it is then the pipeline's for good.

use std::sync::Arc;

use crate::clickhouse::mark::Mark;
use crate::clickhouse::table::{TableChange, TableName};
use crate::kafka::topic::{Topic, TopicChange};
use crate::testing::Fixture;

const SCHEMA: &str = "{apiVersion: tributary.dev/v1alpha1, kind: EventSchema, metadata: {name: purchase, namespace: shop}, spec: {fields: [{name: a, type: String}]}}";
const PIPELINE: &str = "{apiVersion: tributary.dev/v1alpha1, kind: AnalyticsPipeline, metadata: {name: ios, namespace: shop, uid: it}, spec: {adopt: true, schemas: [{name: purchase}]}}";

fn name() -> TableName {
    TableName { database: "shop".into(), table: "ios".into() }
}

fn topic(retention: &str) -> Topic {
    let config = [("retention.ms".to_owned(), retention.to_owned())].into();
    Topic { name: "shop.ios".into(), partitions: 6, replicas: 1, config }
}

/// A world where somebody else made topic and table, one column short.
async fn world(is_allowed: bool) -> Fixture {
    let mut fixture = Fixture::of(&[SCHEMA, PIPELINE].join("\n---\n"));
    fixture.settle().await;
    let mut table = fixture.tables.get(&name()).unwrap();
    table.comment = "the finance team's".into();
    table.columns.retain(|column| column.name != "a");
    let mut fixture = Fixture::of(SCHEMA);
    fixture.tables.insert(name(), table);
    fixture.topics.insert(topic("3600000"));
    let mut settings = fixture.ctx.settings.as_ref().clone();
    settings.allow_adopt = is_allowed;
    fixture.ctx.settings = Arc::new(settings);
    fixture.put(PIPELINE);
    fixture
}

fn ready(fixture: &Fixture) -> String {
    fixture.ready("analyticspipelines", "ios")
}

#[tokio::test(start_paused = true)]
async fn topic_and_table_that_fit_are_marked_and_kept() {
    let mut fixture = world(true).await;
    fixture.settle().await;
    assert!(ready(&fixture).starts_with("Ready=True"), "{}", ready(&fixture));
    let mark = Mark::parse(&fixture.tables.get(&name()).unwrap().comment).unwrap();
    assert_eq!((mark.pipeline.as_str(), mark.id.as_str(), mark.epoch), ("shop/ios", "it", 1));
    let changes = fixture.tables.take_applied();
    assert!(
        matches!(changes.as_slice(), [TableChange::AddColumn { .. }, TableChange::ModifyComment { .. }]),
        "{changes:?}"
    );
    let is_kept =
        |change: &TopicChange| !matches!(change, TopicChange::Create(topic) if topic.name == "shop.ios");
    assert!(fixture.topics.take_applied().iter().all(is_kept));
    fixture.put(&PIPELINE.replace("adopt: true, ", ""));
    fixture.settle().await;
    assert!(ready(&fixture).starts_with("Ready=True"), "what is taken over stays so: {}", ready(&fixture));
}

#[tokio::test(start_paused = true)]
async fn without_leave_nothing_is_touched_and_the_platform_team_is_named() {
    for (is_allowed, text, words) in [
        (
            false,
            PIPELINE.to_owned(),
            "`spec.adopt` takes nothing over until the platform team allows it (Helm value `adoption.allowed`)",
        ),
        (true, PIPELINE.replace("adopt: true, ", ""), "set `spec.adopt: true`"),
        (
            false,
            PIPELINE.replace("adopt: true, ", ""),
            "once the platform team allows it (Helm value `adoption.allowed`)",
        ),
    ] {
        let mut fixture = world(is_allowed).await;
        fixture.put(&text);
        fixture.settle().await;
        let ready = ready(&fixture);
        assert!(ready.starts_with("Ready=False OwnershipMismatch") && ready.contains(words), "{ready}");
        assert!(fixture.tables.take_applied().is_empty() && fixture.topics.take_applied().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_taken_over_once_nothing_of_it_would_be_lost() {
    let mut fixture = world(true).await;
    fixture.topics.insert(topic("259200001"));
    fixture.settle().await;
    let told = ready(&fixture);
    assert!(told.contains("set it to at least 73h") && fixture.tables.take_applied().is_empty(), "{told}");
    fixture.put(&PIPELINE.replace("schemas:", "kafka: {retention: 73h}, schemas:"));
    fixture.settle().await;
    assert!(ready(&fixture).starts_with("Ready=True"), "{}", ready(&fixture));
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_was_made_again_takes_its_streams_up_where_that_is_allowed() {
    let tenants = "[{name: shop, namespaces: {names: [shop]}}]";
    let place = |uid: &str| crate::takeovers::namespace("shop", uid, "shop");
    let mut fixture = Fixture::with_tenants(tenants, &[&place("first"), SCHEMA, PIPELINE].join("\n---\n"));
    fixture.settle().await;
    let before = Mark::parse(&fixture.tables.get(&name()).unwrap().comment).unwrap();
    fixture.put(&place("second"));
    fixture.settle().await;
    let told = ready(&fixture);
    assert!(
        told.starts_with("Ready=False OwnershipMismatch") && told.contains("`allowAdopt` of tenant `shop`"),
        "{told}"
    );
    fixture.set_tenants("[{name: shop, namespaces: {names: [shop]}, allowAdopt: true}]");
    fixture.settle().await;
    assert!(ready(&fixture).starts_with("Ready=True"), "{}", ready(&fixture));
    let after = Mark::parse(&fixture.tables.get(&name()).unwrap().comment).unwrap();
    assert_eq!(after, Mark { namespace: Some("second".into()), ..before });
}
