//! Every case below `cases/admission/`, judged offline as the apiserver does it: defaults, structure, lists, CEL.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kube::core::cel::{Validator, apply_defaults};
use serde_json::{Value, json};

use super::case::Case;
use crate::definition::{definitions, schema};

struct Judge {
    schema: Value,
    structure: jsonschema::Validator,
}

impl Judge {
    fn new(schema: Value) -> Self {
        let mut structure = schema.clone();
        strict(&mut structure);
        // What the apiserver adds to every kind.
        for (name, kind) in [("apiVersion", "string"), ("kind", "string"), ("metadata", "object")] {
            structure["properties"][name] = json!({"type": kind});
        }
        let structure = jsonschema::draft4::new(&structure).unwrap();
        Self { schema, structure }
    }

    /// Returns every refusal as `path: message`, like the apiserver: rules are asked only when the structure is right.
    fn refusals(&self, object: &Value, before: Option<&Value>) -> Vec<String> {
        let complete = |object: &Value| apply_defaults(&self.schema, &without_nulls(object));
        let object = complete(object);
        let mut refusals: Vec<String> = self
            .structure
            .iter_errors(&object)
            .map(|error| format!("{}: {error}", dotted(error.instance_path().as_str())))
            .collect();
        duplicates("", &self.schema, &object, &mut refusals);
        if refusals.is_empty()
            && let Err(errors) =
                Validator::new().validate(&self.schema, &object, before.map(complete).as_ref())
        {
            refusals.extend(
                errors.as_slice().iter().map(|error| format!("{}: {}", error.field_path, error.message)),
            );
        }
        refusals
    }
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
fn duplicates(path: &str, schema: &Value, value: &Value, refusals: &mut Vec<String>) {
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
            refusals.push(format!("{}: Duplicate value", at.trim_start_matches('.')));
        }
        seen.push(identity);
        duplicates(&at, &schema["items"], item, refusals);
    }
}

fn judges() -> BTreeMap<String, Judge> {
    definitions()
        .iter()
        .map(|definition| (definition.spec.names.singular.clone().unwrap(), Judge::new(schema(definition))))
        .collect()
}

fn cases(kind: &str, verdict: &str) -> Vec<(PathBuf, Case)> {
    let folder =
        Path::new(env!("TRIBUTARY_REPOSITORY")).join("crds/cases/admission").join(kind).join(verdict);
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let case = Case::parse(&std::fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{path:?}: {error}"));
        (path, case)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn accepts_what_is_right() {
    for (kind, judge) in judges() {
        for (path, case) in cases(&kind, "accepts") {
            assert_eq!(case.message, None, "{path:?}");
            for (object, before) in [(case.before.as_ref(), None), (Some(&case.object), case.before.as_ref())]
            {
                let refusals = object.map(|object| judge.refusals(object, before)).unwrap_or_default();
                assert!(refusals.is_empty(), "{path:?}: {refusals:#?}");
            }
        }
    }
}

#[test]
fn rejects_what_is_wrong_with_the_words_of_the_case() {
    let mut wrong = Vec::new();
    for (kind, judge) in judges() {
        for (path, case) in cases(&kind, "rejects") {
            let message =
                case.message.as_deref().unwrap_or_else(|| panic!("{path:?} begins without `# message: `"));
            if let Some(before) = &case.before {
                assert_eq!(judge.refusals(before, None), Vec::<String>::new(), "{path:?}");
            }
            let refusals = judge.refusals(&case.object, case.before.as_ref());
            if !refusals.iter().any(|refusal| refusal.contains(message)) {
                wrong.push(format!("{path:?}: `{message}` is not in {refusals:#?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_a_case_that_it_alone_explains() {
    let mut unproven = BTreeSet::new();
    for (kind, judge) in judges() {
        let mut messages = BTreeSet::new();
        rule_messages(&judge.schema, &mut messages);
        for (_, case) in cases(&kind, "rejects") {
            for refusal in judge.refusals(&case.object, case.before.as_ref()) {
                messages.retain(|message| !refusal.ends_with(message.as_str()));
            }
        }
        unproven.extend(messages);
    }
    assert!(unproven.is_empty(), "no case for {unproven:#?}");
}

fn rule_messages(schema: &Value, messages: &mut BTreeSet<String>) {
    let rules = schema["x-kubernetes-validations"].as_array();
    messages.extend(rules.into_iter().flatten().map(|rule| rule["message"].as_str().unwrap().to_owned()));
    schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .for_each(|(_, inner)| rule_messages(inner, messages));
    schema.get("items").into_iter().for_each(|inner| rule_messages(inner, messages));
}

#[test]
fn what_the_apiserver_accepts_is_read_as_its_kind() {
    for (path, case) in cases("eventschema", "accepts") {
        assert!(serde_json::from_value::<crate::EventSchema>(case.object).is_ok(), "{path:?}");
    }
    for (path, case) in cases("analyticspipeline", "accepts") {
        assert!(serde_json::from_value::<crate::AnalyticsPipeline>(case.object).is_ok(), "{path:?}");
    }
    for (path, case) in cases("forwardingrule", "accepts") {
        assert!(serde_json::from_value::<crate::ForwardingRule>(case.object).is_ok(), "{path:?}");
    }
}

#[test]
fn the_defaults_of_the_definition_are_those_of_the_types() {
    let judges = judges();
    let least = &cases("analyticspipeline", "accepts")
        .into_iter()
        .find(|(path, _)| path.ends_with("the-least.yaml"))
        .unwrap()
        .1;
    let completed = apply_defaults(&judges["analyticspipeline"].schema, &least.object);
    let by_schema: crate::AnalyticsPipeline = serde_json::from_value(completed).unwrap();
    let by_types: crate::AnalyticsPipeline = serde_json::from_value(least.object.clone()).unwrap();
    assert_eq!(by_schema.spec, by_types.spec);
}

#[test]
fn a_file_with_three_documents_is_no_case() {
    assert!(Case::parse("a: 1\n---\na: 2\n---\na: 3\n").is_err());
    assert!(Case::parse("a: [\n").is_err());
}
