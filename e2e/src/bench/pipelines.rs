//! Many pipelines: what the operator costs with a hundred of them and with a thousand, on the real apiserver.
//!
//! In: the environment's cluster and broker, and the benchmark's own ClickHouse. Out: for each number of pipelines, [`Found`]: how long
//! until all are Ready, what is asked and written on the way, the operator's memory and CPU, what a minute of rest costs, and what an
//! operator does that starts anew where nothing is to be done.
//! The pipelines are suspended: each has its topics, its table and a Deployment without pods. The operator runs on this host; one that
//! is installed in the cluster has no pods meanwhile.
//! Not here: processors.

mod operator;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use crds::AnalyticsPipeline;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt};
use serde::Serialize;
use serde_json::{Value, json};

use super::ground::Ground;
use crate::cluster::Cluster;
use crate::connections::Connections;
use crate::install;
use crate::wait::Reported;
use operator::{Count, Operator, Standing};

/// Pipelines of one namespace.
const IN_A_NAMESPACE: usize = 100;
/// Objects applied at once, as a GitOps tool does.
const AT_ONCE: usize = 8;
const INTERVAL: Duration = Duration::from_millis(500);
/// How long everything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(900);
/// How long an operator that starts anew is looked at when it is through.
const LATE: Duration = Duration::from_secs(10);
/// Namespace of the operator's Lease.
const LEASE: &str = "bench-operator";

/// What was found, by number of pipelines.
#[derive(Debug, Clone, Serialize)]
pub struct Pipelines(pub Vec<Found>);

/// What was found with some pipelines.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Found {
    /// Pipelines.
    pub n_pipelines: usize,
    /// Seconds from the first object that was applied until all are Ready.
    pub ready_seconds: f64,
    /// Until then.
    pub made: Spent,
    /// The operator's resident memory then, bytes.
    pub memory: u64,
    /// In a minute in which nothing changes.
    pub rest: Spent,
    /// By an operator that starts anew, until ten seconds after it has looked as often as there are objects.
    pub restart: Spent,
    /// Seconds from its start until it has looked as often as there are objects.
    pub restart_seconds: f64,
    /// Seconds from the first object that was deleted until all are gone, with topics and tables.
    pub gone_seconds: f64,
}

/// What the operator did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spent {
    /// Requests to the apiserver; watches that are renewed and the Lease are among them.
    pub requests: f64,
    /// Writes to Kubernetes.
    pub writes: f64,
    /// CPU seconds.
    pub cpu: f64,
}

impl Spent {
    fn between(before: &Count, after: &Count) -> Self {
        Self {
            requests: after.requests - before.requests,
            writes: after.writes - before.writes,
            cpu: after.cpu - before.cpu,
        }
    }

    fn times(self, factor: f64) -> Self {
        Self { requests: self.requests * factor, writes: self.writes * factor, cpu: self.cpu * factor }
    }
}

/// Measures each number of pipelines by itself.
pub async fn measure(
    ground: &mut Ground,
    (numbers, rest): (&[usize], Duration),
    mut show: impl FnMut(&Found) -> Result<()>,
) -> Result<Pipelines> {
    let connections = Connections::from_environment()?;
    let cluster = Cluster::connect(&connections).await?;
    define(&cluster).await?;
    let standing = Standing::take_away(&cluster).await?;
    let mut found = Vec::new();
    for n_pipelines in numbers {
        let fleet = Fleet { cluster: &cluster, n_pipelines: *n_pipelines };
        let one = fleet.measure(ground, rest).await;
        // What could not be measured is taken away like all the rest.
        let cleared = fleet.clear().await;
        let one = one.and_then(|one| cleared.map(|()| one));
        match one {
            Ok(one) => {
                show(&one)?;
                found.push(one);
            }
            Err(error) => {
                standing.give_back(&cluster).await?;
                return Err(error);
            }
        }
    }
    standing.give_back(&cluster).await?;
    Ok(Pipelines(found))
}

/// Makes sure that the cluster has the three kinds of this checkout.
async fn define(cluster: &Cluster) -> Result<()> {
    let folder = install::repository().join("manifests/crds");
    for definition in crate::cluster::read_manifests(&folder)? {
        cluster.apply(&definition, false).await.context("applying the CustomResourceDefinitions")?;
    }
    install::established(cluster).await
}

/// Some pipelines.
struct Fleet<'a> {
    cluster: &'a Cluster,
    n_pipelines: usize,
}

impl Fleet<'_> {
    async fn measure(&self, ground: &mut Ground, rest: Duration) -> Result<Found> {
        self.make_namespaces().await?;
        let mut operator = Operator::start(ground, LEASE).await?;
        let before = operator.count().await?;
        let begun = Instant::now();
        self.apply().await?;
        self.until("all to be Ready", &operator, || async { Ok(self.n_ready().await? == self.n_pipelines) })
            .await?;
        let ready_seconds = begun.elapsed().as_secs_f64();
        let made = operator.count().await?;
        let memory = operator.memory();

        tokio::time::sleep(rest).await;
        let rested = operator.count().await?;
        let minutes = rest.as_secs_f64() / 60.0;

        operator.stop();
        let begun = Instant::now();
        let operator = Operator::start(ground, LEASE).await?;
        // Each pipeline, and the schema of each namespace.
        let n_objects = (self.n_pipelines + self.namespaces().len()) as f64;
        self.until("an operator that starts anew", &operator, || async {
            Ok(operator.count().await?.looks >= n_objects)
        })
        .await?;
        let restart_seconds = begun.elapsed().as_secs_f64();
        // What it writes late counts too.
        tokio::time::sleep(LATE).await;
        let restarted = operator.count().await?;

        let begun = Instant::now();
        self.delete_all().await?;
        self.until("all to be gone", &operator, || async { Ok(self.pipelines().await?.is_empty()) }).await?;
        Ok(Found {
            n_pipelines: self.n_pipelines,
            ready_seconds,
            made: Spent::between(&before, &made),
            memory,
            rest: Spent::between(&made, &rested).times(1.0 / minutes),
            restart: Spent::between(&Count::default(), &restarted),
            restart_seconds,
            gone_seconds: begun.elapsed().as_secs_f64(),
        })
    }

    fn namespaces(&self) -> Vec<String> {
        (0..self.n_pipelines.div_ceil(IN_A_NAMESPACE)).map(|number| format!("bench-fleet-{number}")).collect()
    }

    async fn make_namespaces(&self) -> Result<()> {
        for name in self.namespaces().iter().map(String::as_str).chain([LEASE]) {
            let namespace = json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": { "name": name, "labels": { install::OWN.0: install::OWN.1 } },
            });
            self.cluster.apply(&namespace, false).await.context("making a namespace of the benchmark")?;
        }
        Ok(())
    }

    async fn apply(&self) -> Result<()> {
        let namespaces = self.namespaces();
        let schemas = namespaces.iter().map(|namespace| schema(namespace));
        let pipelines = (0..self.n_pipelines).map(|number| {
            let namespace = &namespaces[number / IN_A_NAMESPACE];
            pipeline(namespace, &format!("stream-{}", number % IN_A_NAMESPACE))
        });
        let objects: Vec<Value> = schemas.chain(pipelines).collect();
        futures::stream::iter(&objects)
            .map(|object| self.cluster.apply(object, false))
            .buffer_unordered(AT_ONCE)
            .try_for_each(|_| async { Ok(()) })
            .await
            .context("applying a pipeline of the benchmark")
    }

    async fn pipelines(&self) -> Result<Vec<AnalyticsPipeline>> {
        let mut all = Vec::new();
        for namespace in self.namespaces() {
            let here: Api<AnalyticsPipeline> = self.cluster.api(&namespace);
            all.extend(here.list(&ListParams::default()).await.context("listing the pipelines")?.items);
        }
        Ok(all)
    }

    async fn n_ready(&self) -> Result<usize> {
        Ok(self.pipelines().await?.iter().filter(|pipeline| pipeline.is_ready()).count())
    }

    async fn delete_all(&self) -> Result<()> {
        for namespace in self.namespaces() {
            let here: Api<AnalyticsPipeline> = self.cluster.api(&namespace);
            here.delete_collection(&DeleteParams::default(), &ListParams::default())
                .await
                .context("deleting the pipelines")?;
        }
        Ok(())
    }

    async fn until<Fut: Future<Output = Result<bool>>>(
        &self,
        what: &str,
        operator: &Operator,
        is_so: impl Fn() -> Fut,
    ) -> Result<()> {
        let begun = Instant::now();
        while !is_so().await? {
            operator.is_alive()?;
            ensure!(begun.elapsed() < PATIENCE, "waited {} s for {what}", PATIENCE.as_secs());
            tokio::time::sleep(INTERVAL).await;
        }
        Ok(())
    }

    /// Takes the namespaces away; a pipeline that is left would wait for ever for an operator that may drop its data.
    async fn clear(&self) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.cluster.client.clone());
        for pipeline in self.pipelines().await? {
            let here: Api<AnalyticsPipeline> = self.cluster.api(&pipeline.namespace().unwrap_or_default());
            let free = kube::api::Patch::Merge(json!({ "metadata": { "finalizers": null } }));
            here.patch(&pipeline.name_any(), &kube::api::PatchParams::default(), &free).await?;
        }
        for name in self.namespaces().iter().map(String::as_str).chain([LEASE]) {
            namespaces.delete(name, &DeleteParams::default()).await.context("deleting a namespace")?;
        }
        let begun = Instant::now();
        for name in self.namespaces().iter().map(String::as_str).chain([LEASE]) {
            while namespaces.get_opt(name).await?.is_some() {
                ensure!(begun.elapsed() < PATIENCE, "namespace {name} does not go");
                tokio::time::sleep(INTERVAL).await;
            }
        }
        Ok(())
    }
}

fn schema(namespace: &str) -> Value {
    json!({
        "apiVersion": "tributary.dev/v1alpha1", "kind": "EventSchema",
        "metadata": { "name": "click", "namespace": namespace },
        "spec": { "fields": [
            { "name": "n", "type": "Int64", "required": true },
            { "name": "page", "type": "String" },
            { "name": "country", "type": "String" },
        ] },
    })
}

fn pipeline(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "tributary.dev/v1alpha1", "kind": "AnalyticsPipeline",
        "metadata": { "name": name, "namespace": namespace },
        "spec": {
            "schemas": [{ "name": "click" }],
            "kafka": { "partitions": 1 },
            "suspend": true,
            "deletionPolicy": "Delete",
        },
    })
}
