//! The demo on a cluster that somebody uses: what of Tributary is not the demo's or the tests' own is found before anything is touched.

use anyhow::{Result, ensure};
use crds::AnalyticsPipeline;
use e2e::install::{self, OPERATOR_SELECTOR, OWN};
use e2e::trial::{Trial, with_namespace};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::written;

async fn strangers(trial: &Trial) -> Result<Vec<String>> {
    let mut found = install::strangers(&trial.cluster, "shop").await?;
    // Other tests run beside this one.
    found.retain(|stranger| stranger.contains(&trial.namespace));
    Ok(found)
}

#[test]
fn an_operator_and_pipelines_of_others_are_found_and_our_own_are_not() {
    with_namespace("somebodys", async |trial| {
        trial.apply_text(written::CLICKS).await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;
        assert_eq!(strangers(&trial).await?, Vec::<String>::new(), "a pipeline of a test is a stranger");
        let of_release = install::strangers(&trial.cluster, "shop").await?;
        ensure!(!of_release.iter().any(|found| found.contains(install::NAMESPACE)), "{of_release:?}");

        let (label, value) = OPERATOR_SELECTOR.split_once('=').unwrap_or_default();
        let operator = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "production", "namespace": trial.namespace, "labels": { label: value } },
            "spec": {
                "replicas": 0,
                "selector": { "matchLabels": { "app": "production" } },
                "template": {
                    "metadata": { "labels": { "app": "production" } },
                    "spec": { "containers": [{ "name": "operator", "image": "operator:1" }] },
                },
            },
        });
        trial.apply(&[operator]).await?;
        assert_eq!(strangers(&trial).await?, [format!("Deployment {}/production", trial.namespace)]);
        let ours = json!({ "spec": { "template": { "metadata": { "labels": { OWN.0: OWN.1 } } } } });
        let deployments = trial.api::<Deployment>();
        deployments.patch("production", &PatchParams::default(), &Patch::Merge(ours)).await?;
        assert_eq!(strangers(&trial).await?, Vec::<String>::new());

        let namespaces: Api<Namespace> = Api::all(trial.cluster.client.clone());
        let theirs = json!({ "metadata": { "labels": { OWN.0: null } } });
        namespaces.patch(&trial.namespace, &PatchParams::default(), &Patch::Merge(theirs)).await?;
        assert_eq!(strangers(&trial).await?, [format!("AnalyticsPipeline {}/clicks", trial.namespace)]);
        Ok(())
    });
}
