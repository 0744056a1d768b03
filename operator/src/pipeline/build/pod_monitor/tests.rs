//! A PodMonitor beside a pipeline: made where it is wanted and the kind is there, repaired, and no reason for a stream to wait.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::testing::Fixture;

const OBJECTS: &str = "
apiVersion: tributary.dev/v1alpha1
kind: EventSchema
metadata: {name: purchase, namespace: shop}
spec: {fields: [{name: a, type: String}]}
---
apiVersion: tributary.dev/v1alpha1
kind: AnalyticsPipeline
metadata: {name: ios, namespace: shop}
spec: {schemas: [{name: purchase}]}
";
const PATH: &str = "/apis/monitoring.coreos.com/v1/namespaces/shop/podmonitors/ios-processor";

/// A world where the platform team wants PodMonitors; not looked at yet.
fn wanted() -> Fixture {
    let mut fixture = Fixture::of(OBJECTS);
    let mut settings = fixture.ctx.settings.as_ref().clone();
    settings.pod_monitors = true;
    settings.pod_monitor_labels = vec![("release".into(), "prometheus".into())];
    fixture.ctx.settings = Arc::new(settings);
    fixture
}

fn ready(fixture: &Fixture) -> String {
    fixture.ready("analyticspipelines", "ios")
}

#[tokio::test(start_paused = true)]
async fn none_is_made_unless_it_is_wanted() {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.settle().await;
    assert_eq!(fixture.cluster.get(PATH), None);
}

#[tokio::test(start_paused = true)]
async fn it_selects_the_pods_of_its_pipeline_and_goes_with_it() {
    let mut fixture = wanted();
    fixture.settle().await;
    let monitor = fixture.cluster.get(PATH).unwrap();
    let deployment = fixture.cluster.get("/apis/apps/v1/namespaces/shop/deployments/ios-processor").unwrap();
    assert_eq!(monitor["spec"]["selector"], deployment["spec"]["selector"]);
    assert_eq!(monitor["metadata"]["ownerReferences"], deployment["metadata"]["ownerReferences"]);
    assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    let port = &deployment["spec"]["template"]["spec"]["containers"][0]["ports"][0]["name"];
    assert_eq!(monitor["spec"]["podMetricsEndpoints"][0]["port"], *port);
    assert_eq!(monitor["spec"]["podMetricsEndpoints"][0]["interval"], "30s");
}

#[tokio::test(start_paused = true)]
async fn a_change_of_it_is_repaired_and_a_settled_one_is_not_written() {
    let mut fixture = wanted();
    fixture.settle().await;
    let (before, n_writes) = (fixture.cluster.get(PATH).unwrap(), fixture.cluster.n_writes());
    fixture.look_at_all().await;
    assert_eq!(fixture.cluster.n_writes(), n_writes);
    fixture.cluster.edit(PATH, |monitor| monitor["spec"]["podMetricsEndpoints"] = json!([]));
    fixture.settle().await;
    assert_eq!(fixture.cluster.get(PATH).unwrap()["spec"], before["spec"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_does_not_wait_for_a_kind_or_a_right_that_is_missing() {
    for (code, message) in [(404, "NotFound"), (403, "Forbidden"), (422, "Invalid")] {
        let mut fixture = wanted();
        fixture.cluster.refuse(&format!("PATCH {PATH}"), code, message);
        fixture.look_at_all().await;
        fixture.cluster.roll_out();
        fixture.look_at_all().await;
        assert!(ready(&fixture).starts_with("Ready=True"), "{code}: {}", ready(&fixture));
        // It is made as soon as it can be.
        fixture.cluster.refuse_nothing();
        fixture.settle().await;
        assert!(fixture.cluster.get(PATH).is_some(), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_somebody_elses_is_left_alone() {
    let mut fixture = wanted();
    let theirs = json!({"kind": "PodMonitor", "metadata": {"name": "ios-processor", "namespace": "shop"}, "spec": {"theirs": true}});
    fixture.cluster.put(theirs);
    fixture.settle().await;
    assert!(ready(&fixture).starts_with("Ready=True"), "{}", ready(&fixture));
    let spec: Value = fixture.cluster.get(PATH).unwrap()["spec"].clone();
    assert_eq!(spec, json!({"theirs": true}));
}
