//! A plan for people.
//!
//! In: a [`Report`]. Out: text: statements as they would be sent, topics and objects in words, refusals last.

use operator::clickhouse::table::TableName;
use operator::kafka::topic::{ConfigChange, Topic, TopicChange};
use operator::kubernetes::labels::CONFIG_HASH;
use serde_json::Value;

use super::Report;
use super::objects::FieldChange;
use super::steps::{PipelineSteps, Step, Verb};
use crate::lint::human::{counted, push};

/// Writes a plan; `whole` shows new objects as YAML.
pub(super) fn text(report: &Report, whole: bool) -> String {
    let mut text = String::new();
    report.schemas.iter().for_each(|schema| step(&mut text, "", schema));
    report.rules.iter().for_each(|rule| step(&mut text, "", rule));
    for pipeline in report.pipelines.iter().filter(|pipeline| !pipeline.is_empty()) {
        of_pipeline(&mut text, pipeline, whole);
    }
    if !report.refused.is_empty() {
        text.push_str("refused, and nothing of it is done\n");
        for finding in &report.refused {
            push(&mut text, format_args!("  {finding}\n    {}\n", finding.remedy));
        }
    }
    if !report.unlooked.is_empty() {
        text.push_str("could not be looked at, and the plan has nothing of it\n");
        report.unlooked.iter().for_each(|line| push(&mut text, format_args!("  {line}\n")));
    }
    text.push_str(&summary(report));
    text
}

fn summary(report: &Report) -> String {
    let sum = |count: fn(&PipelineSteps) -> usize| report.pipelines.iter().map(count).sum();
    let mut parts = vec![
        counted(sum(|steps| steps.statements.len()), "statement"),
        counted(sum(|steps| steps.topics.len()), "change") + " of topics",
        counted(sum(|steps| steps.objects.len()), "Kubernetes object"),
    ];
    if !report.refused.is_empty() {
        parts.push(counted(report.refused.len(), "refusal"));
    }
    let n_deleted = report.pipelines.iter().filter(|pipeline| pipeline.deletes_data).count();
    if n_deleted > 0 {
        parts.push(format!("the data of {} deleted", counted(n_deleted, "pipeline")));
    }
    let n_losses = sum(|steps| steps.losses.len());
    if n_losses > 0 {
        parts.push(counted(n_losses, "deletion") + " of older data");
    }
    if !report.unlooked.is_empty() {
        parts.push(format!("{} that could not be looked at", counted(report.unlooked.len(), "thing")));
    }
    parts.join(", ") + "\n"
}

fn of_pipeline(text: &mut String, steps: &PipelineSteps, whole: bool) {
    let warning = if steps.deletes_data { ": all its rows and records are DELETED" } else { "" };
    push(text, format_args!("AnalyticsPipeline {}{warning}\n", steps.pipeline));
    for statement in &steps.statements {
        push(text, format_args!("{};\n", indented(statement)));
    }
    for topic in &steps.topics {
        push(text, format_args!("  {topic}\n"));
    }
    for loss in &steps.losses {
        push(text, format_args!("  {loss}\n"));
    }
    for object in &steps.objects {
        step(text, "  ", object);
        if whole
            && let Ok(yaml) = serde_yaml::to_string(&object.value)
            && !object.value.is_null()
        {
            push(text, format_args!("{}\n", indented(&indented(yaml.trim_end()))));
        }
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn step(text: &mut String, indent: &str, step: &Step) {
    let verb = match step.verb {
        Verb::Create => "create",
        Verb::Change => "change",
        Verb::Delete => "delete",
    };
    push(text, format_args!("{indent}{verb} {}\n", step.object));
    for note in &step.notes {
        push(text, format_args!("{indent}  {note}\n"));
    }
    for field in &step.fields {
        push(text, format_args!("{indent}  {}\n", field_change(field)));
    }
}

fn field_change(FieldChange { path, before, after }: &FieldChange) -> String {
    if path.ends_with(CONFIG_HASH) {
        return "the pods start anew, with what the processor is told now".to_owned();
    }
    match (before, after) {
        (Value::Null, after) => format!("{path}: {after} is added"),
        (before, Value::Null) => format!("{path}: {before} goes"),
        (before, after) => format!("{path}: {before} becomes {after}"),
    }
}

/// Says which rows go.
pub(super) fn lost_rows(table: &TableName, before: Option<&str>, after: Option<&str>) -> String {
    let (before, after) = (before.unwrap_or("none"), after.unwrap_or("none"));
    format!("rows of table {table} that are too old for the new TTL are DELETED: {before} becomes {after}")
}

/// Says which records go.
pub(super) fn lost_records(topic: &str, change: &ConfigChange) -> String {
    let ConfigChange { key, from, to } = change;
    let from = from.as_deref().unwrap_or("the brokers' default");
    format!(
        "records of topic {topic} that the setting keeps no longer are DELETED: {key}: {from} becomes {to}"
    )
}

/// Says what is done to a topic or to groups.
pub(crate) fn topic(change: &TopicChange) -> String {
    match change {
        TopicChange::Create(Topic { name, partitions, replicas, config }) => {
            let settings: Vec<_> = config.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let copies = usize::try_from(*replicas).unwrap_or_default();
            format!(
                "create topic {name}: {} of {}; {}",
                counted(usize::try_from(*partitions).unwrap_or_default(), "partition"),
                counted(copies, "replica"),
                settings.join(", ")
            )
        }
        TopicChange::AddPartitions { name, from, to } => {
            format!("add partitions to topic {name}: {from} become {to}")
        }
        TopicChange::AlterConfig { name, changes } => {
            let change = |change: &ConfigChange| match &change.from {
                Some(from) => format!("{}: {from} becomes {}", change.key, change.to),
                None => format!("{}: {} is set", change.key, change.to),
            };
            format!("change topic {name}: {}", changes.iter().map(change).collect::<Vec<_>>().join(", "))
        }
        TopicChange::Delete { name } => format!("delete topic {name} with all its records"),
        TopicChange::DeleteGroups { group } => {
            format!("delete consumer group {group} and those of its rules")
        }
    }
}
