//! How many pods the processor has. Pure.
//!
//! In: the spec, what was gathered of lag and KEDA. Out: [`Pods`]: a number, or what KEDA is to do.
//! A suspended stream has none, and neither has one that must stop first. The greatest number is the least of what the spec says, of
//! the partitions and of the tenant's cap.
//! Not here: when a lag asks for more or fewer (`pipeline/scaling.rs`).

use std::time::Duration;

use crds::AnalyticsPipeline;
use crds::analytics_pipeline::Autoscaling;

use crate::fault::Fault;
use crate::pipeline::build::keda::Wanted;
use crate::pipeline::claims;
use crate::pipeline::gather::Gathered;
use crate::pipeline::gather::scaling::Decider;
use crate::pipeline::processor::{self, Verdict};
use crate::pipeline::scaling::{Decision, Rule, Seen, decide};
use crate::settings::Settings;
use crate::tenants::Standing;

/// How many pods the processor has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pods {
    /// The number; absent where KEDA decides.
    pub replicas: Option<i32>,
    /// What was decided by the lag.
    pub decision: Option<Decision>,
    /// What KEDA is to do.
    pub keda: Option<Wanted>,
    /// The bounds, where the number follows the lag.
    pub rule: Option<Rule>,
    /// Why the lag is not known.
    pub fault: Option<Fault>,
}

impl Pods {
    fn fixed(replicas: i32) -> Self {
        Self { replicas: Some(replicas), ..Self::default() }
    }
}

/// Finds how many pods the processor has. Without `scale_in_after` the number is fixed.
pub(super) fn pods(
    pipeline: &AnalyticsPipeline,
    gathered: &Gathered,
    settings: &Settings,
    (standing, scale_in_after, must_stop_first): (&Standing, Option<Duration>, bool),
) -> Pods {
    let spec = &pipeline.spec;
    if spec.suspend || must_stop_first {
        return Pods::fixed(0);
    }
    let (Some(autoscaling), Some(scale_in_after)) = (&spec.processor.autoscaling, scale_in_after) else {
        return Pods::fixed(spec.processor.replicas);
    };
    let rule = rule(autoscaling, scale_in_after, (spec.kafka.partitions, standing));
    let Some(observed) = &gathered.scaling else {
        return Pods { replicas: Some(rule.min), rule: Some(rule), ..Pods::default() };
    };
    let (lag, fault) = match &observed.decider {
        Decider::Keda(reach) => {
            let keda = Wanted {
                rule: rule.clone(),
                bootstrap: settings.kafka_bootstrap.clone(),
                topic: gathered.names.topic.clone(),
                group: claims::group(pipeline),
                reach: reach.clone(),
            };
            return Pods { keda: Some(keda), rule: Some(rule), ..Pods::default() };
        }
        Decider::Lag(Ok(lag)) => (Some(*lag), None),
        Decider::Lag(Err(fault)) => (None, Some(fault.clone())),
    };
    let deployment = gathered.children.deployment.as_ref();
    let verdict = deployment.map(|deployment| processor::judge(deployment, &gathered.processors));
    let seen = Seen {
        replicas: deployment.map_or(0, processor::desired),
        is_settled: matches!(verdict, Some(Verdict::Working(_))),
        lag,
    };
    let decision = decide(&rule, &seen, &observed.memory, observed.now);
    Pods {
        replicas: Some(decision.replicas),
        decision: Some(decision),
        rule: Some(rule),
        fault,
        ..Pods::default()
    }
}

fn rule(
    autoscaling: &Autoscaling,
    scale_in_after: Duration,
    (partitions, standing): (i32, &Standing),
) -> Rule {
    let cap = standing.caps.replicas.and_then(|cap| i32::try_from(cap).ok());
    let tenant = standing.tenant.as_deref().unwrap_or_default();
    let mut bound = (autoscaling.max, "`spec.processor.autoscaling.max`".to_owned());
    for (most, limit) in [
        (Some(partitions), format!("the topic's {partitions} partitions")),
        (cap, format!("`caps.replicas` of tenant `{tenant}`")),
    ] {
        if let Some(most) = most.filter(|most| *most < bound.0) {
            bound = (most, limit);
        }
    }
    let (max, limit) = bound;
    Rule {
        min: autoscaling.min.min(max),
        max,
        limit,
        target_lag: autoscaling.target_lag.max(1),
        scale_in_after,
    }
}

#[cfg(test)]
mod tests;
