//! The Secret of the processor: the files of the connection folder, copied into the pipeline's namespace.
//!
//! In: the plan. Out: a Secret. Not here: the secrets of users; pods mount those where they stand.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use crate::pipeline::build::metadata;
use crate::pipeline::plan::Plan;

pub(super) fn build(plan: &Plan) -> Secret {
    let data =
        plan.connection.iter().map(|(name, value)| (name.clone(), ByteString(value.clone()))).collect();
    Secret { metadata: metadata(plan), data: Some(data), type_: Some("Opaque".into()), ..Secret::default() }
}
