//! The cluster: objects in, objects out, and what is needed to understand a failure.
//!
//! In: YAML as users write it. Out: applied objects, processors' own reports, logs, a dump of a namespace.
//! Manifests are applied by the apiserver's own rules (server-side, strict about unknown fields). Waiting is in `wait.rs`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, LogParams, Patch, PatchParams,
    ValidationDirective,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crds::processor_report::ProcessorReport;
use crds::{AnalyticsPipeline, EventSchema, ForwardingRule};

use crate::connections::Connections;
use crate::install;
use crate::wait::{self, Reported};

/// Name under which the tests apply objects.
pub const FIELD_MANAGER: &str = "e2e";

/// A connected cluster.
#[derive(Clone)]
pub struct Cluster {
    /// Client of the apiserver.
    pub client: Client,
    /// Address of the apiserver.
    pub address: String,
    connections: Connections,
}

impl Cluster {
    /// Connects as the kubeconfig says.
    pub async fn connect(connections: &Connections) -> Result<Self> {
        let file = &connections.kubeconfig;
        let kubeconfig =
            Kubeconfig::read_from(file).with_context(|| format!("reading the kubeconfig {file}"))?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .with_context(|| format!("understanding the kubeconfig {file}"))?;
        let address = config.cluster_url.to_string();
        let client = Client::try_from(config).context("making a client of the apiserver")?;
        client
            .apiserver_version()
            .await
            .with_context(|| format!("the apiserver at {address} does not answer"))?;
        Ok(Self { client, address, connections: connections.clone() })
    }

    /// Objects of a kind in a namespace.
    #[must_use]
    pub fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Runs kubectl and returns what it prints.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let program = &self.connections.kubectl;
        let variables = [("KUBECONFIG", self.connections.kubeconfig.as_str())];
        run(program, arguments, &variables, None).await
    }

    /// Applies an object; `dry_run` lets the apiserver judge it and keeps nothing.
    pub async fn apply(&self, object: &Value, dry_run: bool) -> Result<DynamicObject, kube::Error> {
        let object: DynamicObject =
            serde_json::from_value(object.clone()).map_err(kube::Error::SerdeError)?;
        let types = object.types.clone().unwrap_or_default();
        let kind =
            GroupVersionKind::try_from(&types).map_err(|error| kube::Error::Service(Box::new(error)))?;
        let resource = ApiResource::from_gvk(&kind);
        let api: Api<DynamicObject> = match object.namespace() {
            Some(namespace) => Api::namespaced_with(self.client.clone(), &namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        };
        let mut parameters = PatchParams::apply(FIELD_MANAGER).force();
        parameters.dry_run = dry_run;
        parameters.field_validation = Some(ValidationDirective::Strict);
        api.patch(&object.name_any(), &parameters, &Patch::Apply(&object)).await
    }

    /// Lets the apiserver judge an object as `kubectl create` does, or as `kubectl replace` where one of its name stands; keeps nothing.
    pub async fn judge(&self, object: &Value) -> Result<(), kube::Error> {
        let mut object: DynamicObject =
            serde_json::from_value(object.clone()).map_err(kube::Error::SerdeError)?;
        let (resource, namespace) = (resource(&object)?, object.namespace().unwrap_or_default());
        let (collection, name) = (resource_path(&resource, &namespace), object.name_any());
        let question = "dryRun=All&fieldValidation=Strict";
        let standing: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &namespace, &resource);
        loop {
            let standing = standing.get_opt(&name).await?;
            object.metadata.resource_version = standing.as_ref().and_then(ResourceExt::resource_version);
            let request = match standing {
                None => axum::http::Request::post(format!("{collection}?{question}")),
                Some(_) => axum::http::Request::put(format!("{collection}/{name}?{question}")),
            };
            let body = serde_json::to_vec(&object).map_err(kube::Error::SerdeError)?;
            let request = request.header("content-type", "application/json").body(body);
            let request = request.map_err(|error| kube::Error::Service(Box::new(error)))?;
            match self.client.request::<Value>(request).await.map(drop) {
                // The operator has touched it in between, its finalizer or its status: that is no judgement.
                Err(kube::Error::Api(status)) if status.is_conflict() => {}
                judged => return judged,
            }
        }
    }

    /// Deletes an object and waits until it is gone.
    pub async fn delete(&self, object: &DynamicObject) -> Result<()> {
        let (resource, namespace) = (resource(object)?, object.namespace().unwrap_or_default());
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &namespace, &resource);
        let name = object.name_any();
        api.delete(&name, &DeleteParams::default()).await.with_context(|| format!("deleting {name}"))?;
        let absent = || async { Ok(api.get_opt(&name).await?.is_none()) };
        wait::until_equal(&format!("absence of {name}"), Duration::from_secs(60), true, absent).await
    }

    /// Pods of a pipeline's processor that are not on their way out.
    pub async fn processors(&self, namespace: &str, pipeline: &str) -> Result<Vec<Pod>> {
        let selector = ListParams::default().labels(&format!("tributary.dev/pipeline={pipeline}"));
        let pods = self.api::<Pod>(namespace).list(&selector).await.context("listing processor pods")?;
        Ok(pods.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect())
    }

    /// What each processor of a pipeline says of itself, asked through the apiserver.
    pub async fn reports(&self, namespace: &str, pipeline: &str) -> Result<Vec<ProcessorReport>> {
        let mut reports = Vec::new();
        for pod in self.processors(namespace, pipeline).await? {
            reports.push(self.report(&pod).await?);
        }
        Ok(reports)
    }

    /// What the processor in a pod says of itself.
    pub async fn report(&self, pod: &Pod) -> Result<ProcessorReport> {
        let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}:8080/proxy/status");
        let request = axum::http::Request::get(path).body(Vec::new()).context("building a request")?;
        self.client.request(request).await.with_context(|| format!("asking {name} for its status"))
    }

    /// What a pod of ours shows at `/metrics`.
    pub async fn metrics(&self, pod: &Pod) -> Result<String> {
        let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}:8080/proxy/metrics");
        let request = axum::http::Request::get(path).body(Vec::new()).context("building a request")?;
        self.client.request_text(request).await.with_context(|| format!("asking {name} for its metrics"))
    }

    /// Pods of the operator that are not on their way out.
    pub async fn operator_pods(&self) -> Result<Vec<Pod>> {
        let selector = ListParams::default().labels(install::OPERATOR_SELECTOR);
        let pods = self
            .api::<Pod>(install::NAMESPACE)
            .list(&selector)
            .await
            .context("listing the operator's pods")?;
        Ok(pods.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect())
    }

    /// The last lines of the operator's log.
    pub async fn operator_log(&self, lines: i64) -> String {
        match self.operator_pods().await {
            Ok(pods) => {
                let names = pods.iter().map(ResourceExt::name_any).collect();
                self.logs(install::NAMESPACE, names, lines).await
            }
            Err(error) => format!("{error:#}"),
        }
    }

    async fn logs(&self, namespace: &str, names: Vec<String>, lines: i64) -> String {
        let pods: Api<Pod> = self.api(namespace);
        let parameters = LogParams { tail_lines: Some(lines), ..LogParams::default() };
        let mut text = String::new();
        for name in names {
            let log = pods.logs(&name, &parameters).await.unwrap_or_else(|error| format!("no log: {error}"));
            text += &format!("--- {namespace}/{name}\n{log}\n");
        }
        text
    }

    /// Everything that explains a failure in a namespace: objects' conditions, pods, Events, logs.
    pub async fn dump(&self, namespace: &str) -> String {
        let mut text = format!("=== namespace {namespace}\n");
        text += &self.conditions::<EventSchema>(namespace).await;
        text += &self.conditions::<AnalyticsPipeline>(namespace).await;
        text += &self.conditions::<ForwardingRule>(namespace).await;
        let mut names = Vec::new();
        if let Ok(pods) = self.api::<Pod>(namespace).list(&ListParams::default()).await {
            for pod in pods {
                text += &format!("pod {}\n", states(&pod));
                names.push(pod.name_any());
            }
        }
        if let Ok(events) = self.api::<Event>(namespace).list(&ListParams::default()).await {
            for event in events.items.into_iter().filter(|event| event.type_.as_deref() == Some("Warning")) {
                let line = |part: Option<String>| part.unwrap_or_default();
                let about = line(event.involved_object.name);
                text += &format!("event {about}: {} {}\n", line(event.reason), line(event.message));
            }
        }
        text += &self.logs(namespace, names, 25).await;
        text += &self.operator_log(40).await;
        text
    }

    async fn conditions<K>(&self, namespace: &str) -> String
    where
        K: Reported + kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    {
        let mut text = String::new();
        match self.api::<K>(namespace).list(&ListParams::default()).await {
            Ok(objects) => {
                for object in objects {
                    let written = writeln!(
                        text,
                        "{} {}: {}",
                        K::kind(&()),
                        object.meta().name.as_deref().unwrap_or(""),
                        object.summary()
                    );
                    debug_assert!(written.is_ok(), "a String takes every text");
                }
            }
            Err(error) => text = format!("{} cannot be listed: {error}\n", K::kind(&())),
        }
        text
    }
}

fn resource(object: &DynamicObject) -> Result<ApiResource, kube::Error> {
    let types = object.types.clone().unwrap_or_default();
    let kind = GroupVersionKind::try_from(&types).map_err(|error| kube::Error::Service(Box::new(error)))?;
    Ok(ApiResource::from_gvk(&kind))
}

fn resource_path(resource: &ApiResource, namespace: &str) -> String {
    let root =
        if resource.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", resource.group) };
    format!("{root}/{}/namespaces/{namespace}/{}", resource.version, resource.plural)
}

/// How often the containers of a pod were started anew.
#[must_use]
pub fn restarts(pod: &Pod) -> i32 {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref());
    statuses.unwrap_or_default().iter().map(|status| status.restart_count).sum()
}

/// How the containers of a pod are, in one line.
fn states(pod: &Pod) -> String {
    let statuses =
        pod.status.as_ref().and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let mut line = pod.name_any();
    for status in statuses {
        let state = serde_json::to_string(&status.state).unwrap_or_default();
        line += &format!(": ready {}, {} restarts, {state}", status.ready, status.restart_count);
    }
    line
}

/// Reads the objects of a YAML file, or of all YAML files of a folder in the order of their names.
pub fn read_manifests(path: &Path) -> Result<Vec<Value>> {
    let mut files = vec![path.to_path_buf()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path).with_context(|| format!("listing {}", path.display()))?;
        files = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
        files.sort();
    }
    let mut objects = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        objects.extend(parse_manifests(&text).with_context(|| format!("in {}", file.display()))?);
    }
    Ok(objects)
}

/// Reads the objects of a YAML text of one or several documents.
pub fn parse_manifests(text: &str) -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let object = Value::deserialize(document).context("not YAML of a Kubernetes object")?;
        if !object.is_null() {
            objects.push(object);
        }
    }
    Ok(objects)
}

/// Runs a program to its end; its error output is the error.
pub async fn run(
    program: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
    input: Option<&str>,
) -> Result<String> {
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {program}"))?;
    if let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) {
        pipe.write_all(input.as_bytes()).await.with_context(|| format!("writing to {program}"))?;
    }
    let output = child.wait_with_output().await.with_context(|| format!("waiting for {program}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{program} {} failed: {}", arguments.join(" "), said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
