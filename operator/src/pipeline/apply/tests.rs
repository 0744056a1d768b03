//! What Kubernetes refuses, what others do to children in between, and a suspension that waits for nothing.

use serde_json::json;

use crate::clickhouse::table::TableName;
use crate::pipeline::tests::{CHILDREN, PIPELINE, SCHEMA, SECRET, away, ready, settled};
use crate::testing::Fixture;

#[tokio::test(start_paused = true)]
async fn a_suspension_waits_for_nothing_to_be_mended() {
    let suspended = PIPELINE.replace("spec: {", "spec: {suspend: true, ");
    let replicas = |fixture: &Fixture| fixture.cluster.get(CHILDREN[3]).unwrap()["spec"]["replicas"].clone();
    // Kafka is away; the schema is gone; the table is not as it must be, and cannot be changed.
    for spoil in [
        |fixture: &mut Fixture| fixture.topics.fail_next(away()),
        |fixture: &mut Fixture| {
            fixture.cluster.remove("/apis/tributary.dev/v1alpha1/namespaces/shop/eventschemas/purchase");
            fixture.sync();
        },
        |fixture: &mut Fixture| {
            let name = TableName { database: "shop".into(), table: "ios".into() };
            let mut table = fixture.tables.get(&name).unwrap();
            table.partition_key = "toYear(event_time)".into();
            fixture.tables.insert(name, table);
        },
    ] {
        let mut fixture = settled().await;
        fixture.put(&suspended);
        spoil(&mut fixture);
        fixture.look_at_all().await;
        assert_eq!(replicas(&fixture), json!(0));
        assert!(ready(&fixture).starts_with("Ready=False"), "{}", ready(&fixture));
    }
    let mut fixture = settled().await;
    fixture.cluster.edit(CHILDREN[3], |it| it["metadata"]["ownerReferences"][0]["uid"] = json!("another"));
    fixture.put(&suspended);
    fixture.topics.fail_next(away());
    fixture.look_at_all().await;
    assert_eq!(replicas(&fixture), json!(1), "what is not ours is not touched");
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_refuses_a_child_is_no_defect_and_heals() {
    let mut fixture = Fixture::of(&[SCHEMA, SECRET, PIPELINE].join("\n---\n"));
    fixture.cluster.refuse(&format!("PATCH {}", CHILDREN[1]), 403, "exceeded quota: secrets=10");
    fixture.look_at_all().await;
    let text = ready(&fixture);
    assert!(text.starts_with("Ready=False ProcessorNotStarted"), "{text}");
    assert!(
        text.contains("exceeded quota: secrets=10") && text.contains("raise the ResourceQuota"),
        "{text}"
    );
    fixture.cluster.refuse_nothing();
    fixture.settle().await;
    assert!(ready(&fixture).starts_with("Ready=True"));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_changed_in_between_is_looked_at_again_and_nothing_is_told() {
    let mut fixture = settled().await;
    let before = fixture.conditions("analyticspipelines", "ios");
    fixture.cluster.remove(CHILDREN[3]);
    fixture.cluster.refuse(&format!("PATCH {}", CHILDREN[3]), 409, "Conflict");
    let errors = fixture.look_at_all().await;
    assert!(matches!(errors.as_slice(), [error] if error.is_conflict()), "{errors:?}");
    assert_eq!(fixture.conditions("analyticspipelines", "ios"), before);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_the_operator_may_not_read_is_told() {
    let mut fixture = Fixture::of(&[SCHEMA, SECRET, PIPELINE].join("\n---\n"));
    fixture.cluster.refuse("GET /api/v1/namespaces/shop/secrets/privacy", 403, "secrets is forbidden");
    fixture.settle().await;
    let text = ready(&fixture);
    assert!(
        text.starts_with("Ready=False SecretNotFound: the operator may not read Secret `privacy`"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_child_that_somebody_made_since_the_look_began_is_not_taken_over() {
    let mut fixture = Fixture::of(&[SCHEMA, SECRET, PIPELINE].join("\n---\n"));
    let foreign = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ios-processor", "namespace": "shop"}, "data": {"mine": "yes"}});
    // The status of the schema, and the ServiceAccount: the ConfigMap was looked for before.
    fixture.cluster.put_after_writes(2, foreign);
    fixture.settle().await;
    assert!(ready(&fixture).starts_with("Ready=False ResourceConflict"), "{}", ready(&fixture));
    assert_eq!(fixture.cluster.get(CHILDREN[2]).unwrap()["data"], json!({"mine": "yes"}));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_was_replaced_since_the_look_began_is_not_written() {
    let fixture = settled().await;
    let wanted: k8s_openapi::api::core::v1::ConfigMap =
        serde_json::from_value(fixture.cluster.get(CHILDREN[2]).unwrap()).unwrap();
    let mut actual = wanted.clone();
    actual.data = None;
    fixture.cluster.edit(CHILDREN[2], |it| it["metadata"]["uid"] = json!("another"));
    let before = fixture.cluster.get(CHILDREN[2]);
    let error = fixture.ctx.kubernetes.apply(&wanted, Some(&actual)).await.unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    assert_eq!(fixture.cluster.get(CHILDREN[2]), before);
}
