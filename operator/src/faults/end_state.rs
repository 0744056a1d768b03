//! The end state of a world: all that is left and, where asked for, how often each thing was created and deleted.
//!
//! In: a world. Out: lines that can be compared, and the difference of two such.
//! Left out is what says when and in which order something happened, and the pods, which follow from their Deployment.
//! A crash between the mark that begins a topic's life and the topic itself costs an epoch: the operator cannot know whether
//! the number was ever used, and none is used twice. So two states are also alike when they differ in epochs alone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::world::World;
use crate::clickhouse::mark::Mark;
use crate::kubernetes::labels;
use crate::testing::cluster::watches::What;

/// Says of each thing how it is.
type Lines = BTreeMap<String, String>;

/// The end state of a world.
pub(super) struct EndState {
    whole: Lines,
    without_epochs: Lines,
    counts: Lines,
}

impl EndState {
    /// Returns the end state of a world.
    pub(super) fn of(world: &World) -> Self {
        Self { whole: things(world, false), without_epochs: things(world, true), counts: counts(world) }
    }

    /// Says how another state differs from this one; empty where it does not.
    pub(super) fn difference(&self, actual: &Self) -> String {
        let whole = difference(&self.whole, &actual.whole);
        if whole.is_empty() { whole } else { difference(&self.without_epochs, &actual.without_epochs) }
    }

    /// Says which things were created or deleted more or less often than here; empty where none was.
    pub(super) fn difference_of_counts(&self, actual: &Self) -> String {
        difference(&self.counts, &actual.counts)
    }
}

fn things(world: &World, leaves_out_epochs: bool) -> Lines {
    let mut lines = Lines::new();
    for (path, mut object) in world.cluster.everything() {
        if object["kind"] == "Pod" {
            continue;
        }
        without_times(&mut object);
        if leaves_out_epochs {
            without_epochs(&mut object);
        }
        lines.insert(path, object.to_string());
    }
    for topic in world.topics.all() {
        lines.insert(format!("topic {}", topic.name), format!("{topic:?}"));
    }
    for (name, mut table) in world.tables.all() {
        if let Some(mark) = Mark::parse(&table.comment) {
            table.comment = comparable(mark, world, leaves_out_epochs).comment();
        }
        lines.insert(format!("table {name}"), format!("{table:?}"));
    }
    lines.insert("consumer groups".into(), world.topics.groups().join(", "));
    lines
}

/// Ids of topics come in the order in which they were made; what counts is whether the mark names that of its topic.
fn comparable(mark: Mark, world: &World, leaves_out_epochs: bool) -> Mark {
    let is_present = mark.topic_id.is_some() && mark.topic_id == world.topics.id(&mark.topic);
    let topic_id = mark.topic_id.as_ref().map(|_| if is_present { "present" } else { "former" }.to_owned());
    Mark { topic_id, epoch: if leaves_out_epochs { 0 } else { mark.epoch }, ..mark }
}

/// Leaves out what says when something happened, and how often what the operator makes was made and written.
fn without_times(object: &mut Value) {
    let is_ours = object["apiVersion"] == "tributary.dev/v1alpha1";
    let is_deployment = object["kind"] == "Deployment";
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("resourceVersion");
        metadata.remove("creationTimestamp");
        if metadata.get("finalizers").is_some_and(|it| it.as_array().is_none_or(Vec::is_empty)) {
            metadata.remove("finalizers");
        }
        if !is_ours {
            metadata.remove("generation");
            metadata.remove("uid");
        }
    }
    if let Some(status) = object["status"].as_object_mut().filter(|_| is_deployment) {
        status.remove("observedGeneration");
    }
}

/// Leaves out an epoch, and the hashes of what contains it.
fn without_epochs(object: &mut Value) {
    if let Some(text) = object["data"]["stream.yaml"].as_str() {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("epoch:"));
        object["data"]["stream.yaml"] = lines.collect::<Vec<_>>().join("\n").into();
    }
    for place in ["/metadata/annotations", "/spec/template/metadata/annotations"] {
        if let Some(annotations) = object.pointer_mut(place).and_then(Value::as_object_mut) {
            annotations.remove(labels::APPLIED);
            annotations.remove(labels::CONFIG_HASH);
        }
    }
}

fn counts(world: &World) -> Lines {
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut count = |name: &str, what: What| {
        let (created, deleted) = counts.entry(name.to_owned()).or_default();
        match what {
            What::Added => *created += 1,
            What::Deleted => *deleted += 1,
            What::Modified => {}
        }
    };
    for happening in world.cluster.history() {
        if !happening.path.contains("/pods/") {
            count(&happening.path, happening.what);
        }
    }
    for line in world.gate.book.lock().unwrap().iter() {
        match line.split_once(' ') {
            Some(("create", name)) => count(name, What::Added),
            Some((_, name)) => count(name, What::Deleted),
            None => {}
        }
    }
    let line = |(name, (created, deleted))| (name, format!("created {created}, deleted {deleted}"));
    counts.into_iter().map(line).collect()
}

/// Says how lines differ from those that were expected; empty where they do not.
pub(super) fn difference(expected: &Lines, actual: &Lines) -> String {
    let nothing = String::from("not there");
    let names: BTreeSet<&String> = expected.keys().chain(actual.keys()).collect();
    let lines: Vec<String> = names
        .into_iter()
        .map(|name| (name, expected.get(name).unwrap_or(&nothing), actual.get(name).unwrap_or(&nothing)))
        .filter(|(_, expected, actual)| expected != actual)
        .map(|(name, expected, actual)| {
            let (expected, actual) = from_the_difference_on(expected, actual);
            format!("  {name}\n    expected {expected}\n    is       {actual}")
        })
        .collect();
    lines.join("\n")
}

/// Leaves out what two texts begin with, but for some words.
fn from_the_difference_on(left: &str, right: &str) -> (String, String) {
    const BEFORE: usize = 60;
    const SHOWN: usize = 240;
    let same = left.chars().zip(right.chars()).take_while(|(left, right)| left == right).count();
    let part = |text: &str| text.chars().skip(same.saturating_sub(BEFORE)).take(SHOWN).collect();
    (part(left), part(right))
}
