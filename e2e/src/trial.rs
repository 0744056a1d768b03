//! A trial: one end-to-end test with a namespace of its own, and everything it may ask.
//!
//! In: a name and what to try. Out: nothing when it went well; else a panic that carries the objects' conditions, the Events and the
//! logs. Trials run beside each other; one that breaks what all share (Kafka, ClickHouse, the operator) runs alone.
//! The namespace and its data are deleted at the end, by `deletionPolicy: Delete`; what a run that was killed could not delete is
//! deleted before the next one begins.

mod sweep;
mod turns;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use futures::FutureExt;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::clickhouse::ClickHouse;
use crate::cluster::{Cluster, parse_manifests, read_manifests};
use crate::connections::Connections;
use crate::environment::settings::{ADDRESS, Settings};
use crate::generator::expected::Expected;
use crate::generator::{App, Generator, Request};
use crate::install;
use crate::kafka::{Kafka, Load};
use crate::wait::{self, Reported, Seen};

/// How long an object may take to be as wanted.
pub const PATIENCE: Duration = Duration::from_secs(120);

static INSTALLED: OnceCell<()> = OnceCell::const_new();

/// What a trial may use.
pub struct Trial {
    /// The namespace, which is the trial's alone.
    pub namespace: String,
    /// Kubernetes.
    pub cluster: Cluster,
    /// Kafka.
    pub kafka: Kafka,
    /// ClickHouse.
    pub clickhouse: ClickHouse,
    /// Where everything is.
    pub connections: Connections,
}

/// Runs a trial beside others.
pub fn with_namespace<Fut: Future<Output = Result<()>>>(
    name: &str,
    trial: impl FnOnce(std::sync::Arc<Trial>) -> Fut,
) {
    run(name, false, trial);
}

/// Runs a trial alone, because it breaks what all share.
pub fn alone_with_namespace<Fut: Future<Output = Result<()>>>(
    name: &str,
    trial: impl FnOnce(std::sync::Arc<Trial>) -> Fut,
) {
    run(name, true, trial);
}

#[expect(clippy::panic, reason = "a panic is how a test fails, and this is the end of one")]
fn run<Fut: Future<Output = Result<()>>>(
    name: &str,
    alone: bool,
    trial: impl FnOnce(std::sync::Arc<Trial>) -> Fut,
) {
    let finished = tokio::runtime::Runtime::new().context("starting tokio").and_then(|runtime| {
        runtime.block_on(async {
            let _turn = turns::turn(alone).await?;
            let prepared = std::sync::Arc::new(Trial::prepare(name).await?);
            // A failed assertion is told and cleared up like any other failure.
            let tried = AssertUnwindSafe(trial(std::sync::Arc::clone(&prepared))).catch_unwind().await;
            let outcome = tried.unwrap_or_else(|_| Err(anyhow!("an assertion failed; it is printed above")));
            let outcome = match outcome {
                Ok(()) => Ok(()),
                Err(error) => Err(anyhow!(
                    "{}\n\nFAILED {name}: {error:#}",
                    prepared.cluster.dump(&prepared.namespace).await
                )),
            };
            let cleared = prepared.clear().await;
            outcome.and(cleared)
        })
    });
    if let Err(error) = finished {
        panic!("{error:#}");
    }
}

/// Installs the operator, once a run, and takes away what runs that were killed have left.
async fn begin(cluster: &Cluster, connections: &Connections) -> Result<()> {
    // They stop and kill what they run on.
    let environment = Settings::from_environment().kubeconfig();
    ensure!(
        Path::new(&connections.kubeconfig) == environment,
        "the end-to-end tests run on the local environment only, whose kubeconfig is {}; KUBECONFIG is {}",
        environment.display(),
        connections.kubeconfig
    );
    install(cluster, connections).await?;
    sweep::sweep(cluster).await
}

/// What the platform team of the trials decides.
fn policy() -> install::Policy {
    install::Policy { allowed_networks: vec![format!("{ADDRESS}/32")] }
}

/// Installs the operator as all trials need it.
pub async fn install(cluster: &Cluster, connections: &Connections) -> Result<()> {
    install::install(cluster, connections, &policy()).await
}

impl Trial {
    async fn prepare(name: &str) -> Result<Self> {
        let connections = Connections::from_environment()?;
        let cluster = Cluster::connect(&connections).await?;
        INSTALLED.get_or_try_init(|| begin(&cluster, &connections)).await?;
        let suffix = jiff::Timestamp::now().as_millisecond() % 100_000_000;
        let namespace = format!("{name}-{suffix}");
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": namespace, "labels": {
                "pod-security.kubernetes.io/enforce": "restricted",
                install::OWN.0: install::OWN.1,
                sweep::RUN: sweep::this_run(),
            } },
        });
        cluster.apply(&object, false).await.context("making the namespace of the trial")?;
        let (kafka, clickhouse) = (Kafka::new(&connections.kafka), ClickHouse::new(&connections));
        Ok(Self { namespace, cluster, kafka, clickhouse, connections })
    }

    /// Deletes the namespace with its data; the cluster finishes the work by itself.
    async fn clear(&self) -> Result<()> {
        sweep::delete(&self.cluster, &self.namespace).await
    }

    /// The chart's values that all trials need.
    #[must_use]
    pub fn values(&self) -> Value {
        install::values(&self.connections, &policy())
    }

    /// Objects of a kind in the trial's namespace.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        self.cluster.api(&self.namespace)
    }

    /// The objects of a sample, but its namespace: moved into the trial's, their data deleted with them.
    pub fn sample(&self, name: &str) -> Result<Vec<Value>> {
        let path = install::repository().join("manifests/samples").join(name);
        let objects = read_manifests(&path)?.into_iter().filter(|object| object["kind"] != "Namespace");
        Ok(objects.map(|object| self.moved(object)).collect())
    }

    fn moved(&self, mut object: Value) -> Value {
        object["metadata"]["namespace"] = self.namespace.clone().into();
        // A topic begins with its namespace's name.
        if let Some(topic) = object["spec"]["destination"]["kafka"]["topic"].as_str() {
            let name = topic.split_once('.').map_or(topic, |(_, name)| name);
            object["spec"]["destination"]["kafka"]["topic"] = self.topic(name).into();
        }
        if object["kind"] == "AnalyticsPipeline" && object["spec"]["deletionPolicy"].is_null() {
            object["spec"]["deletionPolicy"] = "Delete".into();
        }
        object
    }

    /// Applies objects in their order.
    pub async fn apply(&self, objects: &[Value]) -> Result<()> {
        for object in objects {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            self.cluster
                .apply(object, false)
                .await
                .with_context(|| format!("applying {} {name}", object["kind"]))?;
        }
        Ok(())
    }

    /// Applies YAML whose objects need no namespace.
    pub async fn apply_text(&self, text: &str) -> Result<()> {
        let objects: Vec<Value> =
            parse_manifests(text)?.into_iter().map(|object| self.moved(object)).collect();
        self.apply(&objects).await
    }

    /// Changes an object by a JSON merge patch.
    pub async fn patch<K>(&self, name: &str, patch: Value) -> Result<()>
    where
        K: Reported + kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    {
        self.api::<K>()
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .with_context(|| format!("changing {name}"))?;
        Ok(())
    }

    /// Waits until an object is Ready for its spec of now.
    pub async fn ready<K>(&self, name: &str) -> Result<K>
    where
        K: Reported + kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    {
        wait::ready(&self.api::<K>(), name, PATIENCE).await
    }

    /// Waits until an object is Ready for its spec of now, where that takes longer than usual.
    pub async fn ready_within<K>(&self, name: &str, limit: Duration) -> Result<K>
    where
        K: Reported + kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    {
        wait::ready(&self.api::<K>(), name, limit).await
    }

    /// Waits until a condition of an object has a reason, and returns the condition's message.
    pub async fn reason<K>(&self, name: &str, condition: &str, reason: &str) -> Result<String>
    where
        K: Reported + kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    {
        let what = format!("{condition} because of {reason}");
        let says = |object: &K| object.condition(condition).is_some_and(|found| found.reason == reason);
        let object = wait::object(&self.api::<K>(), name, &what, PATIENCE, says).await?;
        Ok(object.condition(condition).map(|found| found.message.clone()).unwrap_or_default())
    }

    /// Name of a pipeline's topic.
    #[must_use]
    pub fn topic(&self, pipeline: &str) -> String {
        format!("{}.{pipeline}", self.namespace)
    }

    /// Name of a pipeline's consumer group; those of its rules begin with it.
    #[must_use]
    pub fn group(&self, pipeline: &str) -> String {
        format!("tributary.{}.{pipeline}", self.namespace)
    }

    /// Name of a pipeline's table, quoted.
    #[must_use]
    pub fn table(&self, pipeline: &str) -> String {
        crate::clickhouse::table(&self.namespace, pipeline)
    }

    /// Sends generated events of an app into the pipeline of its name.
    pub async fn send(&self, app: App, events: u64, defects: bool, load: Load) -> Result<Expected> {
        let request = Request { app, seed: 7, events, now: jiff::Timestamp::now().as_millisecond(), defects };
        self.kafka.send(&self.topic(app.pipeline()), Generator::new(request), load).await
    }

    /// Waits until a stream has acknowledged all that was sent and its table has as many rows as wanted; returns an error when it has
    /// more, or a position twice. What is acknowledged cannot be doubled any more, so nothing comes after the count.
    pub async fn stored(&self, pipeline: &str, wanted: u64, limit: Duration) -> Result<()> {
        let (table, topic) = (self.table(pipeline), self.topic(pipeline));
        let group = self.group(pipeline);
        let count = wait::until(&format!("{wanted} rows in {table}"), limit, || async {
            let waiting = self.kafka.unacknowledged(&topic, &group).await?;
            let count = self.clickhouse.count(&table).await?;
            Ok(if waiting == 0 && count.rows >= wanted {
                Seen::Done(count)
            } else {
                Seen::NotYet(format!("{} rows, {waiting} records not acknowledged", count.rows))
            })
        })
        .await?;
        anyhow::ensure!(count.rows == wanted, "{table} has {} rows and should have {wanted}", count.rows);
        anyhow::ensure!(
            count.positions == wanted,
            "{table} has {} rows of {} positions",
            count.rows,
            count.positions
        );
        Ok(())
    }
}
