//! Build: everything that a pipeline owns in Kubernetes. Pure, and it cannot fail: the plan has spent all conditions.
//!
//! In: a [`Plan`]. Out: [`Objects`], the same for the same plan to the byte: no clock, no random, sorted maps.
//! Not here: a look at what is there already; `kubernetes.rs` compares.

mod config_map;
mod deployment;
pub mod keda;
pub mod pod_monitor;
mod secret;
mod service_account;
mod volumes;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use kube::api::ObjectMeta;

use crate::kubernetes::labels;
use crate::pipeline::plan::Plan;
use keda::kinds::{ScaledObject, TriggerAuthentication};
use pod_monitor::PodMonitor;

/// Everything that a pipeline owns in Kubernetes.
#[derive(Debug, Clone, PartialEq)]
pub struct Objects {
    /// Who the pods are: nobody, without a token.
    pub service_account: ServiceAccount,
    /// The connection's passwords.
    pub secret: Secret,
    /// The StreamConfig.
    pub config_map: ConfigMap,
    /// The processor.
    pub deployment: Deployment,
    /// What leads a Prometheus to the processor, where the platform team wants it.
    pub pod_monitor: Option<PodMonitor>,
    /// What KEDA scales, where it decides on the number of pods.
    pub scaled_object: Option<ScaledObject>,
    /// The Secrets that KEDA needs for it.
    pub trigger_authentication: Option<TriggerAuthentication>,
}

/// Builds everything that a pipeline owns in Kubernetes.
pub fn build(plan: &Plan) -> Objects {
    Objects {
        service_account: service_account::build(plan),
        secret: secret::build(plan),
        config_map: config_map::build(plan),
        deployment: deployment::build(plan),
        pod_monitor: pod_monitor::build(plan),
        scaled_object: keda::scaled_object(plan),
        trigger_authentication: keda::trigger_authentication(plan),
    }
}

/// Returns the name of all that a pipeline owns in Kubernetes.
pub fn object_name(pipeline: &str) -> String {
    format!("{pipeline}-processor")
}

fn metadata(plan: &Plan) -> ObjectMeta {
    ObjectMeta {
        name: Some(object_name(&plan.name)),
        namespace: Some(plan.namespace.clone()),
        labels: Some(labels::labels(&plan.name)),
        owner_references: Some(vec![labels::owner(&plan.name, &plan.uid)]),
        ..ObjectMeta::default()
    }
}
