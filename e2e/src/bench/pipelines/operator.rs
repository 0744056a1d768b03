//! The operator of the benchmark: the release binary on this host, with a metrics page that is read before and after.
//!
//! In: where Kafka, ClickHouse and the cluster are. Out: a running operator that holds its Lease, and counts of what it did.
//! An operator that is installed in the cluster would do the same work: [`Standing`] takes its pods away and gives them back.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::bench::contender::tributary::beside_this_program;
use crate::bench::ground::Ground;
use crate::bench::process::{Launch, Process};
use crate::bench::server::free_port;
use crate::cluster::Cluster;
use crate::environment::settings::{CLICKHOUSE_PASSWORD, CLICKHOUSE_USER};
use crate::{host, install};

/// A Lease that was not given back has to run out first.
const START: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(100);

/// A running operator.
pub(super) struct Operator {
    process: Process,
    address: String,
}

/// What it did since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Count {
    /// Requests to the apiserver.
    pub(super) requests: f64,
    /// Writes to Kubernetes.
    pub(super) writes: f64,
    /// Looks at objects.
    pub(super) looks: f64,
    /// CPU seconds.
    pub(super) cpu: f64,
}

impl Operator {
    /// Starts one and waits until it leads.
    pub(super) async fn start(ground: &Ground, namespace: &str) -> Result<Self> {
        let program = beside_this_program("operator")?;
        if !program.exists() {
            bail!("there is no {}: cargo build --release --package operator", program.display());
        }
        let connection = ground.folder.join("connection");
        std::fs::create_dir_all(&connection).context("making the connection folder")?;
        for (file, text) in
            [("clickhouse-user", CLICKHOUSE_USER), ("clickhouse-password", CLICKHOUSE_PASSWORD)]
        {
            std::fs::write(connection.join(file), text).context("writing the connection folder")?;
        }
        let address = format!("127.0.0.1:{}", free_port()?);
        let arguments = [
            ("kafka-bootstrap", ground.address.clone()),
            ("clickhouse-url", ground.server.url().to_owned()),
            ("connection-dir", connection.display().to_string()),
            ("processor-image", "tributary/processor:none".to_owned()),
            ("namespace", namespace.to_owned()),
            ("listen", address.clone()),
        ];
        let launch = Launch {
            program,
            arguments: arguments.into_iter().map(|(flag, value)| format!("--{flag}={value}")).collect(),
            variables: Vec::new(),
            log: ground.folder.join("operator.log"),
        };
        let operator = Self { process: Process::start(&launch)?, address };
        let begun = Instant::now();
        while operator.page().await.map_or(0.0, |page| sum(&page, "tributary_operator_leader")) < 1.0 {
            operator.is_alive()?;
            ensure!(begun.elapsed() < START, "the operator does not lead: {}", operator.process.last_words());
            tokio::time::sleep(INTERVAL).await;
        }
        Ok(operator)
    }

    /// Fails when it has ended.
    pub(super) fn is_alive(&self) -> Result<()> {
        ensure!(!self.process.has_ended(), "the operator ended: {}", self.process.last_words());
        Ok(())
    }

    /// Reads what it did.
    pub(super) async fn count(&self) -> Result<Count> {
        let page = self.page().await?;
        Ok(Count {
            requests: sum(&page, "tributary_operator_requests_total"),
            writes: sum(&page, "tributary_operator_writes_total"),
            looks: sum(&page, "tributary_operator_reconciles_total"),
            cpu: host::usage(&[self.process.pid()]).cpu_seconds,
        })
    }

    /// Its resident memory, bytes.
    pub(super) fn memory(&self) -> u64 {
        host::usage(&[self.process.pid()]).memory
    }

    /// Ends it as a rollout does.
    pub(super) fn stop(&mut self) {
        self.process.terminate();
    }

    async fn page(&self) -> Result<String> {
        let url = format!("http://{}/metrics", self.address);
        let answer = reqwest::get(&url).await.and_then(reqwest::Response::error_for_status);
        answer.context("asking the operator for its metrics")?.text().await.context("reading its metrics")
    }
}

/// The sum of a metric over its labels.
fn sum(page: &str, metric: &str) -> f64 {
    let value = |line: &str| {
        let rest = line.strip_prefix(metric)?;
        let is_it = rest.starts_with(['{', ' ']);
        is_it.then(|| rest.rsplit(' ').next()?.parse::<f64>().ok()).flatten()
    };
    // A sum of nothing is -0 to Rust.
    page.lines().filter_map(value).fold(0.0, |sum, value| sum + value)
}

/// Operators that are installed in the cluster, with the pods that they had.
pub(super) struct Standing(Vec<(String, String, i32)>);

impl Standing {
    /// Takes their pods away.
    pub(super) async fn take_away(cluster: &Cluster) -> Result<Self> {
        let operators = ListParams::default().labels(install::OPERATOR_SELECTOR);
        let all: Api<Deployment> = Api::all(cluster.client.clone());
        let mut standing = Vec::new();
        for deployment in all.list(&operators).await.context("listing the operators")? {
            let replicas = deployment.spec.replicas.unwrap_or(1);
            let (namespace, name) = (deployment.namespace().unwrap_or_default(), deployment.name_any());
            scale(cluster, (&namespace, &name), 0).await?;
            standing.push((namespace, name, replicas));
        }
        let begun = Instant::now();
        while !cluster.operator_pods().await?.is_empty() {
            ensure!(begun.elapsed() < START, "the installed operator's pods do not end");
            tokio::time::sleep(INTERVAL).await;
        }
        Ok(Self(standing))
    }

    /// Gives them back.
    pub(super) async fn give_back(&self, cluster: &Cluster) -> Result<()> {
        for (namespace, name, replicas) in &self.0 {
            scale(cluster, (namespace, name), *replicas).await?;
        }
        Ok(())
    }
}

async fn scale(cluster: &Cluster, (namespace, name): (&str, &str), replicas: i32) -> Result<()> {
    let deployments: Api<Deployment> = cluster.api(namespace);
    let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
    deployments
        .patch_scale(name, &PatchParams::default(), &patch)
        .await
        .with_context(|| format!("scaling {namespace}/{name} to {replicas}"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn a_metric_is_summed_over_its_labels_and_not_with_others_of_its_beginning() {
        let page =
            "# TYPE a counter\na_total{verb=\"get\"} 3\na_total{verb=\"watch\"} 4\na_total_more 9\nb 1\n";
        assert_eq!((sum(page, "a_total"), sum(page, "b"), sum(page, "c")), (7.0, 1.0, 0.0));
    }
}
