//! The two internal baselines, each a process of the program `baseline`: what a straightforward service costs, and what cannot be undercut.
//!
//! In: a task. Out: `baseline value` or `baseline floor` on the same StreamConfig as ours. What they do is in `src/baseline/`.

use anyhow::{Context, Result, bail};
use async_trait::async_trait;

use super::tributary::{beside_this_program, write_plain_files};
use super::{Contender, Done, Letters, Mover, Task};
use crate::bench::process::{Launch, Process};
use crate::bench::workload::{Shape, Size};
use crate::environment::settings::Settings;

/// File in which the floor says what it has read.
pub const REPORT: &str = "floor.json";

/// A JSON tree an event, RowBinary: how most services are written.
#[derive(Debug)]
pub struct Value;

/// Read, decode, encode and nothing else: nobody who uses librdkafka is faster.
#[derive(Debug)]
pub struct Floor;

#[async_trait]
impl Contender for Value {
    fn name(&self) -> &'static str {
        "value"
    }

    fn title(&self) -> &'static str {
        "baseline: a serde_json value an event, RowBinary"
    }

    fn prepare(&self, _settings: &Settings) -> Result<String> {
        version()
    }

    fn configuration(&self, task: &Task) -> Result<String> {
        Ok(format!("baseline value --root {}", task.folder.display()))
    }

    fn done(&self) -> Done {
        Done::Counts(Letters::Topic)
    }

    async fn start(&self, task: &Task) -> Result<Mover> {
        start(task, "value", Vec::new())
    }
}

#[async_trait]
impl Contender for Floor {
    fn name(&self) -> &'static str {
        "floor"
    }

    fn title(&self) -> &'static str {
        "baseline: read, decode, encode and nothing else"
    }

    fn prepare(&self, _settings: &Settings) -> Result<String> {
        version()
    }

    fn configuration(&self, task: &Task) -> Result<String> {
        Ok(format!("baseline floor --root {} {}", task.folder.display(), floor_arguments(task).join(" ")))
    }

    fn done(&self) -> Done {
        Done::OwnWord
    }

    async fn start(&self, task: &Task) -> Result<Mover> {
        start(task, "floor", floor_arguments(task))
    }
}

fn floor_arguments(task: &Task) -> Vec<String> {
    let loaded = &task.loaded;
    let size = match loaded.workload.size {
        Size::Small => "small",
        Size::Large => "large",
    };
    let shape = match loaded.workload.shape {
        Shape::Flat => "flat",
        Shape::Nested => "nested",
    };
    let report = task.folder.join(REPORT).display().to_string();
    let events = loaded.expected.events.to_string();
    ["--size", size, "--shape", shape, "--events", &events, "--report", &report].map(str::to_owned).to_vec()
}

fn version() -> Result<String> {
    let program = beside_this_program("baseline")?;
    if !program.exists() {
        bail!("there is no {}: cargo build --release --package e2e --features baselines", program.display());
    }
    Ok(env!("CARGO_PKG_VERSION").to_owned())
}

fn start(task: &Task, which: &str, more: Vec<String>) -> Result<Mover> {
    write_plain_files(task).context("writing the baseline's files")?;
    let mut arguments = vec![which.to_owned(), "--root".to_owned(), task.folder.display().to_string()];
    arguments.extend(more);
    let launch = Launch {
        program: beside_this_program("baseline")?,
        arguments,
        variables: Vec::new(),
        log: task.folder.join("baseline.log"),
    };
    Ok(Mover::Process(Process::start(&launch)?))
}
