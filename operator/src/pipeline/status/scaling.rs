//! The condition `ScalingActive`: who decides on the number of pods, what was changed last, and why. Pure.
//!
//! In: the plan's decision, faults, how far the apply came. Out: the condition, where pods follow their lag, and what is waited for.
//! It tells of the last change until the next, and names no lag of now: it would be written at every look.

use crds::AnalyticsPipeline;
use crds::conditions::{ConditionType, Reason};
use kube::ResourceExt;

use crate::fault::Fault;
use crate::pipeline::apply::Applied;
use crate::pipeline::build::object_name;
use crate::pipeline::gather::scaling::{Keda, was_on};
use crate::pipeline::plan::Plan;
use crate::status::{Conditions, Truth, find};

const KIND: ConditionType = ConditionType::ScalingActive;

/// Says the condition, where there is one. Returns what is waited for.
pub(super) fn say(
    conditions: &mut Conditions<'_>,
    pipeline: &AnalyticsPipeline,
    faults: &[Fault],
    (plan, applied, keda): (Option<&Plan>, &Applied, &Keda),
) -> Option<String> {
    let is_wanted = pipeline.spec.processor.autoscaling.is_some();
    if !is_wanted {
        // Where it was on, something of KEDA's may be left; it is not forgotten before it is gone.
        let is_left = keda.scaled_object.is_some() || keda.trigger_authentication.is_some();
        let message = "the number of processor pods is fixed again, and KEDA's objects go first";
        let is_left = is_left && was_on(pipeline);
        return is_left.then(|| {
            let otherwise = |conditions: &mut Conditions<'_>| {
                conditions.say(KIND, Truth::False, Reason::Progressing, message);
            };
            conditions.step(KIND, faults, otherwise);
            message.to_owned()
        });
    }
    let unread = plan.and_then(|plan| plan.pods.fault.as_ref());
    let faults: Vec<Fault> = faults.iter().chain(unread).cloned().collect();
    conditions.step(KIND, &faults, |conditions| match plan.filter(|_| applied.deployment.is_some()) {
        _ if pipeline.spec.suspend => {
            conditions.say(KIND, Truth::True, Reason::Suspended, "no processor runs, whatever waits");
        }
        Some(plan) => say_decision(conditions, pipeline, plan),
        None => {
            let reason = faults.first().map_or(Reason::Progressing, |fault| fault.reason);
            conditions.keep(KIND, reason, "not looked at yet; see the condition Ready");
        }
    });
    None
}

fn say_decision(conditions: &mut Conditions<'_>, pipeline: &AnalyticsPipeline, plan: &Plan) {
    let Some(rule) = &plan.pods.rule else {
        return conditions.keep(KIND, Reason::Progressing, "the processors stop; see the condition Ready");
    };
    if let Some(change) = plan.pods.decision.as_ref().and_then(|decision| decision.change.as_ref()) {
        return conditions.say(KIND, Truth::True, change.reason, &change.message);
    }
    let bounds = format!("{} to {} processor pods", rule.min, rule.max);
    if plan.pods.keda.is_some() {
        let name = object_name(&pipeline.name_any());
        let message = format!("KEDA decides on {bounds}, by ScaledObject `{name}`");
        return conditions.say(KIND, Truth::True, Reason::Succeeded, &message);
    }
    let before = pipeline.status.as_ref().and_then(|status| find(&status.conditions, KIND));
    let told = before.filter(|before| before.status == "True");
    let reason = told.and_then(|told| {
        [Reason::ScaledOut, Reason::ScaledIn].into_iter().find(|reason| reason.as_str() == told.reason)
    });
    match (told, reason) {
        (Some(told), Some(reason)) => conditions.say(KIND, Truth::True, reason, &told.message),
        _ => {
            let message = format!("{bounds} follow the lag");
            conditions.say(KIND, Truth::True, Reason::Succeeded, &message);
        }
    }
}
