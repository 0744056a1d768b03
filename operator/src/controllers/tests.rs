//! One unreadable object among readable ones, and what a look leaves behind.

use serde_json::json;

use super::*;
use crate::testing::Fixture;

const OBJECTS: &str = "
{apiVersion: tributary.dev/v1alpha1, kind: EventSchema, metadata: {name: purchase, namespace: shop}, spec: {fields: [{name: a, type: String}]}}
---
{apiVersion: tributary.dev/v1alpha1, kind: AnalyticsPipeline, metadata: {name: broken, namespace: shop}, spec: {schemas: [{name: purchase}], kafka: {partitions: six}}, status: {topic: shop.broken}}
---
{apiVersion: tributary.dev/v1alpha1, kind: AnalyticsPipeline, metadata: {name: ios, namespace: shop}, spec: {schemas: [{name: purchase}]}}
";
const BROKEN: &str = "/apis/tributary.dev/v1alpha1/namespaces/shop/analyticspipelines/broken";

async fn look(fixture: &Fixture, name: &str) -> Action {
    let guard = fixture.guarded_pipeline("shop", name);
    look_once(&fixture.ctx, &guard, |ctx, it| Box::pin(pipeline::reconcile(ctx, it))).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_object_is_stalled_and_the_others_go_on() {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.settle().await;
    assert!(fixture.ready("analyticspipelines", "ios").starts_with("Ready=True"));
    assert!(fixture.guarded_pipeline("shop", "broken").0.is_err());
    assert_eq!(look(&fixture, "broken").await, Action::requeue(std::time::Duration::from_secs(600)));
    let conditions = fixture.conditions("analyticspipelines", "broken");
    assert!(
        conditions[0].starts_with("Ready=False Unreadable") && conditions[0].contains("six"),
        "{conditions:?}"
    );
    assert!(conditions[1].starts_with("Stalled=True Unreadable"), "{conditions:?}");
    assert_eq!(fixture.cluster.get(BROKEN).unwrap()["status"]["topic"], json!("shop.broken"));
    assert!(fixture.cluster.events().contains(&"Warning Unreadable broken".to_owned()));

    let before = fixture.cluster.n_writes();
    look(&fixture, "broken").await;
    assert_eq!(fixture.cluster.n_writes(), before, "a second look writes nothing");
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_object_that_is_going_says_what_keeps_it() {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.cluster.edit(BROKEN, |it| {
        it["metadata"]["finalizers"] = json!(["tributary.dev/data"]);
        it["metadata"]["deletionTimestamp"] = json!("2026-01-02T12:00:00Z");
    });
    fixture.sync();
    look(&fixture, "broken").await;
    let conditions = fixture.conditions("analyticspipelines", "broken");
    assert!(conditions[0].starts_with("Ready=False Unreadable: deletion waits: "), "{conditions:?}");
    assert!(conditions[0].contains("remove the finalizer `tributary.dev/data`"), "{conditions:?}");
    fixture.cluster.edit(BROKEN, |it| it["metadata"]["finalizers"] = json!(["somebody/else"]));
    fixture.sync();
    assert_eq!(look(&fixture, "broken").await, Action::await_change());
}

#[tokio::test(start_paused = true)]
async fn a_settled_object_is_looked_at_again_at_the_resync_and_counted_as_ready() {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.settle().await;
    assert_eq!(look(&fixture, "ios").await, Action::requeue(fixture.ctx.settings.resync));
    let text = fixture.ctx.metrics.render().unwrap();
    assert!(text.contains("reconciles_total{kind=\"AnalyticsPipeline\",reason=\"Succeeded\"} 1"), "{text}");
    assert!(!text.contains("problems{kind=\"AnalyticsPipeline\""), "{text}");
}
