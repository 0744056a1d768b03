//! What test runs have put on the cluster is taken away: by each trial at its end, and before a run begins what earlier runs left that
//! were killed.
//!
//! In: namespaces with the label of a run. Out: those whose run is over are gone, with their topics and tables. A run that is still
//! under way in another process of this machine keeps its own.

use anyhow::{Context, Result};
use crds::AnalyticsPipeline;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use super::PATIENCE;
use crate::cluster::Cluster;
use crate::environment::settings::Settings;
use crate::wait;

/// Label of a trial's namespace that says whose it is: the number of the process and when it began.
pub(super) const RUN: &str = "tributary.dev/run";

/// This run, as the label names it.
pub(super) fn this_run() -> String {
    let pid = std::process::id();
    format!("{pid}-{}", began(pid).unwrap_or_default())
}

/// Deletes a namespace with its data; the cluster finishes the work by itself.
pub(super) async fn delete(cluster: &Cluster, namespace: &str) -> Result<()> {
    let pipelines: Api<AnalyticsPipeline> = cluster.api(namespace);
    let delete_data = Patch::Merge(json!({ "spec": { "deletionPolicy": "Delete" } }));
    for pipeline in pipelines.list(&ListParams::default()).await? {
        let name = pipeline.name_any();
        if pipeline.metadata.deletion_timestamp.is_none() {
            pipelines.patch(&name, &PatchParams::default(), &delete_data).await?;
            // Only with the finalizer does the operator delete data.
            let guarded = |pipeline: &AnalyticsPipeline| !pipeline.finalizers().is_empty();
            wait::object(&pipelines, &name, "given its finalizer", PATIENCE, guarded).await?;
        }
    }
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    match namespaces.delete(namespace, &DeleteParams::default()).await {
        // Its trial has deleted it.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        answer => Ok(answer.map(|_| ())?),
    }
}

/// Takes away what runs that are over have left, and waits until it is gone.
pub(super) async fn sweep(cluster: &Cluster) -> Result<()> {
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    let mut left = namespaces.list(&ListParams::default().labels(RUN)).await?.items;
    left.retain(|namespace| is_over(&namespace.labels()[RUN]));
    if left.is_empty() {
        return Ok(());
    }
    // It may have been killed while ClickHouse refused everybody.
    let faults = Settings::from_environment().clickhouse_faults();
    std::fs::write(&faults, "{}").with_context(|| format!("writing {}", faults.display()))?;
    for namespace in left.iter().filter(|namespace| namespace.metadata.deletion_timestamp.is_none()) {
        delete(cluster, &namespace.name_any()).await?;
    }
    for namespace in left {
        wait::gone(&namespaces, &namespace.name_any(), PATIENCE).await?;
    }
    Ok(())
}

fn is_over(run: &str) -> bool {
    let Some((pid, time)) = run.split_once('-') else { return true };
    pid.parse().ok().and_then(began).is_none_or(|began| began.to_string() != time)
}

/// When a process began, in ticks since the machine did; none when there is no such process.
fn began(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold blanks; the time is the 20th word after it.
    stat.rsplit(')').next()?.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{is_over, this_run};

    #[test]
    fn a_run_is_over_when_its_process_is_gone_or_is_another_one() {
        let run = this_run();
        assert!(!is_over(&run));
        let (pid, _) = run.split_once('-').unwrap();
        assert!(is_over(&format!("{pid}-1")) && is_over("4294967295-7") && is_over("nonsense"));
    }
}
