//! Two operators, one of them the leader. It is paused past its Lease in the middle of its work, the other takes over and finishes
//! it, and when the first goes on it ends without having written anything.
//!
//! What it writes is seen in the apiserver's audit log, which names the pod behind each request, and in the objects, topics and
//! tables, which stay as the successor left them.

use std::fs;

use anyhow::{Context, Result, ensure};
use crds::AnalyticsPipeline;
use e2e::cluster::restarts;
use e2e::environment::settings::Settings;
use e2e::install::{self, NAMESPACE};
use e2e::trial::{PATIENCE, Trial, alone_with_namespace};
use e2e::wait::{self, Seen};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::host;
use crate::operator::{two_rounds, versions};
use crate::written;

const LEASE: &str = "tributary-operator";
/// Pipelines that are made while the leader is paused.
const PIPELINES: usize = 6;

/// Who holds the Lease, and how often it changed hands.
async fn lease(trial: &Trial) -> Result<(String, i32)> {
    let spec = trial.cluster.api::<Lease>(NAMESPACE).get(LEASE).await?.spec.unwrap_or_default();
    let holder = spec.holder_identity.filter(|holder| !holder.is_empty()).context("nobody leads")?;
    Ok((holder, spec.lease_transitions.unwrap_or_default()))
}

async fn operator_pod(trial: &Trial, name: &str) -> Result<Pod> {
    trial.cluster.api::<Pod>(NAMESPACE).get(name).await.with_context(|| format!("reading pod {name}"))
}

fn pipeline(n: usize) -> String {
    written::CLICKS
        .replace("name: clicks", &format!("name: work-{n}"))
        .replace("  processor:", "  suspend: true\n  processor:")
}

/// Waits until the leader has begun with the work and has not finished it.
async fn is_at_work(trial: &Trial) -> Result<()> {
    wait::until("the leader to be at work", PATIENCE, || async {
        let made = trial.api::<Deployment>().list(&ListParams::default()).await?.items.len();
        Ok(if made > 1 { Seen::Done(()) } else { Seen::NotYet(format!("{made} Deployments")) })
    })
    .await
}

/// Requests of a pod that write, but those about the Lease, since a time: as the apiserver saw them.
fn writes(pod: &str, since: Timestamp) -> Result<Vec<String>> {
    let file = Settings::from_environment().audit_log();
    let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let mut found = Vec::new();
    for line in text.lines() {
        let request: Value = serde_json::from_str(line).context("reading a line of the audit log")?;
        let is_write = !["get", "list", "watch"].iter().any(|verb| request["verb"] == *verb);
        let of = &request["user"]["extra"]["authentication.kubernetes.io/pod-name"][0];
        let received = request["requestReceivedTimestamp"].as_str().unwrap_or_default();
        let received: Timestamp = received.parse().context("the time of a request")?;
        if is_write && of == pod && request["objectRef"]["resource"] != "leases" && received >= since {
            found.push(format!("{} {}", request["verb"], request["requestURI"]));
        }
    }
    Ok(found)
}

async fn pause_and_resume(trial: &Trial) -> Result<()> {
    let canary = pipeline(0).replace("name: work-0", "name: canary");
    trial.apply_text(&canary).await?;
    trial.ready::<AnalyticsPipeline>("canary").await?;
    let (first, transitions) = lease(trial).await?;
    let pod = operator_pod(trial, &first).await?;
    let (uid, restarted) = (pod.uid().context("a pod without uid")?, restarts(&pod));

    let began = Timestamp::now();
    for n in 0..PIPELINES {
        trial.apply_text(&pipeline(n)).await?;
    }
    is_at_work(trial).await?;
    let frozen = host::freeze_processes(&uid, "operator")?;
    // What a user wants meanwhile is the successor's to do.
    trial.patch::<AnalyticsPipeline>("work-0", json!({ "spec": { "kafka": { "partitions": 3 } } })).await?;
    wait::until("somebody else to lead", PATIENCE, || async {
        let (holder, _) = lease(trial).await?;
        Ok(if holder == first { Seen::NotYet(holder) } else { Seen::Done(()) })
    })
    .await?;
    for n in 0..PIPELINES {
        trial.ready::<AnalyticsPipeline>(&format!("work-{n}")).await?;
    }
    two_rounds(trial).await?;
    ensure!(!writes(&first, began)?.is_empty(), "the leader had written nothing: it was not at work");
    let before = versions(trial).await?;

    let resumed = Timestamp::now();
    drop(frozen);
    wait::until("the first leader to end", PATIENCE, || async {
        let n = restarts(&operator_pod(trial, &first).await?);
        Ok(if n > restarted { Seen::Done(()) } else { Seen::NotYet(format!("{n} restarts")) })
    })
    .await?;
    two_rounds(trial).await?;
    let written = writes(&first, resumed)?;
    ensure!(written.is_empty(), "it wrote after it was resumed: {written:#?}");
    let mut after = versions(trial).await?;
    let is_of_the_canary = |object: &String| object.ends_with(" canary");
    after.retain(|object, _| !is_of_the_canary(object));
    let before: std::collections::BTreeMap<_, _> =
        before.into_iter().filter(|(object, _)| !is_of_the_canary(object)).collect();
    ensure!(before == after, "written twice:\nbefore {before:?}\nafter  {after:?}");
    let (holder, now) = lease(trial).await?;
    ensure!(holder != first && now == transitions + 1, "{holder} leads after {} changes", now - transitions);
    ensure!(trial.kafka.end_offsets(&trial.topic("work-0")).await?.len() == 3, "partitions of work-0");
    Ok(())
}

#[test]
fn a_leader_that_is_paused_past_its_lease_writes_nothing_when_it_goes_on() {
    alone_with_namespace("split-brain", async |trial| {
        let plain = trial.values();
        let mut two = plain.clone();
        two["operator"]["replicas"] = 2.into();
        two["operator"]["leaseDuration"] = "6s".into();
        let outcome = async {
            install::upgrade(&trial.cluster, &trial.connections, &two).await?;
            pause_and_resume(&trial).await
        }
        .await;
        install::upgrade(&trial.cluster, &trial.connections, &plain).await?;
        outcome
    });
}
