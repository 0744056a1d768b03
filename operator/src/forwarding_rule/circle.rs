//! Circle: whether the events that a rule copies to a topic come back to its own pipeline by way of other rules. Pure.
//!
//! In: the rules and pipelines of a namespace; no rule reaches another one. Out: the way round, for the rule that closed it.
//! A circle multiplies events without end, so its youngest rule is refused; the older ones work on.
//! Not here: rules that are suspended. Whoever resumes one is judged then.

use std::collections::BTreeSet;

use crds::{AnalyticsPipeline, ForwardingRule};
use kube::ResourceExt;

use crate::objects::age;
use crate::pipeline::claims;

/// Returns the pipelines of the circle that this rule closes, in order, or nothing.
pub(super) fn closed_by(
    rule: &ForwardingRule,
    rules: &[ForwardingRule],
    pipelines: &[AnalyticsPipeline],
) -> Option<Vec<String>> {
    let elder: Vec<_> = rules.iter().filter(|other| !other.spec.suspend && age(*other) < age(rule)).collect();
    let home = rule.spec.pipeline.name.as_str();
    let mut ways = vec![vec![reader(rule, pipelines)?]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        let at = way.last()?.clone();
        if at == home {
            return Some(std::iter::once(home.to_owned()).chain(way).collect());
        }
        if seen.insert(at.clone()) {
            let onward = elder.iter().filter(|other| other.spec.pipeline.name == at);
            ways.extend(
                onward
                    .filter_map(|other| reader(other, pipelines))
                    .map(|next| way.iter().cloned().chain([next]).collect()),
            );
        }
    }
    None
}

/// Returns the pipeline that reads what a rule copies.
fn reader(rule: &ForwardingRule, pipelines: &[AnalyticsPipeline]) -> Option<String> {
    let topic = &rule.spec.destination.kafka.as_ref()?.topic;
    pipelines.iter().find(|pipeline| claims::topic(pipeline) == *topic).map(ResourceExt::name_any)
}

#[cfg(test)]
mod tests;
