//! The durations, sizes and counts of a pipeline, read from their texts. Pure.
//!
//! In: the spec. Out: [`Numbers`], or one fault for each text that is none, naming the field and what it may be.
//! The CRD checks the shapes too; an older CRD may not, and an object that passed it may be older still.

use std::time::Duration;

use crds::AnalyticsPipelineSpec;
use crds::analytics_pipeline::{Autoscaling, ProcessorSpec, needed_memory};
use crds::quantities::{parse_bytes, parse_duration};
use crds::stream_config::BatchConfig;

use crate::fault::Fault;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const TEN_YEARS: Duration = Duration::from_secs(3650 * 24 * 3600);

/// The numbers of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Numbers {
    pub(super) retention: Duration,
    pub(super) ttl: Option<Duration>,
    pub(super) deduplication_window: Option<Duration>,
    pub(super) batch: BatchConfig,
    /// How long the lag must ask for fewer pods; absent where their number is fixed.
    pub(super) scale_in_after: Option<Duration>,
}

/// Reads the numbers.
pub(super) fn read(spec: &AnalyticsPipelineSpec) -> Result<Numbers, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut duration = |field: &str, text: &str, least: Duration, most: Duration| match parse_duration(text) {
        Ok(duration) if (least..=most).contains(&duration) => duration,
        Ok(_) => {
            faults.push(Fault::spec(format!(
                "`{field}`: `{text}` must be between {} and {}",
                words(least),
                words(most)
            )));
            least
        }
        Err(error) => {
            faults.push(Fault::spec(format!("`{field}`: {error}")));
            least
        }
    };
    let retention = duration("spec.kafka.retention", &spec.kafka.retention, MINUTE, TEN_YEARS);
    let ttl = spec.clickhouse.ttl.as_ref().map(|ttl| duration("spec.clickhouse.ttl", ttl, MINUTE, TEN_YEARS));
    let window = spec.deduplication.as_ref();
    let window = window.map(|d| duration("spec.deduplication.window", &d.window, SECOND, TEN_YEARS));
    let batch = &spec.processor.batch;
    let max_age =
        duration("spec.processor.batch.maxAge", &batch.max_age, Duration::from_millis(10), 5 * MINUTE);
    let autoscaling = spec.processor.autoscaling.as_ref();
    let scale_in_after = autoscaling.map(|autoscaling| {
        let field = "spec.processor.autoscaling.scaleInAfter";
        duration(field, &autoscaling.scale_in_after, 10 * SECOND, 60 * MINUTE)
    });
    faults.extend(autoscaling.and_then(|autoscaling| check_bounds(autoscaling, spec.kafka.partitions)));
    let max_bytes = max_bytes(&spec.processor, &mut faults);
    let max_rows = usize::try_from(batch.max_rows).unwrap_or(0);
    if max_rows == 0 {
        faults.push(Fault::spec("`spec.processor.batch.maxRows` must be at least 1"));
    }
    for (field, number, most) in [
        ("spec.kafka.partitions", spec.kafka.partitions, 10_000),
        ("spec.kafka.replicas", spec.kafka.replicas, 100),
        ("spec.processor.replicas", spec.processor.replicas, 10_000),
    ] {
        let least = i32::from(field.starts_with("spec.kafka"));
        if !(least..=most).contains(&number) {
            faults.push(Fault::spec(format!("`{field}`: {number} must be between {least} and {most}")));
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let batch = BatchConfig {
        max_rows,
        max_bytes: usize::try_from(max_bytes).unwrap_or(usize::MAX),
        max_age_milliseconds: u64::try_from(max_age.as_millis()).unwrap_or(u64::MAX),
    };
    Ok(Numbers { retention, ttl, deduplication_window: window, batch, scale_in_after })
}

/// Checks that there is a number of pods within the bounds, and a partition for each.
fn check_bounds(autoscaling: &Autoscaling, partitions: i32) -> Option<Fault> {
    let Autoscaling { min, max, target_lag, .. } = autoscaling;
    let what = if *min < 1 || min > max {
        format!("`min`: {min} must be at least 1, and at most `max`, {max}")
    } else if *max > partitions {
        format!("`max`: {max} is above `spec.kafka.partitions`, {partitions}, so pods would idle; lower it")
    } else if *target_lag < 1 {
        format!("`targetLag`: {target_lag} must be at least 1")
    } else {
        return None;
    };
    Some(Fault::spec(format!("`spec.processor.autoscaling`: {what}")))
}

/// Reads how large a batch may be, and whether the processor's memory holds it.
fn max_bytes(processor: &ProcessorSpec, faults: &mut Vec<Fault>) -> u64 {
    let mut read = |field: &str, text: &str| match parse_bytes(text) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            faults.push(Fault::spec(format!("`{field}`: {error}")));
            None
        }
    };
    let (batch, memory) = (&processor.batch.max_bytes, &processor.resources.memory);
    let max_bytes = read("spec.processor.batch.maxBytes", batch).unwrap_or(0);
    let needed = needed_memory(max_bytes);
    if read("spec.processor.resources.memory", memory).is_some_and(|memory| memory < needed) {
        faults.push(Fault::spec(format!(
            "`spec.processor.resources.memory`: `{memory}` is too little for batches of `{batch}`; ask for at least {}Mi \
             (8 times `spec.processor.batch.maxBytes`, and 96Mi), or make the batches smaller",
            needed.div_ceil(1 << 20)
        )));
    }
    max_bytes
}

fn words(duration: Duration) -> String {
    const DAY: u64 = 24 * 3600;
    match (duration.as_secs(), duration.subsec_millis()) {
        (0, milliseconds) => format!("{milliseconds}ms"),
        (seconds, _) if seconds.is_multiple_of(DAY) => format!("{}d", seconds / DAY),
        (seconds, _) if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        (seconds, _) => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests;
