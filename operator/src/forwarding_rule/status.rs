//! Status of a ForwardingRule. Pure.
//!
//! In: what the check found, and what the processors say of the rule. Out: `Ready`, `DestinationReachable`, the counters.
//! A destination that refuses every event is the user's to mend; one that does not answer is tried again by the processor.

use crds::ForwardingRule;
use crds::conditions::{ConditionType, Reason};
use crds::forwarding_rule::ForwardingRuleStatus;
use crds::processor_report::RuleReport;
use jiff::Timestamp;
use kube::ResourceExt;

use crate::fault::{Cure, Fault};
use crate::forwarding_rule::check::Checked;
use crate::forwarding_rule::gather::Gathered;
use crate::objects::Found;
use crate::processors::Processor;
use crate::status::{Conditions, Standing, Truth};

/// What became of a rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    pub(super) status: ForwardingRuleStatus,
    pub(super) faults: Vec<Fault>,
}

/// Builds the status.
pub(super) fn status(
    rule: &ForwardingRule,
    gathered: &Gathered,
    checked: Result<Checked, Vec<Fault>>,
    processors: &[Processor],
    now: Timestamp,
) -> Outcome {
    let name = rule.name_any();
    // A processor that was started with the rule as it was says nothing of the rule as it is.
    let generation = rule.metadata.generation.unwrap_or_default();
    let (reports, former): (Vec<&RuleReport>, Vec<&RuleReport>) = processors
        .iter()
        .filter_map(|processor| processor.report.as_ref())
        .filter_map(|report| report.rules.iter().find(|rule| rule.name == name))
        .partition(|report| report.generation == generation && !rule.spec.suspend);
    let is_checked = checked.is_ok();
    let mut faults = checked.err().unwrap_or_default();
    if is_checked && !rule.spec.suspend {
        faults.extend(reports.iter().find_map(|report| delivery_fault(report)));
    }
    let before = rule.status.clone().unwrap_or_default();
    let mut conditions = Conditions::new(&before.conditions, rule.metadata.generation, now);
    conditions.step(ConditionType::DestinationReachable, &faults, |conditions| {
        if is_checked && !reports.is_empty() {
            let message = "the destination takes events";
            conditions.say(ConditionType::DestinationReachable, Truth::True, Reason::Succeeded, message);
        } else {
            conditions.keep(
                ConditionType::DestinationReachable,
                Reason::Progressing,
                "nothing was delivered yet",
            );
        }
    });
    let waiting = waiting(rule, gathered, (&reports, &former));
    conditions.stand(&standing(rule, &faults, waiting.as_deref(), is_suspended(gathered)));
    let sum = |of: fn(&RuleReport) -> u64| {
        (!reports.is_empty())
            .then(|| i64::try_from(reports.iter().map(|report| of(report)).sum::<u64>()).unwrap_or(i64::MAX))
    };
    let status = ForwardingRuleStatus {
        observed_generation: rule.metadata.generation,
        conditions: conditions.finish(),
        sent: sum(|report| report.sent).or(before.sent),
        dead_lettered: sum(|report| report.dead_lettered).or(before.dead_lettered),
    };
    Outcome { status, faults }
}

/// Says what is waited for: processors that must take the rule up, and those that must let go of it.
fn waiting(
    rule: &ForwardingRule,
    gathered: &Gathered,
    (reports, former): (&[&RuleReport], &[&RuleReport]),
) -> Option<String> {
    let name = &rule.spec.pipeline.name;
    let is_pipeline_suspended = is_suspended(gathered);
    if rule.spec.suspend && !former.is_empty() || is_pipeline_suspended && !reports.is_empty() {
        return Some(format!(
            "processors of AnalyticsPipeline `{name}` that still forward are being replaced; its status says how far it is"
        ));
    }
    if !former.is_empty() {
        return Some(format!(
            "processors of AnalyticsPipeline `{name}` that forward by the rule as it was are being replaced; its status says how far it is"
        ));
    }
    let is_wanted = !rule.spec.suspend && !is_pipeline_suspended;
    (is_wanted && reports.is_empty())
        .then(|| format!("the processors of AnalyticsPipeline `{name}` have not taken the rule up yet"))
}

fn is_suspended(gathered: &Gathered) -> bool {
    matches!(&gathered.pipeline, Found::Object(pipeline) if pipeline.spec.suspend)
}

fn standing<'a>(
    rule: &ForwardingRule,
    faults: &'a [Fault],
    waiting: Option<&'a str>,
    is_pipeline_suspended: bool,
) -> Standing<'a> {
    match (faults, waiting) {
        ([_, ..], _) => Standing::Faulty(faults),
        ([], Some(waiting)) => Standing::Progressing(waiting),
        ([], None) if rule.spec.suspend => {
            Standing::Settled(Reason::Suspended, "suspended: nothing is forwarded, and the position stays")
        }
        ([], None) if is_pipeline_suspended => Standing::Settled(
            Reason::Suspended,
            "the pipeline is suspended: nothing is forwarded, and the position stays",
        ),
        ([], None) => Standing::Settled(Reason::Succeeded, "matching events are forwarded"),
    }
}

fn delivery_fault(report: &RuleReport) -> Option<Fault> {
    let reason = report.reason?;
    let is_users = matches!(reason, Reason::DestinationRejected | Reason::DestinationForbidden);
    let cure = if is_users { Cure::Change } else { Cure::Retry };
    Some(Fault::new(ConditionType::DestinationReachable, reason, cure, report.message.clone()))
}

#[cfg(test)]
mod tests;
