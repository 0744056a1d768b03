//! The ground of a benchmark: the environment's broker, a ClickHouse of its own, a folder, and names that nobody else has.
//!
//! In: the environment. Out: [`Task`]s, each with a new topic for dead letters, a new group and a new table; and everything but logs,
//! configurations and results taken away again. Not here: what is done with a task.

use std::path::PathBuf;

use anyhow::{Context, Result};
use nix::unistd::Pid;

use super::contender::{Contender, Task};
use super::server::Server;
use super::table::{self, TableName};
use super::topic::{Loaded, load};
use super::workload::Workload;
use crate::clickhouse::ClickHouse;
use crate::environment::{process_of, settings::Settings};
use crate::kafka::Kafka;

/// What all runs share.
pub struct Ground {
    /// Where programs are.
    pub settings: Settings,
    /// The broker.
    pub kafka: Kafka,
    /// Its address.
    pub address: String,
    /// The broker's process, when it runs here.
    pub broker: Option<Pid>,
    /// The benchmark's own ClickHouse.
    pub server: Server,
    /// Logs, configurations, results.
    pub folder: PathBuf,
    made: usize,
}

impl Ground {
    /// Starts ClickHouse in a new folder.
    pub async fn start(settings: Settings, address: &str) -> Result<Self> {
        let folder = settings.state.join("bench").join(format!(
            "{}-{}",
            jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S"),
            std::process::id()
        ));
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let server = Server::start(&settings, &folder.join("clickhouse")).await?;
        let broker = process_of(&settings, "kafka");
        Ok(Self {
            kafka: Kafka::new(address),
            address: address.to_owned(),
            settings,
            broker,
            server,
            folder,
            made: 0,
        })
    }

    /// A name that no topic, group or table has.
    pub fn name(&mut self, what: &str) -> String {
        self.made += 1;
        format!("bench.{}.{}-{what}", std::process::id(), self.made)
    }

    /// Makes a topic and fills it.
    pub async fn load(
        &mut self,
        (workload, partitions): (&Workload, i32),
        (events, seed): (u64, u64),
    ) -> Result<Loaded> {
        let topic = self.name("events");
        load(&self.kafka, (&topic, partitions), workload, (events, seed)).await
    }

    /// Makes what one run needs, in the benchmark's own ClickHouse.
    pub async fn task(&mut self, contender: &dyn Contender, loaded: &Loaded) -> Result<Task> {
        let (url, clickhouse) = (self.server.url().to_owned(), self.server.clickhouse());
        self.task_at(contender, loaded, (url, clickhouse)).await
    }

    /// Makes what one run needs, in a given ClickHouse.
    pub async fn task_at(
        &mut self,
        contender: &dyn Contender,
        loaded: &Loaded,
        (url, clickhouse): (String, ClickHouse),
    ) -> Result<Task> {
        let group = self.name(&contender.name().replace([' ', ','], "-"));
        let folder = self.folder.join("runs").join(&group);
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let table = TableName(format!("{}_{}", contender.name().replace(['-', ' ', ','], "_"), self.made));
        let columns = contender.columns(&loaded.workload)?;
        clickhouse.execute(&table::create(&table.to_string(), &columns)).await?;
        let dead_letter_topic = format!("{group}.dead-letters");
        self.kafka.create_topic(&dead_letter_topic, 1).await?;
        let (kafka, loaded) = (self.address.clone(), loaded.clone());
        Ok(Task { kafka, loaded, dead_letter_topic, group, url, table, clickhouse, folder })
    }

    /// Takes away what a run needed; its logs stay.
    pub async fn clear(&self, task: &Task) -> Result<()> {
        self.kafka.delete_topic(&task.dead_letter_topic).await?;
        task.clickhouse.execute(&format!("DROP TABLE IF EXISTS {} SYNC", task.table)).await
    }
}
