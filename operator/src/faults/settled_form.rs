//! The settled form of a world: what it does, without how it came to do it.
//!
//! In: a world. Out: lines that are the same wherever a team's objects began: what processors are told and how they are run, what
//! the objects say of themselves, and what topics and tables have at least.
//! A table only grows, a topic's settings and partitions too, and versions count what went before: [`Form::holds`] knows.

use std::collections::BTreeMap;

use serde_json::Value;

use super::world::World;
use crate::kubernetes::labels;

/// What a world does.
#[derive(Debug)]
pub(super) struct Form {
    exact: BTreeMap<String, String>,
    at_least: BTreeMap<String, Vec<String>>,
}

/// Returns the settled form of a world.
pub(super) fn settled_form(world: &World) -> Form {
    let mut exact = BTreeMap::new();
    for (path, object) in world.cluster.everything() {
        let text = match object["kind"].as_str() {
            Some("Deployment") => without_hashes(&object["spec"]),
            Some("ConfigMap") => without_versions(object["data"]["stream.yaml"].as_str().unwrap_or_default()),
            Some("EventSchema" | "AnalyticsPipeline" | "ForwardingRule") => ready(&object),
            _ => continue,
        };
        exact.insert(path, text);
    }
    let mut at_least = BTreeMap::new();
    for topic in world.topics.all() {
        let settings = topic.config.iter().map(|(key, value)| format!("{key}={value}"));
        at_least.insert(format!("topic {}", topic.name), settings.collect());
    }
    for (name, table) in world.tables.all() {
        let columns = table.columns.iter().map(|column| column.name.clone());
        let keys = [table.partition_key.clone(), table.sorting_key.join(","), format!("{:?}", table.ttl)];
        at_least.insert(format!("table {name}"), columns.chain(keys).collect());
    }
    Form { exact, at_least }
}

impl Form {
    /// Says what of another form this one lacks; empty where it has all.
    pub(super) fn lacks(&self, other: &Self) -> String {
        let mut lacking = Vec::new();
        for name in self.exact.keys().chain(other.exact.keys()) {
            let (here, there) = (self.exact.get(name), other.exact.get(name));
            if here != there {
                lacking.push(format!("  {name}\n    expected {there:?}\n    is       {here:?}"));
            }
        }
        for (name, parts) in &other.at_least {
            let here = self.at_least.get(name).cloned().unwrap_or_default();
            let missing: Vec<&String> = parts.iter().filter(|part| !here.contains(part)).collect();
            if !missing.is_empty() {
                lacking.push(format!("  {name} lacks {missing:?}"));
            }
        }
        lacking.join("\n")
    }
}

fn without_hashes(spec: &Value) -> String {
    let mut spec = spec.clone();
    if let Some(annotations) =
        spec.pointer_mut("/template/metadata/annotations").and_then(Value::as_object_mut)
    {
        annotations.remove(labels::CONFIG_HASH);
    }
    spec.to_string()
}

/// Versions of schemas and generations of rules count what was there before; so does an epoch.
fn without_versions(text: &str) -> String {
    let counts = ["version:", "generation:", "epoch:", "- version:"];
    let lines = text.lines().filter(|line| !counts.iter().any(|count| line.trim_start().starts_with(count)));
    lines.collect::<Vec<_>>().join("\n")
}

fn ready(object: &Value) -> String {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
    ready.map_or_else(String::new, |ready| format!("{} {}", ready["status"], ready["reason"]))
}
