//! Steps: what is done for one object, from the operator's plan and its own diffs.
//!
//! In: plans before and after. Out: statements, changes of topics, and Kubernetes objects that come, change or go. Pure.

use crds::analytics_pipeline::DeletionPolicy;
use crds::schema::{Schema, evolution};
use crds::{AnalyticsPipeline, EventSchema, ForwardingRule};
use operator::clickhouse::ddl::statement;
use operator::clickhouse::table::{TableChange, deletes_rows};
use operator::kafka::topic::TopicChange;
use operator::pipeline::build::build;
use operator::pipeline::claims;
use operator::pipeline::plan::Plan;
use serde::Serialize;
use serde_json::Value;

use super::objects::{FieldChange, difference, values};
use super::{Known, text};
use crate::world::across::Planned;
use crate::world::object::Name;

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Verb {
    /// It is made.
    Create,
    /// It changes.
    Change,
    /// It goes.
    Delete,
}

/// One object that comes, changes or goes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Step {
    /// What happens.
    pub(crate) verb: Verb,
    /// `Deployment shop/ios-processor`.
    pub(crate) object: String,
    /// What changes, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
    /// The fields that change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) fields: Vec<FieldChange>,
    /// The whole object, where it is made.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(crate) value: Value,
}

impl Step {
    /// Begins with what happens to which object.
    pub(crate) fn new(verb: Verb, object: String) -> Self {
        Self { verb, object, notes: Vec::new(), fields: Vec::new(), value: Value::Null }
    }
}

/// All that is done for one pipeline.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PipelineSteps {
    /// `shop/ios`.
    pub(crate) pipeline: String,
    /// Statements for ClickHouse, in order.
    pub(crate) statements: Vec<String>,
    /// What is done to topics and groups, in words.
    pub(crate) topics: Vec<String>,
    /// Kubernetes objects.
    pub(crate) objects: Vec<Step>,
    /// Rows and records that are deleted because they are kept for less long, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) losses: Vec<String>,
    /// All rows and records are deleted.
    pub(crate) deletes_data: bool,
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
        let before_ttl = before.and_then(|plan| plan.table.ttl());
        Ok(Self {
            pipeline: name.to_string(),
            losses: losses((before.is_some(), before_ttl.as_deref()), (&changes.table, &changes.topics)),
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
        Ok(Self { pipeline: name.to_string(), statements, topics, objects, losses: Vec::new(), deletes_data })
    }

    /// Returns whether nothing is done.
    pub(crate) fn is_empty(&self) -> bool {
        self.statements.is_empty() && self.topics.is_empty() && self.objects.is_empty()
    }
}

/// Finds rows and records that go because they are kept for less long, under the operator's verdicts.
pub(crate) fn losses(
    (has_table, ttl): (bool, Option<&str>),
    (table, topics): (&[TableChange], &[TopicChange]),
) -> Vec<String> {
    let of_table = |change: &TableChange| {
        let TableChange::ModifyTtl { table, ttl: after } = change else { return None };
        let is_loss = has_table && deletes_rows(ttl, after.as_deref());
        is_loss.then(|| text::lost_rows(table, ttl, after.as_deref()))
    };
    let of_topic = |change: &TopicChange| {
        let TopicChange::AlterConfig { name, changes } = change else { return Vec::new() };
        let lost = changes.iter().filter(|change| change.deletes_records());
        lost.map(|change| text::lost_records(name, change)).collect()
    };
    let of_topics = topics.iter().flat_map(of_topic);
    table.iter().filter_map(of_table).chain(of_topics).collect()
}

fn label(kind: &str, value: &Value) -> String {
    let text = |key: &str| value["metadata"][key].as_str().unwrap_or_default();
    format!("{kind} {}/{}", text("namespace"), text("name"))
}

/// Finds the schemas that come, change or go, with what changes in them.
pub(crate) fn schemas(before: &Known<EventSchema>, after: &Known<EventSchema>) -> Vec<Step> {
    let mut steps = Vec::new();
    for (name, object) in after {
        let of = |object: &Option<EventSchema>| object.as_ref().and_then(accepted);
        let (old, new) = (before.get(name).and_then(of), of(object));
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

fn accepted(object: &EventSchema) -> Option<Schema> {
    let accepted = object.status.as_ref()?.accepted.as_ref()?;
    Schema::parse(object.metadata.name.as_deref()?, accepted.version, &accepted.spec).ok()
}

/// Finds the rules that come, change or go.
pub(crate) fn rules(
    before: &Known<ForwardingRule>,
    after: &Known<ForwardingRule>,
) -> serde_json::Result<Vec<Step>> {
    let mut steps = Vec::new();
    for (name, new) in after.iter().filter_map(|(name, rule)| Some((name, rule.as_ref()?))) {
        let object = format!("ForwardingRule {name}");
        match before.get(name).and_then(Option::as_ref) {
            None => steps.push(Step::new(Verb::Create, object)),
            Some(old) => {
                let fields = difference(&serde_json::to_value(&old.spec)?, &serde_json::to_value(&new.spec)?);
                if !fields.is_empty() {
                    steps.push(Step { fields, ..Step::new(Verb::Change, object) });
                }
            }
        }
    }
    steps.extend(gone("ForwardingRule", before, after));
    Ok(steps)
}

fn gone<K>(kind: &str, before: &Known<K>, after: &Known<K>) -> impl Iterator<Item = Step> {
    let gone = before.keys().filter(|name| !after.contains_key(name));
    gone.map(move |name| Step::new(Verb::Delete, format!("{kind} {name}")))
}
