//! Status of an AnalyticsPipeline. Pure.
//!
//! In: plan or faults, how far the apply came, how the pods stand. Out: the status, and the faults that hold.
//! `Ready` is all others. A condition that this look did not come to is kept as it was: a topic does not cease to be there
//! because a schema is missing. A suspended pipeline is Ready with reason `Suspended`: nothing is wrong, nothing is waited for.
//! A lag that nobody can read is told by `ScalingActive` alone: the pods stay, and events flow.

mod scaling;

use crds::AnalyticsPipeline;
use crds::analytics_pipeline::AnalyticsPipelineStatus;
use crds::conditions::{ConditionType, Reason};
use jiff::Timestamp;
use kube::ResourceExt;

use crate::fault::Fault;
use crate::pipeline::apply::Applied;
use crate::pipeline::gather::Gathered;
use crate::pipeline::plan::Plan;
use crate::pipeline::processor::{self, Verdict};
use crate::status::{Conditions, Standing, Truth};

/// What became of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Its status.
    pub status: AnalyticsPipelineStatus,
    /// What keeps it from being ready.
    pub faults: Vec<Fault>,
}

/// Builds the status. `plan` is absent where there are only faults.
pub fn status(
    pipeline: &AnalyticsPipeline,
    gathered: &Gathered,
    (plan, applied): (Option<&Plan>, &Applied),
    now: Timestamp,
) -> Outcome {
    let before = pipeline.status.clone().unwrap_or_default();
    let deployment = applied.deployment.as_ref().or(gathered.children.deployment.as_ref());
    let verdict = deployment.map(|deployment| processor::judge(deployment, &gathered.processors));
    let mut faults = applied.faults.clone();
    if let Some(Verdict::Faulty(fault)) = &verdict {
        faults.push(fault.clone());
    }
    let mut conditions = Conditions::new(&before.conditions, pipeline.metadata.generation, now);
    say_topic(&mut conditions, &faults, plan.filter(|plan| applied.has_topics || plan.must_stop_first));
    say_table(&mut conditions, &faults, plan.filter(|_| applied.has_table));
    say_processor(&mut conditions, &faults, (verdict.as_ref(), pipeline.spec.suspend));
    let leaving = scaling::say(&mut conditions, pipeline, &faults, (plan, applied, &gathered.children.keda));
    let waiting = waiting(pipeline, (plan, &gathered.names.topic), verdict.as_ref()).or(leaving);
    conditions.stand(&standing(pipeline, &faults, waiting.as_deref()));
    let has_topics = applied.has_topics;
    let status = AnalyticsPipelineStatus {
        observed_generation: pipeline.metadata.generation,
        conditions: conditions.finish(),
        topic: has_topics.then(|| gathered.names.topic.clone()).or(before.topic),
        dead_letter_topic: has_topics
            .then(|| gathered.names.dead_letter_topic.clone())
            .or(before.dead_letter_topic),
        table: plan
            .filter(|_| applied.has_table)
            .map(|plan| plan.table.full_name().to_string())
            .or(before.table),
        schemas: plan
            .filter(|_| applied.deployment.is_some())
            .map_or(before.schemas, |plan| plan.schemas.clone()),
        processor: deployment.map(processor::describe),
        lag: processor::lag(&gathered.processors).or(before.lag),
    };
    Outcome { status, faults }
}

fn say_topic(conditions: &mut Conditions<'_>, faults: &[Fault], plan: Option<&Plan>) {
    let kind = ConditionType::TopicReady;
    conditions.step(kind, faults, |conditions| match plan.and_then(|plan| plan.topics.first()) {
        Some(topic) if plan.is_some_and(|plan| plan.must_stop_first) => {
            let message = format!(
                "topic `{}` was deleted; its next life begins when the processors have stopped",
                topic.name
            );
            conditions.say(kind, Truth::False, Reason::Progressing, &message);
        }
        Some(topic) => {
            let message = format!("topic `{}` has {} partitions", topic.name, topic.partitions);
            conditions.say(kind, Truth::True, Reason::Succeeded, &message);
        }
        None => keep(conditions, kind, faults),
    });
}

fn say_table(conditions: &mut Conditions<'_>, faults: &[Fault], plan: Option<&Plan>) {
    let kind = ConditionType::TableReady;
    conditions.step(kind, faults, |conditions| match plan {
        Some(plan) => {
            let message = format!("table `{}` has all columns", plan.table.full_name());
            conditions.say(kind, Truth::True, Reason::Succeeded, &message);
        }
        None => keep(conditions, kind, faults),
    });
}

fn say_processor(
    conditions: &mut Conditions<'_>,
    faults: &[Fault],
    (verdict, is_suspended): (Option<&Verdict>, bool),
) {
    let kind = ConditionType::ProcessorReady;
    conditions.step(kind, faults, |conditions| match verdict {
        Some(Verdict::Working(message)) => conditions.say(kind, Truth::True, Reason::Succeeded, message),
        Some(Verdict::Starting(message)) => conditions.say(kind, Truth::False, Reason::Progressing, message),
        Some(Verdict::Stopped) if is_suspended => {
            conditions.say(kind, Truth::True, Reason::Suspended, "no processor runs, as the spec says");
        }
        Some(Verdict::Stopped) => {
            conditions.say(
                kind,
                Truth::True,
                Reason::Succeeded,
                "no processor runs, as `spec.processor.replicas` says",
            );
        }
        Some(Verdict::Faulty(_)) | None => keep(conditions, kind, faults),
    });
}

/// Keeps a condition that this look did not come to, because of the first fault.
fn keep(conditions: &mut Conditions<'_>, kind: ConditionType, faults: &[Fault]) {
    let reason = faults.first().map_or(Reason::Progressing, |fault| fault.reason);
    conditions.keep(kind, reason, "not looked at yet; see the condition Ready");
}

fn waiting(
    pipeline: &AnalyticsPipeline,
    (plan, topic): (Option<&Plan>, &str),
    verdict: Option<&Verdict>,
) -> Option<String> {
    if plan.is_some_and(|plan| plan.must_stop_first) {
        return Some(format!("topic `{topic}` was deleted; the processors stop before its next life begins"));
    }
    match verdict {
        Some(Verdict::Starting(message)) => Some(message.clone()),
        None => Some(format!("the processor of `{}` is about to be made", pipeline.name_any())),
        Some(Verdict::Working(_) | Verdict::Stopped | Verdict::Faulty(_)) => None,
    }
}

fn standing<'a>(pipeline: &AnalyticsPipeline, faults: &'a [Fault], waiting: Option<&'a str>) -> Standing<'a> {
    match (faults, waiting) {
        ([_, ..], _) => Standing::Faulty(faults),
        ([], Some(waiting)) => Standing::Progressing(waiting),
        ([], None) if pipeline.spec.suspend => {
            Standing::Settled(Reason::Suspended, "suspended: topic and table stay, and so does the position")
        }
        ([], None) => Standing::Settled(Reason::Succeeded, "events flow from topic to table"),
    }
}
