//! Tenancy: whether a pipeline stays within what the platform team gives its namespace. Pure.
//!
//! In: the pipeline, its names, its standing, the tenant's pipelines. Out: every rule that it breaks.
//! A topic belongs to the tenant with the longest prefix that it begins with: so no two namespaces ever ask for one topic.
//! A database is a prefix that ends with `_` and a namespace, which has none: so no two ask for one database.
//! Not here: the caps (`tenants/quota.rs`).

use crds::AnalyticsPipeline;
use crds::conditions::{ConditionType, Reason};

use super::numbers::Numbers;
use crate::fault::{Cure, Fault};
use crate::pipeline::claims::{self, Names};
use crate::pipeline::gather::Gathered;
use crate::tenants::{Standing, not_allowed, quota};

/// ClickHouse's own database, in which nobody's tables are made.
const SYSTEM: &str = "system";

/// Finds every rule of the platform team that a pipeline breaks.
pub(super) fn check(
    pipeline: &AnalyticsPipeline,
    gathered: &Gathered,
    (standing, numbers): (&Standing, Option<&Numbers>),
) -> Vec<Fault> {
    let names = &gathered.names;
    let mut faults: Vec<Fault> = [reserved(names, standing), system(names)].into_iter().flatten().collect();
    faults.extend(moved(pipeline, names));
    match (&gathered.fellows, numbers) {
        (Ok(fellows), Some(numbers)) => {
            faults.extend(quota::check(pipeline, numbers.retention, (standing, fellows)));
        }
        (Err(fault), _) => faults.push(fault.clone()),
        // What cannot be read is told as such.
        (Ok(_), None) => {}
    }
    faults
}

fn reserved(names: &Names, standing: &Standing) -> Option<Fault> {
    let prefix = standing.reserved_prefix(&names.topic)?;
    Some(not_allowed(format!(
        "topic `{}` begins with `{prefix}`, which the platform team keeps for others; name another one in `spec.kafka.topic` of a new object, or ask the platform team (`topicPrefix`, Helm value `tenants`)",
        names.topic
    )))
}

fn system(names: &Names) -> Option<Fault> {
    (names.table.database == SYSTEM).then(|| {
        not_allowed(format!(
            "the database `{SYSTEM}` is ClickHouse's own, so a namespace of that name can have no table; move to another namespace, or let the platform team give it a `databasePrefix` (Helm value `tenants`)"
        ))
    })
}

/// Finds out whether a prefix was changed under a stream: its topic and table do not move.
pub fn moved(pipeline: &AnalyticsPipeline, names: &Names) -> Option<Fault> {
    let status = pipeline.status.as_ref()?;
    let (topic, table) = (names.topic.as_str(), names.table.to_string());
    let is_other_topic =
        |there: &&str| *there != topic && there.ends_with(&claims::topic(pipeline)) && !topic.is_empty();
    let topic_there = status.topic.as_deref().filter(is_other_topic);
    let table_there = status.table.as_deref().filter(|there| **there != table);
    let (kind, there, wanted) = match (topic_there, table_there) {
        (Some(there), _) => ("topic", there, topic),
        (None, Some(there)) => ("table", there, table.as_str()),
        (None, None) => return None,
    };
    Some(Fault::new(
        ConditionType::Ready,
        Reason::OwnershipMismatch,
        Cure::Change,
        format!(
            "the {kind} is `{there}`, and by the prefix of the namespace it would be `{wanted}` now; nothing moves by itself: the platform team sets the prefix back (Helm value `tenants`), or delete the pipeline - Retain keeps the data - and apply it anew, which begins a new topic and table"
        ),
    ))
}
