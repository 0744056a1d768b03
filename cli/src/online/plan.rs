//! Plan online: what applying objects would do to what is there now.
//!
//! ```text
//! files ─▶ asked (dry_run, merge) ─▶ objects after ─┐
//! apiserver ─▶ objects before ──────────────────────┼─▶ look ─▶ book ─▶ steps ─▶ plan::Report
//! operator's Deployment, or a stream ─▶ settings ───┘   (the operator's gather, plan, diff and apply, over apiserver.rs and gateways.rs)
//! ```
//! In: files, flags. Out: the steps of `plan`, what would be refused, what could not be looked at. Nothing is written: to the apiserver go reads
//! and requests that say `dryRun=All`, to Kafka and ClickHouse questions, and what the operator would change is noted in a book.
//! Not here: any judgement. The apiserver judges objects, the operator all else.

mod apiserver;
mod asked;
mod book;
mod dry_run;
mod gateways;
mod look;
mod merge;
mod objects;
mod platform;
mod steps;
mod stream;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::sync::Arc;

use anyhow::Result;
use crds::{AnalyticsPipeline, ForwardingRule};
use k8s_openapi::ByteString;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::cluster::Cluster;
use crate::arguments::PlanArguments;
use crate::exit::Exit;
use crate::finding::Finding;
use crate::plan::{Known, Report, steps as plan_steps};
use crate::world::object::{Kind, Name};
use crate::world::{World, secrets};
use crate::{documents, files};
use apiserver::Overlay;
use asked::{After, Files};
use dry_run::{Mode, told};
use gateways::{Open, open};
use look::{Looked, Looks};
use objects::Objects;
use platform::Platform;

/// Runs `plan --online`.
///
/// # Errors
/// When a file cannot be read, or the apiserver does not answer.
pub(super) async fn run(
    arguments: &PlanArguments,
    input: &mut dyn Read,
    out: &mut dyn Write,
) -> Result<Exit> {
    let cluster = Cluster::connect_to(&arguments.servers, arguments.manifests.namespace.clone()).await?;
    let report = plan(&cluster, arguments, input, &open).await?;
    report.tell(arguments, out)?;
    Ok(report.exit(arguments))
}

/// Plans.
async fn plan(
    cluster: &Cluster,
    arguments: &PlanArguments,
    input: &mut dyn Read,
    open: &Open,
) -> Result<Report> {
    let beginning = begin(cluster, arguments, input).await?;
    let (looks, uncounted) = looks(cluster, arguments, (open, &beginning)).await?;
    let Beginning { mut asked, before, after, refused, unasked } = beginning;
    let label = |((kind, name), why): (&(Kind, Name), &String)| format!("{kind} {name}: {why}");
    let mut report = Report {
        schemas: plan_steps::schemas(&before.typed(Kind::EventSchema), &after.typed(Kind::EventSchema)),
        rules: plan_steps::rules(&before.typed(Kind::ForwardingRule), &after.typed(Kind::ForwardingRule))?,
        refused,
        unlooked: unasked.iter().map(label).chain(uncounted).collect(),
        ..Report::default()
    };
    let left = asked.leave(&unasked);
    look_at_all(&looks, (&before, &after), (&asked, &left), &mut report).await?;
    report.refused.sort_by(|left, right| (&left.file, left.line).cmp(&(&right.file, right.line)));
    report.refused.dedup();
    Ok(report)
}

/// Objects before and after, what is refused of the files, and what the apiserver could not be asked about.
struct Beginning {
    asked: Files,
    before: Objects,
    after: Objects,
    refused: Vec<Finding>,
    unasked: BTreeMap<(Kind, Name), String>,
}

/// Reads the files, and what the apiserver has and would have of them.
async fn begin(cluster: &Cluster, arguments: &PlanArguments, input: &mut dyn Read) -> Result<Beginning> {
    let (mut all, mut refused) = (Vec::new(), Vec::new());
    for source in files::read(&arguments.manifests.filename, arguments.manifests.recursive, input)? {
        let (parsed, broken) = documents::parse(&source);
        refused.extend(broken.into_iter().map(Finding::of_broken));
        all.extend(parsed);
    }
    let mut asked = Files::sort(all, &cluster.namespace);
    refused.append(&mut asked.broken);
    let mode = match arguments.server_side {
        true => Mode::ServerSide(arguments.field_manager.clone()),
        false => Mode::ClientSide,
    };
    let before = Objects::list(&cluster.client(), &asked.namespaces()).await?;
    let After { objects: after, refused: more, unasked } =
        asked::apply(&cluster.client(), (&asked, &before), &mode).await?;
    refused.extend(more);
    Ok(Beginning { asked, before, after, refused, unasked })
}

/// Prepares the looks; says where caps cannot be counted.
async fn looks<'a>(
    cluster: &'a Cluster,
    arguments: &'a PlanArguments,
    (open, beginning): (&'a Open, &Beginning),
) -> Result<(Looks<'a>, Option<String>)> {
    let Beginning { asked, after, .. } = beginning;
    let platform = Platform::find(cluster.within(&arguments.operator_namespace)).await;
    let platform = platform.map_err(|error| told(&error));
    let (elsewhere, uncounted) = elsewhere(cluster, &platform, &asked.namespaces()).await;
    let looks = Looks {
        cluster,
        platform,
        offline: World::new(&arguments.manifests)?.settings,
        servers: &arguments.servers,
        open,
        stores: after.stores(&elsewhere)?,
        overlay: Arc::new(overlay(after, asked)),
    };
    Ok((looks, uncounted))
}

/// Looks at every pipeline that the files concern, and at rules that no pipeline looks at. Where the apiserver could not be asked about
/// something of a pipeline (`left`), nothing is planned for it.
async fn look_at_all(
    looks: &Looks<'_>,
    (before, after): (&Objects, &Objects),
    (asked, left): (&Files, &Files),
    report: &mut Report,
) -> Result<()> {
    let pipelines: Known<AnalyticsPipeline> = after.typed(Kind::AnalyticsPipeline);
    let rules: Known<ForwardingRule> = after.typed(Kind::ForwardingRule);
    let mut unlooked = BTreeSet::new();
    let mut checked = BTreeSet::new();
    for (name, pipeline) in &pipelines {
        let Some(pipeline) = pipeline else { continue };
        let label = format!("AnalyticsPipeline {name}");
        if concerns(left, (name, pipeline), &rules) {
            unlooked.insert(format!("{label}: what the apiserver would make of its objects is not known"));
            continue;
        }
        if !concerns(asked, (name, pipeline), &rules) {
            continue;
        }
        if pipeline.metadata.deletion_timestamp.is_some() {
            unlooked.insert(format!("{label}: it is being deleted, and is planned only when it is gone"));
            continue;
        }
        let Looked { notes, faults, rules, is_told } = looks.pipeline(name, pipeline).await?;
        let value = after.get(Kind::AnalyticsPipeline, name).unwrap_or(&Value::Null);
        // Of what is refused only the refusal is told, as offline.
        let own = steps::own(label.clone(), before.get(Kind::AnalyticsPipeline, name), value)
            .filter(|_| faults.is_empty());
        report.pipelines.push(steps::of_pipeline(name.to_string(), own, &notes, is_told));
        let document = asked.document(Kind::AnalyticsPipeline, name);
        report.refused.extend(faults.iter().map(|fault| Finding::of_fault(&document, &label, fault)));
        checked.extend(tell_rules(asked, (&name.namespace, rules), report));
        unlooked.extend(notes.unlooked);
    }
    for (name, rule) in rules.iter().filter(|(name, _)| asked.show(Kind::ForwardingRule, name)) {
        let Some(rule) = rule.as_ref().filter(|_| !checked.contains(name)) else { continue };
        let of = Name { namespace: name.namespace.clone(), name: rule.spec.pipeline.name.clone() };
        if rule.spec.suspend || pipelines.get(&of).is_none_or(Option::is_none) {
            let Looked { notes, rules, .. } = looks.rule(name, rule).await?;
            tell_rules(asked, (&name.namespace, rules), report);
            unlooked.extend(notes.unlooked);
        }
    }
    report.unlooked.extend(unlooked);
    Ok(())
}

/// Tells what is wrong with rules that the files show; returns which they are.
fn tell_rules(
    asked: &Files,
    (namespace, rules): (&str, BTreeMap<String, Vec<operator::fault::Fault>>),
    report: &mut Report,
) -> Vec<Name> {
    let mut told = Vec::new();
    for (rule, faults) in rules {
        let name = Name { namespace: namespace.to_owned(), name: rule };
        if asked.show(Kind::ForwardingRule, &name) {
            let (document, label) =
                (asked.document(Kind::ForwardingRule, &name), format!("ForwardingRule {name}"));
            report.refused.extend(faults.iter().map(|fault| Finding::of_fault(&document, &label, fault)));
            told.push(name);
        }
    }
    told
}

/// Returns whether a pipeline stands in the files, or uses something that does.
fn concerns(
    asked: &Files,
    (name, pipeline): (&Name, &AnalyticsPipeline),
    rules: &Known<ForwardingRule>,
) -> bool {
    let beside = |other: &str| Name { namespace: name.namespace.clone(), name: other.to_owned() };
    let has_secret = |other: &str| asked.secrets.contains_key(&beside(other));
    let is_of = |rule: &ForwardingRule| {
        rule.namespace().as_ref() == Some(&name.namespace) && rule.spec.pipeline.name == name.name
    };
    asked.show(Kind::AnalyticsPipeline, name)
        || pipeline.spec.schemas.iter().any(|it| asked.show(Kind::EventSchema, &beside(&it.name)))
        || pipeline.spec.privacy.as_ref().is_some_and(|privacy| has_secret(&privacy.hash_key.name))
        || rules
            .iter()
            .filter_map(|(at, rule)| Some((at, rule.as_ref()?)))
            .filter(|(_, rule)| is_of(rule))
            .any(|(at, rule)| {
                let webhook = rule.spec.destination.webhook.as_ref();
                asked.show(Kind::ForwardingRule, at)
                    || webhook.is_some_and(|webhook| has_secret(&webhook.secret_ref.name))
            })
}

/// Lists the pipelines of other namespaces, where tenants may have caps that count them.
async fn elsewhere(
    cluster: &Cluster,
    platform: &Result<Platform, String>,
    here: &BTreeSet<String>,
) -> (Vec<Value>, Option<String>) {
    if !platform.as_ref().is_ok_and(|platform| !platform.tenants.is_empty()) {
        return (Vec::new(), None);
    }
    match objects::list(&cluster.client(), Kind::AnalyticsPipeline, None).await {
        Ok(mut all) => {
            all.retain(|it| {
                it["metadata"]["namespace"].as_str().is_none_or(|namespace| !here.contains(namespace))
            });
            (all, None)
        }
        Err(error) => {
            (Vec::new(), Some(format!("a tenant's other namespaces, where caps count them: {error:#}")))
        }
    }
}

/// What looks find beside what the apiserver has: objects as they would be, and Secrets of the files.
fn overlay(after: &Objects, asked: &Files) -> Overlay {
    let mut overlay = Overlay::default();
    overlay.objects.extend(after.by_path().map(|(path, object)| (path, object.clone())));
    let path = |Name { namespace, name }: &Name| format!("/api/v1/namespaces/{namespace}/secrets/{name}");
    for (at, secret) in &asked.secrets {
        let data: serde_json::Map<_, _> =
            secrets::read(secret).into_iter().map(|(key, value)| (key, json!(ByteString(value)))).collect();
        let metadata = json!({"name": at.name, "namespace": at.namespace});
        overlay.objects.insert(path(at), json!({"metadata": metadata, "data": data}));
    }
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut need = |namespace: &str, it: &crds::shared::SecretKeyReference| {
        let at = Name { namespace: namespace.to_owned(), name: it.name.clone() };
        keys.entry(path(&at)).or_default().insert(it.key.clone());
    };
    for (name, pipeline) in after.typed::<AnalyticsPipeline>(Kind::AnalyticsPipeline) {
        let privacy = pipeline.and_then(|pipeline| pipeline.spec.privacy);
        privacy.iter().for_each(|privacy| need(&name.namespace, &privacy.hash_key));
    }
    for (name, rule) in after.typed::<ForwardingRule>(Kind::ForwardingRule) {
        let webhook = rule.and_then(|rule| rule.spec.destination.webhook);
        webhook.iter().for_each(|webhook| need(&name.namespace, &webhook.secret_ref));
    }
    overlay.keys = keys;
    overlay
}

#[cfg(test)]
mod tests;
