//! What people begin with works as it stands: each sample becomes Ready, file by file, and `manifests/install.yaml` is accepted.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use crds::{AnalyticsPipeline, EventSchema, ForwardingRule};
use e2e::install::{NAMESPACE, repository};
use e2e::trial::{Trial, with_namespace};
use serde_json::{Value, json};

fn sorted(folder: &PathBuf) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

async fn ready(trial: &Trial, object: &Value) -> Result<()> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    match object["kind"].as_str() {
        Some("EventSchema") => drop(trial.ready::<EventSchema>(name).await?),
        Some("AnalyticsPipeline") => drop(trial.ready::<AnalyticsPipeline>(name).await?),
        Some("ForwardingRule") => drop(trial.ready::<ForwardingRule>(name).await?),
        _ => {}
    }
    Ok(())
}

#[test]
fn every_sample_becomes_ready_file_by_file() {
    with_namespace("samples", async |trial| {
        let mut n_pipelines = 0;
        for folder in sorted(&repository().join("manifests/samples"))? {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !folder.is_dir() || name == "invalid" {
                continue;
            }
            let mut pipelines = Vec::new();
            for file in sorted(&folder)? {
                let file = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let objects = trial.sample(&format!("{name}/{file}"))?;
                trial.apply(&objects).await?;
                for object in objects {
                    ready(&trial, &object).await.with_context(|| format!("sample {name}/{file}"))?;
                    if object["kind"] == "AnalyticsPipeline" {
                        pipelines.push(object["metadata"]["name"].as_str().unwrap_or_default().to_owned());
                    }
                }
            }
            n_pipelines += pipelines.len();
            // The next sample's pods need the room.
            for pipeline in pipelines {
                trial.patch::<AnalyticsPipeline>(&pipeline, json!({ "spec": { "suspend": true } })).await?;
            }
        }
        ensure!(n_pipelines > 4, "only {n_pipelines} pipelines in all samples");
        Ok(())
    });
}

#[test]
fn the_apiserver_accepts_every_object_of_the_install_manifest() {
    with_namespace("install", async |trial| {
        let file = repository().join("manifests/install.yaml");
        let n_objects = e2e::cluster::read_manifests(&file)?.len();
        let file = file.to_str().context("the path of the manifest is not UTF-8")?;
        // Helm has put objects of the same names there; that they are its own is not what is asked.
        let arguments =
            ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "--filename", file];
        let said = trial.cluster.kubectl(&arguments).await?;
        let accepted =
            said.lines().filter(|line| line.ends_with("serverside-applied (server dry run)")).count();
        ensure!(accepted == n_objects, "{accepted} of {n_objects} objects are accepted:\n{said}");
        ensure!(said.contains("deployment.apps/tributary"), "no operator in {NAMESPACE}:\n{said}");
        Ok(())
    });
}
