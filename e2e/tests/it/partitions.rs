//! Partitions grow while events flow; they never shrink.

use std::time::Duration;

use anyhow::ensure;
use crds::AnalyticsPipeline;
use e2e::trial::{PATIENCE, with_namespace};
use e2e::wait;
use serde_json::json;

use crate::written;

#[test]
fn partitions_grow_and_events_in_new_partitions_are_stored() {
    with_namespace("partitions", async |trial| {
        trial.apply_text(written::CLICKS).await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;
        written::send_clicks(&trial, 0..1_000).await?;

        trial
            .patch::<AnalyticsPipeline>("clicks", json!({ "spec": { "kafka": { "partitions": 5 } } }))
            .await?;
        let topic = trial.topic("clicks");
        let n_partitions = || async { Ok(trial.kafka.end_offsets(&topic).await?.len()) };
        wait::until_equal("partitions", PATIENCE, 5, n_partitions).await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;
        written::send_clicks(&trial, 1_000..2_000).await?;
        trial.stored("clicks", 2_000, Duration::from_secs(120)).await?;
        let sql = format!("SELECT uniqExact(_partition) AS n FROM {}", trial.table("clicks"));
        ensure!(trial.clickhouse.number(&sql).await? == 5, "a partition has no row");
        Ok(())
    });
}

#[test]
fn fewer_partitions_than_the_topic_has_are_refused_with_the_remedy() {
    with_namespace("fewer-partitions", async |trial| {
        trial.apply_text(written::CLICKS).await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;
        let fewer = json!({ "spec": { "kafka": { "partitions": 1 } } });
        let Err(refused) = trial.patch::<AnalyticsPipeline>("clicks", fewer).await else {
            anyhow::bail!("the apiserver lets partitions shrink")
        };
        ensure!(format!("{refused:#}").contains("partitions can only grow"), "{refused:#}");
        Ok(())
    });
}
