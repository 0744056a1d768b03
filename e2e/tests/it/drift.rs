//! What somebody changed behind Tributary's back is mended; what Tributary did not make is left alone.

use anyhow::{Result, ensure};
use crds::AnalyticsPipeline;
use e2e::trial::{PATIENCE, Trial, with_namespace};
use e2e::wait;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;

use crate::written;

async fn columns(trial: &Trial) -> Result<u64> {
    let namespace = &trial.namespace;
    let sql = format!(
        "SELECT count() AS n FROM system.columns WHERE database = '{namespace}' AND table = 'clicks' AND name = 'n' AND type = 'Int64'"
    );
    trial.clickhouse.number(&sql).await
}

#[test]
fn drift_of_topic_settings_columns_and_deployment_is_repaired() {
    with_namespace("drift", async |trial| {
        trial.apply_text(written::CLICKS).await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;
        let topic = trial.topic("clicks");
        let retention = || trial.kafka.setting(&topic, "retention.ms");
        let wanted = retention().await?;
        assert_eq!(wanted, "259200000");
        assert_eq!(columns(&trial).await?, 1);

        trial.kafka.set(&topic, "retention.ms", "86400000").await?;
        trial.clickhouse.execute(&format!("ALTER TABLE {} DROP COLUMN n", trial.table("clicks"))).await?;
        let deployments = trial.api::<Deployment>();
        let none = json!({ "spec": { "replicas": 0, "template": { "spec": { "terminationGracePeriodSeconds": 1 } } } });
        deployments.patch("clicks-processor", &PatchParams::default(), &Patch::Merge(none)).await?;

        let is_ours = |deployment: &Deployment| {
            let pod = deployment.spec.template.spec.as_ref();
            deployment.spec.replicas == Some(1)
                && pod.and_then(|pod| pod.termination_grace_period_seconds) == Some(30)
        };
        let repaired = |found: Option<&Deployment>| found.is_some_and(is_ours);
        wait::holds(&deployments, "clicks-processor", "back at one replica", PATIENCE, repaired).await?;
        wait::until_equal("retention.ms", PATIENCE, wanted, retention).await?;
        wait::until_equal("columns n", PATIENCE, 1, || columns(&trial)).await?;

        deployments.delete("clicks-processor", &DeleteParams::default()).await?;
        trial.api::<ConfigMap>().delete("clicks-processor", &DeleteParams::default()).await?;
        wait::holds(&deployments, "clicks-processor", "made again", PATIENCE, repaired).await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;
        written::send_clicks(&trial, 0..100).await?;
        trial.stored("clicks", 100, PATIENCE).await
    });
}

#[test]
fn a_topic_and_a_table_that_others_made_are_not_taken_over() {
    with_namespace("strangers", async |trial| {
        let (namespace, topic) = (&trial.namespace, trial.topic("clicks"));
        trial.kafka.create_topic(&topic, 1).await?;
        trial.apply_text(written::CLICKS).await?;
        let message = trial.reason::<AnalyticsPipeline>("clicks", "Stalled", "OwnershipMismatch").await?;
        ensure!(message.contains(&topic), "the message names the topic: {message}");
        trial.kafka.delete_topic(&topic).await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;

        trial
            .clickhouse
            .execute(&format!("CREATE TABLE `{namespace}`.`others` (x UInt8) ENGINE = MergeTree ORDER BY x"))
            .await?;
        let second = written::CLICKS.replace("name: clicks", "name: others");
        trial.apply_text(&second).await?;
        let message = trial.reason::<AnalyticsPipeline>("others", "Stalled", "OwnershipMismatch").await?;
        ensure!(message.contains("others"), "the message names the table: {message}");
        trial.clickhouse.execute(&format!("DROP TABLE `{namespace}`.`others` SYNC")).await?;
        trial.ready::<AnalyticsPipeline>("others").await?;
        Ok(())
    });
}
