//! The processor of an AnalyticsPipeline: how many pods, with what, and when they write.
//!
//! In: YAML. Out: [`ProcessorSpec`], near the input, and [`ProcessorStatus`].
//! Not here: what follows from the lag; the operator decides that (`pipeline/scaling.rs`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admission;

/// The processor of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = admission::processor()))]
pub struct ProcessorSpec {
    /// Number of processor pods; more than partitions would idle. `kubectl scale` sets it. With `autoscaling` it is left out. Default: 1.
    #[schemars(range(min = 1, max = 1000))]
    pub replicas: i32,
    /// Lets the number of processor pods follow the lag. Absent: it is `replicas`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// When a batch is written.
    pub batch: BatchSpec,
    /// What a processor pod asks for and may use.
    pub resources: ProcessorResources,
}

impl Default for ProcessorSpec {
    fn default() -> Self {
        Self {
            replicas: 1,
            autoscaling: None,
            batch: BatchSpec::default(),
            resources: ProcessorResources::default(),
        }
    }
}

/// How the number of processor pods follows the lag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = admission::autoscaling()))]
pub struct Autoscaling {
    /// Least number of processor pods. Default: 1.
    #[serde(default = "Autoscaling::min")]
    #[schemars(range(min = 1, max = 1000))]
    pub min: i32,
    /// Greatest number of processor pods, at most `kafka.partitions`.
    #[schemars(range(min = 1, max = 1000))]
    pub max: i32,
    /// Records that may wait for each pod; when more do, pods are added. A batch that is being written waits too. Default: 100000.
    #[serde(default = "Autoscaling::target_lag")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub target_lag: i64,
    /// How long the lag must have asked for fewer pods before some are taken away. Default: `5m`.
    #[serde(default = "Autoscaling::scale_in_after")]
    #[schemars(length(min = 1, max = 20))]
    pub scale_in_after: String,
}

impl Autoscaling {
    fn min() -> i32 {
        1
    }

    fn target_lag() -> i64 {
        100_000
    }

    fn scale_in_after() -> String {
        "5m".into()
    }
}

/// Memory that a processor needs, in batches: what waits is up to two of them, its buffers grow by doubling, and two blocks are
/// sent at once.
pub(crate) const MEMORY_OF_A_BATCH: u64 = 8;

/// Memory for the rest, bytes: Kafka's queue and the process itself.
pub(crate) const MEMORY_BESIDE_BATCHES: u64 = 96 << 20;

/// Returns the memory that a processor needs for batches of so many bytes.
#[must_use]
pub fn needed_memory(max_bytes: u64) -> u64 {
    max_bytes.saturating_mul(MEMORY_OF_A_BATCH).saturating_add(MEMORY_BESIDE_BATCHES)
}

/// When a batch is written: as soon as one of the three is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = admission::batch()))]
pub struct BatchSpec {
    /// Rows of one partition. The more rows an insert has, the less it costs ClickHouse. Default: 100000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_rows: i32,
    /// Memory of one partition's rows and dead letters; all rows but the newest are kept compressed. Default: `16Mi`.
    #[schemars(length(min = 1, max = 20))]
    pub max_bytes: String,
    /// Age of the oldest row. Default: `1s`.
    #[schemars(length(min = 1, max = 20))]
    pub max_age: String,
}

impl Default for BatchSpec {
    fn default() -> Self {
        Self { max_rows: 100_000, max_bytes: "16Mi".into(), max_age: "1s".into() }
    }
}

/// What a processor pod asks for and may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = admission::resources()))]
pub struct ProcessorResources {
    /// CPU asked for. Default: `50m`. There is no CPU limit.
    #[schemars(length(min = 1, max = 20))]
    pub cpu: String,
    /// Memory asked for and the limit: at least 8 times `batch.maxBytes`, and 96Mi. Default: `256Mi`.
    #[schemars(length(min = 1, max = 20))]
    pub memory: String,
}

impl Default for ProcessorResources {
    fn default() -> Self {
        Self { cpu: "50m".into(), memory: "256Mi".into() }
    }
}

/// The processor of a pipeline, as it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProcessorStatus {
    /// Pods wanted.
    #[schemars(range(min = 0))]
    pub desired: i32,
    /// Pods that there are.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub replicas: i32,
    /// Pods that read and write.
    #[schemars(range(min = 0))]
    pub ready: i32,
    /// `ready/desired`, for people.
    #[schemars(length(max = 32))]
    pub summary: String,
    /// Selects the pods, for what asks for the scale of the pipeline.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub selector: String,
    /// Image of the pods.
    #[schemars(length(max = 512))]
    pub image: String,
}
