//! The ConfigMap of the processor: the StreamConfig as one YAML file.
//!
//! In: the plan. Out: a ConfigMap. Its hash stands in the pod template, so that a change restarts the pods.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;

use crate::pipeline::build::metadata;
use crate::pipeline::plan::Plan;

/// Name of the file, and of the key that holds it.
pub(super) const FILE: &str = "stream.yaml";

pub(super) fn build(plan: &Plan) -> ConfigMap {
    ConfigMap {
        metadata: metadata(plan),
        data: Some(BTreeMap::from([(FILE.into(), plan.config_text.clone())])),
        ..ConfigMap::default()
    }
}
