//! Quota: which pipelines of a tenant are within its caps. Pure.
//!
//! In: the caps and all pipelines of the tenant, over its namespaces. Out: what a pipeline breaks, in words for its team.
//! Pipelines are counted from the oldest to the youngest; one that does not fit is left out, and those behind it may fit:
//! so a cap that is lowered or passed never meets the oldest. Nobody learns another pipeline's name.
//! Not here: what is done about it; a plan with a fault changes nothing, and what runs goes on.

use std::time::Duration;

use crds::AnalyticsPipeline;
use crds::conditions::{ConditionType, Reason};

use super::Standing;
use crate::fault::{Cure, Fault};
use crate::objects::age;

/// What counts of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    /// When it was made, and the UID.
    pub age: (Option<jiff::Timestamp>, String),
    /// Partitions of its topic.
    pub partitions: u32,
}

impl Counted {
    /// Counts a pipeline.
    pub fn of(pipeline: &AnalyticsPipeline) -> Self {
        Self {
            age: age(pipeline),
            partitions: u32::try_from(pipeline.spec.kafka.partitions).unwrap_or_default(),
        }
    }
}

/// Finds every cap that a pipeline passes. `fellows` are all pipelines of the tenant.
pub fn check(
    pipeline: &AnalyticsPipeline,
    retention: Duration,
    (standing, fellows): (&Standing, &[Counted]),
) -> Vec<Fault> {
    let caps = &standing.caps;
    let spec = &pipeline.spec;
    let mut faults = Vec::new();
    let pods = match &spec.processor.autoscaling {
        Some(autoscaling) => ("spec.processor.autoscaling.max", autoscaling.max),
        None => ("spec.processor.replicas", spec.processor.replicas),
    };
    for (field, cap, value, most) in [
        ("spec.kafka.partitions", "partitions", spec.kafka.partitions, caps.partitions),
        (pods.0, "replicas", pods.1, caps.replicas),
    ] {
        let value = u32::try_from(value).unwrap_or_default();
        if let Some(most) = most.filter(|most| value > *most) {
            let what = format!("`{field}`: {value} is above {most}, the most that a pipeline may have here");
            faults.push(over(standing, cap, &what, "lower it"));
        }
    }
    if let Some(most) = caps.retention.as_ref().filter(|most| retention > most.duration) {
        let (value, most) = (&spec.kafka.retention, &most.text);
        let what = format!(
            "`spec.kafka.retention`: `{value}` is longer than `{most}`, the longest that records may stay here"
        );
        faults.push(over(standing, "retention", &what, "shorten it"));
    }
    faults.extend(check_totals(pipeline, standing, fellows));
    faults
}

fn check_totals(pipeline: &AnalyticsPipeline, standing: &Standing, fellows: &[Counted]) -> Option<Fault> {
    let (most_pipelines, most_partitions) = (standing.caps.pipelines, standing.caps.partitions_in_total);
    let own = Counted::of(pipeline);
    let mut elders: Vec<&Counted> = fellows.iter().filter(|fellow| fellow.age < own.age).collect();
    elders.sort_by(|left, right| left.age.cmp(&right.age));
    let (mut n_pipelines, mut n_partitions) = (0_u32, 0_u32);
    let with = |n_partitions: u32, more: &Counted| n_partitions.saturating_add(more.partitions);
    let has_place = |n_pipelines| most_pipelines.is_none_or(|most| n_pipelines < most);
    let has_room = |n_partitions| most_partitions.is_none_or(|most| n_partitions <= most);
    for elder in elders {
        if has_place(n_pipelines) && has_room(with(n_partitions, elder)) {
            n_pipelines = n_pipelines.saturating_add(1);
            n_partitions = with(n_partitions, elder);
        }
    }
    if let Some(most) = most_pipelines.filter(|_| !has_place(n_pipelines)) {
        let what = format!(
            "the team has {n_pipelines} older pipelines, and may have {most} over all its namespaces"
        );
        return Some(over(standing, "pipelines", &what, "delete one of them"));
    }
    let total = with(n_partitions, &own);
    let most = most_partitions.filter(|_| !has_room(total))?;
    let what = format!(
        "`spec.kafka.partitions`: with {} here the team's pipelines would have {total}, above {most}, the most over all its namespaces",
        own.partitions
    );
    Some(over(standing, "partitionsInTotal", &what, "lower it, or delete an older pipeline"))
}

fn over(standing: &Standing, cap: &str, what: &str, remedy: &str) -> Fault {
    let tenant = standing.tenant.as_deref().unwrap_or_default();
    Fault::new(
        ConditionType::Ready,
        Reason::QuotaExceeded,
        Cure::Change,
        format!(
            "{what}; {remedy}, or ask the platform team to raise `caps.{cap}` of tenant `{tenant}` (Helm value `tenants`)"
        ),
    )
}

#[cfg(test)]
mod tests;
