//! KEDA's kinds, as far as the operator writes them.
//!
//! In: metadata, and a spec as KEDA defines it. Out: objects that the generic get, apply and delete take.
//! Not here: KEDA's own definition of them. A cluster that does not have the kinds is no fault.

use std::borrow::Cow;

use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use kube::api::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Says what KEDA scales, within which bounds and by what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScaledObject {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Spec, as KEDA defines it.
    pub spec: Value,
}

/// Names the Secrets that a ScaledObject needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriggerAuthentication {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Spec, as KEDA defines it.
    pub spec: Value,
}

impl Resource for ScaledObject {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "ScaledObject".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "keda.sh".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1alpha1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "scaledobjects".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Resource for TriggerAuthentication {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "TriggerAuthentication".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "keda.sh".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1alpha1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "triggerauthentications".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
