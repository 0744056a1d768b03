//! The apiserver's judgement without an apiserver: defaults, structure, unknown fields, lists, CEL.
//!
//! In: a definition, an object as its author wrote it, and the object before it. Out: every [`Refusal`], with its path.
//! Rules are asked only when the structure is right, as the apiserver does it.
//! Not here: names and namespaces, which the apiserver checks for every kind alike; and what needs another object.

use std::fmt;

use jsonschema::error::ValidationErrorKind;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::cel::{Validator, apply_defaults};
use serde_json::{Value, json};

use crate::definition::schema;

/// Judges the objects of one kind.
#[derive(Debug)]
pub struct Judge {
    schema: Value,
    structure: jsonschema::Validator,
}

/// One thing that the apiserver refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Where: `spec.fields[0].name`; empty for the whole.
    pub path: String,
    /// What is wrong and, where a rule of ours says it, what to do.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path, self.message)
    }
}

/// A definition whose schema is none.
#[derive(Debug, thiserror::Error)]
#[error("the schema of a definition is none: {0}; this is a defect of Tributary")]
pub struct NoSchema(String);

impl Judge {
    /// Makes the judge of a kind.
    ///
    /// # Errors
    /// When the definition's schema is none, which the tests rule out for ours.
    pub fn new(definition: &CustomResourceDefinition) -> Result<Self, NoSchema> {
        let schema = schema(definition);
        let mut structure = schema.clone();
        strict(&mut structure);
        // What the apiserver adds to every kind.
        for (name, kind) in [("apiVersion", "string"), ("kind", "string"), ("metadata", "object")] {
            structure["properties"][name] = json!({"type": kind});
        }
        let structure = jsonschema::draft4::new(&structure).map_err(|error| NoSchema(error.to_string()))?;
        Ok(Self { schema, structure })
    }

    /// Returns the schema by which is judged.
    #[must_use]
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// Returns an object as the apiserver keeps it: without nulls, with the defaults.
    #[must_use]
    pub fn complete(&self, object: &Value) -> Value {
        apply_defaults(&self.schema, &without_nulls(object))
    }

    /// Returns every refusal of an object that is new, or that takes the place of another.
    #[must_use]
    pub fn refusals(&self, object: &Value, before: Option<&Value>) -> Vec<Refusal> {
        let object = self.complete(object);
        let mut refusals: Vec<Refusal> =
            self.structure.iter_errors(&object).flat_map(|error| self.structural(&error)).collect();
        duplicates("", &self.schema, &object, &mut refusals);
        if refusals.is_empty() {
            let before = before.map(|before| self.complete(before));
            let judged = Validator::new().validate(&self.schema, &object, before.as_ref());
            refusals.extend(judged.err().into_iter().flat_map(|errors| errors.into_vec()).map(|error| {
                Refusal { path: error.field_path.trim_start_matches('.').to_owned(), message: error.message }
            }));
        }
        refusals
    }

    fn structural(&self, error: &jsonschema::ValidationError<'_>) -> Vec<Refusal> {
        let pointer = error.instance_path().as_str();
        let path = dotted(pointer);
        if let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() {
            let known = known_fields(&self.schema, pointer);
            return unexpected.iter().map(|name| unknown_field(&path, name, &known)).collect();
        }
        vec![Refusal { path, message: in_words(error) }]
    }
}

/// Says what the structure refuses, with the remedy where the usual words lack it.
fn in_words(error: &jsonschema::ValidationError<'_>) -> String {
    if let ValidationErrorKind::Required { property } = error.kind() {
        return format!("`{}` is missing; add it", text(property));
    }
    if let ValidationErrorKind::Enum { options } = error.kind() {
        let options: Vec<String> = options.as_array().into_iter().flatten().map(text).collect();
        return format!("`{}` is none of {}; set one of them", text(error.instance()), options.join(", "));
    }
    let is_switch = error.instance().is_boolean() && matches!(error.kind(), ValidationErrorKind::Type { .. });
    let hint = if is_switch { "; `yes`, `no`, `on`, `off`, `y` and `n` are text only in quotes" } else { "" };
    format!("{error}{hint}")
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn unknown_field(path: &str, name: &str, known: &[&str]) -> Refusal {
    let dot = if path.is_empty() { "" } else { "." };
    let path = format!("{path}{dot}{name}");
    let message = format!("unknown field \"{path}\"; the fields here are {}", known.join(", "));
    Refusal { path, message }
}

/// Returns the fields that may stand at a place.
fn known_fields<'a>(schema: &'a Value, pointer: &str) -> Vec<&'a str> {
    let keys = pointer.split('/').filter(|key| !key.is_empty());
    let place = keys.fold(schema, |schema, key| match schema["properties"].get(key) {
        Some(property) => property,
        None => &schema["items"],
    });
    place["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

/// `/spec/fields/0/name` is `spec.fields[0].name`.
fn dotted(pointer: &str) -> String {
    let mut path = String::new();
    for key in pointer.split('/').filter(|key| !key.is_empty()) {
        if key.parse::<usize>().is_ok() {
            path.push_str(&format!("[{key}]"));
        } else {
            path.push_str(if path.is_empty() { "" } else { "." });
            path.push_str(key);
        }
    }
    path
}

/// The apiserver refuses unknown fields when the client asks for it, as `kubectl apply` does.
fn strict(schema: &mut Value) {
    if schema.get("properties").is_some() {
        schema["additionalProperties"] = json!(false);
    }
    let Some(object) = schema.as_object_mut() else { return };
    let properties = object.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flatten().for_each(|(_, inner)| strict(inner));
    object.get_mut("items").into_iter().for_each(strict);
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(object) => object
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), without_nulls(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(list) => list.iter().map(without_nulls).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Lists of type set and map hold a value or a key once.
fn duplicates(path: &str, schema: &Value, value: &Value, refusals: &mut Vec<Refusal>) {
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, inner) in properties.into_iter().flatten() {
        if let Some(value) = value.get(name) {
            duplicates(&format!("{path}.{name}"), inner, value, refusals);
        }
    }
    let Some(list) = value.as_array() else { return };
    let keys: Vec<&str> = schema["x-kubernetes-list-map-keys"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut seen = Vec::new();
    for (index, item) in list.iter().enumerate() {
        let at = format!("{path}[{index}]");
        let identity = match schema["x-kubernetes-list-type"].as_str() {
            Some("map") => keys.iter().map(|key| item.get(key).cloned().unwrap_or_default()).collect(),
            Some("set") => vec![item.clone()],
            _ => vec![json!(index)],
        };
        if seen.contains(&identity) {
            let path = at.trim_start_matches('.').to_owned();
            refusals.push(Refusal {
                path,
                message: "Duplicate value: it stands in the list before; remove it".to_owned(),
            });
        }
        seen.push(identity);
        duplicates(&at, &schema["items"], item, refusals);
    }
}
