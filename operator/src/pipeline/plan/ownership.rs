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
//! marked     another id names this topic             likewise: somebody deleted the topic and made it again
//! marked     exists     names another topic          ours only if the status says so
//! foreign    any        another pipeline             not ours: nothing is touched
//! marked     any        names another Kafka cluster  refused: kafka.bootstrapServers leads somewhere else
//! marked     any        names a former namespace     refused unless adopted within its tenant; looked at only where there are tenants
//! unmarked   any        -                            adopted where `spec.adopt` asks for it and the platform team allows it
//! ```
//!
//! A new life counts, because its offsets begin at 0 again: under the old epoch the table would take its first batches for
//! repetitions and drop them. For the same reason no processor of the old life may run when it begins.

use crds::AnalyticsPipeline;
use crds::conditions::{ConditionType, Reason};
use kube::ResourceExt;

use super::adoption;
use super::numbers::Numbers;
use crate::clickhouse::ddl::statement;
use crate::clickhouse::mark::Mark;
use crate::clickhouse::table::{ActualTable, TableChange, TableName};
use crate::fault::{Cure, Fault};
use crate::kafka::topic::Topic;
use crate::pipeline::claims;
use crate::pipeline::gather::Gathered;
use crate::tenants::Standing;

/// What a pipeline may call its own.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claim {
    /// The mark that the table must carry.
    pub(super) mark: Mark,
    /// Processors of the topic's former life still run.
    pub(super) must_stop_first: bool,
    /// A table without any mark becomes the pipeline's.
    pub(super) adopts_table: bool,
}

/// Finds what a pipeline may call its own.
pub(super) fn claim(
    pipeline: &AnalyticsPipeline,
    gathered: &Gathered,
    (standing, numbers): (&Standing, Option<&Numbers>),
    (topics, table): (&[Topic], Option<&ActualTable>),
) -> Result<Claim, Fault> {
    let topic = gathered.names.topic.clone();
    let owner = format!("{}/{}", pipeline.namespace().unwrap_or_default(), pipeline.name_any());
    let settled = |mark| Ok(Claim { mark, must_stop_first: false, adopts_table: false });
    let cluster = gathered.cluster.clone();
    let first = |topic| Mark {
        pipeline: owner.clone(),
        id: pipeline.uid().unwrap_or_default(),
        epoch: 1,
        topic,
        topic_id: gathered.topic_id.clone(),
        cluster: cluster.clone(),
        namespace: standing.namespace_uid.clone(),
        tenant: standing.tenant.clone(),
    };
    let adopts = adoption::adopts(pipeline, standing);
    let may_adopt = |topics: &[Topic]| match numbers {
        Some(numbers) if adopts => adoption::check_topics(topics, gathered, numbers),
        Some(_) | None => Err(foreign_topic(topics, &adoption::remedy(pipeline, standing))),
    };
    let Some(table) = table else {
        if !topics.is_empty() && !is_in_status(pipeline, &topic) {
            may_adopt(topics)?;
        }
        return settled(first(topic));
    };
    // A mark that is not ours is kept as it stands: the diff of the table refuses it, with the reason.
    let Some(mark) = Mark::parse(&table.comment).filter(|mark| mark.pipeline == owner) else {
        if !Mark::is_there(&table.comment) {
            if !adopts {
                return Err(foreign_table(&gathered.names.table, &adoption::remedy(pipeline, standing)));
            }
            may_adopt(topics)?;
        }
        return Ok(Claim { adopts_table: adopts, must_stop_first: false, mark: first(topic) });
    };
    if claims::is_of_a_former_namespace(standing, &mark) {
        match mark.tenant == standing.tenant {
            true if adopts => {}
            true => {
                return Err(former_namespace(&gathered.names.table, &adoption::remedy(pipeline, standing)));
            }
            false => return Err(former_namespace(&gathered.names.table, OTHER_TENANT)),
        }
    }
    if let (Some(marked), Some(asked)) = (mark.elsewhere(cluster.as_deref()), &cluster) {
        return Err(other_cluster(&mark, &gathered.names.table, (marked, asked)));
    }
    let (namespace, tenant) = (standing.namespace_uid.clone(), standing.tenant.clone());
    let (namespace, tenant) = (namespace.or(mark.namespace), tenant.or(mark.tenant));
    let mark = Mark { cluster: cluster.or(mark.cluster), namespace, tenant, ..mark };
    match topics.iter().find(|existing| existing.name == topic) {
        Some(_) if mark.topic == topic => Ok(same_name(mark, gathered)),
        Some(_) if is_in_status(pipeline, &topic) => {
            settled(Mark { topic, topic_id: gathered.topic_id.clone(), ..mark })
        }
        // A table that has rows of one topic is not given another's.
        Some(existing) => Err(foreign_topic(std::slice::from_ref(existing), OTHER_TOPIC)),
        None if runs(gathered) => Ok(Claim { mark, must_stop_first: true, adopts_table: false }),
        None => settled(next_life(Mark { topic, ..mark }, None)),
    }
}

/// The topic has the name that the mark says; whether it is the same topic, its id tells.
fn same_name(mark: Mark, gathered: &Gathered) -> Claim {
    let found = gathered.topic_id.clone();
    let is_another = found.is_some() && mark.topic_id.is_some() && found != mark.topic_id;
    let must_stop_first = is_another && runs(gathered);
    let mark = match is_another {
        true if must_stop_first => mark,
        true => next_life(mark, found),
        false => Mark { topic_id: found.or(mark.topic_id), ..mark },
    };
    Claim { mark, must_stop_first, adopts_table: false }
}

/// The offsets begin at 0 again.
fn next_life(mark: Mark, topic_id: Option<String>) -> Mark {
    Mark { epoch: mark.epoch.saturating_add(1), topic_id, ..mark }
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
    let mark = Mark { cluster: Some(asked.into()), ..next_life(mark.clone(), None) };
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

const OTHER_TOPIC: &str = "the table has the rows of another topic, so that this one cannot be taken over";

const OTHER_TENANT: &str = "the team of that namespace was another tenant, so that it cannot be taken over: the platform team drops it or renames it";

fn foreign_topic(topics: &[Topic], remedy: &str) -> Fault {
    let names: Vec<_> = topics.iter().map(|topic| topic.name.as_str()).collect();
    Fault::new(
        ConditionType::TopicReady,
        Reason::OwnershipMismatch,
        Cure::Change,
        format!(
            "topic `{}` exists and Tributary did not make it, so it is not touched; delete it, or name another one in `spec.kafka.topic` of a new object; {remedy}",
            names.join("`, `")
        ),
    )
}

fn foreign_table(table: &TableName, remedy: &str) -> Fault {
    Fault::new(
        ConditionType::TableReady,
        Reason::OwnershipMismatch,
        Cure::Change,
        format!(
            "table `{table}` exists and does not carry the mark of this pipeline; Tributary does not touch it: rename or drop the table, or take another name for the pipeline; {remedy}"
        ),
    )
}

/// A namespace that was made again under the name of one that is gone may be another team's.
fn former_namespace(table: &TableName, remedy: &str) -> Fault {
    Fault::new(
        ConditionType::TableReady,
        Reason::OwnershipMismatch,
        Cure::Change,
        format!(
            "table `{table}` was made for a namespace of the same name that is gone, perhaps another team's, so it is not touched; take another name for the pipeline; {remedy}"
        ),
    )
}
