//! Deleting a pipeline keeps its data, unless it says otherwise.

use std::time::Duration;

use anyhow::{Result, ensure};
use crds::AnalyticsPipeline;
use e2e::trial::{PATIENCE, Trial, with_namespace};
use e2e::wait::{self, Seen};
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

#[test]
fn a_topic_that_somebody_deleted_and_made_again_is_seen_and_nothing_new_is_taken_for_a_repetition() {
    with_namespace("topic-again", async |trial| {
        trial.apply_text(written::CLICKS).await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;
        written::send_clicks(&trial, 0..500).await?;
        trial.stored("clicks", 500, PATIENCE).await?;

        let topic = trial.topic("clicks");
        trial.kafka.delete_topic(&topic).await?;
        // It is not gone at once, and the operator may be the first to make it again.
        wait::until("the topic to be there again", PATIENCE, || async {
            let made = trial.kafka.create_topic(&topic, 2).await;
            let is_there = made.is_ok() || trial.kafka.has_topic(&topic).await?;
            Ok(if is_there { Seen::Done(()) } else { Seen::NotYet(format!("{made:?}")) })
        })
        .await?;
        let sql = format!(
            "SELECT JSONExtractUInt(comment, 'epoch') AS n FROM system.tables WHERE database = '{}' AND name = 'clicks'",
            trial.namespace
        );
        wait::until_equal("epoch of the stream", PATIENCE, 2, || trial.clickhouse.number(&sql)).await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;

        // The same positions as before, and other events.
        written::send_clicks(&trial, 500..1_000).await?;
        let sql = format!("SELECT uniqExact(n) AS n FROM {}", trial.table("clicks"));
        wait::until_equal("different clicks", PATIENCE, 1_000, || trial.clickhouse.number(&sql)).await
    });
}
