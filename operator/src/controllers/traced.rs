//! What a collector hears of looks: the steps, every write with how it ended, and no secret.

use serde_json::json;
use traces::Traces;
use traces::receiver::Receiver;
use tracing::dispatcher::{DefaultGuard, set_default, with_default};

use super::*;
use crate::kafka::KafkaError;
use crate::settings::Settings;
use crate::testing::{Fixture, settings};

const OBJECTS: &str = "
{apiVersion: tributary.dev/v1alpha1, kind: EventSchema, metadata: {name: purchase, namespace: shop}, spec: {fields: [{name: a, type: String}]}}
---
{apiVersion: v1, kind: Secret, metadata: {name: privacy, namespace: shop}, data: {key: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=}}
---
{apiVersion: tributary.dev/v1alpha1, kind: AnalyticsPipeline, metadata: {name: ios, namespace: shop}, spec: {schemas: [{name: purchase}], privacy: {hashKey: {name: privacy, key: key}}}}
";
const PATH: &str = "/apis/tributary.dev/v1alpha1/namespaces/shop/analyticspipelines/ios";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/shop/deployments/ios-processor";

/// A way to a collector, however little the log says.
struct Traced {
    receiver: Receiver,
    traces: Traces,
    _subscriber: DefaultGuard,
}

impl Traced {
    fn new() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let receiver = Receiver::start().unwrap();
        let traces = Traces::begin(&receiver.collector().unwrap(), receiver.runtime()).unwrap();
        let settings = Settings { log: "error".into(), ..settings() };
        let subscriber = crate::telemetry::subscriber(&settings, Some(&traces)).unwrap();
        Self { receiver, traces, _subscriber: set_default(&subscriber) }
    }

    /// Ends the process, and returns what the collector has heard.
    fn tree(self) -> String {
        drop(self.traces);
        self.receiver.tree()
    }
}

async fn look(fixture: &Fixture) -> Result<Action, ApplyError> {
    let guard = fixture.guarded_pipeline("shop", "ios");
    look_once(&fixture.ctx, &guard, |ctx, it| Box::pin(pipeline::reconcile(ctx, it))).await
}

async fn look_at_schema(fixture: &mut Fixture) {
    let guard = fixture.guarded_schema("shop", "purchase");
    look_once(&fixture.ctx, &guard, |ctx, it| Box::pin(event_schema::reconcile(ctx, it))).await.unwrap();
    fixture.sync();
}

#[tokio::test(start_paused = true)]
async fn a_look_is_a_tree_of_its_steps_and_of_every_write() {
    let mut fixture = Fixture::of(OBJECTS);
    let traced = Traced::new();
    look_at_schema(&mut fixture).await;
    look(&fixture).await.unwrap();
    let tree = traced.tree();
    assert_eq!(
        tree,
        "\
reconcile kind=EventSchema name=purchase namespace=shop outcome=done ready=true reason=Succeeded
  report outcome=done
    write object kind=EventSchema name=purchase namespace=shop outcome=done verb=patch
    write object kind=Event name=purchase.1886e830c7f08000 namespace=shop outcome=done verb=create
reconcile kind=AnalyticsPipeline name=ios namespace=shop outcome=done ready=false reason=Progressing
  gather outcome=done
  plan outcome=done
  apply outcome=done
    change table action=create database `shop` outcome=done
    change table action=create table `shop.ios` outcome=done
    change topic action=create topic `shop.ios` outcome=done
    change topic action=create topic `shop.ios.dead-letters` outcome=done
    change table action=change the mark of table `shop.ios` outcome=done
    write object kind=ServiceAccount name=ios-processor namespace=shop outcome=done verb=patch
    write object kind=Secret name=ios-processor namespace=shop outcome=done verb=patch
    write object kind=ConfigMap name=ios-processor namespace=shop outcome=done verb=patch
    write object kind=Deployment name=ios-processor namespace=shop outcome=done verb=patch
  report outcome=done
    write object kind=AnalyticsPipeline name=ios namespace=shop outcome=done verb=patch
    write object kind=Event name=ios.1886e830c7f08000 namespace=shop outcome=done verb=create
"
    );
    for secret in ["0123456789", "MDEyMzQ1", "tributary-development"] {
        assert!(!tree.contains(secret), "{tree}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_that_changes_nothing_writes_nothing_and_says_so() {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.settle().await;
    let traced = Traced::new();
    look(&fixture).await.unwrap();
    assert_eq!(
        traced.tree(),
        "\
reconcile kind=AnalyticsPipeline name=ios namespace=shop outcome=done ready=true reason=Succeeded
  gather outcome=done
  plan outcome=done
  apply outcome=done
"
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_says_why() {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.settle().await;
    let traced = Traced::new();
    fixture
        .topics
        .fail_next(KafkaError::Unreachable { action: "describe topics".into(), source: "refused".into() });
    fixture.cluster.edit(PATH, |it| it["metadata"]["labels"] = json!({"touched": "yes"}));
    look(&fixture).await.unwrap_err();
    assert_eq!(
        traced.tree(),
        "\
reconcile kind=AnalyticsPipeline name=ios namespace=shop outcome=failed reason=Conflict
  gather outcome=failed reason=KafkaUnreachable
  plan outcome=failed reason=KafkaUnreachable
  report outcome=failed reason=Conflict
    write object kind=AnalyticsPipeline name=ios namespace=shop outcome=failed reason=Conflict verb=patch
"
    );
}

#[test]
fn without_a_collector_nothing_is_traced_however_much_the_log_says() {
    let settings = Settings { log: "trace".into(), ..settings() };
    assert_eq!(settings.collector(), None);
    let subscriber = crate::telemetry::subscriber(&settings, None).unwrap();
    with_default(&subscriber, || assert!(traces::span!("reconcile").is_disabled()));
}

#[tokio::test(start_paused = true)]
async fn pods_are_told_of_the_collector_while_there_is_one() {
    let mut fixture = Fixture::of(OBJECTS);
    fixture.settle().await;
    let variables = |fixture: &Fixture| {
        let deployment = fixture.cluster.get(DEPLOYMENT).unwrap();
        deployment["spec"]["template"]["spec"]["containers"][0]["env"].clone()
    };
    assert_eq!(variables(&fixture), json!([]));
    let settings = Settings {
        traces_endpoint: Some("http://collector.observability:4318".parse().unwrap()),
        traces_share: "0.1".parse().unwrap(),
        ..settings()
    };
    fixture.ctx.settings = Arc::new(settings);
    fixture.settle().await;
    assert_eq!(
        variables(&fixture),
        json!([
            {"name": "TRIBUTARY_POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "OTEL_SERVICE_NAME", "value": "tributary-processor"},
            {
                "name": "OTEL_RESOURCE_ATTRIBUTES",
                "value": "k8s.namespace.name=shop,k8s.pod.name=$(TRIBUTARY_POD),tributary.pipeline=ios",
            },
            {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector.observability:4318"},
            {"name": "OTEL_EXPORTER_OTLP_PROTOCOL", "value": "http/protobuf"},
            {"name": "OTEL_TRACES_SAMPLER", "value": "parentbased_traceidratio"},
            {"name": "OTEL_TRACES_SAMPLER_ARG", "value": "0.1"},
        ])
    );
    fixture.ctx.settings = Arc::new(crate::testing::settings());
    fixture.settle().await;
    assert_eq!(variables(&fixture), json!([]));
}
