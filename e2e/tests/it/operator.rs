//! The operator may end at any time: what it made goes on, and when it is back it changes nothing that is as it must be.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use crds::{AnalyticsPipeline, EventSchema, ForwardingRule};
use e2e::cluster::restarts;
use e2e::trial::{PATIENCE, Trial, alone_with_namespace};
use e2e::wait::{self, Seen};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use kube::ResourceExt;
use kube::api::ListParams;

use crate::{host, written};

/// Kind and name of every object of ours, with the version of its last write.
pub(crate) type Versions = BTreeMap<String, String>;

async fn add<K>(trial: &Trial, versions: &mut Versions) -> Result<()>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    for object in trial.api::<K>().list(&ListParams::default()).await? {
        let version = object.resource_version().context("an object without a version")?;
        versions.insert(format!("{} {}", K::kind(&()), object.name_any()), version);
    }
    Ok(())
}

pub(crate) async fn versions(trial: &Trial) -> Result<Versions> {
    let mut versions = Versions::new();
    add::<EventSchema>(trial, &mut versions).await?;
    add::<AnalyticsPipeline>(trial, &mut versions).await?;
    add::<ForwardingRule>(trial, &mut versions).await?;
    add::<Deployment>(trial, &mut versions).await?;
    add::<ConfigMap>(trial, &mut versions).await?;
    add::<Secret>(trial, &mut versions).await?;
    add::<ServiceAccount>(trial, &mut versions).await?;
    // Pods are the kubelet's to write; that they are the same and were not started again is what counts.
    for pod in trial.cluster.processors(&trial.namespace, "clicks").await? {
        versions.insert(format!("Pod {}", pod.name_any()), format!("{:?} {}", pod.uid(), restarts(&pod)));
    }
    Ok(versions)
}

/// Waits until the operator has looked at everything again, by what drifts on the canary's topic.
pub(crate) async fn two_rounds(trial: &Trial) -> Result<()> {
    two_rounds_of(trial, "canary").await
}

/// Waits until the operator has looked at everything again: what drifted on a pipeline's topic is mended twice, each by a
/// round that looks at every pipeline.
pub(crate) async fn two_rounds_of(trial: &Trial, pipeline: &str) -> Result<()> {
    let topic = trial.topic(pipeline);
    for _ in 0..2 {
        trial.kafka.set(&topic, "retention.ms", "86400000").await?;
        let retention = || trial.kafka.setting(&topic, "retention.ms");
        wait::until_equal("retention.ms", PATIENCE, "259200000".to_owned(), retention).await?;
    }
    Ok(())
}

/// Waits until the operator has no user of Kafka any more: a Secret that was changed back travels to its folder by the kubelet's
/// clock, and a trial that begins before would see its streams' Secrets change.
pub(crate) async fn knows_no_user(trial: &Trial) -> Result<()> {
    let names_user = async || {
        let copy = trial.api::<Secret>().get("clicks-processor").await?.data.unwrap_or_default();
        Ok(copy.keys().any(|key| key.starts_with("kafka.")))
    };
    wait::until_equal("a user of Kafka in the processors' Secret", PATIENCE, false, names_user).await
}

/// Makes a stream, a rule and a canary, waits until the operator leaves them alone, and returns how they are then.
pub(crate) async fn settle(trial: &Trial) -> Result<Versions> {
    let canary = written::CLICKS
        .replace("name: clicks", "name: canary")
        .replace("  processor:", "  suspend: true\n  processor:");
    trial.apply_text(&canary).await?;
    trial.ready::<AnalyticsPipeline>("canary").await?;
    // A rule whose turn never comes: what it counts must not be what is written. It is there before the pipeline, so that no pod
    // is replaced later.
    let rule = format!(
        "
apiVersion: tributary.dev/v1alpha1
kind: ForwardingRule
metadata: {{name: none}}
spec:
  pipeline: {{name: clicks}}
  when: event.n < 0
  destination: {{type: Kafka, kafka: {{topic: {}}}}}
",
        trial.topic("canary")
    );
    trial.apply_text(&rule).await?;
    trial.apply_text(written::CLICKS).await?;
    trial.ready::<AnalyticsPipeline>("clicks").await?;
    trial.ready::<ForwardingRule>("none").await?;
    two_rounds(trial).await?;
    let mut versions = versions(trial).await?;
    versions.retain(|object, _| !object.contains("canary"));
    Ok(versions)
}

/// Fails when anything of the stream was written since.
pub(crate) async fn compare(trial: &Trial, before: &Versions) -> Result<()> {
    let mut after = versions(trial).await?;
    after.retain(|object, _| !object.contains("canary"));
    ensure!(*before == after, "written although nothing changed:\nbefore {before:?}\nafter  {after:?}");
    Ok(())
}

#[test]
fn a_settled_object_costs_no_write() {
    alone_with_namespace("settled", async |trial| {
        let before = settle(&trial).await?;
        two_rounds(&trial).await?;
        compare(&trial, &before).await
    });
}

#[test]
fn an_operator_that_is_killed_and_comes_back_restarts_no_pod_and_writes_nothing() {
    alone_with_namespace("operator-killed", async |trial| {
        let before = settle(&trial).await?;
        let pods = trial.cluster.operator_pods().await?;
        let pod = pods.first().context("the operator has no pod")?;
        let (uid, restarted) = (pod.uid().context("a pod without uid")?, restarts(pod));
        ensure!(host::kill_processes(&uid, "operator")?, "the operator's process was not found");

        // The stream goes on without it.
        written::send_clicks(&trial, 0..1_000).await?;
        trial.stored("clicks", 1_000, PATIENCE).await?;
        wait::until("the operator to run again", PATIENCE, || async {
            let pods = trial.cluster.operator_pods().await?;
            let back = pods.first().is_some_and(|pod| restarts(pod) > restarted);
            Ok(if back { Seen::Done(()) } else { Seen::NotYet("not yet".to_owned()) })
        })
        .await?;
        two_rounds(&trial).await?;
        compare(&trial, &before).await
    });
}
