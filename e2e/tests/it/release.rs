//! The release comes and goes; definitions, objects and streams stay. A namespace that goes while no operator is there goes with
//! its data once one is back.

use anyhow::{Result, ensure};
use crds::AnalyticsPipeline;
use e2e::install;
use e2e::trial::{self, PATIENCE, Trial, alone_with_namespace};
use e2e::wait::{self, Seen};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::operator::{compare, settle, two_rounds};
use crate::written;

/// Our definitions, by name, with what tells one life of an object from the next.
async fn definitions(trial: &Trial) -> Result<Vec<(String, Option<String>)>> {
    let crds: Api<CustomResourceDefinition> = Api::all(trial.cluster.client.clone());
    let all = crds.list(&ListParams::default()).await?;
    let ours = all.iter().filter(|crd| crd.name_any().ends_with(".tributary.dev"));
    Ok(ours.map(|crd| (crd.name_any(), crd.uid())).collect())
}

async fn no_operator(trial: &Trial) -> Result<()> {
    let pods = async || Ok(trial.cluster.operator_pods().await?.len());
    wait::until_equal("operator pods", PATIENCE, 0, pods).await
}

async fn scale_operator(trial: &Trial, replicas: &str) -> Result<()> {
    let replicas = format!("--replicas={replicas}");
    let selector = install::OPERATOR_SELECTOR;
    let arguments =
        ["scale", "deployment", "--namespace", install::NAMESPACE, "--selector", selector, &replicas];
    trial.cluster.kubectl(&arguments).await?;
    Ok(())
}

/// Upgrades with another value, uninstalls, and installs again.
async fn upgrade_and_uninstall(trial: &Trial) -> Result<()> {
    let (before, settled) = (definitions(trial).await?, settle(trial).await?);
    ensure!(before.len() == 3, "{before:?}");
    let mut values = trial.values();
    values["operator"]["log"] = json!("info,operator=debug");
    install::upgrade(&trial.cluster, &trial.connections, &values).await?;
    two_rounds(trial).await?;
    compare(trial, &settled).await?;

    install::uninstall(&trial.cluster, &trial.connections).await?;
    no_operator(trial).await?;
    ensure!(definitions(trial).await? == before, "definitions went with the release, or were made again");
    compare(trial, &settled).await?;
    written::send_clicks(trial, 0..500).await?;
    trial.stored("clicks", 500, PATIENCE).await?;

    trial::install(&trial.cluster, &trial.connections).await?;
    two_rounds(trial).await?;
    ensure!(definitions(trial).await? == before, "definitions were made again");
    compare(trial, &settled).await
}

#[test]
fn an_upgrade_an_uninstall_and_an_install_leave_definitions_objects_and_streams_as_they_are() {
    alone_with_namespace("release", async |trial| {
        let outcome = upgrade_and_uninstall(&trial).await;
        // The others need the release as it was, however this went.
        trial::install(&trial.cluster, &trial.connections).await?;
        outcome
    });
}

/// Deletes the namespace with its pipeline, and shows that nothing of it goes before an operator is there.
async fn delete_namespace_unattended(trial: &Trial, namespaces: &Api<Namespace>) -> Result<()> {
    scale_operator(trial, "0").await?;
    no_operator(trial).await?;
    namespaces.delete(&trial.namespace, &DeleteParams::default()).await?;
    let is_going = async || {
        let pipeline = trial.api::<AnalyticsPipeline>().get_opt("clicks").await?;
        let is_going = pipeline.is_some_and(|found| found.metadata.deletion_timestamp.is_some());
        Ok(if is_going { Seen::Done(()) } else { Seen::NotYet("it is not going yet".to_owned()) })
    };
    wait::until("the pipeline to wait for its finalizer", PATIENCE, is_going).await?;
    ensure!(trial.kafka.has_topic(&trial.topic("clicks")).await?, "the topic went without an operator");
    ensure!(
        trial.clickhouse.has_table(&trial.namespace, "clicks").await?,
        "the table went without an operator"
    );
    Ok(())
}

#[test]
fn a_namespace_that_is_deleted_while_no_operator_is_there_goes_with_its_data_when_one_is_back() {
    alone_with_namespace("namespace-goes", async |trial| {
        trial.apply_text(written::CLICKS).await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;
        written::send_clicks(&trial, 0..100).await?;
        trial.stored("clicks", 100, PATIENCE).await?;

        let namespaces: Api<Namespace> = Api::all(trial.cluster.client.clone());
        let outcome = delete_namespace_unattended(&trial, &namespaces).await;
        scale_operator(&trial, "1").await?;
        outcome?;
        wait::gone(&namespaces, &trial.namespace, PATIENCE).await?;
        let topic = trial.topic("clicks");
        wait::until_equal("existence of the topic", PATIENCE, false, || trial.kafka.has_topic(&topic))
            .await?;
        ensure!(!trial.clickhouse.has_table(&trial.namespace, "clicks").await?, "the table is still there");
        Ok(())
    });
}
