//! Movers that somebody has installed on this machine: Vector, Bento, Redpanda Connect, clickhouse_sinker, Kafka Connect with ClickHouse's sink.
//!
//! In: the search path, the configurations in `e2e/bench/installed/`. Out: contenders for the programs that are there, and for the others
//! the word that they are not. Those that check nothing get events that are all right.
//! Not here: installing any.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;

use super::{Contender, Done, Letters, Mover, Task};
use crate::bench::process::{Launch, Process};
use crate::bench::server::DATABASE;
use crate::bench::workload::Workload;
use crate::environment::settings::{CLICKHOUSE_PASSWORD, CLICKHOUSE_USER, Settings};

/// A file of a mover's configuration: its name, and the text in which `@NAMES@` stand for what a run has.
type File = (&'static str, &'static str);

/// One mover that may be installed.
struct Kind {
    name: &'static str,
    title: &'static str,
    programs: &'static [&'static str],
    files: &'static [File],
    arguments: &'static [&'static str],
    /// Whether it can apply the schema's checks.
    checks: bool,
    warm_up: u64,
}

const VECTOR: File = ("vector.yaml", include_str!("../../../bench/installed/vector.yaml"));
const BENTHOS: File = ("benthos.yaml", include_str!("../../../bench/installed/benthos.yaml"));
const SINKER: File =
    ("clickhouse_sinker.json", include_str!("../../../bench/installed/clickhouse_sinker.json"));
const WORKER: File =
    ("worker.properties", include_str!("../../../bench/installed/connect-worker.properties"));
const SINK: File = ("sink.properties", include_str!("../../../bench/installed/connect-sink.properties"));

const KINDS: [Kind; 5] = [
    Kind {
        name: "vector",
        title: "Vector",
        programs: &["vector"],
        files: &[VECTOR],
        arguments: &["--config", "@FOLDER@/vector.yaml"],
        checks: true,
        warm_up: 0,
    },
    Kind {
        name: "bento",
        title: "Bento",
        programs: &["bento"],
        files: &[BENTHOS],
        arguments: &["-c", "@FOLDER@/benthos.yaml"],
        checks: true,
        warm_up: 0,
    },
    Kind {
        name: "redpanda-connect",
        title: "Redpanda Connect",
        programs: &["redpanda-connect"],
        files: &[BENTHOS],
        arguments: &["run", "@FOLDER@/benthos.yaml"],
        checks: true,
        warm_up: 0,
    },
    Kind {
        name: "clickhouse_sinker",
        title: "clickhouse_sinker, without checks",
        programs: &["clickhouse_sinker"],
        files: &[SINKER],
        arguments: &["--local-cfg-file", "@FOLDER@/clickhouse_sinker.json"],
        checks: false,
        warm_up: 0,
    },
    Kind {
        name: "kafka-connect",
        title: "Kafka Connect with ClickHouse's sink, without checks",
        programs: &["connect-standalone", "connect-standalone.sh"],
        files: &[WORKER, SINK],
        arguments: &["@FOLDER@/worker.properties", "@FOLDER@/sink.properties"],
        checks: false,
        warm_up: 500_000,
    },
];

/// Where plugins of Kafka Connect lie, as its documentation and packages have it.
const PLUGINS: [&str; 4] =
    ["/usr/share/java", "/usr/local/share/java", "/usr/share/confluent-hub-components", "/opt/kafka/plugins"];

/// All of them, installed or not.
#[must_use]
pub fn all(settings: &Settings) -> Vec<Arc<dyn Contender>> {
    let path = settings.path.clone();
    KINDS
        .into_iter()
        .map(|kind| Arc::new(Installed { kind, path: path.clone() }) as Arc<dyn Contender>)
        .collect()
}

struct Installed {
    kind: Kind,
    path: String,
}

impl Installed {
    fn program(&self) -> Result<PathBuf> {
        let folders = || self.path.split(':').filter(|folder| !folder.is_empty()).map(Path::new);
        let candidates =
            self.kind.programs.iter().flat_map(|name| folders().map(move |folder| folder.join(name)));
        let found = candidates.into_iter().find(|candidate| candidate.is_file());
        found.with_context(|| format!("there is no {} on the search path", self.kind.programs.join(" or ")))
    }

    fn filled(text: &str, task: &Task) -> String {
        let address = task.url.trim_start_matches("http://");
        let (host, port) = address.split_once(':').unwrap_or((address, "8123"));
        let folder = task.folder.display().to_string();
        let plugins = PLUGINS.join(",");
        [
            ("@KAFKA@", task.kafka.as_str()),
            ("@TOPIC@", &task.loaded.topic),
            ("@GROUP@", &task.group),
            ("@LETTERS@", &task.dead_letter_topic),
            ("@URL@", &task.url),
            ("@HOST@", host),
            ("@PORT@", port),
            ("@USER@", CLICKHOUSE_USER),
            ("@PASSWORD@", CLICKHOUSE_PASSWORD),
            ("@DATABASE@", DATABASE),
            ("@TABLE@", &task.table.0),
            ("@FOLDER@", &folder),
            ("@PLUGINS@", &plugins),
        ]
        .into_iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }
}

#[async_trait]
impl Contender for Installed {
    fn name(&self) -> &'static str {
        self.kind.name
    }

    fn title(&self) -> &'static str {
        self.kind.title
    }

    fn prepare(&self, _settings: &Settings) -> Result<String> {
        let program = self.program()?;
        let is_sink = |name: &str| name.starts_with("clickhouse") && name.contains("connect");
        let holds_sink = |folder: &&str| {
            let entries = std::fs::read_dir(folder).into_iter().flatten();
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).any(|name| is_sink(&name))
        };
        if self.kind.name == "kafka-connect" && !PLUGINS.iter().any(holds_sink) {
            bail!(
                "{} is there, but ClickHouse's sink is in none of {}",
                program.display(),
                PLUGINS.join(", ")
            );
        }
        let output = Command::new(&program).arg("--version").output();
        let output = output.with_context(|| format!("running {} --version", program.display()))?;
        let words = String::from_utf8_lossy(&output.stdout);
        Ok(words.lines().next().unwrap_or("version unknown").to_owned())
    }

    fn configuration(&self, task: &Task) -> Result<String> {
        let files =
            self.kind.files.iter().map(|(name, text)| format!("# {name}\n{}", Self::filled(text, task)));
        Ok(files.collect::<Vec<_>>().join("\n"))
    }

    fn workload(&self) -> Workload {
        let rejected = if self.kind.checks { Workload::MAIN.rejected } else { 0 };
        Workload { rejected, ..Workload::MAIN }
    }

    fn done(&self) -> Done {
        Done::Counts(if self.kind.checks { Letters::Topic } else { Letters::Nowhere })
    }

    fn warm_up(&self) -> u64 {
        self.kind.warm_up
    }

    async fn start(&self, task: &Task) -> Result<Mover> {
        for (name, text) in self.kind.files {
            let path = task.folder.join(name);
            std::fs::write(&path, Self::filled(text, task))
                .with_context(|| format!("writing {}", path.display()))?;
        }
        let launch = Launch {
            program: self.program()?,
            arguments: self.kind.arguments.iter().map(|argument| Self::filled(argument, task)).collect(),
            variables: Vec::new(),
            log: task.folder.join(format!("{}.log", self.kind.name)),
        };
        Ok(Mover::Process(Process::start(&launch)?))
    }
}
