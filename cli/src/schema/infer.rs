//! Infer: a first EventSchema for each event type of a file of samples.
//!
//! ```text
//! samples ─ observe ─▶ tree of what was seen ─ propose ─▶ fields, the tightest type first
//!                                                            │ ▲
//!                                             the line takes all samples: a field that rejects one is loosened
//! ```
//! In: events, one a line. Out: YAML that lints clean and accepts every sample that some schema can accept; it is a beginning:
//! what the fields mean, what is personal and which values are allowed at all, only people know.
//! Not here: an opinion of what is a type. The processor's line is asked.

mod accept;
mod names;
mod observe;
mod propose;
mod text;

use std::collections::BTreeSet;
use std::io::{Read, Write};

use anyhow::bail;

use crate::arguments::InferArguments;
use crate::exit::Exit;
use crate::files;
use accept::{Refused, Samples};
use observe::Node;

/// Longest event type, in characters.
const LONGEST_TYPE: usize = 128;

/// A sample: its line, from 1, and its text.
type Sample<'a> = (usize, &'a str);

/// Runs `schema infer`.
///
/// # Errors
/// When the file cannot be read, or holds no event that names its type.
pub fn run(arguments: &InferArguments, input: &mut dyn Read, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let sources = files::read(std::slice::from_ref(&arguments.events), false, input)?;
    let lines = sources.iter().flat_map(|source| source.text.lines()).enumerate();
    let samples: Vec<Sample<'_>> =
        lines.map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.trim().is_empty()).collect();
    let (types, untyped) = by_type(&samples, &arguments.event_path);
    if types.is_empty() {
        bail!(
            "no event names its type at `{}`; name the path with --event-path, and in `spec.envelope.event` of the pipeline",
            arguments.event_path
        );
    }
    if arguments.name.is_some() && types.len() > 1 {
        let types: Vec<_> = types.iter().map(|(event, _)| format!("`{event}`")).collect();
        bail!("the samples are of several types, {}; leave --name out", types.join(", "));
    }
    let mut refused: Vec<Refused> = untyped;
    let mut names = BTreeSet::new();
    for (index, (event, samples)) in types.iter().enumerate() {
        let samples = Samples { event, event_path: &arguments.event_path, lines: samples };
        let mut name = arguments.name.clone().unwrap_or_else(|| names::object(event));
        while !names.insert(name.clone()) {
            name.push_str("-2");
        }
        let inferred = infer(&name, arguments.namespace.as_deref(), &samples);
        if index > 0 {
            writeln!(out, "---")?;
        }
        out.write_all(inferred.0.as_bytes())?;
        refused.extend(inferred.1);
    }
    for Refused { line, why } in &refused {
        writeln!(out, "# line {line} is accepted by no schema: {why}")?;
    }
    Ok(if refused.is_empty() { Exit::Clean } else { Exit::Findings })
}

/// Infers the schema of one event type.
fn infer(name: &str, namespace: Option<&str>, samples: &Samples<'_>) -> (String, Vec<Refused>) {
    let mut root = Node::default();
    for (_, text) in samples.lines {
        root.see(text);
    }
    let mut proposal = propose::propose(&root, samples.event_path);
    let refused = accept::loosen(&mut proposal, samples);
    let head = text::Head { name, namespace, event: samples.event, n_samples: samples.lines.len() };
    (text::yaml(&head, &proposal), refused)
}

/// Groups samples by their event type, in the order in which the types come.
fn by_type<'a>(samples: &[Sample<'a>], path: &str) -> (Vec<(String, Vec<Sample<'a>>)>, Vec<Refused>) {
    let (mut types, mut refused): (Vec<(String, Vec<Sample<'a>>)>, Vec<Refused>) = (Vec::new(), Vec::new());
    for (line, text) in samples {
        let event = serde_json::from_str::<serde_json::Value>(text)
            .map_err(|error| format!("it is not JSON: {error}"));
        let event = event.and_then(|event| {
            let found = path.split('.').try_fold(&event, |value, key| value.get(key));
            let found = found.and_then(serde_json::Value::as_str);
            let found = found.filter(|event| (1..=LONGEST_TYPE).contains(&event.chars().count()));
            found.map(str::to_owned).ok_or_else(|| format!("it names no event type at `{path}`"))
        });
        match event {
            Ok(event) => match types.iter_mut().find(|(known, _)| *known == event) {
                Some((_, samples)) => samples.push((*line, text)),
                None => types.push((event, vec![(*line, text)])),
            },
            Err(why) => refused.push(Refused { line: *line, why }),
        }
    }
    (types, refused)
}

#[cfg(test)]
mod tests;
