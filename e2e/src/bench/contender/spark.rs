//! Spark Structured Streaming, as `e2e/bench/spark/` runs it: a typed schema, the same checks, ClickHouse and a dead-letter topic as sinks.
//!
//! In: a task. Out: `e2e/bench/spark/run` in the foreground of a session of its own: Python, Spark's JVM and its Python workers all
//! count. The first micro-batch warms the JVM up and is not counted.
//! Not here: what the job does; its folder says so.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use crds::schema::field::{Bound, Field};
use serde_json::{Value, json};

use super::{Contender, Mover, Task};
use crate::bench::process::{Launch, Process};
use crate::bench::workload::EVENT;
use crate::environment::settings::{CLICKHOUSE_PASSWORD, CLICKHOUSE_USER, Settings};

/// Rows of the first micro-batch, of 500,000 events, that must be there before anything counts.
const FIRST_BATCH: u64 = 480_000;

/// Spark Structured Streaming.
#[derive(Debug)]
pub struct Spark {
    folder: PathBuf,
    cache: PathBuf,
}

impl Spark {
    /// Runs what `e2e/bench/spark/` holds, installed in the cache.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self { folder: settings.source("bench/spark"), cache: settings.cache.clone() }
    }

    fn arguments(&self, task: &Task) -> Vec<String> {
        let path = |name: &str| task.folder.join(name).display().to_string();
        let options = [
            ("--bootstrap", task.kafka.clone()),
            ("--topic", task.loaded.topic.clone()),
            ("--clickhouse-url", task.url.clone()),
            ("--user", CLICKHOUSE_USER.to_owned()),
            ("--password", CLICKHOUSE_PASSWORD.to_owned()),
            ("--table", task.table.to_string()),
            ("--dead-letter-topic", task.dead_letter_topic.clone()),
            ("--checkpoint", path("checkpoint")),
            ("--schema", path("schema.json")),
        ];
        let options = options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]);
        [self.cache.display().to_string()].into_iter().chain(options).collect()
    }
}

#[async_trait]
impl Contender for Spark {
    fn name(&self) -> &'static str {
        "spark"
    }

    fn title(&self) -> &'static str {
        "Spark Structured Streaming"
    }

    fn prepare(&self, _settings: &Settings) -> Result<String> {
        let program = self.folder.join("prepare");
        if !program.exists() {
            bail!("there is no {}", program.display());
        }
        let run = |arguments: &[&str], stdout: Stdio| {
            let output = Command::new(&program).args(arguments).arg(&self.cache).stdout(stdout).output();
            let output = output.with_context(|| format!("running {}", program.display()))?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
            if !output.status.success() {
                bail!("{} failed: {}", program.display(), text(&output.stderr));
            }
            Ok(text(&output.stdout))
        };
        // It says when it takes a while.
        run(&[], Stdio::inherit())?;
        Ok(run(&["--version"], Stdio::piped())?.lines().collect::<Vec<_>>().join(", "))
    }

    fn configuration(&self, task: &Task) -> Result<String> {
        let settings = self.folder.join("spark-defaults.conf");
        let settings =
            std::fs::read_to_string(&settings).with_context(|| format!("reading {}", settings.display()))?;
        Ok(format!("{settings}\ne2e/bench/spark/run {}", self.arguments(task).join(" ")))
    }

    fn warm_up(&self) -> u64 {
        FIRST_BATCH
    }

    async fn start(&self, task: &Task) -> Result<Mover> {
        let schema = task.folder.join("schema.json");
        std::fs::write(&schema, fields(task)?.to_string())
            .with_context(|| format!("writing {}", schema.display()))?;
        let launch = Launch {
            program: self.folder.join("run"),
            arguments: self.arguments(task),
            variables: Vec::new(),
            log: task.folder.join("spark.log"),
        };
        Ok(Mover::Process(Process::start(&launch)?))
    }
}

/// The envelope and the fields, as the job reads them.
fn fields(task: &Task) -> Result<Value> {
    let mut fields = vec![
        json!({"path": "event", "type": "String", "required": true, "enum": [EVENT]}),
        json!({"path": "event_id", "type": "String", "required": true}),
        json!({"path": "event_time", "type": "DateTime64(3)", "required": true}),
    ];
    fields.extend(task.loaded.workload.understood()?.fields.iter().map(field));
    Ok(Value::Array(fields))
}

fn field(field: &Field) -> Value {
    let constraints = &field.constraints;
    let mut written = json!({
        "path": field.path.join("."),
        "type": field.field_type.to_string(),
        "required": field.required || field.default.is_some(),
    });
    let bounds = [("minimum", constraints.minimum), ("maximum", constraints.maximum)];
    for (name, bound) in bounds.into_iter().filter_map(|(name, bound)| Some((name, bound?))) {
        written[name] = match bound {
            Bound::Integer(number) => json!(number as i64),
            // The bounds of the benchmark's decimals have two places.
            Bound::Decimal(number) => json!(number as f64 / 100.0),
            Bound::Float(number) => json!(number),
        };
    }
    if !constraints.allowed.is_empty() {
        written["enum"] = json!(constraints.allowed);
    }
    if let Some(length) = constraints.max_length {
        written["maxLength"] = json!(length);
    }
    written
}
