//! Hostile names and settings of topics: refused by the plan, or exactly what Kafka is asked for and the processor is told.

use crate::hostile;
use crate::kafka::topic::TopicChange;
use crate::testing::Fixture;
use crds::stream_config::StreamConfig;

const SCHEMA: &str = "{apiVersion: tributary.dev/v1alpha1, kind: EventSchema, metadata: {name: purchase, namespace: shop}, spec: {fields: [{name: a, type: String}]}}";
const CONFIG_MAP: &str = "/api/v1/namespaces/shop/configmaps/ios-processor";

async fn with(kafka: serde_json::Value) -> Fixture {
    let mut fixture = Fixture::of(SCHEMA);
    let pipeline = serde_json::json!({
        "apiVersion": "tributary.dev/v1alpha1", "kind": "AnalyticsPipeline", "metadata": {"name": "ios", "namespace": "shop"},
        "spec": {"schemas": [{"name": "purchase"}], "kafka": kafka},
    });
    fixture.put(&pipeline.to_string());
    fixture.settle().await;
    fixture
}

#[tokio::test(start_paused = true)]
async fn hostile_names_and_settings_are_refused_or_exact() {
    let (mut n_refused, mut n_exact) = (0, 0);
    for text in hostile::texts() {
        let topic = format!("shop.{text}");
        for kafka in [
            serde_json::json!({"topic": topic}),
            serde_json::json!({"config": {&text: "1"}}),
            serde_json::json!({"config": {"compression.type": &text}}),
        ] {
            let fixture = with(kafka.clone()).await;
            let ready = fixture.ready("analyticspipelines", "ios");
            let applied = fixture.topics.take_applied();
            if ready.starts_with("Ready=False SpecInvalid") {
                assert!(
                    applied.is_empty() && fixture.tables.take_applied().is_empty(),
                    "{kafka}: {applied:?}"
                );
                n_refused += 1;
                continue;
            }
            let config = fixture.cluster.get(CONFIG_MAP).unwrap();
            let config: StreamConfig =
                serde_yaml::from_str(config["data"]["stream.yaml"].as_str().unwrap()).unwrap();
            let [TopicChange::Create(made), _] = applied.as_slice() else { panic!("{kafka}: {applied:?}") };
            let name = kafka["topic"].as_str().unwrap_or("shop.ios");
            assert_eq!((made.name.as_str(), config.kafka.topic.as_str()), (name, name));
            let mut settings = made.config.clone();
            let compression = settings.remove("compression.type");
            assert_eq!(compression.as_deref(), kafka["config"]["compression.type"].as_str(), "{kafka}");
            assert_eq!(settings.keys().collect::<Vec<_>>(), ["cleanup.policy", "retention.ms"], "{kafka}");
            assert_eq!(settings["cleanup.policy"], "delete");
            n_exact += 1;
        }
    }
    assert!(n_refused + n_exact >= 500);
    println!("{n_refused} hostile names and settings of topics refused, {n_exact} exact");
}
