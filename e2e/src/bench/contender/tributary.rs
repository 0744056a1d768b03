//! Ours: the processor, as the image holds it, with the configuration that the operator writes for a pipeline without options.
//!
//! In: a task. Out: the release binary, running on the host with its files below the run's folder.
//! The baselines read the same files, so they are written here. Not here: Kubernetes.

use std::path::Path;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use crds::analytics_pipeline::{Envelope, UnknownEvents};
use crds::stream_config::{
    BatchConfig, ClickHouseConfig, EgressConfig, KafkaConfig, STREAM_CONFIG_VERSION, SchemaVersion,
    StreamConfig, StreamIdentity,
};

use super::{Contender, Mover, Task};
use crate::bench::process::{Launch, Process};
use crate::bench::server::{DATABASE, free_port};
use crate::bench::workload::EVENT;
use crate::environment::settings::{CLICKHOUSE_PASSWORD, CLICKHOUSE_USER, Settings};

/// The batch of a pipeline that says nothing of it.
const BATCH: BatchConfig = BatchConfig { max_rows: 50_000, max_bytes: 16 << 20, max_age_milliseconds: 1_000 };

/// The processor.
#[derive(Debug)]
pub struct Tributary;

#[async_trait]
impl Contender for Tributary {
    fn name(&self) -> &'static str {
        "tributary"
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
        serde_yaml::to_string(&stream_config(task)?).context("writing the StreamConfig")
    }

    async fn start(&self, task: &Task) -> Result<Mover> {
        write_files(task)?;
        let launch = Launch {
            program: beside_this_program("processor")?,
            arguments: Vec::new(),
            variables: vec![
                ("TRIBUTARY_CONFIG_ROOT", task.folder.display().to_string()),
                ("TRIBUTARY_LISTEN", format!("127.0.0.1:{}", free_port()?)),
            ],
            log: task.folder.join("tributary.log"),
        };
        Ok(Mover::Process(Process::start(&launch)?))
    }
}

/// Writes the files that the operator mounts.
pub(super) fn write_files(task: &Task) -> Result<()> {
    let config = serde_yaml::to_string(&stream_config(task)?).context("writing the StreamConfig")?;
    let files = [
        ("config/stream.yaml", config.as_str()),
        ("connection/clickhouse-user", CLICKHOUSE_USER),
        ("connection/clickhouse-password", CLICKHOUSE_PASSWORD),
    ];
    for (name, text) in files {
        let path = task.folder.join(name);
        let folder = path.parent().unwrap_or(&path);
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

fn stream_config(task: &Task) -> Result<StreamConfig> {
    let table = task.table.0.clone();
    Ok(StreamConfig {
        version: STREAM_CONFIG_VERSION,
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
        schemas: vec![SchemaVersion {
            name: EVENT.to_owned(),
            version: 1,
            spec: task.loaded.workload.schema()?,
        }],
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
pub(super) fn beside_this_program(name: &str) -> Result<std::path::PathBuf> {
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
