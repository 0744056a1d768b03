//! Ownership: whether topic and table are this pipeline's, and in which life of the topic it is. Pure.
//!
//! In: what exists, the table's mark, the pipeline's own status. Out: the mark that the table must carry, or the fault.
//!
//! ```text
//! table      topic      mark of the table            outcome
//! none       none       -                            a new stream: id = UID of the pipeline, epoch 1
//! none       exists     -                            ours only if the status says so (the table was dropped by hand)
//! marked     exists     names this topic             settled
//! marked     none       names any topic              a new life of the topic: epoch + 1, after the processors have stopped
//! marked     exists     names another topic          ours only if the status says so
//! foreign    any        another pipeline, or none    not ours: nothing is touched
//! marked     any        names another Kafka cluster  refused: kafka.bootstrapServers leads somewhere else
//! ```
//!
//! A new life counts, because its offsets begin at 0 again: under the old epoch the table would take its first batches for
//! repetitions and drop them. For the same reason no processor of the old life may run when it begins.

use crds::AnalyticsPipeline;
use crds::conditions::{ConditionType, Reason};
use kube::ResourceExt;

use crate::clickhouse::ddl::statement;
use crate::clickhouse::mark::Mark;
use crate::clickhouse::table::{ActualTable, TableChange, TableName};
use crate::fault::{Cure, Fault};
use crate::kafka::topic::Topic;
use crate::pipeline::claims;
use crate::pipeline::gather::Gathered;

/// What a pipeline may call its own.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claim {
    /// The mark that the table must carry.
    pub(super) mark: Mark,
    /// Processors of the topic's former life still run.
    pub(super) must_stop_first: bool,
}

/// Finds what a pipeline may call its own.
pub(super) fn claim(
    pipeline: &AnalyticsPipeline,
    gathered: &Gathered,
    (topics, table): (&[Topic], Option<&ActualTable>),
) -> Result<Claim, Fault> {
    let topic = claims::topic(pipeline);
    let exists = topics.iter().any(|existing| existing.name == topic);
    let owner = format!("{}/{}", pipeline.namespace().unwrap_or_default(), pipeline.name_any());
    let settled = |mark| Ok(Claim { mark, must_stop_first: false });
    let cluster = gathered.cluster.clone();
    let first = |topic| Mark {
        pipeline: owner.clone(),
        id: pipeline.uid().unwrap_or_default(),
        epoch: 1,
        topic,
        cluster: cluster.clone(),
    };
    let Some(table) = table else {
        if !topics.is_empty() && !is_in_status(pipeline, &topic) {
            return Err(foreign_topic(&topics.iter().map(|t| t.name.as_str()).collect::<Vec<_>>()));
        }
        return settled(first(topic));
    };
    // A mark that is not ours is kept as it stands: the diff of the table refuses it, with the reason.
    let Some(mark) = Mark::parse(&table.comment).filter(|mark| mark.pipeline == owner) else {
        return settled(first(topic));
    };
    if let (Some(marked), Some(asked)) = (mark.elsewhere(cluster.as_deref()), &cluster) {
        return Err(other_cluster(&mark, &claims::table(pipeline), (marked, asked)));
    }
    let mark = Mark { cluster: cluster.or(mark.cluster), ..mark };
    match exists {
        true if mark.topic == topic => settled(mark),
        true if is_in_status(pipeline, &topic) => settled(Mark { topic, ..mark }),
        true => Err(foreign_topic(&[&topic])),
        false if runs(gathered) => Ok(Claim { mark, must_stop_first: true }),
        false => settled(Mark { topic, epoch: mark.epoch.saturating_add(1), ..mark }),
    }
}

fn is_in_status(pipeline: &AnalyticsPipeline, topic: &str) -> bool {
    pipeline.status.as_ref().and_then(|status| status.topic.as_deref()) == Some(topic)
}

fn runs(gathered: &Gathered) -> bool {
    let deployment = gathered.children.deployment.as_ref();
    let wanted = deployment.and_then(|deployment| deployment.spec.replicas).unwrap_or(0);
    wanted > 0 || !gathered.processors.is_empty()
}

/// The topic of a stream that moved is a new life: the statement that says so is given, because only a person can know it.
fn other_cluster(mark: &Mark, table: &TableName, (marked, asked): (&str, &str)) -> Fault {
    let mark = Mark { epoch: mark.epoch.saturating_add(1), cluster: Some(asked.into()), ..mark.clone() };
    let moved = statement(&TableChange::ModifyComment { table: table.clone(), mark });
    Fault::new(
        ConditionType::TopicReady,
        Reason::OwnershipMismatch,
        Cure::Change,
        format!(
            "the topic is on the Kafka cluster `{marked}`, and kafka.bootstrapServers leads to `{asked}`; nothing is touched there: the platform team points it back or, where the stream moves for good, says so in ClickHouse: {moved}"
        ),
    )
}

fn foreign_topic(names: &[&str]) -> Fault {
    Fault::new(
        ConditionType::TopicReady,
        Reason::OwnershipMismatch,
        Cure::Change,
        format!(
            "topic `{}` exists and Tributary did not make it, so it is not touched; delete it, or name another one in `spec.kafka.topic` of a new object",
            names.join("`, `")
        ),
    )
}
