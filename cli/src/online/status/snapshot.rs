//! Snapshot: what everybody said of a stream at one moment.
//!
//! In: objects and answers. Out: one value, which is also the JSON of `status`. No value of an event and no secret is in it.

use crds::processor_report::ProcessorReport;
use crds::{AnalyticsPipeline, ForwardingRule};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde::{Deserialize, Serialize};

use crate::online::clickhouse::Size;

/// What everybody said of a stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Snapshot {
    /// When.
    pub(crate) at: Timestamp,
    /// The pipeline, with the operator's status.
    pub(crate) pipeline: AnalyticsPipeline,
    /// Its rules.
    #[serde(default)]
    pub(crate) rules: Vec<ForwardingRule>,
    /// Its pods.
    #[serde(default)]
    pub(crate) processors: Vec<ProcessorSeen>,
    /// Its partitions.
    #[serde(default)]
    pub(crate) partitions: Vec<PartitionSeen>,
    /// Its table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) table: Option<Size>,
    /// Its dead letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dead_letters: Option<Letters>,
    /// What could not be asked, and why.
    #[serde(default)]
    pub(crate) unasked: Vec<String>,
}

/// A pod, and what it says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProcessorSeen {
    /// Name.
    pub(crate) pod: String,
    /// Phase, as Kubernetes says.
    pub(crate) phase: String,
    /// How often its container was started again.
    #[serde(default)]
    pub(crate) restarts: i32,
    /// What it says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) report: Option<ProcessorReport>,
}

/// A partition of the stream's topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PartitionSeen {
    /// Partition.
    pub(crate) partition: i32,
    /// First offset that is still there.
    pub(crate) first: i64,
    /// Offset up to which all is settled; absent when the group holds none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) acknowledged: Option<i64>,
    /// Offset behind the last record.
    pub(crate) end: i64,
    /// The pod that reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) processor: Option<String>,
}

/// The dead-letter topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Letters {
    /// Its name.
    pub(crate) topic: String,
    /// Records that are still there.
    pub(crate) records: i64,
}

impl Snapshot {
    /// Begins with the pipeline alone.
    pub(crate) fn new(mut pipeline: AnalyticsPipeline, at: Timestamp) -> Self {
        // Who wrote which field helps nobody here.
        pipeline.metadata.managed_fields = None;
        Self {
            at,
            pipeline,
            rules: Vec::new(),
            processors: Vec::new(),
            partitions: Vec::new(),
            table: None,
            dead_letters: None,
            unasked: Vec::new(),
        }
    }

    /// Takes an answer, or notes why there is none.
    pub(crate) fn noting<T>(&mut self, what: &str, answer: anyhow::Result<T>) -> Option<T> {
        answer.map_err(|error| self.unasked.push(format!("{what}: {error:#}"))).ok()
    }

    /// Whether the operator says that all is as the spec says, of the spec of now.
    pub(crate) fn is_ready(&self) -> bool {
        let Some(status) = &self.pipeline.status else { return false };
        let is_current = status.observed_generation == self.pipeline.metadata.generation;
        is_current
            && status
                .conditions
                .iter()
                .any(|condition| condition.type_ == "Ready" && condition.status == "True")
    }
}

impl ProcessorSeen {
    /// Looks at a pod.
    pub(crate) fn new(pod: &Pod) -> Self {
        let status = pod.status.clone().unwrap_or_default();
        let restarts = status.container_statuses.unwrap_or_default().iter().map(|it| it.restart_count).sum();
        let phase =
            if pod.metadata.deletion_timestamp.is_some() { Some("Terminating".into()) } else { status.phase };
        Self { pod: pod.name_any(), phase: phase.unwrap_or_default(), restarts, report: None }
    }
}

impl PartitionSeen {
    /// Positions that are not settled.
    pub(crate) fn lag(&self) -> i64 {
        (self.end - self.acknowledged.unwrap_or(self.first).max(self.first)).max(0)
    }
}
