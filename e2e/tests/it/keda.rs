//! KEDA's own definitions take what the operator writes for KEDA, and what the apiserver makes of it is no drift.
//!
//! The definitions come from KEDA's module, pinned by its hash. KEDA itself does not run: nobody reads what is written.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use crds::AnalyticsPipeline;
use e2e::cluster::{read_manifests, run};
use e2e::environment::settings::CLICKHOUSE_PASSWORD;
use e2e::install;
use e2e::trial::{PATIENCE, Trial, alone_with_namespace};
use e2e::wait;
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};

use crate::operator::{knows_no_user, two_rounds_of};
use crate::outage::behind_password;
use crate::written;

const MODULE: &str = "github.com/kedacore/keda/v2@v2.21.0";
const HASH: &str = "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=";
const DEFINITIONS: [&str; 2] = ["keda.sh_scaledobjects.yaml", "keda.sh_triggerauthentications.yaml"];
const SCALER: &str = "clicks-processor";

/// Brings the definitions from KEDA's module, and returns where each is.
async fn fetch() -> Result<Vec<PathBuf>> {
    let answer = run("go", &["mod", "download", "-json", MODULE], &[], None).await?;
    let answer: Value = serde_json::from_str(&answer).context("Go's answer is no JSON")?;
    ensure!(answer["Sum"] == HASH, "the module is another one: {answer}");
    let folder = Path::new(answer["Dir"].as_str().context("Go names no folder")?).join("config/crd/bases");
    Ok(DEFINITIONS.iter().map(|name| folder.join(name)).collect())
}

/// The scaler's object of one of KEDA's kinds, if it is there.
async fn kedas(trial: &Trial, kind: &str) -> Result<Option<DynamicObject>> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("keda.sh", "v1alpha1", kind));
    let api: Api<DynamicObject> =
        Api::namespaced_with(trial.cluster.client.clone(), &trial.namespace, &resource);
    Ok(api.get_opt(SCALER).await?)
}

/// Every object that KEDA would read, without what changes by itself.
async fn scalers(trial: &Trial) -> Result<Vec<(Option<String>, Value)>> {
    let mut objects = Vec::new();
    for kind in ["ScaledObject", "TriggerAuthentication"] {
        let object = kedas(trial, kind).await?.with_context(|| format!("there is no {kind}"))?;
        objects.push((object.metadata.resource_version, object.data["spec"].clone()));
    }
    Ok(objects)
}

async fn no_scaler(trial: &Trial) -> Result<()> {
    let is_there = async || Ok(kedas(trial, "ScaledObject").await?.is_some());
    wait::until_equal("existence of the ScaledObject", PATIENCE, false, is_there).await
}

async fn hand_over_and_take_back(trial: &Trial) -> Result<()> {
    trial
        .apply_text(&written::following_lag(
            "autoscaling: {min: 2, max: 3, targetLag: 1000, scaleInAfter: 60s}",
        ))
        .await?;
    let message = trial.reason::<AnalyticsPipeline>("clicks", "ScalingActive", "Succeeded").await?;
    ensure!(message.contains("KEDA decides on 2 to 3 processor pods"), "{message}");
    let before = scalers(trial).await?;
    let (scaler, secrets) = (&before[0].1, &before[1].1);
    ensure!(scaler["scaleTargetRef"]["name"] == SCALER && scaler["maxReplicaCount"] == 3, "{scaler}");
    let trigger = &scaler["triggers"][0];
    ensure!(trigger["type"] == "kafka", "{scaler}");
    ensure!(trigger["metadata"]["topic"] == trial.topic("clicks"), "{scaler}");
    ensure!(trigger["authenticationRef"]["name"] == SCALER, "{scaler}");
    ensure!(secrets["secretTargetRef"].as_array().is_some_and(|all| all.len() == 2), "{secrets}");
    two_rounds_of(trial, "clicks").await?;
    ensure!(scalers(trial).await? == before, "written again, although nothing changed");

    trial.patch::<AnalyticsPipeline>("clicks", json!({ "spec": { "suspend": true } })).await?;
    no_scaler(trial).await?;
    let fixed = json!({ "spec": {
        "suspend": false, "processor": { "autoscaling": null, "replicas": 1 },
    } });
    trial.patch::<AnalyticsPipeline>("clicks", fixed).await?;
    trial.ready::<AnalyticsPipeline>("clicks").await?;
    no_scaler(trial).await?;
    let deployment = trial.api::<Deployment>().get(SCALER).await?;
    ensure!(deployment.spec.replicas == Some(1), "the number is not the spec's");
    Ok(())
}

#[test]
fn kedas_own_definitions_take_what_is_written_for_it_and_nothing_is_written_twice() {
    alone_with_namespace("keda", async |trial| {
        let values = behind_password(&trial, CLICKHOUSE_PASSWORD);
        let definitions = fetch().await?;
        let outcome = async {
            for path in &definitions {
                trial.apply(&read_manifests(path)?).await?;
            }
            install::upgrade(&trial.cluster, &trial.connections, &values).await?;
            hand_over_and_take_back(&trial).await
        }
        .await;
        for path in definitions {
            let path = path.to_str().context("the path of a definition is not UTF-8")?.to_owned();
            trial.cluster.kubectl(&["delete", "--ignore-not-found", "--filename", &path]).await?;
        }
        install::upgrade(&trial.cluster, &trial.connections, &trial.values()).await?;
        outcome?;
        knows_no_user(&trial).await
    });
}
