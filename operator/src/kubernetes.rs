//! Kubernetes: generic get, apply and delete. The only place that patches.
//!
//! In: objects as they are wanted. Out: objects as the apiserver holds them; a write only where something differs.
//! Children are written by server-side apply under one field manager, statuses under another. A child that stands there
//! but belongs to somebody else is never written: that is [`ApplyError::Foreign`].
//! Not here: which objects; the builders know.

pub mod client;
pub mod compare;
pub mod labels;
mod replicas;

use std::fmt::Debug;

use crds::conditions::Reason;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, DynamicObject, ObjectMeta, Patch, PatchParams, PostParams, PropagationPolicy};
use kube::core::ApiResource;
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::metrics::Metrics;

/// Field manager of the children.
pub const FIELD_MANAGER: &str = "tributary";
/// Field manager of the statuses.
pub const STATUS_MANAGER: &str = "tributary-status";

/// An object could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It could not be read.
    #[error("failed to read {kind} `{name}`")]
    Read {
        /// Kind.
        kind: String,
        /// Name.
        name: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// It could not be written.
    #[error("failed to write {kind} `{name}`")]
    Write {
        /// Kind.
        kind: String,
        /// Name.
        name: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// It could not be turned into JSON.
    #[error("failed to encode {kind} `{name}`")]
    Encode {
        /// Kind.
        kind: String,
        /// Name.
        name: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// It belongs to somebody else.
    #[error("{kind} `{name}` exists and is not this pipeline's")]
    Foreign {
        /// Kind.
        kind: String,
        /// Name.
        name: String,
    },
    /// It is not as it was seen: what was decided on it is not done.
    #[error("{kind} `{name}` is not as it was seen")]
    Outdated {
        /// Kind.
        kind: String,
        /// Name.
        name: String,
    },
    /// It belongs to a pipeline of the same name that was deleted, and will be gone soon.
    #[error("{kind} `{name}` still belongs to a deleted pipeline of the same name")]
    Leftover {
        /// Kind.
        kind: String,
        /// Name.
        name: String,
    },
}

impl ApplyError {
    /// Returns whether the object changed between the read that a write was decided on and the write.
    pub fn is_conflict(&self) -> bool {
        // The apiserver says of an object whose place another has taken that its UID cannot be changed.
        let is_replaced = || {
            let details = self.status().and_then(|status| status.details.as_ref());
            details.is_some_and(|details| details.causes.iter().any(|cause| cause.field == "metadata.uid"))
        };
        let is_outdated = matches!(self, Self::Outdated { .. });
        is_outdated || self.code() == Some(409) || self.code() == Some(422) && is_replaced()
    }

    /// Returns whether the object was deleted between the read that a write was decided on and the write. Where the apiserver does
    /// not know the kind itself it names no object, and that is nothing that passes.
    pub fn is_gone(&self) -> bool {
        let details = self.status().and_then(|status| status.details.as_ref());
        self.code() == Some(404) && details.is_some_and(|details| !details.name.is_empty())
    }

    /// Returns whether the apiserver does not know it.
    pub fn is_unknown(&self) -> bool {
        self.code() == Some(404)
    }

    /// Returns whether it is not allowed: by the rights of the operator, or by a quota of the namespace.
    pub fn is_forbidden(&self) -> bool {
        self.code() == Some(403)
    }

    /// Returns whether the apiserver has judged the object itself to be wrong.
    pub fn is_invalid(&self) -> bool {
        matches!(self.code(), Some(400 | 422))
    }

    /// Returns why, in one word: the apiserver's own where it has answered.
    pub fn reason(&self) -> String {
        match self {
            Self::Foreign { .. } => Reason::ResourceConflict.to_string(),
            Self::Leftover { .. } => Reason::DependencyNotReady.to_string(),
            Self::Outdated { .. } => "Conflict".into(),
            Self::Read { .. } | Self::Write { .. } | Self::Encode { .. } => {
                let reason = self.status().map(|status| status.reason.clone());
                reason.filter(|it| !it.is_empty()).unwrap_or_else(|| Reason::InternalError.to_string())
            }
        }
    }

    fn code(&self) -> Option<u16> {
        self.status().map(|status| status.code)
    }

    fn status(&self) -> Option<&kube::core::Status> {
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } => {
                // Only the apiserver's own answers have one.
                if let kube::Error::Api(status) = source.as_ref() { Some(status) } else { None }
            }
            Self::Encode { .. } | Self::Foreign { .. } | Self::Outdated { .. } | Self::Leftover { .. } => {
                None
            }
        }
    }
}

/// A child: a namespaced object that the operator makes.
pub trait Child:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Serialize
{
}

impl<K> Child for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Serialize
{
}

/// The way to the apiserver.
#[derive(Clone)]
pub struct Kubernetes {
    client: Client,
    metrics: Metrics,
}

impl Kubernetes {
    /// Makes the way to the apiserver.
    pub fn new(client: Client, metrics: Metrics) -> Self {
        Self { client, metrics }
    }

    /// Reads an object; `None` when it is not there.
    pub async fn get<K: Child>(&self, namespace: &str, name: &str) -> Result<Option<K>, ApplyError> {
        Api::<K>::namespaced(self.client.clone(), namespace)
            .get_opt(name)
            .await
            .map_err(|source| read_error(&K::kind(&()), name, source))
    }

    /// Reads what is known of a namespace; `None` when it is not there.
    pub async fn namespace(&self, name: &str) -> Result<Option<ObjectMeta>, ApplyError> {
        let found = Api::<Namespace>::all(self.client.clone()).get_metadata_opt(name).await;
        let found = found.map_err(|source| read_error("Namespace", name, source))?;
        Ok(found.map(|namespace| namespace.metadata))
    }

    /// Lists the objects that a selector selects.
    pub async fn list<K: Child>(&self, namespace: &str, selector: &str) -> Result<Vec<K>, ApplyError> {
        let parameters = kube::api::ListParams::default().labels(selector);
        let list = Api::<K>::namespaced(self.client.clone(), namespace)
            .list(&parameters)
            .await
            .map_err(|source| read_error(&K::kind(&()), selector, source))?;
        Ok(list.items)
    }

    /// Brings an object to the wanted form; writes only where the actual one does not contain it. Returns it as it is then.
    pub async fn apply<K: Child>(&self, wanted: &K, actual: Option<&K>) -> Result<K, ApplyError> {
        let (kind, name) = (K::kind(&()), wanted.name_any());
        let namespace = wanted.namespace().unwrap_or_default();
        let mut tree = encode(&kind, &name, wanted)?;
        compare::sign(&mut tree);
        // What was not there may have been made since, and a forced apply would take it over.
        let found = if actual.is_none() { self.get::<K>(&namespace, &name).await? } else { None };
        if let Some(actual) = actual.or(found.as_ref()) {
            check_owner(&kind, wanted, actual)?;
            if compare::contains(&encode(&kind, &name, actual)?, &tree) {
                return Ok(actual.clone());
            }
            // One of the same name that took its place is refused as a conflict.
            tree["metadata"]["uid"] = json!(actual.uid());
        }
        tree["apiVersion"] = json!(K::api_version(&()));
        tree["kind"] = json!(kind);
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let (api, patch) = (Api::<K>::namespaced(self.client.clone(), &namespace), Patch::Apply(&tree));
        let applied = write::<K, _>("patch", wanted.meta(), api.patch(&name, &parameters, &patch)).await?;
        self.wrote::<K>(&name);
        Ok(applied)
    }

    /// Returns whether the apiserver knows a kind.
    pub async fn serves<K: Child>(&self) -> Result<bool, ApplyError> {
        let (version, plural) = (K::api_version(&()), K::plural(&()));
        match self.client.list_api_group_resources(&version).await {
            Ok(list) => Ok(list.resources.iter().any(|resource| resource.name == plural)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
            Err(source) => Err(read_error("APIResourceList", &version, source)),
        }
    }

    /// Deletes an object and all that hangs on it; nothing happens when it is gone already.
    pub async fn delete<K: Child>(&self, object: &K) -> Result<(), ApplyError> {
        let name = object.name_any();
        let parameters = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Foreground),
            preconditions: Some(kube::api::Preconditions { uid: object.uid(), resource_version: None }),
            ..DeleteParams::default()
        };
        let api = Api::<K>::namespaced(self.client.clone(), &object.namespace().unwrap_or_default());
        match write::<K, _>("delete", object.meta(), api.delete(&name, &parameters)).await {
            Ok(_) => self.wrote::<K>(&name),
            Err(error) if error.is_unknown() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Sets the finalizers of an object that has not changed since it was read.
    pub async fn set_finalizers<K: Child>(
        &self,
        object: &K,
        finalizers: &[String],
    ) -> Result<(), ApplyError> {
        self.merge(object, json!({"metadata": {"finalizers": finalizers}})).await
    }

    /// Changes fields of an object that has not changed since it was read.
    async fn merge<K: Child>(&self, object: &K, mut patch: Value) -> Result<(), ApplyError> {
        let name = object.name_any();
        patch["metadata"]["resourceVersion"] = json!(object.resource_version());
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
        let api = Api::<K>::namespaced(self.client.clone(), &object.namespace().unwrap_or_default());
        let patch = Patch::Merge(&patch);
        write::<K, _>("patch", object.meta(), api.patch(&name, &parameters, &patch)).await?;
        self.wrote::<K>(&name);
        Ok(())
    }

    /// Writes the status of an object that has not changed since it was read.
    pub async fn write_status<K: Child, S: Serialize>(
        &self,
        metadata: &kube::api::ObjectMeta,
        status: &S,
    ) -> Result<(), ApplyError> {
        let (name, namespace) = (metadata.name.clone().unwrap_or_default(), metadata.namespace.as_deref());
        let patch = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": {"name": name, "resourceVersion": metadata.resource_version},
            "status": status,
        });
        let parameters = PatchParams::apply(STATUS_MANAGER).force();
        // The answer is not read as its kind: the status of an unreadable object is written in the same way.
        let (resource, patch) = (ApiResource::erase::<K>(&()), Patch::Apply(&patch));
        let namespace = namespace.unwrap_or_default();
        let api = Api::<DynamicObject>::namespaced_with(self.client.clone(), namespace, &resource);
        write::<K, _>("patch", metadata, api.patch_status(&name, &parameters, &patch)).await?;
        self.wrote::<K>(&name);
        Ok(())
    }

    /// Reads an object without reading it as its kind.
    pub async fn get_dynamic<K: Child>(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<DynamicObject>, ApplyError> {
        Api::<DynamicObject>::namespaced_with(self.client.clone(), namespace, &ApiResource::erase::<K>(&()))
            .get_opt(name)
            .await
            .map_err(|source| read_error(&K::kind(&()), name, source))
    }

    /// Creates an object that nobody changes later.
    pub async fn create<K: Child>(&self, object: &K) -> Result<(), ApplyError> {
        let api = Api::<K>::namespaced(self.client.clone(), &object.namespace().unwrap_or_default());
        write::<K, _>("create", object.meta(), api.create(&PostParams::default(), object)).await?;
        Ok(())
    }

    fn wrote<K: Child>(&self, name: &str) {
        let kind = kind_label(&K::kind(&()));
        tracing::debug!(kind, name, "wrote object");
        self.metrics.wrote(kind);
    }
}

/// Returns an error unless the actual object belongs to the owner of the wanted one.
fn check_owner<K: Child>(kind: &str, wanted: &K, actual: &K) -> Result<(), ApplyError> {
    let (kind, name) = (kind.to_owned(), wanted.name_any());
    let Some(owner) = wanted.owner_references().first() else { return Ok(()) };
    let owners = actual.owner_references();
    if owners.iter().any(|other| other.uid == owner.uid) {
        Ok(())
    } else if owners.iter().any(|other| other.kind == owner.kind && other.name == owner.name) {
        Err(ApplyError::Leftover { kind, name })
    } else {
        Err(ApplyError::Foreign { kind, name })
    }
}

fn encode<K: Serialize>(kind: &str, name: &str, object: &K) -> Result<Value, ApplyError> {
    serde_json::to_value(object).map_err(|source| ApplyError::Encode {
        kind: kind.into(),
        name: name.into(),
        source,
    })
}

fn read_error(kind: &str, name: &str, source: kube::Error) -> ApplyError {
    ApplyError::Read { kind: kind.into(), name: name.into(), source: Box::new(source) }
}

/// Makes one write, within a span of its own.
async fn write<K: Child, T>(
    verb: &'static str,
    object: &ObjectMeta,
    write: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, ApplyError> {
    let (kind, name) = (K::kind(&()), object.name.as_deref().unwrap_or_default());
    let span = traces::span!("write object", verb, kind = %kind, namespace = object.namespace, name);
    let written = async {
        write.await.map_err(|source| ApplyError::Write {
            kind: kind.to_string(),
            name: name.to_owned(),
            source: Box::new(source),
        })
    };
    traces::within(span, written, |written| written.as_ref().err().map(ApplyError::reason)).await
}

/// Kinds as metric labels: a closed list.
fn kind_label(kind: &str) -> &'static str {
    const KINDS: [&str; 10] = [
        "AnalyticsPipeline",
        "EventSchema",
        "ForwardingRule",
        "Deployment",
        "ConfigMap",
        "Secret",
        "ServiceAccount",
        "PodMonitor",
        "ScaledObject",
        "TriggerAuthentication",
    ];
    KINDS.into_iter().find(|known| *known == kind).unwrap_or("Other")
}
