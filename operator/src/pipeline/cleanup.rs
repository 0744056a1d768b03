//! Cleanup: what deletion keeps and what it removes.
//!
//! In: a pipeline with or without the finalizer. Out: nothing of Tributary's where the policy is `Delete`.
//! `Retain` has no finalizer: the object goes at once, Kubernetes takes its children, topic and table stay with their mark.
//! `Delete` has one, set before anything is made: processors end first, so that nobody writes any more; then groups
//! and topics; the table last, because its mark is what proves that the topics are ours. What is not marked ours stays.

use crds::AnalyticsPipeline;
use crds::analytics_pipeline::DeletionPolicy;
use crds::conditions::{ConditionType, Reason};
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;
use tracing::info;

use crate::clickhouse::mark::Mark;
use crate::clickhouse::table::TableChange;
use crate::context::Context;
use crate::fault::{Cure, Fault};
use crate::kafka::topic::TopicChange;
use crate::kubernetes::{ApplyError, labels};
use crate::pipeline::build::object_name;
use crate::pipeline::claims::{self, Names};
use crate::pipeline::plan::tenancy;
use crate::processors::{self, Processor};
use crate::tenants::Standing;

/// Finalizer of pipelines whose data go with them.
pub const FINALIZER: &str = "tributary.dev/data";

/// How far the cleanup came.
#[derive(Debug, Clone, PartialEq)]
pub enum Cleanup {
    /// All is gone; the object may go.
    Done,
    /// Something is waited for.
    Waiting(String),
    /// Kafka or ClickHouse keeps it from going on.
    Faulty(Fault),
}

/// Returns the finalizers that the pipeline must have, where they differ from those it has.
pub fn finalizers(pipeline: &AnalyticsPipeline) -> Option<Vec<String>> {
    let wanted = pipeline.spec.deletion_policy == DeletionPolicy::Delete;
    let mut finalizers = pipeline.finalizers().to_vec();
    let has = finalizers.iter().any(|finalizer| finalizer == FINALIZER);
    match (wanted, has) {
        // A finalizer cannot be added to an object that is going.
        (true, false) if pipeline.metadata.deletion_timestamp.is_none() => finalizers.push(FINALIZER.into()),
        (false, true) => finalizers.retain(|finalizer| finalizer != FINALIZER),
        (true | false, _) => return None,
    }
    Some(finalizers)
}

/// Removes what the pipeline made.
pub async fn cleanup(
    ctx: &Context,
    pipeline: &AnalyticsPipeline,
    standing: Result<Standing, Fault>,
) -> Result<Cleanup, ApplyError> {
    let (namespace, name) = (pipeline.namespace().unwrap_or_default(), pipeline.name_any());
    let deployment: Option<Deployment> = ctx.kubernetes.get(&namespace, &object_name(&name)).await?;
    let owner = labels::owner(&name, &pipeline.uid().unwrap_or_default());
    if let Some(deployment) =
        deployment.filter(|it| it.owner_references().iter().any(|by| by.uid == owner.uid))
    {
        if deployment.metadata.deletion_timestamp.is_none() {
            ctx.kubernetes.delete(&deployment).await?;
        }
        return Ok(Cleanup::Waiting("the processors stop before topic and table are deleted".into()));
    }
    let pods = processors::observe(&ctx.kubernetes, ctx.reports.as_ref(), &namespace, &name).await?;
    if !pods.is_empty() {
        return Ok(Cleanup::Waiting(waiting_for(&namespace, &pods)));
    }
    let removed = match standing {
        Ok(standing) => remove_data(ctx, pipeline, &standing).await,
        Err(fault) => Err(fault),
    };
    Ok(match removed {
        Ok(()) => Cleanup::Done,
        Err(fault) => Cleanup::Faulty(Fault {
            about: ConditionType::Ready,
            message: format!(
                "deletion waits: {}; to keep the data and go at once, set `spec.deletionPolicy: Retain`",
                fault.message
            ),
            ..fault
        }),
    })
}

fn waiting_for(namespace: &str, pods: &[Processor]) -> String {
    let names: Vec<_> = pods.iter().map(|processor| processor.pod.name_any()).collect();
    format!(
        "the processors stop before topic and table are deleted; pods left: {}. Where the node of a pod is lost for good: kubectl -n {namespace} delete pod --force <pod>",
        names.join(", ")
    )
}

async fn remove_data(ctx: &Context, pipeline: &AnalyticsPipeline, standing: &Standing) -> Result<(), Fault> {
    let names = claims::names(pipeline, standing);
    if let Some(moved) = tenancy::moved(pipeline, &names) {
        return Err(moved);
    }
    let Names { topic, dead_letter_topic, table } = names;
    let actual = ctx.describe_table(&table).await?;
    let mark = actual.and_then(|actual| Mark::parse(&actual.comment));
    let mark = mark.filter(|mark| claims::is_owner(pipeline, standing, mark));
    let cluster = ctx.topics.cluster().await;
    if let Some(elsewhere) = mark.as_ref().and_then(|mark| mark.elsewhere(cluster.as_deref())) {
        return Err(Fault::new(
            ConditionType::TopicReady,
            Reason::OwnershipMismatch,
            Cure::Retry,
            format!(
                "the topic is on the Kafka cluster `{elsewhere}`, and kafka.bootstrapServers leads to another one"
            ),
        ));
    }
    let in_status = pipeline.status.as_ref().and_then(|status| status.topic.as_ref()) == Some(&topic);
    if in_status || mark.as_ref().is_some_and(|mark| mark.topic == topic) {
        // A group that is not empty has a reader that is not gone yet, and is refused: nothing else is deleted then.
        let group = TopicChange::DeleteGroups { group: claims::group(pipeline) };
        let topics = [topic, dead_letter_topic].map(|name| TopicChange::Delete { name });
        for change in std::iter::once(group).chain(topics) {
            ctx.change_topic(&change).await?;
            info!(?change, "deleted with the pipeline");
        }
    }
    if mark.is_some() {
        let change = TableChange::DropTable { table };
        ctx.change_table(&change).await?;
        info!(change = change.action(), "deleted with the pipeline");
    }
    Ok(())
}
