//! KEDA's objects: written where KEDA decides on the number of pods, taken away where it does not.
//!
//! In: what is wanted, what is there. Out: writes, in an order in which operator and KEDA never write the same field: KEDA goes before
//! the number of pods is written, and comes after it was given up.
//! Not here: who decides (`plan/pods.rs`).

use kube::ResourceExt;

use crate::context::Context;
use crate::kubernetes::{ApplyError, Child};
use crate::pipeline::build::Objects;
use crate::pipeline::gather::Children;

/// Prepares the Deployment's write: KEDA's objects go where none are wanted, the number of pods is given up where they are.
pub(super) async fn before(ctx: &Context, wanted: &Objects, children: &Children) -> Result<(), ApplyError> {
    if wanted.scaled_object.is_none() {
        let uid = wanted.deployment.owner_references().first().map(|owner| owner.uid.clone());
        return remove(ctx, &uid.unwrap_or_default(), children).await;
    }
    match &children.deployment {
        Some(deployment) => ctx.kubernetes.give_up_replicas(deployment).await,
        None => Ok(()),
    }
}

/// Writes KEDA's objects; the secrets that it needs come first.
pub(super) async fn after(ctx: &Context, wanted: &Objects, children: &Children) -> Result<(), ApplyError> {
    if let Some(authentication) = &wanted.trigger_authentication {
        ctx.kubernetes.apply(authentication, children.keda.trigger_authentication.as_ref()).await?;
    }
    if let Some(scaled) = &wanted.scaled_object {
        ctx.kubernetes.apply(scaled, children.keda.scaled_object.as_ref()).await?;
    }
    Ok(())
}

/// Takes KEDA's objects of a pipeline away.
pub(super) async fn remove(ctx: &Context, uid: &str, children: &Children) -> Result<(), ApplyError> {
    remove_one(ctx, uid, children.keda.scaled_object.as_ref()).await?;
    remove_one(ctx, uid, children.keda.trigger_authentication.as_ref()).await
}

async fn remove_one<K: Child>(ctx: &Context, uid: &str, there: Option<&K>) -> Result<(), ApplyError> {
    let is_ours = |object: &&K| object.owner_references().iter().any(|owner| owner.uid == uid);
    let is_going = |object: &&K| object.meta().deletion_timestamp.is_some();
    match there.filter(is_ours).filter(|object| !is_going(object)) {
        Some(object) => ctx.kubernetes.delete(object).await,
        None => Ok(()),
    }
}
