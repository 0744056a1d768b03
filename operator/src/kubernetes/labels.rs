//! Labels, selectors and the owner reference of everything that a pipeline owns.
//!
//! In: name and UID of the pipeline. Out: maps in a fixed order.
//! Not here: labels that change with the operator's version; they would restart every pod at an upgrade.

use std::collections::BTreeMap;

use crds::AnalyticsPipeline;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Resource;
use sha2::{Digest, Sha256};

/// Names the pipeline that an object belongs to.
pub const PIPELINE: &str = "tributary.dev/pipeline";
/// Says that this operator made the object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Hash of the configuration, on the pod template.
pub const CONFIG_HASH: &str = "tributary.dev/config-hash";
/// Hash of the wanted object, on every child: what is no longer wanted shows as a difference.
pub const APPLIED: &str = "tributary.dev/applied";
/// The word in [`MANAGED_BY`].
pub const TRIBUTARY: &str = "tributary";
/// Selects what the operator made, for watches.
pub const OWNED_SELECTOR: &str = "app.kubernetes.io/managed-by=tributary";

const APPLICATION: &str = "tributary-processor";

/// Returns a hash as an annotation holds it: 32 hexadecimal digits.
pub fn digits(hasher: Sha256) -> String {
    hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the labels of everything that a pipeline owns.
pub fn labels(pipeline: &str) -> BTreeMap<String, String> {
    let mut labels = selector(pipeline);
    labels.insert("app.kubernetes.io/instance".into(), pipeline.into());
    labels.insert(MANAGED_BY.into(), TRIBUTARY.into());
    labels.insert("app.kubernetes.io/part-of".into(), TRIBUTARY.into());
    labels
}

/// Returns the labels that select the pods of a pipeline. They can never be changed.
pub fn selector(pipeline: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("app.kubernetes.io/name".into(), APPLICATION.into()),
        (PIPELINE.into(), pipeline.into()),
    ])
}

/// Returns the selector of the pods of a pipeline as the API takes it.
pub fn pod_selector(pipeline: &str) -> String {
    format!("app.kubernetes.io/name={APPLICATION},{PIPELINE}={pipeline}")
}

/// Returns the reference that makes the pipeline the owner.
pub fn owner(name: &str, uid: &str) -> OwnerReference {
    OwnerReference {
        api_version: AnalyticsPipeline::api_version(&()).into_owned(),
        kind: AnalyticsPipeline::kind(&()).into_owned(),
        name: name.into(),
        uid: uid.into(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}
