//! Ours: the processor, as the image holds it, with the configuration that the operator writes for a pipeline without options, or with
//! one thing changed in it.
//!
//! In: a task. Out: the release binary, once or several times, running on the host with its files below the run's folder.
//! The baselines read the same files, so they are written here. Not here: Kubernetes; which changes are worth a look (`growth.rs`).

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use async_trait::async_trait;
use crds::analytics_pipeline::{Envelope, UnknownEvents};
use crds::columns::{Column, table_columns};
use crds::schema::Schema;
use crds::stream_config::{
    BatchConfig, ClickHouseConfig, EgressConfig, KafkaConfig, STREAM_CONFIG_VERSION, SchemaVersion,
    StreamConfig, StreamIdentity,
};

use super::{Contender, Mover, Task};
use crate::bench::process::{Launch, Process};
use crate::bench::report::OURS;
use crate::bench::server::{DATABASE, free_port};
use crate::bench::workload::{EVENT, Workload};
use crate::environment::settings::{CLICKHOUSE_PASSWORD, CLICKHOUSE_USER, Settings};
use crate::kafka::Kafka;

/// The batch of a pipeline that says nothing of it.
const BATCH: BatchConfig =
    BatchConfig { max_rows: 100_000, max_bytes: 16 << 20, max_age_milliseconds: 1_000 };
/// Of `privacy: Hash`; in the benchmark nobody is to be protected.
const HASH_KEY: &str = "the benchmark's key, of no worth to anybody";

/// The processor.
#[derive(Debug, Clone, Copy)]
pub struct Tributary {
    /// One word for it.
    pub name: &'static str,
    /// Processes of one group.
    pub processes: usize,
    /// What is changed in the configuration.
    pub change: fn(&mut StreamConfig),
    /// Filter of its log.
    pub log: &'static str,
    /// Events that its forwarding rule selects, as a condition on the table; none: there is no rule.
    pub forwards: Option<&'static str>,
}

impl Tributary {
    /// As a pipeline without options runs it.
    pub const PLAIN: Self = Self { name: OURS, processes: 1, change: |_| {}, log: "info", forwards: None };

    fn stream_config(&self, task: &Task) -> Result<StreamConfig> {
        let mut config = plain(task)?;
        (self.change)(&mut config);
        for rule in &mut config.rules {
            rule.topic = Some(forwarded(task));
        }
        Ok(config)
    }

    /// One process by itself, or several in one session, which a signal to its leader ends.
    fn launch(&self, task: &Task) -> Result<Launch> {
        let (program, address) =
            (beside_this_program("processor")?, || Ok(format!("127.0.0.1:{}", free_port()?)));
        let mut variables = vec![
            ("TRIBUTARY_CONFIG_ROOT", task.folder.display().to_string()),
            ("TRIBUTARY_LOG", self.log.to_owned()),
        ];
        let log = task.folder.join("tributary.log");
        if self.processes == 1 {
            variables.push(("TRIBUTARY_LISTEN", address()?));
            return Ok(Launch { program, arguments: Vec::new(), variables, log });
        }
        let addresses = (0..self.processes).map(|_| address()).collect::<Result<Vec<_>>>()?;
        let script = "for address; do TRIBUTARY_LISTEN=$address \"$0\" & done; trap 'kill $(jobs -p); wait' TERM; wait";
        let mut arguments = vec!["-c".to_owned(), script.to_owned(), program.display().to_string()];
        arguments.extend(addresses);
        Ok(Launch { program: "bash".into(), arguments, variables, log })
    }
}

#[async_trait]
impl Contender for Tributary {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        "Tributary's processor"
    }

    fn prepare(&self, _settings: &Settings) -> Result<String> {
        let program = beside_this_program("processor")?;
        if !program.exists() {
            bail!("there is no {}: cargo build --release --package processor", program.display());
        }
        Ok(env!("CARGO_PKG_VERSION").to_owned())
    }

    fn configuration(&self, task: &Task) -> Result<String> {
        serde_yaml::to_string(&self.stream_config(task)?).context("writing the StreamConfig")
    }

    fn columns(&self, workload: &Workload) -> Result<Vec<Column>> {
        let mut config = nameless(workload)?;
        (self.change)(&mut config);
        let schemas = config.schemas.iter().map(|schema| {
            Schema::parse(&schema.name, schema.version, &schema.spec)
                .map_err(|problems| anyhow!("the benchmark's schema: {problems:?}"))
        });
        table_columns(&schemas.collect::<Result<Vec<_>>>()?)
            .map_err(|problems| anyhow!("the benchmark's schema: {problems:?}"))
    }

    async fn has_done_the_rest(&self, task: &Task) -> Result<bool> {
        let Some(condition) = self.forwards else { return Ok(true) };
        let sql = format!("SELECT count() AS n FROM {} WHERE {condition}", task.table);
        let wanted = task.clickhouse.number(&sql).await?;
        Ok(Kafka::new(&task.kafka).records(&forwarded(task)).await? >= wanted)
    }

    async fn start(&self, task: &Task) -> Result<Mover> {
        write_files(task, &self.stream_config(task)?)?;
        if self.forwards.is_some() {
            Kafka::new(&task.kafka).create_topic(&forwarded(task), 1).await?;
        }
        Ok(Mover::Process(Process::start(&self.launch(task)?)?))
    }

    async fn remove(&self, task: &Task) -> Result<()> {
        if self.forwards.is_some() {
            Kafka::new(&task.kafka).delete_topic(&forwarded(task)).await?;
        }
        Ok(())
    }
}

/// Writes the files that the operator mounts, for a pipeline without options.
pub(super) fn write_plain_files(task: &Task) -> Result<()> {
    write_files(task, &plain(task)?)
}

fn write_files(task: &Task, config: &StreamConfig) -> Result<()> {
    let config = serde_yaml::to_string(config).context("writing the StreamConfig")?;
    let files = [
        ("config/stream.yaml", config.as_str()),
        ("connection/clickhouse-user", CLICKHOUSE_USER),
        ("connection/clickhouse-password", CLICKHOUSE_PASSWORD),
        ("hash-key/key", HASH_KEY),
    ];
    for (name, text) in files {
        let path = task.folder.join(name);
        let folder = path.parent().unwrap_or(&path);
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Where a forwarding rule's events go.
fn forwarded(task: &Task) -> String {
    format!("{}.forwarded", task.group)
}

fn plain(task: &Task) -> Result<StreamConfig> {
    let table = task.table.0.clone();
    Ok(StreamConfig {
        stream: StreamIdentity {
            namespace: DATABASE.to_owned(),
            name: table.clone(),
            // New for each run, as the table is.
            id: task.group.clone(),
            epoch: 1,
        },
        kafka: KafkaConfig {
            bootstrap: task.kafka.clone(),
            topic: task.loaded.topic.clone(),
            dead_letter_topic: task.dead_letter_topic.clone(),
            group: task.group.clone(),
            properties: [].into(),
        },
        clickhouse: ClickHouseConfig { url: task.url.clone(), database: DATABASE.to_owned(), table },
        ..nameless(&task.loaded.workload)?
    })
}

/// What a stream does, without where it comes from and goes to.
fn nameless(workload: &Workload) -> Result<StreamConfig> {
    let none = String::new;
    Ok(StreamConfig {
        version: STREAM_CONFIG_VERSION,
        stream: StreamIdentity { namespace: none(), name: none(), id: none(), epoch: 1 },
        kafka: KafkaConfig {
            bootstrap: none(),
            topic: none(),
            dead_letter_topic: none(),
            group: none(),
            properties: [].into(),
        },
        clickhouse: ClickHouseConfig { url: none(), database: none(), table: none() },
        schemas: vec![SchemaVersion { name: EVENT.to_owned(), version: 1, spec: workload.schema()? }],
        envelope: Envelope::default(),
        unknown_events: UnknownEvents::default(),
        batch: BATCH,
        deduplication_window_seconds: None,
        has_hash_key: false,
        rules: Vec::new(),
        egress: EgressConfig::default(),
    })
}

/// A program that cargo has put beside this one.
pub(crate) fn beside_this_program(name: &str) -> Result<std::path::PathBuf> {
    let program = std::env::current_exe().context("finding this program")?;
    let folder = program.parent().unwrap_or(Path::new("."));
    Ok(folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::BATCH;
    use crds::analytics_pipeline::ProcessorSpec;
    use crds::quantities::{parse_bytes, parse_duration};

    #[test]
    fn the_batch_is_that_of_a_pipeline_that_says_nothing_of_it() {
        let batch = ProcessorSpec::default().batch;
        assert_eq!(i64::from(batch.max_rows), BATCH.max_rows as i64);
        assert_eq!(parse_bytes(&batch.max_bytes).ok(), Some(BATCH.max_bytes as u64));
        let age = parse_duration(&batch.max_age).unwrap().as_millis();
        assert_eq!(age, u128::from(BATCH.max_age_milliseconds));
    }
}
