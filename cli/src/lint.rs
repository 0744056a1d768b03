//! Lint: everything that the apiserver and the operator would find wrong, at once.
//!
//! In: files. Out: findings in the order of files and lines, in the form that was asked for.
//! Not here: what a change does to what is there; that is `plan --against`.

mod github;
pub(crate) mod human;
mod sarif;

use std::io::{Read, Write};

use serde_json::json;

use crate::arguments::{LintArguments, LintFormat, Manifests};
use crate::exit::Exit;
use crate::finding::Finding;
use crate::world::World;
use crate::{documents, files};

/// What was looked at, and what was found.
#[derive(Debug)]
pub struct Linted {
    /// Everything that is wrong, in the order of files and lines.
    pub findings: Vec<Finding>,
    /// Objects of our kinds.
    pub n_objects: usize,
    /// Documents of other kinds.
    pub n_skipped: usize,
}

/// Runs `lint`.
///
/// # Errors
/// When a file cannot be read or the text cannot be written.
pub fn run(arguments: &LintArguments, input: &mut dyn Read, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let (world, findings) = load(&arguments.manifests, input)?;
    let linted = lint(&world, findings);
    match arguments.format {
        LintFormat::Human => out.write_all(human::text(&linted).as_bytes())?,
        LintFormat::Json => writeln!(
            out,
            "{:#}",
            json!({"findings": linted.findings, "objects": linted.n_objects, "skipped": linted.n_skipped})
        )?,
        LintFormat::Sarif => writeln!(out, "{:#}", sarif::log(&linted.findings))?,
        LintFormat::Github => out.write_all(github::annotations(&linted.findings).as_bytes())?,
    }
    Ok(if linted.findings.is_empty() { Exit::Clean } else { Exit::Findings })
}

/// Reads the files and applies them to an empty cluster; returns what is wrong with each object by itself.
///
/// # Errors
/// When a file cannot be read.
pub fn load(manifests: &Manifests, input: &mut dyn Read) -> anyhow::Result<(World, Vec<Finding>)> {
    let mut world = World::new(manifests)?;
    let findings = apply(&mut world, manifests, input)?;
    Ok((world, findings))
}

/// Reads the files and applies them to a world.
///
/// # Errors
/// When a file cannot be read.
pub fn apply(world: &mut World, manifests: &Manifests, input: &mut dyn Read) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for source in files::read(&manifests.filename, manifests.recursive, input)? {
        let (documents, broken) = documents::parse(&source);
        findings.extend(broken.into_iter().map(Finding::of_broken));
        findings.extend(world.apply(documents));
    }
    Ok(findings)
}

/// Adds what is wrong between the objects.
#[must_use]
pub fn lint(world: &World, mut findings: Vec<Finding>) -> Linted {
    findings.extend(world.check_across());
    findings.sort_by(|left, right| (&left.file, left.line).cmp(&(&right.file, right.line)));
    findings.dedup();
    Linted { findings, n_objects: world.n_objects(), n_skipped: world.n_skipped }
}
