//! The PodMonitor of a pipeline: a Prometheus that looks only into its own namespaces finds the processors there.
//!
//! In: the plan. Out: a PodMonitor, where the platform team wants one beside each pipeline.
//! The kind is the Prometheus Operator's. Only what is written here is known of it; a cluster that does not have it is no fault.
//! Not here: the one PodMonitor for all pipelines, which the chart makes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use kube::api::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::metadata;
use crate::kubernetes::labels;
use crate::pipeline::plan::Plan;

/// What the platform team decides about PodMonitors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodMonitors {
    /// Labels by which a Prometheus selects them.
    pub labels: BTreeMap<String, String>,
    /// How often processors are scraped, in seconds.
    pub interval: u64,
}

/// A PodMonitor of `monitoring.coreos.com/v1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PodMonitor {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Spec, as the Prometheus Operator defines it.
    pub spec: Value,
}

impl Resource for PodMonitor {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "PodMonitor".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "monitoring.coreos.com".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "podmonitors".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

pub(super) fn build(plan: &Plan) -> Option<PodMonitor> {
    let PodMonitors { labels: wanted, interval } = plan.pod_monitors.as_ref()?;
    let mut metadata = metadata(plan);
    // Ours win: a watch finds what the operator made by them.
    let ours = metadata.labels.take().unwrap_or_default();
    metadata.labels = Some(wanted.clone().into_iter().chain(ours).collect());
    // As Prometheus writes the label of a pod that names its pipeline.
    let source = format!("__meta_kubernetes_pod_label_{}", labels::PIPELINE.replace(['.', '/'], "_"));
    let spec = json!({
        "selector": {"matchLabels": labels::selector(&plan.name)},
        "podMetricsEndpoints": [{
            "port": "metrics",
            "interval": format!("{interval}s"),
            "relabelings": [{"sourceLabels": [source], "targetLabel": "pipeline"}],
        }],
    });
    Some(PodMonitor { metadata, spec })
}

#[cfg(test)]
mod tests;
