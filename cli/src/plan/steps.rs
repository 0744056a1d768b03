//! Steps: what is done for one object, from the operator's plan and its own diffs.
//!
//! In: plans before and after. Out: statements, changes of topics, and Kubernetes objects that come, change or go. Pure.

use std::collections::BTreeMap;

use crds::analytics_pipeline::DeletionPolicy;
use crds::schema::{Schema, evolution};
use crds::{AnalyticsPipeline, EventSchema, ForwardingRule};
use operator::clickhouse::ddl::statement;
use operator::clickhouse::table::TableChange;
use operator::kafka::topic::TopicChange;
use operator::pipeline::build::build;
use operator::pipeline::claims;
use operator::pipeline::plan::Plan;
use serde::Serialize;
use serde_json::Value;

use super::objects::{FieldChange, difference, values};
use super::text;
use crate::world::across::Planned;
use crate::world::object::{Held, Name};

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Verb {
    /// It is made.
    Create,
    /// It changes.
    Change,
    /// It goes.
    Delete,
}

/// One object that comes, changes or goes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Step {
    /// What happens.
    pub(super) verb: Verb,
    /// `Deployment shop/ios-processor`.
    pub(super) object: String,
    /// What changes, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
    /// The fields that change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) fields: Vec<FieldChange>,
    /// The whole object, where it is made.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(super) value: Value,
}

impl Step {
    fn new(verb: Verb, object: String) -> Self {
        Self { verb, object, notes: Vec::new(), fields: Vec::new(), value: Value::Null }
    }
}

/// All that is done for one pipeline.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PipelineSteps {
    /// `shop/ios`.
    pub(super) pipeline: String,
    /// Statements for ClickHouse, in order.
    pub(super) statements: Vec<String>,
    /// What is done to topics and groups, in words.
    pub(super) topics: Vec<String>,
    /// Kubernetes objects.
    pub(super) objects: Vec<Step>,
    /// Rows and records are deleted.
    pub(super) deletes_data: bool,
}

impl PipelineSteps {
    /// Finds what is done for a pipeline that comes, stays or changes.
    pub(super) fn new(name: &Name, planned: &Planned, before: Option<&Plan>) -> serde_json::Result<Self> {
        let Planned { plan, changes } = planned;
        let new = values(&build(plan))?;
        let old = before.map(|plan| values(&build(plan))).transpose()?;
        let mut objects = Vec::new();
        for (index, (kind, value)) in new.into_iter().enumerate() {
            let label = label(kind, &value);
            match old.as_ref().and_then(|old| old.get(index)) {
                None => objects.push(Step { value, ..Step::new(Verb::Create, label) }),
                Some((_, old)) => {
                    let fields = difference(old, &value);
                    if !fields.is_empty() {
                        objects.push(Step { fields, ..Step::new(Verb::Change, label) });
                    }
                }
            }
        }
        Ok(Self {
            pipeline: name.to_string(),
            statements: changes.table.iter().map(statement).collect(),
            topics: changes.topics.iter().map(text::topic).collect(),
            objects,
            deletes_data: false,
        })
    }

    /// Finds what is done for a pipeline that goes, in the operator's order.
    pub(super) fn deleted(
        name: &Name,
        plan: &Plan,
        pipeline: &AnalyticsPipeline,
    ) -> serde_json::Result<Self> {
        let gone = values(&build(plan))?;
        let objects = gone.iter().map(|(kind, value)| Step::new(Verb::Delete, label(kind, value))).collect();
        let deletes_data = pipeline.spec.deletion_policy == DeletionPolicy::Delete;
        let (mut statements, mut topics) = (Vec::new(), Vec::new());
        if deletes_data {
            topics.push(text::topic(&TopicChange::DeleteGroups { group: claims::group(pipeline) }));
            topics.extend(
                plan.topics.iter().map(|it| text::topic(&TopicChange::Delete { name: it.name.clone() })),
            );
            statements.push(statement(&TableChange::DropTable { table: plan.table.full_name() }));
        }
        Ok(Self { pipeline: name.to_string(), statements, topics, objects, deletes_data })
    }

    /// Returns whether nothing is done.
    pub(super) fn is_empty(&self) -> bool {
        self.statements.is_empty() && self.topics.is_empty() && self.objects.is_empty()
    }
}

fn label(kind: &str, value: &Value) -> String {
    let text = |key: &str| value["metadata"][key].as_str().unwrap_or_default();
    format!("{kind} {}/{}", text("namespace"), text("name"))
}

/// Finds the schemas that come, change or go, with what changes in them.
pub(super) fn schemas(
    before: &BTreeMap<Name, Held<EventSchema>>,
    after: &BTreeMap<Name, Held<EventSchema>>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    for (name, held) in after {
        let (old, new) = (before.get(name).and_then(accepted), accepted(held));
        let Some(new) = new else { continue };
        let object = format!("EventSchema {name}");
        match old {
            None => steps.push(Step {
                notes: vec![format!("version {}", new.version)],
                ..Step::new(Verb::Create, object)
            }),
            Some(old) if old.version != new.version => {
                let mut notes = vec![format!("version {} becomes {}", old.version, new.version)];
                notes.extend(evolution::compare(&old, &new).iter().map(note));
                steps.push(Step { notes, ..Step::new(Verb::Change, object) });
            }
            Some(_) => {}
        }
    }
    steps.extend(gone("EventSchema", before, after));
    steps
}

fn note(change: &evolution::Change) -> String {
    format!("`{}`: {}", change.field, change.what)
}

fn accepted(held: &Held<EventSchema>) -> Option<Schema> {
    let object = held.object.as_ref()?;
    let accepted = object.status.as_ref()?.accepted.as_ref()?;
    Schema::parse(object.metadata.name.as_deref()?, accepted.version, &accepted.spec).ok()
}

/// Finds the rules that come, change or go.
pub(super) fn rules(
    before: &BTreeMap<Name, Held<ForwardingRule>>,
    after: &BTreeMap<Name, Held<ForwardingRule>>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    for (name, held) in after.iter().filter(|(_, held)| !held.is_refused) {
        let object = format!("ForwardingRule {name}");
        match before.get(name) {
            None => steps.push(Step::new(Verb::Create, object)),
            Some(old) => {
                let fields = difference(&old.value["spec"], &held.value["spec"]);
                if !fields.is_empty() {
                    steps.push(Step { fields, ..Step::new(Verb::Change, object) });
                }
            }
        }
    }
    steps.extend(gone("ForwardingRule", before, after));
    steps
}

fn gone<K>(
    kind: &str,
    before: &BTreeMap<Name, Held<K>>,
    after: &BTreeMap<Name, Held<K>>,
) -> impl Iterator<Item = Step> {
    let gone = before.keys().filter(|name| !after.contains_key(name));
    gone.map(move |name| Step::new(Verb::Delete, format!("{kind} {name}")))
}
