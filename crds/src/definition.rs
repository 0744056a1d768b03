//! The definitions of the three kinds as the apiserver gets them.
//!
//! In: what `kube` derives from the types. Out: [`CustomResourceDefinition`]s, structural, bounded, with rules and defaults.
//! Not here: files; `generated` writes them.
//!
//! What the types cannot say is added here: the rule on the object's name, the bounds of conditions, the default of
//! `status.observedGeneration`, and descriptions in one line.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Map, Value, json};

use crate::{AnalyticsPipeline, EventSchema, ForwardingRule, admission};

/// Returns the three definitions: AnalyticsPipeline, EventSchema, ForwardingRule.
///
/// # Panics
/// Never on a tested build: the tests build all three.
#[must_use]
pub fn definitions() -> [CustomResourceDefinition; 3] {
    [AnalyticsPipeline::crd(), EventSchema::crd(), ForwardingRule::crd()].map(complete)
}

/// Returns the schema of a definition's version: what an object must look like.
#[must_use]
pub fn schema(definition: &CustomResourceDefinition) -> Value {
    let schema = definition.spec.versions.first().and_then(|version| version.schema.as_ref());
    schema
        .and_then(|schema| serde_json::to_value(schema.open_api_v3_schema.as_ref()?).ok())
        .unwrap_or(Value::Null)
}

fn complete(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    let mut root = schema(&definition);
    tidy(&mut root);
    add(&mut root, "x-kubernetes-validations", json!([admission::object_name()]));
    if let Some(status) = root.pointer_mut("/properties/status") {
        without_rules(status);
        add(status, "description", json!("What Tributary found and did. Nobody but the operator writes it."));
        // Without a status, kstatus would take an object that nobody has looked at for a finished one.
        add(status, "default", json!({"observedGeneration": -1}));
        if let Some(generation) = status.pointer_mut("/properties/observedGeneration") {
            add(generation, "minimum", json!(-1));
        }
        if let Some(conditions) = status.pointer_mut("/properties/conditions") {
            bound_conditions(conditions);
        }
    }
    if let Some(spec) = root.pointer_mut("/properties/spec") {
        add(spec, "description", json!("What is wanted."));
    }
    for version in &mut definition.spec.versions {
        if let Some(schema) = &mut version.schema {
            schema.open_api_v3_schema = serde_json::from_value(root.clone()).ok();
        }
    }
    definition
}

fn add(schema: &mut Value, key: &str, value: Value) {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(key.to_owned(), value);
    }
}

/// Every schema below, the given one first.
fn each(schema: &mut Value, change: &mut dyn FnMut(&mut Map<String, Value>)) {
    let Some(object) = schema.as_object_mut() else { return };
    change(object);
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(|property| each(property, change));
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = object.get_mut(key) {
            each(inner, change);
        }
    }
}

/// One line a description; no `nullable`, so that null means absent, as YAML tools write it; no format that the apiserver
/// does not know.
fn tidy(schema: &mut Value) {
    each(schema, &mut |object| {
        object.remove("nullable");
        if let Some(Value::String(text)) = object.get_mut("description") {
            *text = text.split('\n').map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned();
        }
        if object.get("format").is_some_and(|format| format == "uint32" || format == "uint64") {
            object.insert("format".to_owned(), json!("int64"));
        }
    });
}

/// A status holds specs that were accepted before: the rules of today do not judge them, and fill nothing in.
fn without_rules(status: &mut Value) {
    each(status, &mut |object| {
        for key in ["x-kubernetes-validations", "default", "minLength", "minItems", "pattern"] {
            object.remove(key);
        }
    });
}

/// Conditions as Kubernetes itself bounds them.
fn bound_conditions(conditions: &mut Value) {
    add(conditions, "maxItems", json!(16));
    add(conditions, "x-kubernetes-list-type", json!("map"));
    add(conditions, "x-kubernetes-list-map-keys", json!(["type"]));
    let bounds = [
        ("type", json!({"maxLength": 316})),
        ("status", json!({"enum": ["True", "False", "Unknown"]})),
        (
            "reason",
            json!({"minLength": 1, "maxLength": 1024, "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"}),
        ),
        ("message", json!({"maxLength": 32768})),
        ("observedGeneration", json!({"minimum": 0})),
    ];
    for (name, bound) in bounds {
        let property = conditions.pointer_mut(&format!("/items/properties/{name}"));
        if let (Some(Value::Object(property)), Value::Object(bound)) = (property, bound) {
            property.extend(bound);
        }
    }
}

#[cfg(test)]
mod tests;
