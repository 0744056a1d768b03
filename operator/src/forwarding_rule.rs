//! ForwardingRule: checked whole before any processor hears of it; then its deliveries are watched.
//!
//! In: a ForwardingRule, its pipeline, schemas and Secret. Out: its status. The pipeline asks the same [`check`] itself and
//! passes only rules that hold to its processors, so that one bad rule stops nothing but itself.

pub mod check;
mod circle;
pub mod gather;
mod status;

use crds::ForwardingRule;
use kube::ResourceExt;

use crate::context::Context;
use crate::controllers::{Look, Pace};
use crate::kubernetes::ApplyError;
use crate::objects::Key;
use crate::tenants::gather as tenants;

/// Kind, as metrics and keys name it.
pub const KIND: &str = "ForwardingRule";

/// Looks at a ForwardingRule: gather, check, report.
pub async fn reconcile(ctx: &Context, rule: &ForwardingRule) -> Result<Look, ApplyError> {
    if rule.metadata.deletion_timestamp.is_some() {
        return Ok(Look::gone());
    }
    let namespace = rule.namespace().unwrap_or_default();
    let standing = tenants::standing(ctx, &namespace).await?; // (reads the namespace, where there are tenants)
    let ctx = &ctx.of(&standing);
    let gathering = async {
        let gathered = gather::gather(ctx, rule, &standing).await?; // (reads Secret and Kafka)
        Ok((gathered, gather::processors(ctx, rule).await?)) // (reads the pods)
    };
    let failure = |it: &Result<_, ApplyError>| it.as_ref().err().map(ApplyError::reason);
    let (gathered, processors) = traces::within(traces::span!("gather"), gathering, failure).await?;
    let checked = check::check(rule, &gathered, &ctx.settings.egress()); // (pure)
    let now = (ctx.clock)();
    let outcome = status::status(rule, &gathered, checked, &processors, now); // (pure)
    let key = Key::of(KIND, rule);
    ctx.reporter.report(rule, &key, (rule.status.as_ref(), &outcome.status), now).await?; // (writes)
    // The counters come from the processors, which no watch tells of.
    Ok(Look::new(&outcome.status.conditions, Pace::of_faults(&outcome.faults).at_most_resync()))
}
