//! Admission: what the apiserver does with an object before it keeps it.
//!
//! In: an object as somebody applies it, and the one before. Out: the object as it is kept, or why it is refused.
//! The judge is that of the CLI: structure, lists, rules. Kinds that are not ours are kept as they are.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crds::admission::judge::Judge;
use crds::definition::definitions;
use serde_json::Value;

/// Returns the judge of a kind, where it is ours.
pub(super) fn judge(kind: &str) -> Option<&'static Judge> {
    static JUDGES: OnceLock<BTreeMap<String, Judge>> = OnceLock::new();
    let all =
        || definitions().iter().map(|it| (it.spec.names.kind.clone(), Judge::new(it).unwrap())).collect();
    JUDGES.get_or_init(all).get(kind)
}

/// Admits an object.
pub(super) fn admit(object: &Value, before: Option<&Value>) -> Result<Value, String> {
    let Some(judge) = judge(object["kind"].as_str().unwrap_or_default()) else { return Ok(object.clone()) };
    // Nobody but the operator writes a status.
    let written = |object: &Value| {
        let mut object = object.clone();
        object.as_object_mut().into_iter().for_each(|it| drop(it.remove("status")));
        object
    };
    let refusals = judge.refusals(&written(object), before.map(written).as_ref());
    if refusals.is_empty() {
        return Ok(judge.complete(&written(object)));
    }
    Err(refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}
