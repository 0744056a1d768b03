//! Steps: what a look of the operator would write, for people. Pure.
//!
//! In: what was noted of a look, and objects before and after. Out: the steps of `plan`, in the order in which they would be done.
//! Of a child only fields that the operator wants are compared, as the operator compares them: others may have set more.
//! No value of a Secret is ever in a step.

use operator::clickhouse::ddl::statement;
use operator::kubernetes::compare::{KEYS, contains};
use operator::kubernetes::labels::{APPLIED, CONFIG_HASH};
use serde_json::{Map, Value, json};

use super::book::{Notes, Write};
use super::merge::LAST_APPLIED;
use crate::plan::objects::{FieldChange, difference};
use crate::plan::steps::{PipelineSteps, Step, Verb, losses};
use crate::plan::text;

const DELETES: &str = "whoever deletes the object from then on DELETES all its rows and records";

/// Stands for a value of a Secret.
const NOT_SHOWN: &str = "(not shown)";

/// Returns what is done for a pipeline; `is_told` says that the platform's settings are known only as a stream tells them.
pub(super) fn of_pipeline(
    pipeline: String,
    own: Option<Step>,
    notes: &Notes,
    is_told: bool,
) -> PipelineSteps {
    let (table, topics) = (notes.table.as_slice(), notes.topics.as_slice());
    let ttl = notes.found.as_ref().and_then(|found| found.ttl.as_deref());
    let shown = notes.writes.iter().filter(|write| !notes.hidden.contains(&write.path));
    PipelineSteps {
        pipeline,
        statements: table.iter().map(statement).collect(),
        topics: topics.iter().map(text::topic).collect(),
        losses: losses((notes.found.is_some(), ttl), (table, topics)),
        objects: own.into_iter().chain(shown.filter_map(|write| child(write, notes, is_told))).collect(),
        deletes_data: false,
    }
}

/// Returns what happens to an object that a team writes; none where nothing changes.
pub(super) fn own(label: String, before: Option<&Value>, after: &Value) -> Option<Step> {
    let after = authored(after);
    match before {
        None => Some(Step { value: after, ..Step::new(Verb::Create, label) }),
        Some(before) => {
            let fields = difference(&authored(before), &after);
            let is_deleting = |object: &Value| object["spec"]["deletionPolicy"] == "Delete";
            let turns = is_deleting(&after) && !is_deleting(before);
            let notes = turns.then(|| DELETES.to_owned()).into_iter().collect();
            (!fields.is_empty()).then(|| Step { notes, fields, ..Step::new(Verb::Change, label) })
        }
    }
}

/// Leaves what an author decides of an object.
fn authored(object: &Value) -> Value {
    let mut metadata = Map::new();
    for key in ["name", "namespace", "labels", "annotations"] {
        if let Some(value) = object["metadata"].get(key) {
            metadata.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
    metadata.retain(|_, value| value.as_object().is_none_or(|map| !map.is_empty()));
    json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": metadata, "spec": object["spec"]})
}

fn child(write: &Write, notes: &Notes, is_told: bool) -> Option<Step> {
    let (before, sent) = (write.before.as_ref(), write.sent.as_ref());
    let kind = sent.and_then(|sent| sent["kind"].as_str()).or_else(|| before?["kind"].as_str())?;
    if kind == "Secret" && notes.connection_is_unknown {
        return None;
    }
    let label = format!("{kind} {}", place(&write.path));
    let Some(sent) = sent else { return Some(Step::new(Verb::Delete, label)) };
    let Some(before) = before else {
        return Some(Step { value: shown(sent), ..Step::new(Verb::Create, label) });
    };
    let wanted = without_hash(sent);
    let mut fields = difference(&pruned(&without_hash(before), &wanted), &wanted);
    // What the hash is of is unknown as a whole where the key within it is.
    let is_config = |write: &Write| write.sent.as_ref().is_some_and(|sent| sent["kind"] == "ConfigMap");
    if notes.secret_is_unknown && !notes.writes.iter().any(is_config) {
        fields.retain(|field| !field.path.ends_with(CONFIG_HASH));
    }
    if kind == "Secret" {
        fields.iter_mut().for_each(conceal);
    }
    // Only what is not wanted any more is left; which of it is there by the settings, a stream does not tell.
    let is_hash_of_ours = sent["metadata"]["annotations"].get(APPLIED).is_some();
    match (fields.is_empty(), is_hash_of_ours && !is_told && !notes.secret_is_unknown) {
        (false, _) => Some(Step { fields, ..Step::new(Verb::Change, label) }),
        (true, true) => {
            let notes = vec!["fields that are not wanted any more go".to_owned()];
            Some(Step { notes, ..Step::new(Verb::Change, label) })
        }
        (true, false) => None,
    }
}

/// `/api/v1/namespaces/shop/configmaps/ios-processor` is `shop/ios-processor`.
fn place(path: &str) -> String {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default();
    format!("{}/{name}", parts.nth(1).unwrap_or_default())
}

fn without_hash(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(APPLIED);
    }
    object
}

/// Leaves of an object what is wanted of it; what contains the wanted is shown as the wanted itself.
fn pruned(actual: &Value, wanted: &Value) -> Value {
    match (actual, wanted) {
        (Value::Object(actual), Value::Object(wanted)) => {
            let mut kept = Map::new();
            for (key, wanted) in wanted {
                let there = actual.get(key);
                let of = |value: Option<&Value>| {
                    value.map_or_else(|| json!({}), |value| json!({key.as_str(): value}))
                };
                if contains(&of(there), &of(Some(wanted))) {
                    kept.insert(key.clone(), wanted.clone());
                } else if let Some(there) = there {
                    kept.insert(key.clone(), pruned(there, wanted));
                }
            }
            Value::Object(kept)
        }
        (Value::Array(actual), Value::Array(wanted)) => {
            let key = KEYS.into_iter().find(|key| wanted.iter().all(|element| element.get(key).is_some()));
            let Some(key) = key.filter(|_| !wanted.is_empty()) else { return Value::Array(actual.clone()) };
            let counterpart = |wanted: &Value| {
                let found = actual.iter().find(|actual| actual.get(key) == wanted.get(key));
                found.map_or(Value::Null, |found| pruned(found, wanted))
            };
            Value::Array(wanted.iter().map(counterpart).collect())
        }
        _ => actual.clone(),
    }
}

/// Returns an object as it may be shown.
fn shown(object: &Value) -> Value {
    let mut object = without_hash(object);
    if object["kind"] == "Secret" {
        for data in ["data", "stringData"] {
            let values = object.get_mut(data).and_then(Value::as_object_mut);
            values.into_iter().flatten().for_each(|(_, value)| *value = json!(NOT_SHOWN));
        }
    }
    object
}

fn conceal(FieldChange { path, before, after }: &mut FieldChange) {
    if path.starts_with("data") || path.starts_with("stringData") {
        for value in [before, after] {
            if !value.is_null() {
                *value = json!(NOT_SHOWN);
            }
        }
    }
}

#[cfg(test)]
mod tests;
