//! AnalyticsPipeline: topic, table and processor as one object says.
//!
//! ```text
//! gather ──▶ plan ──▶ diff, build ──▶ apply ──▶ status ──▶ report
//! (IO in)   (pure)      (pure)       (IO out)   (pure)
//! ```
//!
//! In: an AnalyticsPipeline. Out: what it asks for, and its status; a look at a settled one writes nothing.
//! Level-triggered: every look sees all there is, and does what is left to do, whatever happened in between.

pub mod apply;
pub mod build;
pub mod claims;
pub mod cleanup;
pub mod confirm;
pub mod gather;
pub mod plan;
pub mod processor;
pub mod scaling;
pub mod status;

use crds::AnalyticsPipeline;
use kube::ResourceExt;

use crate::context::Context;
use crate::controllers::{Look, Pace};
use crate::fault::{Fault, gravest};
use crate::kubernetes::ApplyError;
use crate::objects::Key;
use crate::settings::Settings;
use crate::status::{Conditions, Standing};
use crate::tenants::{self, gather as tenancy};
use apply::Applied;
use cleanup::Cleanup;
use gather::Gathered;
use plan::Plan;

/// Kind, as metrics and keys name it.
pub const KIND: &str = "AnalyticsPipeline";

/// Looks at a pipeline.
pub async fn reconcile(ctx: &Context, pipeline: &AnalyticsPipeline) -> Result<Look, ApplyError> {
    if let Some(finalizers) = cleanup::finalizers(pipeline) {
        ctx.kubernetes.set_finalizers(pipeline, &finalizers).await?;
        // The change comes back through the watch, and the look goes on with it.
        return Ok(Look::unchanged());
    }
    let namespace = pipeline.namespace().unwrap_or_default();
    let standing = tenancy::standing(ctx, &namespace).await?; // (reads the namespace, where there are tenants)
    let ctx = &ctx.of(&standing);
    if pipeline.metadata.deletion_timestamp.is_some() {
        return end(ctx, pipeline, standing).await;
    }
    let Carried { gathered, plan, applied } = carry_out(ctx, pipeline, standing).await?; // (reads everything, writes)
    let key = Key::of(KIND, pipeline);
    remember(ctx, &key, plan.as_ref(), &applied);
    let now = (ctx.clock)();
    let outcome = status::status(pipeline, &gathered, (plan.as_ref(), &applied), now); // (pure)
    ctx.reporter.report(pipeline, &key, (pipeline.status.as_ref(), &outcome.status), now).await?; // (writes)
    let pace = Pace::of_faults(&outcome.faults);
    let by_lag = plan.is_some_and(|plan| plan.pods.decision.is_some());
    Ok(Look::new(&outcome.status.conditions, if by_lag { pace.by_lag() } else { pace }))
}

/// What was read, what must be, and how far it came.
#[derive(Debug)]
pub struct Carried {
    /// What was read.
    pub gathered: Gathered,
    /// What must be, where nothing is wrong.
    pub plan: Option<Plan>,
    /// How far it came, and every fault.
    pub applied: Applied,
}

/// Carries out what a pipeline asks for.
pub async fn carry_out(
    ctx: &Context,
    pipeline: &AnalyticsPipeline,
    standing: Result<tenants::Standing, Fault>,
) -> Result<Carried, ApplyError> {
    let gathering = gather::gather(ctx, pipeline, standing); // (reads everything)
    let gathered = traces::within(traces::span!("gather"), gathering, not_gathered).await?;
    let planned = planned(pipeline, &gathered, &ctx.settings); // (pure)
    let (plan, mut applied) = match planned {
        Ok(plan) => {
            let applying = apply::apply(ctx, pipeline, &plan, &gathered); // (writes)
            let applied = traces::within(traces::span!("apply"), applying, not_applied).await?;
            (Some(plan), applied)
        }
        Err(faults) => (None, Applied { faults, ..Applied::default() }),
    };
    if pipeline.spec.suspend && applied.deployment.is_none() {
        let uid = pipeline.uid().unwrap_or_default();
        apply::suspend(ctx, &uid, &gathered.children, &mut applied).await?; // (writes)
    }
    Ok(Carried { gathered, plan, applied })
}

/// Makes the plan within a span.
fn planned(
    pipeline: &AnalyticsPipeline,
    gathered: &Gathered,
    settings: &Settings,
) -> Result<Plan, Vec<Fault>> {
    let span = traces::span!("plan");
    let planned = span.in_scope(|| plan::plan(pipeline, gathered, settings));
    let faults = planned.as_ref().err();
    traces::end(&span, faults.and_then(|faults| gravest(faults)).map(|fault| fault.reason));
    planned
}

/// Returns why not all could be read.
fn not_gathered(gathered: &Result<Gathered, ApplyError>) -> Option<String> {
    match gathered {
        Ok(gathered) => [gathered.topics.as_ref().err(), gathered.table.as_ref().err()]
            .into_iter()
            .flatten()
            .next()
            .map(|fault| fault.reason.to_string()),
        Err(error) => Some(error.reason()),
    }
}

/// Returns why not all could be brought to what must be.
fn not_applied(applied: &Result<Applied, ApplyError>) -> Option<String> {
    match applied {
        Ok(applied) => gravest(&applied.faults).map(|fault| fault.reason.to_string()),
        Err(error) => Some(error.reason()),
    }
}

/// Keeps what the next decision on the number of pods needs, once this one is carried out.
fn remember(ctx: &Context, key: &Key, plan: Option<&Plan>, applied: &Applied) {
    match plan.map(|plan| &plan.pods.decision) {
        Some(Some(decision)) if applied.deployment.is_some() => ctx.memories.keep(key, decision.memory),
        Some(None) => ctx.memories.forget(key),
        Some(Some(_)) | None => {}
    }
}

/// Looks at a pipeline that is going.
async fn end(
    ctx: &Context,
    pipeline: &AnalyticsPipeline,
    standing: Result<tenants::Standing, Fault>,
) -> Result<Look, ApplyError> {
    if !pipeline.finalizers().iter().any(|finalizer| finalizer == cleanup::FINALIZER) {
        return Ok(Look::gone());
    }
    confirm::pipeline(ctx, pipeline).await?;
    let cleanup = cleanup::cleanup(ctx, pipeline, standing).await?;
    let faults = match &cleanup {
        Cleanup::Done => {
            let others: Vec<_> =
                pipeline.finalizers().iter().filter(|it| *it != cleanup::FINALIZER).cloned().collect();
            ctx.kubernetes.set_finalizers(pipeline, &others).await?;
            return Ok(Look::gone());
        }
        Cleanup::Waiting(_) => Vec::new(),
        Cleanup::Faulty(fault) => vec![fault.clone()],
    };
    let now = (ctx.clock)();
    let before = pipeline.status.clone().unwrap_or_default();
    let mut conditions = Conditions::new(&before.conditions, pipeline.metadata.generation, now);
    conditions.stand(&match &cleanup {
        Cleanup::Waiting(message) => Standing::Progressing(message),
        Cleanup::Done | Cleanup::Faulty(_) => Standing::Faulty(&faults),
    });
    let mut after = before.clone();
    after.conditions = conditions.finish();
    after.observed_generation = pipeline.metadata.generation;
    ctx.reporter.report(pipeline, &Key::of(KIND, pipeline), (Some(&before), &after), now).await?;
    Ok(Look::new(&after.conditions, Pace::of_faults(&faults)))
}

#[cfg(test)]
mod tests;
