//! EventSchema: understood, judged against the version accepted before, and counted. Nothing is made of it here.
//!
//! In: an EventSchema. Out: its status; `status.accepted` is what pipelines use, never the spec.
//! So a version that is refused changes nothing: the accepted one stays in force until a better one comes.

pub mod check;
pub mod in_force;
pub mod status;

use crds::EventSchema;
use kube::ResourceExt;

use crate::context::Context;
use crate::controllers::{Look, Pace};
use crate::kubernetes::ApplyError;
use crate::objects::Key;

/// Kind, as metrics and keys name it.
pub const KIND: &str = "EventSchema";

/// Looks at an EventSchema: gather, check, report.
pub async fn reconcile(ctx: &Context, schema: &EventSchema) -> Result<Look, ApplyError> {
    let key = Key::of(KIND, schema);
    if schema.metadata.deletion_timestamp.is_some() {
        return Ok(Look::gone());
    }
    let used_by = n_users(ctx, schema); // (reads the store)
    let before = schema.status.as_ref();
    let judged =
        check::check(&schema.name_any(), &schema.spec, before.and_then(|status| status.accepted.as_ref())); // (pure)
    let now = (ctx.clock)();
    let after = status::status(schema, &judged, used_by, now); // (pure)
    ctx.reporter.report(schema, &key, (before, &after), now).await?; // (writes)
    Ok(Look::new(&after.conditions, Pace::of_faults(&judged.faults)))
}

fn n_users(ctx: &Context, schema: &EventSchema) -> i32 {
    let (namespace, name) = (schema.namespace().unwrap_or_default(), schema.name_any());
    let n_users = ctx
        .stores
        .pipelines_in(&namespace)
        .iter()
        .filter(|pipeline| pipeline.spec.schemas.iter().any(|reference| reference.name == name))
        .count();
    i32::try_from(n_users).unwrap_or(i32::MAX)
}
