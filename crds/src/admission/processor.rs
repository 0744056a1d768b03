//! What the apiserver refuses of a pipeline's processor.
//!
//! In: nothing. Out: rules, each with a message that says what to do.
//! Not here: what the processor has to do with the rest of the pipeline (`admission.rs`).

use kube::core::Rule;

use super::{BYTES, bytes, rule};
use crate::analytics_pipeline::{MEMORY_BESIDE_BATCHES, MEMORY_OF_A_BATCH};

pub(crate) fn batch() -> Vec<Rule> {
    vec![
        bytes("maxBytes", "64Ki", "256Mi"),
        rule(
            "self.maxAge.matches('^([0-9]+(ms|s|m))+$') && duration(self.maxAge) >= duration('10ms') && duration(self.maxAge) <= duration('1m')",
            ".maxAge",
            "`maxAge` is a duration from 10ms to 1m, such as 500ms or 5s",
        ),
    ]
}

pub(crate) fn resources() -> Vec<Rule> {
    vec![
        rule(
            r"self.cpu.matches('^([0-9]+m|[0-9]+(\\.[0-9]{1,3})?)$') && quantity(self.cpu).compareTo(quantity('10m')) >= 0 && quantity(self.cpu).compareTo(quantity('64')) <= 0",
            ".cpu",
            "`cpu` is a number of cores from 10m to 64, such as 250m, 1 or 1.5",
        ),
        bytes("memory", "128Mi", "64Gi"),
    ]
}

pub(crate) fn processor() -> Vec<Rule> {
    let memory = rule(
        format!(
            "!self.batch.maxBytes.matches('{BYTES}') || !self.resources.memory.matches('{BYTES}') \
             || quantity(self.resources.memory).asInteger() >= quantity(self.batch.maxBytes).asInteger() * {MEMORY_OF_A_BATCH} + {MEMORY_BESIDE_BATCHES}"
        ),
        ".resources.memory",
        "`resources.memory` is at least 8 times `batch.maxBytes` and 96Mi, or the processor runs out of memory; raise it, or lower `batch.maxBytes`",
    );
    vec![
        memory,
        // The default of `replicas` cannot be told from a 1 that somebody wrote.
        rule(
            "!has(self.autoscaling) || self.replicas == 1",
            ".replicas",
            "`replicas` is a fixed number of pods, and `autoscaling` lets it follow the lag; leave one of them out",
        ),
    ]
}

pub(crate) fn autoscaling() -> Vec<Rule> {
    vec![
        rule(
            "self.min <= self.max",
            ".min",
            "`min` is above `max`, so no number of pods fits; lower it, or raise `max`",
        ),
        rule(
            "self.scaleInAfter.matches('^([0-9]+(s|m|h))+$') && duration(self.scaleInAfter) >= duration('10s') && duration(self.scaleInAfter) <= duration('1h')",
            ".scaleInAfter",
            "`scaleInAfter` is a duration from 10s to 1h, such as 90s or 5m",
        ),
    ]
}
