//! Pods follow the lag: a backlog and a load that is not kept up with bring pods, and once nothing waits they go again. Nothing is
//! lost and nothing is doubled by it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crds::AnalyticsPipeline;
use e2e::generator::Record;
use e2e::kafka::Load;
use e2e::trial::{PATIENCE, Trial, with_namespace};
use e2e::wait::{self, Reported};
use k8s_openapi::api::events::v1::Event;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;

use crate::written;

/// How the pods of the stream follow its lag.
const PROCESSOR: &str =
    "autoscaling: {min: 1, max: 3, targetLag: 1000, scaleInAfter: 10s}, batch: {maxAge: 3s}";
/// Records of the backlog: more than three pods may have.
const BACKLOG: i64 = 10_000;
/// Records a second of the load.
const RATE: u64 = 300;
/// Records of the load; more than are sent at [`RATE`] before the last pod is there.
const LOAD: i64 = 60_000;

/// Waits until the condition tells of a change.
async fn scaled(trial: &Trial, way: &str, from: i32, to: i32) -> Result<()> {
    let words = format!("scaled {way} from {from} to {to} processor pods");
    let says = |pipeline: &AnalyticsPipeline| {
        let condition = pipeline.condition("ScalingActive");
        condition.is_some_and(|found| found.status == "True" && found.message.starts_with(&words))
    };
    wait::object(&trial.api::<AnalyticsPipeline>(), "clicks", &words, PATIENCE, says).await?;
    Ok(())
}

/// How often a change was told by an Event.
async fn told(trial: &Trial, reason: &str) -> Result<usize> {
    let events = trial.api::<Event>().list(&ListParams::default()).await?;
    Ok(events.iter().filter(|event| event.reason.as_deref() == Some(reason)).count())
}

async fn pods(trial: &Trial) -> Result<usize> {
    Ok(trial.cluster.processors(&trial.namespace, "clicks").await?.len())
}

#[test]
fn pods_come_with_the_lag_of_a_stream_and_go_with_it() {
    with_namespace("scaling", async |trial| {
        trial.apply_text(&written::following_lag(PROCESSOR)).await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;

        // A backlog of a stream that rests.
        let suspend = |is: bool| json!({ "spec": { "suspend": is } });
        trial.patch::<AnalyticsPipeline>("clicks", suspend(true)).await?;
        trial.reason::<AnalyticsPipeline>("clicks", "Ready", "Suspended").await?;
        wait::until_equal("processor pods", PATIENCE, 0, || pods(&trial)).await?;
        written::send_clicks(&trial, 0..BACKLOG).await?;
        // A look that sees the backlog: the spec of now was looked at.
        let message = json!({ "spec": { "processor": { "autoscaling": { "targetLag": 1001 } } } });
        trial.patch::<AnalyticsPipeline>("clicks", message).await?;
        trial.reason::<AnalyticsPipeline>("clicks", "Ready", "Suspended").await?;
        ensure!(pods(&trial).await? == 0, "a stream that rests has a processor");

        trial.patch::<AnalyticsPipeline>("clicks", suspend(false)).await?;
        scaled(&trial, "out", 0, 3).await?;
        trial.stored("clicks", BACKLOG.unsigned_abs(), PATIENCE).await?;
        scaled(&trial, "in", 3, 2).await?;
        scaled(&trial, "in", 2, 1).await?;

        // A load of which some always waits: up to three seconds of it, however fast it is written.
        let tight = json!({ "spec": { "processor": { "autoscaling": { "targetLag": 10 } } } });
        trial.patch::<AnalyticsPipeline>("clicks", tight).await?;
        let load = Load { rate: Some(RATE), ..Load::default() };
        let (hurry, to, topic) = (load.hurry.clone(), trial.kafka.clone(), trial.topic("clicks"));
        let records: Vec<Record> = (BACKLOG..BACKLOG + LOAD)
            .map(|n| written::record(&json!({ "event": "click", "n": n })))
            .collect();
        let sending = tokio::spawn(async move { to.send(&topic, records.into_iter(), load).await });
        scaled(&trial, "out", 1, 2).await?;
        scaled(&trial, "out", 2, 3).await?;
        ensure!(!sending.is_finished(), "the load ended before the last pod came");
        hurry.store(true, std::sync::atomic::Ordering::Relaxed);
        sending.await??;
        trial.stored("clicks", (BACKLOG + LOAD).unsigned_abs(), Duration::from_secs(180)).await?;
        scaled(&trial, "in", 2, 1).await?;
        ensure!(
            (told(&trial, "ScaledOut").await?, told(&trial, "ScaledIn").await?) == (3, 4),
            "an Event a change"
        );
        trial.ready::<AnalyticsPipeline>("clicks").await?;
        Ok(())
    });
}

#[test]
fn kubectl_scale_sets_the_pods_of_a_stream_whose_number_is_fixed() {
    with_namespace("scale", async |trial| {
        trial.apply_text(written::CLICKS).await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;
        let api = trial.api::<AnalyticsPipeline>();
        let patch = |replicas: i32| Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        api.patch_scale("clicks", &PatchParams::default(), &patch(2)).await.context("scaling")?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;
        let scale = api.get_scale("clicks").await?;
        let status = scale.status.context("a scale without status")?;
        ensure!(scale.spec.and_then(|spec| spec.replicas) == Some(2) && status.replicas == 2, "{status:?}");
        let selector = status.selector.context("a scale without selector")?;
        let selected = trial.api::<k8s_openapi::api::core::v1::Pod>();
        let selected = selected.list(&ListParams::default().labels(&selector)).await?;
        ensure!(selected.items.len() == 2, "`{selector}` selects {} pods", selected.items.len());
        let refused = api.patch_scale("clicks", &PatchParams::default(), &patch(3)).await;
        let Err(refused) = refused else { anyhow::bail!("3 pods for 2 partitions are let pass") };
        ensure!(refused.to_string().contains("above `kafka.partitions`"), "{refused}");
        Ok(())
    });
}
