//! Check: whether an EventSchema may follow another one.
//!
//! In: files with the schemas before and after. Out: every change, and those that its `compatibility` or the table refuses.
//! The operator's own check judges, as if the older schemas were in force.

use std::io::{Read, Write};
use std::path::Path;

use anyhow::bail;
use crds::EventSchema;
use crds::conditions::Reason;
use crds::schema::{Schema, evolution};

use crate::arguments::{CheckArguments, Manifests};
use crate::exit::Exit;
use crate::finding::Finding;
use crate::lint;
use crate::world::object::{Held, Name};

/// Runs `schema check`.
///
/// # Errors
/// When a file cannot be read, or no EventSchema stands in both.
pub fn run(arguments: &CheckArguments, input: &mut dyn Read, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let old = manifests(&arguments.old, &arguments.namespace);
    let (mut world, findings) = lint::load(&old, input)?;
    if !findings.is_empty() {
        return tell(&findings, out);
    }
    let (before, n_before) = (world.schemas.clone(), world.n_applied());
    let findings = lint::apply(&mut world, &manifests(&arguments.new, &arguments.namespace), input)?;
    world.forget_unwritten(n_before);
    let both: Vec<_> =
        world.schemas.iter().filter_map(|(name, held)| Some((name, before.get(name)?, held))).collect();
    if both.is_empty() {
        bail!(
            "no EventSchema stands in both: before there are {}, after there are {}; give both the same name and namespace",
            names(before.keys()),
            names(world.schemas.keys())
        );
    }
    for (name, old, new) in both {
        describe(name, old, new, out)?;
    }
    tell(&findings, out)
}

fn describe(
    name: &Name,
    old: &Held<EventSchema>,
    new: &Held<EventSchema>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let (Some(old), Some(new)) = (understood(name, old), understood(name, new)) else { return Ok(()) };
    let changes = evolution::compare(&old, &new);
    writeln!(out, "EventSchema {name}{}", if changes.is_empty() { ": nothing changes" } else { "" })?;
    for change in changes {
        writeln!(out, "  `{}`: {}", change.field, change.what)?;
    }
    Ok(())
}

/// Understands what was written, accepted or not.
fn understood(name: &Name, held: &Held<EventSchema>) -> Option<Schema> {
    Schema::parse(&name.name, 1, &held.object.as_ref()?.spec).ok()
}

fn tell(findings: &[Finding], out: &mut dyn Write) -> anyhow::Result<Exit> {
    for finding in findings {
        writeln!(out, "{finding}")?;
    }
    Ok(if findings.is_empty() {
        writeln!(out, "compatible")?;
        Exit::Clean
    } else if findings.iter().all(|finding| finding.reason == Reason::SchemaIncompatible) {
        Exit::Breaking
    } else {
        Exit::Findings
    })
}

fn manifests(path: &Path, namespace: &str) -> Manifests {
    Manifests {
        filename: vec![path.to_path_buf()],
        recursive: false,
        namespace: Some(namespace.to_owned()),
        forwarding_allow_http: false,
        forwarding_allowed_networks: Vec::new(),
    }
}

fn names<'a>(names: impl Iterator<Item = &'a Name>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
