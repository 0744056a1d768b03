//! Trial: what becomes of sample events, by the processor's own line and the rules' own selection.
//!
//! In: objects, a pipeline among them, and a file with an event a line. Out: a JSON object a line: the row, or why there is none,
//! and what would be forwarded and where. With `--expect`, the difference from a golden file.
//! The record of line n has partition 0, offset n - 1, no key, and came at [`RECEIVED_AT`]; an empty line is skipped.
//! Not here: batches, and what ClickHouse or a destination makes of it.

mod golden;
pub(crate) mod outcome;

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use crds::AnalyticsPipeline;
use crds::stream_config::StreamConfig;
use operator::secret::SecretValue;

use crate::arguments::TestArguments;
use crate::exit::Exit;
use crate::world::World;
use crate::world::across::{Planned, judged};
use crate::world::object::Name;
use crate::{files, lint};
use outcome::Trial;

/// When the sample events reach Kafka.
pub const RECEIVED_AT: &str = "2026-01-01T00:00:00Z";

/// Runs `test`.
///
/// # Errors
/// When a file cannot be read or written, or no pipeline can be chosen.
pub fn run(arguments: &TestArguments, input: &mut dyn Read, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let (world, findings) = lint::load(&arguments.manifests, input)?;
    let linted = lint::lint(&world, findings);
    if !linted.findings.is_empty() {
        out.write_all(lint::human::text(&linted).as_bytes())?;
        return Ok(Exit::Findings);
    }
    let (name, pipeline) = choose(&world, arguments.pipeline.as_deref())?;
    let Planned { plan, .. } = match world.planned(pipeline) {
        Ok(planned) => planned,
        // Linted above.
        Err(_) => bail!("AnalyticsPipeline {name} cannot be planned; see `kubectl tributary lint`"),
    };
    let config: StreamConfig = serde_yaml::from_str(&plan.config_text)?;
    let hash_key = hash_key(&world, pipeline, &name.namespace);
    let mut trial = Trial::new(&Arc::new(config), hash_key.as_deref(), arguments.all_columns)?;
    let found = take_all(&mut trial, &arguments.events, input)?;
    let Some(golden) = &arguments.expect else {
        out.write_all(found.as_bytes())?;
        return Ok(Exit::Clean);
    };
    if arguments.update {
        std::fs::write(golden, &found).with_context(|| format!("failed to write `{}`", golden.display()))?;
        writeln!(out, "wrote {}", golden.display())?;
        return Ok(Exit::Clean);
    }
    let expected = files::read_one(golden)?;
    let difference = golden::difference(&expected.text, &found);
    if difference.is_empty() {
        writeln!(out, "{} events as {} says", found.lines().count(), golden.display())?;
        return Ok(Exit::Clean);
    }
    writeln!(out, "--- {}\n+++ found (--update writes it)", golden.display())?;
    out.write_all(difference.as_bytes())?;
    Ok(Exit::Findings)
}

fn take_all(trial: &mut Trial, events: &Path, input: &mut dyn Read) -> anyhow::Result<String> {
    let events = files::read(&[events.to_path_buf()], false, input)?;
    let mut found = String::new();
    for (index, line) in events.iter().flat_map(|source| source.text.lines()).enumerate() {
        if !line.trim().is_empty() {
            found.push_str(&trial.take(index, line)?);
            found.push('\n');
        }
    }
    Ok(found)
}

/// Finds the pipeline that is meant.
fn choose<'a>(world: &'a World, wanted: Option<&str>) -> anyhow::Result<(&'a Name, &'a AnalyticsPipeline)> {
    let all: Vec<_> = judged(&world.pipelines).map(|(name, _, pipeline)| (name, pipeline)).collect();
    let is_meant =
        |name: &Name| wanted.is_none_or(|wanted| name.name == wanted || name.to_string() == wanted);
    let meant: Vec<_> = all.iter().filter(|(name, _)| is_meant(name)).collect();
    let names = all.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match (meant.as_slice(), wanted) {
        ([one], _) => Ok(**one),
        (_, _) if all.is_empty() => bail!("no AnalyticsPipeline is among the files; add one with -f"),
        ([], Some(wanted)) => bail!("there is no AnalyticsPipeline `{wanted}`; there are {names}"),
        _ => bail!("there are several AnalyticsPipelines; choose one with --pipeline: {names}"),
    }
}

fn hash_key(world: &World, pipeline: &AnalyticsPipeline, namespace: &str) -> Option<Vec<u8>> {
    match world.secret(namespace, &pipeline.spec.privacy.as_ref()?.hash_key) {
        SecretValue::Value(value) => Some(value),
        SecretValue::NoSecret | SecretValue::Forbidden | SecretValue::NoKey => None,
    }
}
