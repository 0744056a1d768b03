//! Confirm: whether objects are still as a look saw them, asked of the apiserver itself.
//!
//! In: a pipeline and its schemas, as the watches showed them. Out: nothing, or [`ApplyError::Outdated`]: another look begins anew.
//! A watch lags behind, and a process that has just started may begin with an older list. Kubernetes itself refuses a write
//! that was decided on an older object; Kafka and ClickHouse cannot. What is made there stays, and what is deleted is gone:
//! so both are asked for only where the pipeline is there as it was seen, and not another of its name.
//! Not here: a settled look, which changes nothing and asks nothing more.

use crds::{AnalyticsPipeline, EventSchema};
use kube::{Resource, ResourceExt};

use crate::context::Context;
use crate::event_schema::in_force::Named;
use crate::kubernetes::ApplyError;
use crate::objects::Found;

/// Confirms a pipeline: its identity, its spec, and whether it is going.
pub async fn pipeline(ctx: &Context, seen: &AnalyticsPipeline) -> Result<(), ApplyError> {
    let (namespace, name) = (seen.namespace().unwrap_or_default(), seen.name_any());
    let found = ctx.kubernetes.get_dynamic::<AnalyticsPipeline>(&namespace, &name).await?;
    let is_same = found.is_some_and(|there| {
        let (there, seen) = (&there.metadata, &seen.metadata);
        there.uid == seen.uid
            && there.generation == seen.generation
            && there.deletion_timestamp.is_some() == seen.deletion_timestamp.is_some()
    });
    confirmed::<AnalyticsPipeline>(&name, is_same)
}

/// Confirms the versions of the schemas of a pipeline: columns that were added are not taken back.
pub async fn schemas(ctx: &Context, user: &AnalyticsPipeline, named: &Named) -> Result<(), ApplyError> {
    let namespace = user.namespace().unwrap_or_default();
    for (name, found) in named {
        let Found::Object(seen) = found else { continue };
        let version = |schema: &EventSchema| schema.status.as_ref()?.accepted.as_ref().map(|it| it.version);
        let there: Option<EventSchema> = ctx.kubernetes.get(&namespace, name).await?;
        let is_same =
            there.is_some_and(|there| there.uid() == seen.uid() && version(&there) == version(seen));
        confirmed::<EventSchema>(name, is_same)?;
    }
    Ok(())
}

fn confirmed<K: Resource<DynamicType = ()>>(name: &str, is_same: bool) -> Result<(), ApplyError> {
    if is_same {
        return Ok(());
    }
    Err(ApplyError::Outdated { kind: K::kind(&()).into_owned(), name: name.to_owned() })
}
