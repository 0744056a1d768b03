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
    let reports: Vec<&RuleReport> = processors
        .iter()
        .filter_map(|processor| processor.report.as_ref())
        .filter_map(|report| report.rules.iter().find(|rule| rule.name == name))
        .collect();
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
    let waiting = format!(
        "the processors of AnalyticsPipeline `{}` have not taken the rule up yet",
        rule.spec.pipeline.name
    );
    conditions.stand(&standing(rule, gathered, &faults, reports.is_empty().then_some(&waiting)));
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

fn standing<'a>(
    rule: &ForwardingRule,
    gathered: &Gathered,
    faults: &'a [Fault],
    waiting: Option<&'a String>,
) -> Standing<'a> {
    let is_pipeline_suspended =
        matches!(&gathered.pipeline, Found::Object(pipeline) if pipeline.spec.suspend);
    if !faults.is_empty() {
        Standing::Faulty(faults)
    } else if rule.spec.suspend {
        Standing::Settled(Reason::Suspended, "suspended: nothing is forwarded, and the position stays")
    } else if is_pipeline_suspended {
        Standing::Settled(
            Reason::Suspended,
            "the pipeline is suspended: nothing is forwarded, and the position stays",
        )
    } else {
        match waiting {
            Some(waiting) => Standing::Progressing(waiting),
            None => Standing::Settled(Reason::Succeeded, "matching events are forwarded"),
        }
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
