//! KEDA beside a pipeline: it decides where it is there and has words for the connection; nobody else writes the number of pods then.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
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
spec: {schemas: [{name: purchase}], processor: {autoscaling: {min: 1, max: 4, targetLag: 100, scaleInAfter: 5m}}}
";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/shop/deployments/ios-processor";
const SCALED: &str = "/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects/ios-processor";
const AUTHENTICATION: &str = "/apis/keda.sh/v1alpha1/namespaces/shop/triggerauthentications/ios-processor";

/// A world where KEDA may be used, which is not there yet.
fn wanted(objects: &str) -> Fixture {
    let mut fixture = Fixture::of(objects);
    let mut settings = fixture.ctx.settings.as_ref().clone();
    settings.keda = true;
    fixture.ctx.settings = Arc::new(settings);
    fixture
}

/// A world with KEDA, settled.
async fn with_keda() -> Fixture {
    let mut fixture = wanted(OBJECTS);
    fixture.cluster.serve_keda();
    fixture.settle().await;
    fixture
}

fn spec(fixture: &Fixture, path: &str) -> Value {
    fixture.cluster.get(path).map_or(Value::Null, |object| object["spec"].clone())
}

fn scaling(fixture: &Fixture) -> String {
    let conditions = fixture.conditions("analyticspipelines", "ios");
    conditions.into_iter().find(|text| text.starts_with("ScalingActive=")).unwrap_or_default()
}

/// Changes the pipeline's spec.
fn with(from: &str, to: &str) -> String {
    assert!(OBJECTS.contains(from));
    OBJECTS.replace(from, to)
}

#[tokio::test(start_paused = true)]
async fn keda_decides_where_it_is_there() {
    let mut fixture = with_keda().await;
    let scaled = spec(&fixture, SCALED);
    assert_eq!(scaled["scaleTargetRef"], json!({"name": "ios-processor"}));
    assert_eq!((&scaled["minReplicaCount"], &scaled["maxReplicaCount"]), (&json!(1), &json!(4)));
    let trigger = &scaled["triggers"][0];
    assert_eq!(trigger["metadata"]["bootstrapServers"], "kafka:9092");
    assert_eq!(trigger["metadata"]["consumerGroup"], "tributary.shop.ios");
    assert_eq!(
        (&trigger["metadata"]["topic"], &trigger["metadata"]["lagThreshold"]),
        (&json!("shop.ios"), &json!("100"))
    );
    let behavior = &scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"];
    assert_eq!(behavior["scaleDown"]["stabilizationWindowSeconds"], 300);
    assert_eq!(
        scaling(&fixture),
        "ScalingActive=True Succeeded: KEDA decides on 1 to 4 processor pods, by ScaledObject `ios-processor`"
    );
    assert_eq!(fixture.cluster.get(SCALED).unwrap()["metadata"]["ownerReferences"][0]["name"], "ios");

    // What KEDA does is not undone, and a settled world is not written to.
    fixture.cluster.edit(DEPLOYMENT, |it| it["spec"]["replicas"] = json!(3));
    let n_writes = fixture.cluster.n_writes();
    fixture.look_at_all().await;
    assert_eq!(spec(&fixture, DEPLOYMENT)["replicas"], 3);
    fixture.settle().await;
    let writes = fixture.cluster.writes();
    assert!(writes[n_writes..].iter().all(|write| write.ends_with("/status")), "{:?}", &writes[n_writes..]);
}

#[tokio::test(start_paused = true)]
async fn the_number_of_pods_is_given_up_before_it_is_left_out() {
    let mut fixture = wanted(OBJECTS);
    fixture.settle().await;
    let owned =
        json!([{"manager": "tributary", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]);
    fixture.cluster.edit(DEPLOYMENT, |it| it["metadata"]["managedFields"] = owned);
    fixture.cluster.serve_keda();
    let n_writes = fixture.cluster.n_writes();
    assert!(fixture.look_at_all().await.is_empty());
    let writes = fixture.cluster.writes();
    let writes: Vec<&str> =
        writes[n_writes..].iter().map(String::as_str).filter(|write| !write.ends_with("/status")).collect();
    let (deployment, scaled) = (format!("PATCH {DEPLOYMENT}"), format!("PATCH {SCALED}"));
    assert_eq!(writes[..3], [deployment.as_str(), &deployment, &scaled]);
}

#[tokio::test(start_paused = true)]
async fn a_suspended_stream_and_one_of_a_fixed_number_have_nothing_of_keda() {
    let fixed = "processor: {replicas: 2}";
    let autoscaling = "processor: {autoscaling: {min: 1, max: 4, targetLag: 100, scaleInAfter: 5m}}";
    for (objects, pods, condition) in [
        (with("{schemas:", "{suspend: true, schemas:"), 0, "ScalingActive=True Suspended"),
        (with(autoscaling, fixed), 2, ""),
    ] {
        let mut fixture = with_keda().await;
        fixture.cluster.edit(DEPLOYMENT, |it| it["spec"]["replicas"] = json!(4));
        fixture.put(&objects);
        fixture.settle().await;
        assert_eq!(fixture.cluster.get(SCALED), None);
        assert_eq!(spec(&fixture, DEPLOYMENT)["replicas"], pods);
        assert!(
            scaling(&fixture).starts_with(condition) && scaling(&fixture).is_empty() == condition.is_empty()
        );
        // And back again.
        fixture.put(OBJECTS);
        fixture.settle().await;
        assert!(fixture.cluster.get(SCALED).is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_suspension_takes_keda_away_even_where_nothing_else_can_be_done() {
    let mut fixture = with_keda().await;
    fixture.topics.fail_next(crate::pipeline::tests::away());
    fixture.put(&with("{schemas:", "{suspend: true, schemas:"));
    fixture.look_at_all().await;
    assert_eq!(fixture.cluster.get(SCALED), None);
    assert_eq!(spec(&fixture, DEPLOYMENT)["replicas"], 0);
}

#[tokio::test(start_paused = true)]
async fn without_keda_without_the_wish_and_without_the_right_the_operator_decides() {
    let mut without = wanted(OBJECTS);
    without.settle().await;
    let mut unwanted = Fixture::of(OBJECTS);
    unwanted.cluster.serve_keda();
    unwanted.settle().await;
    let mut forbidden = wanted(OBJECTS);
    forbidden.cluster.serve_keda();
    forbidden.cluster.refuse(&format!("GET {SCALED}"), 403, "Forbidden");
    forbidden.settle().await;
    for fixture in [without, unwanted, forbidden] {
        assert_eq!(fixture.cluster.get(SCALED), None);
        assert_eq!(spec(&fixture, DEPLOYMENT)["replicas"], 1);
        assert!(scaling(&fixture).contains("follow the lag"), "{}", scaling(&fixture));
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_somebody_elses_is_told_and_left_alone() {
    let mut fixture = wanted("");
    fixture.cluster.serve_keda();
    let theirs = json!({"kind": "ScaledObject", "metadata": {"name": "ios-processor", "namespace": "shop"}, "spec": {"theirs": true}});
    fixture.cluster.put(theirs);
    fixture.put(OBJECTS);
    fixture.settle().await;
    assert!(scaling(&fixture).starts_with("ScalingActive=False ResourceConflict"), "{}", scaling(&fixture));
    assert_eq!(spec(&fixture, SCALED), json!({"theirs": true}));
}

fn reach_of(properties: &[(&str, &str)], files: &[&str]) -> Option<Reach> {
    let properties = properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let files = files.iter().map(|name| ((*name).to_owned(), b"secret".to_vec()));
    reach(&properties.collect(), &files.collect())
}

#[test]
fn keda_reaches_kafka_as_the_processor_does() {
    let metadata = |reach: &Option<Reach>| serde_json::to_value(&reach.as_ref().unwrap().metadata).unwrap();
    let parameters =
        |reach: &Option<Reach>| serde_json::to_value(&reach.as_ref().unwrap().parameters).unwrap();
    let plain = reach_of(&[], &["clickhouse-user", "clickhouse-password"]);
    assert_eq!(plain, Some(Reach::default()));
    let scram = reach_of(
        &[("security.protocol", "SASL_SSL"), ("sasl.mechanism", "SCRAM-SHA-512")],
        &["kafka.sasl.username", "kafka.sasl.password", "kafka.ssl.ca.pem"],
    );
    assert_eq!(metadata(&scram), json!({"sasl": "scram_sha512", "tls": "enable"}));
    assert_eq!(
        parameters(&scram),
        json!({"username": "kafka.sasl.username", "password": "kafka.sasl.password", "ca": "kafka.ssl.ca.pem"})
    );
    let mutual =
        reach_of(&[("security.protocol", "ssl")], &["kafka.ssl.certificate.pem", "kafka.ssl.key.pem"]);
    assert_eq!(parameters(&mutual), json!({"cert": "kafka.ssl.certificate.pem", "key": "kafka.ssl.key.pem"}));
}

#[test]
fn keda_is_not_asked_to_reach_kafka_in_a_way_that_it_has_no_words_for() {
    let (password, user) = ("kafka.sasl.password", "kafka.sasl.username");
    for (properties, files) in [
        (vec![("security.protocol", "SASL_SSL"), ("sasl.mechanism", "OAUTHBEARER")], vec![]),
        (
            vec![("security.protocol", "SASL_SSL"), ("sasl.mechanism", "PLAIN"), ("sasl.username", "a")],
            vec![password],
        ),
        (
            vec![("security.protocol", "SASL_SSL"), ("ssl.ca.location", "/ca"), ("sasl.mechanism", "PLAIN")],
            vec![user, password],
        ),
        (vec![("security.protocol", "SASL_PLAINTEXT")], vec![user, password]),
        (vec![("security.protocol", "carrier-pigeon")], vec![]),
    ] {
        assert_eq!(reach_of(&properties, &files), None, "{properties:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn secrets_go_to_keda_by_their_names() {
    let mut fixture = wanted(OBJECTS);
    fixture.cluster.serve_keda();
    let mut settings = fixture.ctx.settings.as_ref().clone();
    settings.kafka_properties = vec![
        ("security.protocol".into(), "SASL_PLAINTEXT".into()),
        ("sasl.mechanism".into(), "PLAIN".into()),
    ];
    settings.connection_dir = crate::testing::repository().join("operator/cases/connection-sasl");
    fixture.ctx.settings = Arc::new(settings);
    fixture.settle().await;
    assert_eq!(spec(&fixture, SCALED)["triggers"][0]["authenticationRef"], json!({"name": "ios-processor"}));
    let references = spec(&fixture, AUTHENTICATION)["secretTargetRef"].clone();
    assert_eq!(
        references,
        json!([
            {"parameter": "password", "name": "ios-processor", "key": "kafka.sasl.password"},
            {"parameter": "username", "name": "ios-processor", "key": "kafka.sasl.username"},
        ])
    );
}
