//! `kubectl tributary plan --online`: what it says is what the operator then does, and nothing is written by asking.

use std::fmt::Debug;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use cli::exit::Exit;
use crds::{AnalyticsPipeline, EventSchema};
use e2e::cluster::FIELD_MANAGER;
use e2e::trial::{PATIENCE, Trial, with_namespace};
use e2e::wait;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use kube::Resource;
use kube::api::ListParams;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::kubectl::kubectl_tributary;

const TAPS: &str = "
apiVersion: tributary.dev/v1alpha1
kind: EventSchema
metadata: {name: tap}
spec:
  fields:
  - {name: count, type: Int64, required: true}
  - {name: button, type: String, enum: [left, right]}
---
apiVersion: tributary.dev/v1alpha1
kind: AnalyticsPipeline
metadata: {name: taps}
spec:
  schemas: [{name: tap}]
  deletionPolicy: Delete
  kafka: {partitions: 2}
  processor: {batch: {maxAge: 200ms}}
";

#[test]
fn a_plan_against_what_is_there_tells_what_the_operator_then_does_and_writes_nothing() {
    with_namespace("cli-plan", async |trial| {
        trial.apply_text(TAPS).await?;
        trial.ready::<AnalyticsPipeline>("taps").await?;
        let before = standing(&trial).await?;
        nothing_to_change(&plan(&trial, TAPS, Exit::Clean).await?)?;
        let words = "plan --online --server-side --field-manager MANAGER --format json --filename -";
        let words = words.replace("MANAGER", FIELD_MANAGER);
        let (_, told) = kubectl_tributary(&trial, &words, TAPS).await?;
        nothing_to_change(&serde_json::from_str(&told)?)?;

        let grown = TAPS.replace("partitions: 2", "partitions: 3");
        let grown = grown
            .replace("[left, right]}", "[left, right]}\n  - {name: note, type: String, enum: [short, long]}");
        let told = plan(&trial, &grown, Exit::Clean).await?;
        let steps = &told["pipelines"][0];
        let statements = steps["statements"].as_array().context("no statements")?;
        ensure!(
            statements.len() == 1
                && statements[0]
                    .as_str()
                    .is_some_and(|it| it.contains("ADD COLUMN") && it.contains("`note`")),
            "one column is added: {told:#}"
        );
        let grows = |topic: String| json!(format!("add partitions to topic {topic}: 2 become 3"));
        let topic = trial.topic("taps");
        assert_eq!(steps["topics"], json!([grows(topic.clone()), grows(format!("{topic}.dead-letters"))]));
        let objects: Vec<&str> = steps["objects"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|it| it["object"].as_str())
            .collect();
        let of = |kind: &str, name: &str| format!("{kind} {}/{name}", trial.namespace);
        assert_eq!(
            objects,
            [
                of("AnalyticsPipeline", "taps"),
                of("ConfigMap", "taps-processor"),
                of("Deployment", "taps-processor")
            ]
        );
        assert_eq!(told["schemas"][0]["notes"][0], "version 1 becomes 2");

        a_breaking_change_is_refused(&trial).await?;
        a_kafka_that_does_not_answer_is_said(&trial, &grown).await?;
        assert_eq!(standing(&trial).await?, before, "planning writes nothing");

        trial.apply_text(&grown).await?;
        wait::object(&trial.api::<AnalyticsPipeline>(), "taps", "at tap@2", PATIENCE, |pipeline| {
            pipeline.status.as_ref().is_some_and(|status| status.schemas == ["tap@2"])
        })
        .await?;
        trial.ready::<AnalyticsPipeline>("taps").await?;
        let after = standing(&trial).await?;
        assert_eq!(after["partitions"], json!({ "taps": 3, "deadLetters": 3 }));
        let mut added = names(&after["columns"]);
        added.retain(|it| !names(&before["columns"]).contains(it));
        assert_eq!(added, ["note"]);
        nothing_to_change(&plan(&trial, &grown, Exit::Clean).await?)
    });
}

async fn a_breaking_change_is_refused(trial: &Arc<Trial>) -> Result<()> {
    let broken = TAPS.replace("type: Int64", "type: String");
    let refused = plan(trial, &broken, Exit::Breaking).await?;
    let verdict = &refused["refused"][0];
    assert_eq!(verdict["reason"], "SchemaIncompatible", "{refused:#}");
    ensure!(
        verdict["message"].as_str().is_some_and(|it| it.contains("`count`") && it.contains("String")),
        "{verdict}"
    );
    assert_eq!(refused["pipelines"][0]["statements"], json!([]));
    Ok(())
}

async fn a_kafka_that_does_not_answer_is_said(trial: &Arc<Trial>, text: &str) -> Result<()> {
    let words = "plan --online --format json --kafka 127.0.0.1:1 --filename -";
    let (exit, text) = kubectl_tributary(trial, words, text).await?;
    let unlooked: Value = serde_json::from_str(&text)?;
    ensure!(exit == Exit::Findings && unlooked["unlooked"].to_string().contains("Kafka"), "{exit:?}: {text}");
    assert_eq!(unlooked["pipelines"][0]["topics"], json!([]), "nothing is guessed");
    Ok(())
}

fn names(columns: &Value) -> Vec<Value> {
    columns.as_array().into_iter().flatten().map(|it| it["name"].clone()).collect()
}

/// Plans what applying a text would do to what is there.
async fn plan(trial: &Arc<Trial>, text: &str, exit: Exit) -> Result<Value> {
    let (ended, told) = kubectl_tributary(trial, "plan --online --format json --filename -", text).await?;
    ensure!(ended == exit, "the plan ended with {ended:?}: {told}");
    Ok(serde_json::from_str(&told)?)
}

fn nothing_to_change(told: &Value) -> Result<()> {
    let steps = &told["pipelines"][0];
    let all = [
        &told["schemas"],
        &told["rules"],
        &told["refused"],
        &steps["statements"],
        &steps["topics"],
        &steps["objects"],
    ];
    ensure!(all.iter().all(|steps| **steps == json!([])), "something would change: {told:#}");
    Ok(())
}

/// Everything that a plan might have written: objects with whoever wrote them, topics, columns. The operator's and the kubelet's
/// statuses go on by themselves.
async fn standing(trial: &Trial) -> Result<Value> {
    let columns = format!(
        "SELECT name, type, comment FROM system.columns WHERE database = '{}' AND table = 'taps' ORDER BY position",
        trial.namespace
    );
    let topic = trial.topic("taps");
    let dead_letters = format!("{topic}.dead-letters");
    let settings = |topic: String| async move {
        anyhow::Ok(json!([
            trial.kafka.setting(&topic, "retention.ms").await?,
            trial.kafka.setting(&topic, "max.message.bytes").await?
        ]))
    };
    let partitions = |topic: String| async move { anyhow::Ok(trial.kafka.end_offsets(&topic).await?.len()) };
    Ok(json!({
        "objects": [
            written::<EventSchema>(trial).await?,
            written::<AnalyticsPipeline>(trial).await?,
            written::<Deployment>(trial).await?,
            written::<ConfigMap>(trial).await?,
            written::<Secret>(trial).await?,
            written::<ServiceAccount>(trial).await?,
        ],
        "partitions": { "taps": partitions(topic.clone()).await?, "deadLetters": partitions(dead_letters.clone()).await? },
        "settings": [settings(topic).await?, settings(dead_letters).await?],
        "columns": trial.clickhouse.rows(&columns).await?,
    }))
}

/// The objects of a kind, without their statuses; of one that has a status, the version changes with that.
async fn written<K>(trial: &Trial) -> Result<Vec<Value>>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned
        + Serialize,
{
    let mut objects = Vec::new();
    for object in trial.api::<K>().list(&ListParams::default()).await?.items {
        let mut object = serde_json::to_value(&object)?;
        let writers = object["metadata"]["managedFields"].as_array_mut();
        writers.into_iter().for_each(|writers| writers.retain(|it| it["subresource"] != "status"));
        if object.as_object_mut().is_some_and(|object| object.remove("status").is_some()) {
            object["metadata"]["resourceVersion"] = Value::Null;
        }
        objects.push(object);
    }
    Ok(objects)
}
