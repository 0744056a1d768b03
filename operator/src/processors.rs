//! Processors: what the pods of a pipeline say of themselves.
//!
//! In: addresses of pods. Out: a [`ProcessorReport`] each, at most 64 KiB, within a second; a pod that does not answer says
//! nothing, and that is no fault: its readiness is the kubelet's to judge.
//! Not here: what follows from it (`pipeline/processor.rs`, `forwarding_rule/status.rs`).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use crds::processor_report::ProcessorReport;
use k8s_openapi::api::core::v1::Pod;

use crate::kubernetes::{ApplyError, Kubernetes, labels};

/// Port of the processor's `/status`.
pub const PORT: u16 = 8080;
const LARGEST_REPORT: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(1);

/// A pod of a pipeline and what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Processor {
    /// The pod.
    pub pod: Pod,
    /// What it says of itself; absent when it does not answer.
    pub report: Option<ProcessorReport>,
}

/// Asks pods what they say of themselves.
#[async_trait]
pub trait Reports: Send + Sync {
    /// Asks one pod.
    async fn ask(&self, address: IpAddr) -> Option<ProcessorReport>;
}

/// Asks over HTTP.
#[derive(Debug, Clone)]
pub struct HttpReports(reqwest::Client);

impl HttpReports {
    /// Makes the client.
    pub fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self(client))
    }
}

#[async_trait]
impl Reports for HttpReports {
    async fn ask(&self, address: IpAddr) -> Option<ProcessorReport> {
        let url = format!("http://{}/status", SocketAddr::new(address, PORT));
        match self.fetch(&url).await {
            Ok(report) => report,
            Err(error) => {
                tracing::debug!(url, error = %crate::report::Chain(&error), "processor did not report");
                None
            }
        }
    }
}

impl HttpReports {
    async fn fetch(&self, url: &str) -> Result<Option<ProcessorReport>, reqwest::Error> {
        let mut response = self.0.get(url).send().await?.error_for_status()?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LARGEST_REPORT {
                return Ok(None);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(serde_json::from_slice(&body).ok())
    }
}

/// Lists the pods of a pipeline and asks each, oldest name first. A pod that has ended for good (evicted, for one) may stay
/// behind for long, and runs nothing: it is left out.
pub async fn observe(
    kubernetes: &Kubernetes,
    reports: &dyn Reports,
    namespace: &str,
    pipeline: &str,
) -> Result<Vec<Processor>, ApplyError> {
    let mut pods: Vec<Pod> = kubernetes.list(namespace, &labels::pod_selector(pipeline)).await?;
    pods.sort_by(|left, right| left.metadata.name.cmp(&right.metadata.name));
    pods.retain(|pod| !matches!(phase(pod), Some("Failed" | "Succeeded")));
    let asked = pods.into_iter().map(|pod| async move {
        let report = match address(&pod) {
            Some(address) => reports.ask(address).await,
            None => None,
        };
        Processor { pod, report }
    });
    Ok(futures::future::join_all(asked).await)
}

/// Returns the address of a pod that runs.
fn address(pod: &Pod) -> Option<IpAddr> {
    if phase(pod) != Some("Running") || pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()
}

fn phase(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.phase.as_deref()
}
