//! Deleting a pipeline keeps its data, unless it says otherwise.

use std::time::Duration;

use anyhow::{Result, ensure};
use crds::AnalyticsPipeline;
use e2e::trial::{PATIENCE, Trial, with_namespace};
use e2e::wait;
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;
use kube::api::DeleteParams;

use crate::written;

async fn apply_with_policy(trial: &Trial, policy: &str) -> Result<()> {
    trial.apply_text(&format!("{}  deletionPolicy: {policy}\n", written::CLICKS)).await?;
    trial.ready::<AnalyticsPipeline>("clicks").await?;
    Ok(())
}

async fn delete(trial: &Trial) -> Result<()> {
    trial.api::<AnalyticsPipeline>().delete("clicks", &DeleteParams::default()).await?;
    wait::gone(&trial.api::<AnalyticsPipeline>(), "clicks", PATIENCE).await?;
    wait::gone(&trial.api::<Deployment>(), "clicks-processor", PATIENCE).await
}

#[test]
fn retain_keeps_topic_and_table_and_a_pipeline_of_the_same_name_takes_them_up_again() {
    with_namespace("retain", async |trial| {
        apply_with_policy(&trial, "Retain").await?;
        let pipeline = trial.api::<AnalyticsPipeline>().get("clicks").await?;
        ensure!(pipeline.finalizers().is_empty(), "nothing is to be guarded, so there is no finalizer");
        written::send_clicks(&trial, 0..500).await?;
        trial.stored("clicks", 500, PATIENCE).await?;
        delete(&trial).await?;
        ensure!(trial.kafka.has_topic(&trial.topic("clicks")).await?, "the topic is gone");
        ensure!(trial.clickhouse.has_table(&trial.namespace, "clicks").await?, "the table is gone");

        // What arrives meanwhile is stored later, and what was stored is not stored again.
        written::send_clicks(&trial, 500..1_000).await?;
        apply_with_policy(&trial, "Retain").await?;
        trial.stored("clicks", 1_000, PATIENCE).await
    });
}

#[test]
fn delete_takes_topic_dead_letter_topic_and_table_away() {
    with_namespace("delete", async |trial| {
        apply_with_policy(&trial, "Delete").await?;
        written::send_clicks(&trial, 0..100).await?;
        trial.stored("clicks", 100, PATIENCE).await?;
        delete(&trial).await?;
        let limit = Duration::from_secs(30);
        for topic in [trial.topic("clicks"), format!("{}.dead-letters", trial.topic("clicks"))] {
            wait::until_equal(&format!("existence of {topic}"), limit, false, || {
                trial.kafka.has_topic(&topic)
            })
            .await?;
        }
        ensure!(!trial.clickhouse.has_table(&trial.namespace, "clicks").await?, "the table is still there");

        // A new life begins with nothing of the old one.
        apply_with_policy(&trial, "Delete").await?;
        written::send_clicks(&trial, 0..100).await?;
        trial.stored("clicks", 100, PATIENCE).await
    });
}
