//! Who wakes whom, in one namespace and across two.

use super::*;
use crate::testing::Fixture;

const OBJECTS: &str = "
{apiVersion: tributary.dev/v1alpha1, kind: EventSchema, metadata: {name: purchase, namespace: shop}, spec: {fields: [{name: a, type: String}]}}
---
{apiVersion: tributary.dev/v1alpha1, kind: EventSchema, metadata: {name: unused, namespace: shop}, spec: {fields: [{name: a, type: String}]}}
---
{apiVersion: tributary.dev/v1alpha1, kind: AnalyticsPipeline, metadata: {name: ios, namespace: shop}, spec: {schemas: [{name: purchase}]}}
---
{apiVersion: tributary.dev/v1alpha1, kind: AnalyticsPipeline, metadata: {name: rival, namespace: shop}, spec: {schemas: [{name: view}], kafka: {topic: shop.ios}}}
---
{apiVersion: tributary.dev/v1alpha1, kind: AnalyticsPipeline, metadata: {name: ios, namespace: other}, spec: {schemas: [{name: purchase}]}}
---
{apiVersion: tributary.dev/v1alpha1, kind: ForwardingRule, metadata: {name: hook, namespace: shop}, spec: {pipeline: {name: ios}, destination: {type: Kafka, kafka: {topic: shop.x}}}}
";

fn names(keys: Vec<Key>) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_schema_wakes_itself_its_pipelines_and_their_rules() {
    let fixture = Fixture::of(OBJECTS);
    let schema = fixture.guarded_schema("shop", "purchase");
    assert_eq!(
        names(by_schema(&fixture.ctx.stores, &schema)),
        ["EventSchema shop/purchase", "AnalyticsPipeline shop/ios", "ForwardingRule shop/hook"]
    );
}

#[tokio::test]
async fn a_pipeline_wakes_itself_its_rules_the_schemas_and_its_rivals() {
    let fixture = Fixture::of(OBJECTS);
    let pipeline = fixture.guarded_pipeline("shop", "ios");
    assert_eq!(
        names(by_pipeline(&fixture.ctx.stores, &pipeline)),
        [
            "AnalyticsPipeline shop/ios",
            "ForwardingRule shop/hook",
            "EventSchema shop/purchase",
            "EventSchema shop/unused",
            "AnalyticsPipeline shop/rival"
        ]
    );
}

#[tokio::test]
async fn a_rule_wakes_itself_and_its_pipeline() {
    let fixture = Fixture::of(OBJECTS);
    let rule = fixture.guarded_rule("shop", "hook");
    assert_eq!(names(by_rule(&rule)), ["ForwardingRule shop/hook", "AnalyticsPipeline shop/ios"]);
}

#[tokio::test]
async fn a_child_wakes_its_owner_and_a_stranger_nobody() {
    let metadata = ObjectMeta {
        namespace: Some("shop".into()),
        owner_references: Some(vec![crate::kubernetes::labels::owner("ios", "1")]),
        ..ObjectMeta::default()
    };
    assert_eq!(by_child(&metadata), Some(Key::new(pipeline::KIND, "shop", "ios")));
    assert_eq!(by_child(&ObjectMeta::default()), None);
}
