//! Unreadable: an object that the apiserver holds and that cannot be read as its kind.
//!
//! In: its metadata and the reader's error. Out: `Stalled` with reason `Unreadable`, where the apiserver takes it.
//! Everything else of its status stays as it is: an accepted schema version stays in force. The other objects never notice.

use crds::conditions::{ConditionType, Reason};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::DeserializeGuard;
use kube::core::error_boundary::InvalidObject;
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

use crate::context::Context;
use crate::controllers::look::{Look, Pace};
use crate::fault::{Cure, Fault};
use crate::kubernetes::{ApplyError, Child};
use crate::objects::Key;
use crate::pipeline::cleanup::FINALIZER;
use crate::status::{Conditions, Standing};

/// Says of an object that it cannot be read.
pub(super) async fn reconcile<K: Child>(
    ctx: &Context,
    key: &Key,
    guard: &DeserializeGuard<K>,
    invalid: &InvalidObject,
) -> Result<Look, ApplyError> {
    let Some(object) = ctx.kubernetes.get_dynamic::<K>(&key.namespace, &key.name).await? else {
        return Ok(Look::gone());
    };
    let is_going = object.metadata.deletion_timestamp.is_some();
    if is_going && !object.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
        return Ok(Look::gone());
    }
    let status = object.data.get("status").cloned().unwrap_or_else(|| json!({}));
    let before: Vec<Condition> = status
        .get("conditions")
        .and_then(|list| serde_json::from_value(list.clone()).ok())
        .unwrap_or_default();
    let faults = [Fault::new(
        ConditionType::Ready,
        Reason::Unreadable,
        Cure::Change,
        message(key, is_going, &invalid.error),
    )];
    let now = (ctx.clock)();
    let mut conditions = Conditions::new(&before, object.metadata.generation, now);
    conditions.stand(&Standing::Faulty(&faults));
    let after = conditions.finish();
    let look = Look::new(&after, Pace::Stalled);
    if before == after {
        return Ok(look);
    }
    let status = with_conditions(status, &after, object.metadata.generation);
    ctx.kubernetes.write_status::<K, Value>(&object.metadata, &status).await?;
    ctx.reporter.tell(&guard.object_ref(&()), key, (&before, &after), now).await;
    tracing::warn!(object = %key, error = invalid.error, uid = guard.uid(), "object cannot be read");
    Ok(look)
}

fn message(key: &Key, is_going: bool, error: &str) -> String {
    let text = format!("the object cannot be read as {}: {error}; mend that field", key.kind);
    if is_going {
        format!(
            "deletion waits: {text}, or remove the finalizer `{FINALIZER}` to keep topic and table and go at once"
        )
    } else {
        format!("{text}, or upgrade the operator if the object is newer")
    }
}

fn with_conditions(mut status: Value, conditions: &[Condition], generation: Option<i64>) -> Value {
    status["conditions"] = json!(conditions);
    status["observedGeneration"] = json!(generation);
    status
}
