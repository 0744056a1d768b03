//! The ServiceAccount of the processor: an identity without rights and without a token.
//!
//! In: the plan. Out: a ServiceAccount. Not here: a Role; the processor never speaks to the apiserver.

use k8s_openapi::api::core::v1::ServiceAccount;

use crate::pipeline::build::metadata;
use crate::pipeline::plan::Plan;

pub(super) fn build(plan: &Plan) -> ServiceAccount {
    ServiceAccount {
        metadata: metadata(plan),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}
