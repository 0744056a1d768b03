//! `kubectl tributary`: what a team's objects mean, before anything is applied; and how a stream is that runs.
//!
//! ```text
//! files ─▶ documents ─▶ world ─▶ lint    findings
//!   (read)    (parse)   (judge)  plan    statements, topics, objects
//!                                trial   rows, rejections, deliveries of sample events
//! samples ─▶ infer ─▶ a first EventSchema
//! a running stream ─▶ online ─▶ status, audit, dead letters, send, tail, and a plan against what is there
//! ```
//! In: arguments, files, standard input. Out: text for people or tools, and an exit code that says how it ended.
//! Everything that is decided is decided by the crates that decide it in a cluster: `crds` judges as the apiserver,
//! `operator` checks, plans and diffs, `processor` decodes, checks and maps. Nothing of that is written here again.
//! Only `online` asks a cluster, Kafka or ClickHouse.

pub mod arguments;
pub mod exit;

pub mod documents;
pub mod files;
pub mod finding;
pub mod world;

pub mod lint;
pub mod online;
pub mod plan;
pub mod schema;
pub mod trial;

use std::io::{Read, Write};

use arguments::{Arguments, Command, SchemaCommand};
use exit::Exit;

/// Runs a command; standard input and output are the caller's.
///
/// # Errors
/// When it could not run: a file that cannot be read, a name that is not there. Exit code 2.
pub fn run(arguments: &Arguments, input: &mut dyn Read, out: &mut dyn Write) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::Lint(lint) => lint::run(lint, input, out),
        Command::Online(command) => online::run(command, input, out),
        Command::Plan(plan) if plan.online => online::plan(plan, input, out),
        Command::Plan(plan) => plan::run(plan, input, out),
        Command::Schema(SchemaCommand::Check(check)) => schema::check::run(check, input, out),
        Command::Schema(SchemaCommand::Infer(infer)) => schema::infer::run(infer, input, out),
        Command::Test(test) => trial::run(test, input, out),
    }
}

#[cfg(test)]
mod cases;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod samples;
