//! The reference pages: every field of the three kinds, every reason of a condition and of a rejection.
//!
//! In: the schemas of the definitions, the lists of reasons. Out: Markdown, a sentence a cell.
//! Not here: prose of its own; what should stand here is said beside the field or the reason.

use serde_json::Value;

use super::NOTICE;
use crate::conditions::Reason;
use crate::definition::{definitions, schema};
use crate::rejection::RejectionReason;

/// The page of the three kinds.
pub(super) fn kinds() -> String {
    let mut page = format!("<!-- {NOTICE} -->\n\n# Reference of the three kinds\n\n");
    page.push_str("API group `tributary.dev`, version `v1alpha1`, all namespaced, category `tributary` (`kubectl get tributary`).\n");
    page.push_str("A field without a default is absent when it is left out. `kubectl explain` shows the same sentences.\n");
    for definition in definitions() {
        let names = &definition.spec.names;
        let root = schema(&definition);
        let short = names.short_names.as_deref().unwrap_or_default().join("`, `");
        line(&mut page, format_args!("\n## {}\n\n{}\n", names.kind, text(&root, "description")));
        line(&mut page, format_args!("Short name: `{short}`.\n"));
        for part in ["spec", "status"] {
            line(&mut page, format_args!("### {}.{part}\n", names.kind));
            page.push_str("| field | type | default | meaning |\n|---|---|---|---|\n");
            if let Some(schema) = root.pointer(&format!("/properties/{part}")) {
                rows(&mut page, "", schema);
            }
            page.push('\n');
        }
        page.push_str("### What the apiserver refuses\n\n");
        rules(&mut page, "", &root);
    }
    page
}

fn line(page: &mut String, arguments: std::fmt::Arguments<'_>) {
    page.push_str(&arguments.to_string());
    page.push('\n');
}

fn text<'a>(schema: &'a Value, key: &str) -> &'a str {
    schema.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn rows(page: &mut String, path: &str, schema: &Value) {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, property) in properties {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let default = match property.get("default") {
            Some(Value::Object(_)) => "as its fields say".to_owned(),
            Some(value) => format!("`{value}`"),
            None if required.contains(&name.as_str()) => "required".to_owned(),
            None => String::new(),
        };
        let meaning = text(property, "description").replace('|', "\\|");
        line(page, format_args!("| `{path}` | {} | {default} | {meaning} |", type_of(property)));
        // The accepted spec repeats the spec above.
        if path == "accepted.spec" {
            continue;
        }
        rows(page, &path, property);
        if let Some(items) = property.get("items") {
            rows(page, &format!("{path}[]"), items);
        }
    }
}

fn type_of(schema: &Value) -> String {
    let number = |key: &str| schema.get(key).and_then(Value::as_f64).map(|number| number.to_string());
    let range = |least: Option<String>, most: Option<String>, unit: &str| match (least, most) {
        (Some(least), Some(most)) => format!(", {least} to {most}{unit}"),
        (None, Some(most)) => format!(", at most {most}{unit}"),
        (Some(least), None) => format!(", at least {least}{unit}"),
        (None, None) => String::new(),
    };
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values: Vec<String> =
            values.iter().filter_map(Value::as_str).map(|value| format!("`{value}`")).collect();
        return values.join(", ");
    }
    match text(schema, "type") {
        "array" => {
            let items = schema.get("items").map(type_of).unwrap_or_default();
            format!("list{} of {items}", range(None, number("maxItems"), ""))
        }
        "string" => format!("string{}", range(None, number("maxLength"), " characters")),
        "object" if schema.get("additionalProperties").is_some() => "map of strings".to_owned(),
        kind => format!("{kind}{}", range(number("minimum"), number("maximum"), "")),
    }
}

fn rules(page: &mut String, path: &str, schema: &Value) {
    let own = schema.get("x-kubernetes-validations").and_then(Value::as_array);
    for rule in own.into_iter().flatten() {
        let at = format!("{path}{}", text(rule, "fieldPath"));
        let at = at.trim_start_matches('.');
        line(page, format_args!("* `{at}`: {}", text(rule, "message").replace('|', "\\|")));
    }
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        rules(page, &format!("{path}.{name}"), property);
        if let Some(items) = property.get("items") {
            rules(page, &format!("{path}.{name}[]"), items);
        }
    }
}

/// The page of the reasons.
pub(super) fn reasons() -> String {
    let mut page = format!("<!-- {NOTICE} -->\n\n# Reasons\n\n");
    page.push_str("One word for one cause: the same in conditions, Events, dead letters and metric labels. Both lists are closed.\n\n");
    page.push_str(
        "## Reasons of conditions and Events\n\n| reason | what has happened | what to do |\n|---|---|---|\n",
    );
    for reason in Reason::ALL {
        line(&mut page, format_args!("| `{reason}` | {} | {} |", reason.cause(), reason.remedy()));
    }
    page.push_str("\n## Reasons of rejected records\n\n");
    page.push_str("A rejected record is kept in the topic `<topic>.dead-letters` with its original bytes; the header `tributary-reason` holds the word.\n\n");
    page.push_str("| reason | what is wrong | what to do |\n|---|---|---|\n");
    for reason in RejectionReason::ALL {
        line(&mut page, format_args!("| `{reason}` | {} | {} |", reason.cause(), reason.remedy()));
    }
    page
}
