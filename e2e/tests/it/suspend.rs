//! A suspended stream keeps everything; resumed, it goes on where it stopped.

use crds::AnalyticsPipeline;
use e2e::trial::{PATIENCE, with_namespace};
use e2e::wait;
use serde_json::json;

use crate::written;

#[test]
fn a_suspended_stream_writes_nothing_and_resumes_where_it_stopped() {
    with_namespace("suspend", async |trial| {
        trial.apply_text(written::CLICKS).await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;
        written::send_clicks(&trial, 0..1_000).await?;
        trial.stored("clicks", 1_000, PATIENCE).await?;

        trial.patch::<AnalyticsPipeline>("clicks", json!({ "spec": { "suspend": true } })).await?;
        trial.reason::<AnalyticsPipeline>("clicks", "Ready", "Suspended").await?;
        let pods = || async { Ok(trial.cluster.processors(&trial.namespace, "clicks").await?.len()) };
        wait::until_equal("processor pods", PATIENCE, 0, pods).await?;
        written::send_clicks(&trial, 1_000..2_000).await?;
        let rows = trial.clickhouse.count(&trial.table("clicks")).await?.rows;
        assert_eq!(rows, 1_000, "nothing is written while the stream rests");

        trial.patch::<AnalyticsPipeline>("clicks", json!({ "spec": { "suspend": false } })).await?;
        trial.stored("clicks", 2_000, PATIENCE).await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;
        Ok(())
    });
}
