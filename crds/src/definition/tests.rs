//! The lint of the definitions: bounded, described, structural, small.

use super::*;

/// Walks every schema with its path.
fn walk(path: &str, schema: &Value, visit: &mut dyn FnMut(&str, &Value)) {
    visit(path, schema);
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), inner, visit);
    }
    for (key, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(inner) = schema.get(key) {
            walk(&format!("{path}{mark}"), inner, visit);
        }
    }
}

fn problems(check: impl Fn(&str, &Value) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for definition in definitions() {
        walk(&definition.spec.names.kind.clone(), &schema(&definition), &mut |path, schema| {
            found.extend(check(path, schema).map(|problem| format!("{path}: {problem}")));
        });
    }
    found
}

#[test]
fn everything_is_bounded() {
    let unbounded = problems(|_, schema| {
        let has = |key: &str| schema.get(key).is_some();
        let bounded = match schema["type"].as_str() {
            Some("string") => has("maxLength") || has("enum") || schema["format"] == "date-time",
            Some("array") => has("maxItems"),
            Some("object") => has("properties") || has("maxProperties"),
            Some("integer") => has("minimum"),
            // A bound beyond 64 bits would be cut by the apiserver, and refuse every whole number.
            Some("number" | "boolean") => true,
            _ => false,
        };
        (!bounded).then(|| schema.to_string())
    });
    assert!(unbounded.is_empty(), "{unbounded:#?}");
}

#[test]
fn every_field_has_a_description_in_one_line() {
    let silent = problems(|path, schema| {
        let description = schema["description"].as_str().unwrap_or_default();
        let part = path.ends_with("[]") || path.ends_with("{}");
        let good = part
            || (description.ends_with('.') && !description.contains('\n') && !description.contains("TODO"));
        (!good).then(|| format!("`{description}`"))
    });
    assert!(silent.is_empty(), "{silent:#?}");
}

#[test]
fn every_rule_has_a_message_and_a_path_that_exists() {
    let wrong = problems(|_, schema| {
        let rules = schema["x-kubernetes-validations"].as_array()?;
        rules.iter().find_map(|rule| {
            let path = rule["fieldPath"].as_str().unwrap_or_default();
            let pointer = path.replace('.', "/properties/");
            let good = rule["message"].as_str().is_some_and(|message| message.len() > 20)
                && (path.is_empty() || schema.pointer(&pointer).is_some());
            (!good).then(|| rule.to_string())
        })
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn rules_compile() {
    for definition in definitions() {
        let compiled = kube::core::cel::compile_schema(&schema(&definition));
        assert!(!compiled.has_errors(), "{:?}", compiled.compilation_errors());
    }
}

#[test]
fn a_definition_fits_into_the_annotation_of_kubectl_apply() {
    for definition in definitions() {
        let size = serde_json::to_string(&definition).unwrap().len();
        assert!(size < 200 * 1024, "{} has {size} bytes", definition.spec.names.kind);
    }
}

#[test]
fn a_status_is_in_progress_until_somebody_has_looked() {
    for definition in definitions() {
        let root = schema(&definition);
        assert_eq!(root["properties"]["status"]["default"]["observedGeneration"], -1);
        let conditions = &root["properties"]["status"]["properties"]["conditions"];
        assert_eq!(conditions["x-kubernetes-list-map-keys"][0], "type");
    }
}

#[test]
fn columns_of_kubectl_get_say_what_they_mean_and_exist() {
    for definition in definitions() {
        let version = &definition.spec.versions[0];
        let columns = version.additional_printer_columns.as_ref().unwrap();
        assert!(
            columns.iter().all(|column| column.description.as_ref().is_some_and(|text| !text.is_empty()))
        );
        assert!(columns.iter().any(|column| column.name == "Message" && column.priority == Some(1)));
        assert!(version.subresources.as_ref().unwrap().status.is_some());
        let root = schema(&definition);
        for column in columns.iter().filter(|column| !column.json_path.contains("conditions")) {
            let pointer = column.json_path.replace('.', "/properties/");
            let known = root.pointer(&pointer).is_some() || column.json_path.starts_with(".metadata");
            assert!(known, "{}", column.json_path);
        }
        let names = &definition.spec.names;
        assert_eq!(names.categories.as_deref(), Some(&["tributary".to_owned()][..]));
        assert!(names.short_names.as_ref().is_some_and(|names| names.len() == 1));
    }
}
