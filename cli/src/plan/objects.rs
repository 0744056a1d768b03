//! Objects: what a pipeline owns in Kubernetes, as values, and how two of them differ.
//!
//! In: the objects that the operator builds. Out: values by name, and the single fields that differ.
//! A file in a ConfigMap is compared as the YAML that it is.

use operator::pipeline::build::Objects;
use serde::Serialize;
use serde_json::{Value, json};

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FieldChange {
    /// Path.
    pub(crate) path: String,
    /// Value before; null for none.
    pub(crate) before: Value,
    /// Value after; null for none.
    pub(crate) after: Value,
}

/// Returns the objects by kind, in the order in which they are applied.
pub(super) fn values(objects: &Objects) -> Result<Vec<(&'static str, Value)>, serde_json::Error> {
    // Whether KEDA is there is not known without a cluster: the plan has nothing of it.
    let Objects { service_account, secret, config_map, deployment, pod_monitor, .. } = objects;
    let mut values = vec![
        ("ServiceAccount", serde_json::to_value(service_account)?),
        ("Secret", serde_json::to_value(secret)?),
        ("ConfigMap", serde_json::to_value(config_map)?),
        ("Deployment", serde_json::to_value(deployment)?),
    ];
    if let Some(pod_monitor) = pod_monitor {
        values.push(("PodMonitor", serde_json::to_value(pod_monitor)?));
    }
    Ok(values)
}

/// Returns the fields that differ, in the order of their paths.
pub(crate) fn difference(before: &Value, after: &Value) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    walk("", &opened(before), &opened(after), &mut changes);
    changes
}

/// Reads the files of a ConfigMap.
fn opened(object: &Value) -> Value {
    let mut object = object.clone();
    if object["kind"] == "ConfigMap"
        && let Some(files) = object.get_mut("data").and_then(Value::as_object_mut)
    {
        for file in files.values_mut() {
            let read = file.as_str().and_then(|text| serde_yaml::from_str::<Value>(text).ok());
            *file = read.unwrap_or_else(|| file.clone());
        }
    }
    object
}

fn walk(path: &str, before: &Value, after: &Value, changes: &mut Vec<FieldChange>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let missing = Value::Null;
                let sides = (old.get(key).unwrap_or(&missing), new.get(key).unwrap_or(&missing));
                walk(&path, sides.0, sides.1, changes);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for index in 0..old.len().max(new.len()) {
                let missing = Value::Null;
                let sides = (old.get(index).unwrap_or(&missing), new.get(index).unwrap_or(&missing));
                walk(&format!("{path}[{index}]"), sides.0, sides.1, changes);
            }
        }
        _ if before == after => {}
        _ => changes.push(FieldChange { path: path.to_owned(), before: json!(before), after: json!(after) }),
    }
}
