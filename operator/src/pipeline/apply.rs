//! Apply: from what is there to what must be: table first, then topics, then what Kubernetes runs.
//!
//! In: the plan and what was gathered. Out: how far it came, and the fault that ended it.
//! The order matters: the table's mark claims the topic, so it is there before the topic, but not before Kafka has said
//! that it would make it; columns are there before a
//! processor writes them; the configuration is there before the pods that read it. A step that fails ends the row, and the
//! next look begins again: every step does nothing where nothing is to do.

mod keda;

use std::error::Error;

use crds::AnalyticsPipeline;
use crds::conditions::{ConditionType, Reason};
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;
use tracing::{debug, info, warn};

use crate::clickhouse::diff::diff as table_diff;
use crate::clickhouse::mark::Mark;
use crate::clickhouse::table::{ActualTable, TableChange};
use crate::context::{Context, kafka_fault};
use crate::fault::{Cure, Fault};
use crate::kafka::topic::{Topic, TopicChange, diff as topic_diff};
use crate::kubernetes::{ApplyError, Child};
use crate::pipeline::build::build;
use crate::pipeline::build::pod_monitor::PodMonitor;
use crate::pipeline::confirm;
use crate::pipeline::gather::{Children, Gathered};
use crate::pipeline::plan::Plan;
use crate::report::Chain;

/// How far it came.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Applied {
    /// The table is as it must be.
    pub has_table: bool,
    /// The topics are as they must be.
    pub has_topics: bool,
    /// The Deployment, as the apiserver holds it now.
    pub deployment: Option<Deployment>,
    /// What ended the row.
    pub faults: Vec<Fault>,
}

/// The changes of table and topics.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// Of the table, in order.
    pub table: Vec<TableChange>,
    /// Of the topics, in order.
    pub topics: Vec<TopicChange>,
}

/// Brings everything to what must be.
///
/// # Errors
/// When an object changed since it was gathered: all is looked at again, and there is nothing to tell.
pub async fn apply(
    ctx: &Context,
    pipeline: &AnalyticsPipeline,
    plan: &Plan,
    gathered: &Gathered,
) -> Result<Applied, ApplyError> {
    let mut applied = Applied::default();
    if plan.must_stop_first {
        return apply_objects(ctx, plan, &gathered.children, applied).await;
    }
    let (topics, table) = match (&gathered.topics, &gathered.table) {
        (Ok(topics), Ok(table)) => (topics.as_slice(), table.as_ref()),
        (topics, table) => {
            applied.faults =
                [topics.as_ref().err(), table.as_ref().err()].into_iter().flatten().cloned().collect();
            return Ok(applied);
        }
    };
    let changes = match diff(plan, topics, table) {
        Ok(changes) => changes,
        Err(faults) => {
            applied.faults = faults;
            return Ok(applied);
        }
    };
    if let Err(fault) = check_creation(ctx, plan, &changes.topics).await {
        applied.faults.push(fault);
        return Ok(applied);
    }
    if !changes.table.is_empty() || !changes.topics.is_empty() || !gathered.children.are_there() {
        confirm::pipeline(ctx, pipeline).await?;
        confirm::schemas(ctx, pipeline, &gathered.schemas).await?;
    }
    if let Err(fault) = apply_table(ctx, plan, &changes.table).await {
        applied.faults.push(fault);
        return Ok(applied);
    }
    applied.has_table = true;
    for change in &changes.topics {
        if let Err(fault) = ctx.change_topic(change).await {
            applied.faults.push(fault);
            return Ok(applied);
        }
        info!(?change, "changed topic");
    }
    if let Err(fault) = learn_topic(ctx, plan, &changes.topics).await {
        applied.faults.push(fault);
        return Ok(applied);
    }
    applied.has_topics = true;
    apply_objects(ctx, plan, &gathered.children, applied).await
}

/// Finds the changes, or all that no change can mend.
pub fn diff(plan: &Plan, topics: &[Topic], table: Option<&ActualTable>) -> Result<Changes, Vec<Fault>> {
    let about_table = |problem: &crate::clickhouse::diff::TableProblem| {
        Fault::new(ConditionType::TableReady, problem.reason(), Cure::Change, problem.to_string())
    };
    let table = table_diff(&plan.table, table).map_err(|problem| about_table(&problem));
    let topics = topic_diff(&plan.topics, topics).map_err(|problem| {
        Fault::new(ConditionType::TopicReady, problem.reason(), Cure::Change, problem.to_string())
    });
    match (table, topics) {
        (Ok(table), Ok(topics)) => Ok(Changes { table, topics }),
        (table, topics) => Err([table.err(), topics.err()].into_iter().flatten().collect()),
    }
}

/// Asks, before the mark says that the topic begins a new life, whether it does: a topic that is there after all, or that
/// is refused look after look, must not raise the epoch, because under another one every record would be stored again.
async fn check_creation(ctx: &Context, plan: &Plan, changes: &[TopicChange]) -> Result<(), Fault> {
    for change in changes {
        if let TopicChange::Create(topic) = change
            && topic.name == plan.table.mark.topic
        {
            ctx.topics.check_creation(topic).await.map_err(|error| kafka_fault(&error))?;
        }
    }
    Ok(())
}

/// Writes the id of a topic that was just made into the mark, so that one that somebody makes in its place is not mistaken for it.
async fn learn_topic(ctx: &Context, plan: &Plan, changes: &[TopicChange]) -> Result<(), Fault> {
    let mark = &plan.table.mark;
    let is_made =
        |change: &TopicChange| matches!(change, TopicChange::Create(topic) if topic.name == mark.topic);
    if !changes.iter().any(is_made) {
        return Ok(());
    }
    // Where Kafka does not say it now, the next reconcile asks again.
    let Some(id) = ctx.new_topic_id(&mark.topic).await else { return Ok(()) };
    let mark = Mark { topic_id: Some(id), ..mark.clone() };
    apply_table(ctx, plan, &[TableChange::ModifyComment { table: plan.table.full_name(), mark }]).await
}

async fn apply_table(ctx: &Context, plan: &Plan, changes: &[TableChange]) -> Result<(), Fault> {
    for change in changes {
        ctx.change_table(change).await?;
        info!(change = change.action(), "changed table");
    }
    // Somebody else may have made a table of that name since it was looked for; then it is not ours.
    if changes.iter().any(|change| matches!(change, TableChange::CreateTable(_))) {
        let made = ctx.describe_table(&plan.table.full_name()).await?;
        let what = |reason, message| Fault::new(ConditionType::TableReady, reason, Cure::Retry, message);
        match table_diff(&plan.table, made.as_ref()) {
            Ok(changes) if changes.is_empty() => {}
            Ok(_) => {
                return Err(what(
                    Reason::ClickHouseRejected,
                    format!(
                        "table `{}` was made, but not as it was asked for; it is looked at again",
                        plan.table.full_name()
                    ),
                ));
            }
            Err(problem) => return Err(what(problem.reason(), problem.to_string())),
        }
    }
    Ok(())
}

async fn apply_objects(
    ctx: &Context,
    plan: &Plan,
    children: &Children,
    mut applied: Applied,
) -> Result<Applied, ApplyError> {
    let wanted = build(plan);
    // Who takes a number of pods away from KEDA, or leaves it to KEDA, does so before it is written.
    let prepared = keda::before(ctx, (plan.pods.keda.as_ref(), &wanted), children).await;
    applied.faults.extend(scaling_fault(prepared)?);
    let outcome: Result<Deployment, ApplyError> = async {
        apply_one(ctx, &wanted.service_account, children.service_account.as_ref()).await?;
        apply_one(ctx, &wanted.secret, children.secret.as_ref()).await?;
        apply_one(ctx, &wanted.config_map, children.config_map.as_ref()).await?;
        apply_one(ctx, &wanted.deployment, children.deployment.as_ref()).await
    }
    .await;
    match outcome {
        Ok(deployment) => {
            applied.deployment = Some(deployment);
            watch_pods(ctx, wanted.pod_monitor.as_ref(), children).await;
            applied.faults.extend(scaling_fault(keda::after(ctx, &wanted, children).await)?);
        }
        Err(error) if error.is_conflict() => return Err(error),
        Err(error) => applied.faults.push(object_fault(&error)),
    }
    Ok(applied)
}

/// Returns what the users see when KEDA's objects cannot be written; a conflict ends the look.
fn scaling_fault(outcome: Result<(), ApplyError>) -> Result<Option<Fault>, ApplyError> {
    match outcome {
        Ok(()) => Ok(None),
        Err(error) if error.is_conflict() => Err(error),
        Err(error) => Ok(Some(Fault { about: ConditionType::ScalingActive, ..object_fault(&error) })),
    }
}

/// Makes the PodMonitor. A stream does not wait for it, and what keeps it away is the platform team's to mend: the log says so.
async fn watch_pods(ctx: &Context, wanted: Option<&PodMonitor>, children: &Children) {
    let Some(wanted) = wanted else { return };
    if let Err(error) = apply_one(ctx, wanted, children.pod_monitor.as_ref()).await {
        // An apply makes what is missing: only a kind can be unknown then.
        if error.is_unknown() {
            debug!(error = chain(&error), "no PodMonitor is made: the cluster has not this kind");
        } else {
            warn!(error = chain(&error), "failed to make a PodMonitor");
        }
    }
}

/// Ends the processors of a suspended pipeline where nothing else could be done: a suspension waits for nothing to be mended.
pub async fn suspend(
    ctx: &Context,
    uid: &str,
    children: &Children,
    applied: &mut Applied,
) -> Result<(), ApplyError> {
    applied.faults.extend(scaling_fault(keda::remove(ctx, uid, children).await)?);
    let Some(deployment) = &children.deployment else { return Ok(()) };
    let is_ours = deployment.owner_references().iter().any(|owner| owner.uid == uid);
    if !is_ours || deployment.spec.replicas == Some(0) {
        return Ok(());
    }
    match ctx.kubernetes.stop(deployment).await {
        Ok(()) => info!("stopped the processors of a suspended pipeline"),
        Err(error) if error.is_conflict() => return Err(error),
        Err(error) => applied.faults.push(object_fault(&error)),
    }
    Ok(())
}

async fn apply_one<K: Child>(ctx: &Context, wanted: &K, actual: Option<&K>) -> Result<K, ApplyError> {
    ctx.kubernetes.apply(wanted, actual).await
}

/// Returns what the users see when an object cannot be written.
fn object_fault(error: &ApplyError) -> Fault {
    let about = |reason, cure, message| Fault::new(ConditionType::ProcessorReady, reason, cure, message);
    match error {
        ApplyError::Foreign { kind, name } => about(
            Reason::ResourceConflict,
            Cure::Change,
            format!(
                "{kind} `{name}` exists and belongs to somebody else, so it is not touched; delete it, or give the pipeline another name (in a new object)"
            ),
        ),
        ApplyError::Leftover { .. } => about(
            Reason::DependencyNotReady,
            Cure::Dependency,
            format!("{error}; it is waited for until it is gone"),
        ),
        ApplyError::Write { kind, .. } if error.is_forbidden() => about(
            Reason::ProcessorNotStarted,
            Cure::Retry,
            format!(
                "{}; raise the ResourceQuota of the namespace, or let the platform team grant the operator {kind}s there",
                chain(error)
            ),
        ),
        ApplyError::Write { .. } if error.is_invalid() => {
            about(Reason::SpecInvalid, Cure::Change, format!("{}; change the spec accordingly", chain(error)))
        }
        ApplyError::Read { .. }
        | ApplyError::Write { .. }
        | ApplyError::Encode { .. }
        | ApplyError::Outdated { .. } => about(Reason::InternalError, Cure::Retry, chain(error)),
    }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    Chain(error).to_string()
}

#[cfg(test)]
mod tests;
