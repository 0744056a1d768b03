//! Cluster: the one place that asks the apiserver, and the one that changes `spec.suspend`.
//!
//! In: how to reach it, names. Out: objects of one namespace, and what processors say of themselves, through the apiserver's proxy: a
//! laptop reaches no pod. Needs no more rights than `get` and `list` there, `create` on nothing, `patch` for suspend and resume alone.
//! Not here: what follows from any of it.

use std::collections::BTreeMap;
use std::fmt::Debug;

use anyhow::{Context, Result, bail};
use crds::processor_report::ProcessorReport;
use crds::stream_config::{STREAM_CONFIG_VERSION, StreamConfig};
use crds::{AnalyticsPipeline, ForwardingRule};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::api::{ListParams, LogParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, Resource, ResourceExt};
use operator::kubernetes::labels;
use operator::processors::PORT;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::arguments::online::{ReachArguments, ServerArguments};

/// The file of the ConfigMap in which the operator tells the processors of their stream.
const STREAM: &str = "stream.yaml";
const FIELD_MANAGER: &str = "kubectl-tributary";

/// One namespace of a cluster.
#[derive(Clone)]
pub(super) struct Cluster {
    client: Client,
    /// The namespace.
    pub(super) namespace: String,
}

impl Cluster {
    /// Reads the kubeconfig; nobody is asked yet.
    pub(super) async fn connect(reach: &ReachArguments) -> Result<Self> {
        Self::connect_to(&reach.servers, reach.namespace.clone()).await
    }

    /// Reads the kubeconfig; a namespace wins over that of its context.
    pub(super) async fn connect_to(servers: &ServerArguments, namespace: Option<String>) -> Result<Self> {
        let options = KubeConfigOptions { context: servers.context.clone(), ..KubeConfigOptions::default() };
        let config = match &servers.kubeconfig {
            Some(path) => {
                let read = Kubeconfig::read_from(path)
                    .with_context(|| format!("failed to read the kubeconfig `{}`", path.display()))?;
                Config::from_custom_kubeconfig(read, &options).await
            }
            None if servers.context.is_some() => Config::from_kubeconfig(&options).await,
            None => return Self::inferred(namespace).await,
        };
        Self::new(
            config.context("failed to use the kubeconfig; name another one, or a context that it has")?,
            namespace,
        )
    }

    async fn inferred(namespace: Option<String>) -> Result<Self> {
        let config = Config::infer().await;
        Self::new(config.context("failed to find a cluster; name a kubeconfig with --kubeconfig")?, namespace)
    }

    fn new(config: Config, namespace: Option<String>) -> Result<Self> {
        let namespace = namespace.unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).context("failed to use the kubeconfig")?;
        Ok(Self { client, namespace })
    }

    /// Takes a way to the apiserver that is there already.
    #[cfg(test)]
    pub(super) fn of(client: Client, namespace: &str) -> Self {
        Self { client, namespace: namespace.to_owned() }
    }

    /// Returns another namespace of the same cluster.
    pub(super) fn within(&self, namespace: &str) -> Self {
        Self { client: self.client.clone(), namespace: namespace.to_owned() }
    }

    /// Returns the way to the apiserver.
    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Reads an object that may not be there.
    pub(super) async fn find<K>(&self, name: &str) -> Result<Option<K>>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
    {
        let asked = self.api::<K>().get_opt(name).await;
        asked.with_context(|| {
            format!("failed to read {} `{name}` of namespace `{}`", K::kind(&()), self.namespace)
        })
    }

    /// Lists the objects that a selector takes; an empty one takes all.
    pub(super) async fn list<K>(&self, selector: &str) -> Result<Vec<K>>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
    {
        let found = self.api::<K>().list(&ListParams::default().labels(selector)).await;
        let found = found.with_context(|| {
            format!("failed to list {} of namespace `{}`", K::plural(&()), self.namespace)
        })?;
        Ok(found.items)
    }

    /// Reads a pipeline.
    pub(super) async fn pipeline(&self, name: &str) -> Result<AnalyticsPipeline> {
        let Self { namespace, .. } = self;
        let found = self.find(name).await?;
        found.with_context(|| {
            format!("there is no AnalyticsPipeline `{name}` in namespace `{namespace}`; -n names another")
        })
    }

    /// Lists the rules of a pipeline, by name.
    pub(super) async fn rules(&self, pipeline: &str) -> Result<Vec<ForwardingRule>> {
        let mut rules: Vec<ForwardingRule> = self.list("").await?;
        rules.retain(|rule| rule.spec.pipeline.name == pipeline);
        rules.sort_by_key(ResourceExt::name_any);
        Ok(rules)
    }

    /// Lists the pods of a pipeline, by name.
    pub(super) async fn pods(&self, pipeline: &str) -> Result<Vec<Pod>> {
        let mut pods: Vec<Pod> = self.list(&labels::pod_selector(pipeline)).await?;
        pods.sort_by_key(ResourceExt::name_any);
        Ok(pods)
    }

    /// Reads what the operator tells the processors of a pipeline; none while it has told nothing.
    pub(super) async fn stream_config(&self, pipeline: &str) -> Result<Option<StreamConfig>> {
        let name = format!("{pipeline}-processor");
        let found: Option<ConfigMap> = self.find(&name).await?;
        let Some(text) = found.and_then(|map| map.data?.remove(STREAM)) else { return Ok(None) };
        let config: StreamConfig = serde_yaml::from_str(&text)
            .with_context(|| format!("failed to understand ConfigMap `{name}`; take the kubectl-tributary of the operator's release"))?;
        if config.version != STREAM_CONFIG_VERSION {
            bail!(
                "ConfigMap `{name}` has version {}, and this program reads {STREAM_CONFIG_VERSION}; take the kubectl-tributary of the \
                 operator's release",
                config.version
            );
        }
        Ok(Some(config))
    }

    /// Reads the Secret of the processors, as text.
    pub(super) async fn connection(&self, pipeline: &str) -> Result<BTreeMap<String, String>> {
        let name = format!("{pipeline}-processor");
        let found: Option<Secret> = self.find(&name).await?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned();
        let data = found.and_then(|secret| secret.data).unwrap_or_default();
        Ok(data.into_iter().map(|(key, value)| (key, text(value.0))).collect())
    }

    /// Asks a processor what it says of itself.
    pub(super) async fn report(&self, pod: &str) -> Result<ProcessorReport> {
        let path = format!("/api/v1/namespaces/{}/pods/{pod}:{PORT}/proxy/status", self.namespace);
        let request = http::Request::get(path).body(Vec::new())?;
        let text =
            self.client.request_text(request).await.with_context(|| format!("failed to ask pod `{pod}`"))?;
        serde_json::from_str(&text).with_context(|| format!("failed to understand what pod `{pod}` says"))
    }

    /// Reads the end of a pod's log; with `is_previous`, of the container before its last restart.
    pub(super) async fn log(&self, pod: &str, lines: i64, is_previous: bool) -> Result<String> {
        let params = LogParams { tail_lines: Some(lines), previous: is_previous, ..LogParams::default() };
        self.api::<Pod>()
            .logs(pod, &params)
            .await
            .with_context(|| format!("failed to read the log of pod `{pod}`"))
    }

    /// Sets `spec.suspend`; returns what stood there before.
    pub(super) async fn suspend(&self, pipeline: &str, is_suspended: bool) -> Result<bool> {
        let before = self.pipeline(pipeline).await?;
        if before.spec.suspend != is_suspended {
            let patch = Patch::Merge(json!({ "spec": { "suspend": is_suspended } }));
            let params = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
            let patched = self.api::<AnalyticsPipeline>().patch(pipeline, &params, &patch).await;
            patched.with_context(|| format!("failed to change AnalyticsPipeline `{pipeline}`"))?;
        }
        Ok(before.spec.suspend)
    }
}
