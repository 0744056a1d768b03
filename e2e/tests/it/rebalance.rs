//! Partitions that change hands while events flow: by more and fewer replicas, and by a process that stands still until the group has
//! given it up, and then goes on as if nothing had been. Nothing is lost and nothing is doubled: in the table, and in a view that counts.

use std::sync::atomic::Ordering;

use anyhow::{Context, Result, ensure};
use crds::AnalyticsPipeline;
use e2e::cluster::restarts;
use e2e::trial::{PATIENCE, Trial, with_namespace};
use e2e::wait::{self, Seen};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::json;

use crate::host;
use crate::load::{self, Sending, send, until_sent};

/// Records of the load; more than are sent at [`RATE`] before the last change.
const EVENTS: u64 = 400_000;
/// Records a second while partitions move.
const RATE: u64 = 3_000;

/// What the processors say of themselves, a line each.
struct Holder {
    pod: Pod,
    partitions: Vec<i32>,
    stored: u64,
}

async fn holders(trial: &Trial, frozen: Option<&str>) -> Result<Vec<Holder>> {
    let mut holders = Vec::new();
    for pod in trial.cluster.processors(&trial.namespace, "ios").await? {
        // One that stands still answers nobody.
        if pod.metadata.uid.as_deref() == frozen {
            continue;
        }
        // One that has just begun does not answer yet.
        let Ok(report) = trial.cluster.report(&pod).await else { continue };
        holders.push(Holder { pod, partitions: report.partitions, stored: report.counters.stored });
    }
    Ok(holders)
}

/// Waits until this many processors share all partitions, and each has stored rows since it began.
async fn shared_by(trial: &Trial, wanted: usize, frozen: Option<&str>) -> Result<Vec<Holder>> {
    let all: Vec<i32> = trial.kafka.end_offsets(&trial.topic("ios")).await?.into_keys().collect();
    wait::until(&format!("{wanted} processors that share {} partitions", all.len()), PATIENCE, || async {
        let holders = holders(trial, frozen).await?;
        let mut held: Vec<i32> = holders.iter().flat_map(|holder| holder.partitions.clone()).collect();
        held.sort_unstable();
        let at_work = |holder: &Holder| holder.stored > 0 && !holder.partitions.is_empty();
        let is_shared = held == all && holders.len() == wanted && holders.iter().all(at_work);
        let seen = holders.iter().map(|holder| (&holder.partitions, holder.stored)).collect::<Vec<_>>();
        Ok(if is_shared { Seen::Done(holders) } else { Seen::NotYet(format!("{seen:?}")) })
    })
    .await
}

/// Proves that the load was still under way, and that nothing of it is lost or doubled.
async fn conclude(trial: &Trial, sending: Sending) -> Result<()> {
    ensure!(!sending.finished.is_finished(), "the load ended before the last change");
    load::conclude(trial, sending).await?;
    trial.ready::<AnalyticsPipeline>("ios").await?;
    Ok(())
}

#[test]
fn partitions_that_move_between_processors_under_load_lose_nothing_and_double_nothing() {
    with_namespace("rebalance", async |trial| {
        load::apply(&trial, 1).await?;
        let sending = send(&trial, EVENTS, RATE);
        until_sent(&sending, RATE).await?;
        shared_by(&trial, 1, None).await?;
        for replicas in [3, 1] {
            let scaled = json!({ "spec": { "processor": { "replicas": replicas } } });
            trial.patch::<AnalyticsPipeline>("ios", scaled).await?;
            shared_by(&trial, replicas, None).await?;
            eprintln!(
                "rebalance: {replicas} processors at work when {} records were sent",
                sending.sent.load(Ordering::Relaxed)
            );
        }
        conclude(&trial, sending).await
    });
}

#[test]
fn a_processor_that_stood_still_until_the_group_gave_it_up_writes_nothing_twice() {
    with_namespace("frozen", async |trial| {
        load::apply(&trial, 2).await?;
        let sending = send(&trial, EVENTS, RATE);
        let before = shared_by(&trial, 2, None).await?;
        let victim = before.first().context("no processor")?;
        let uid = victim.pod.uid().context("a pod without uid")?;

        let frozen = host::freeze_processes(&uid, "processor")?;
        let heir = shared_by(&trial, 1, Some(&uid)).await?;
        ensure!(heir.iter().all(|holder| holder.pod.uid() != Some(uid.clone())), "the frozen one answered");
        until_sent(&sending, sending.sent.load(Ordering::Relaxed) + RATE).await?;
        drop(frozen);

        let after = shared_by(&trial, 2, None).await?;
        let same = after.iter().find(|holder| holder.pod.uid() == Some(uid.clone()));
        let same = same.context("the frozen processor is not among those that share the partitions")?;
        ensure!(
            restarts(&same.pod) == restarts(&victim.pod),
            "the frozen process was ended, it did not go on"
        );
        conclude(&trial, sending).await
    });
}
