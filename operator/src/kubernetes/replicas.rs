//! The number of a Deployment's pods, where it is written apart from the rest.
//!
//! In: a Deployment as it was read. Out: none of its pods, or a number that is nobody's any more and stays as it is.
//! Not here: which number is right; `pipeline/plan/pods.rs` knows.

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;

use super::{ApplyError, FIELD_MANAGER, Kubernetes, write};

/// Field manager that keeps the number of pods while it goes over to KEDA.
const REPLICAS_MANAGER: &str = "tributary-replicas";

impl Kubernetes {
    /// Takes a Deployment that has not changed since it was read to no pods.
    pub async fn stop(&self, deployment: &Deployment) -> Result<(), ApplyError> {
        self.merge(deployment, json!({"spec": {"replicas": 0}})).await
    }

    /// Leaves the number of a Deployment's pods to others: it stays as it is when the next apply leaves it out, and is as many as the
    /// least: nobody else may know that a stream that was suspended goes on.
    pub async fn give_up_replicas(&self, deployment: &Deployment, least: i32) -> Result<(), ApplyError> {
        if !owns_replicas(deployment) {
            return Ok(());
        }
        let name = deployment.name_any();
        let tree = json!({
            "apiVersion": Deployment::api_version(&()),
            "kind": Deployment::kind(&()),
            "metadata": {"name": name, "uid": deployment.uid()},
            "spec": {"replicas": deployment.spec.replicas.unwrap_or(1).max(least)},
        });
        // A field that nobody applies any more falls back to its default, so somebody else must have it first.
        let api =
            Api::<Deployment>::namespaced(self.client.clone(), &deployment.namespace().unwrap_or_default());
        let (parameters, patch) = (PatchParams::apply(REPLICAS_MANAGER).force(), Patch::Apply(&tree));
        write::<Deployment, _>("patch", &deployment.metadata, api.patch(&name, &parameters, &patch)).await?;
        self.wrote::<Deployment>(&name);
        Ok(())
    }
}

/// Returns whether the number of pods is what we have applied.
fn owns_replicas(deployment: &Deployment) -> bool {
    let fields = deployment.managed_fields().iter().filter(|it| it.manager.as_deref() == Some(FIELD_MANAGER));
    let mut fields = fields.filter_map(|it| it.fields_v1.as_ref());
    fields.any(|fields| fields.0.pointer("/f:spec/f:replicas").is_some())
}
