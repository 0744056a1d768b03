//! What all contenders have in common: they move the events of a topic into a table, and can be started, watched, stopped and killed.
//!
//! In: a [`Task`]: topic, table, group, folder. Out: a [`Mover`] whose CPU time counts. Each contender is one file below.
//! Not here: when a run is over and whether its counts are right (`run.rs`).

pub mod baselines;
pub mod installed;
pub mod kafka_engine;
pub mod spark;
pub mod tributary;

use std::path::PathBuf;

use anyhow::Result;
use async_trait::async_trait;
use crds::columns::Column;
use nix::unistd::Pid;

use super::process::Process;
use super::table::TableName;
use super::topic::Loaded;
use super::workload::Workload;
use crate::clickhouse::ClickHouse;
use crate::environment::settings::Settings;

/// What a contender is to do.
#[derive(Clone)]
pub struct Task {
    /// Kafka: `host:port`.
    pub kafka: String,
    /// The topic, and what it holds.
    pub loaded: Loaded,
    /// Where rejected records go, for those that keep them in a topic; of one partition.
    pub dead_letter_topic: String,
    /// Group, new for each run.
    pub group: String,
    /// ClickHouse: `http://host:port`.
    pub url: String,
    /// The table, new for each run.
    pub table: TableName,
    /// A client of that ClickHouse.
    pub clickhouse: ClickHouse,
    /// Configuration, checkpoints and logs of the run.
    pub folder: PathBuf,
}

/// Where rejected records can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letters {
    /// In the dead-letter topic.
    Topic,
    /// In the table `<table>_errors`.
    Table,
    /// Nowhere: they are left out.
    Nowhere,
}

/// How it is seen that a contender has done its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// By the rows of the table and the rejected records.
    Counts(Letters),
    /// It writes nothing, and says itself what it has read.
    OwnWord,
}

/// Who moves the events.
#[derive(Debug)]
pub enum Mover {
    /// A process of its own, with whatever it has started.
    Process(Process),
    /// ClickHouse itself.
    Server,
}

impl Mover {
    /// Leader of the session whose CPU counts.
    #[must_use]
    pub fn leader(&self) -> Option<Pid> {
        match self {
            Self::Process(process) => Some(process.pid()),
            Self::Server => None,
        }
    }
}

/// One way to bring events from Kafka to ClickHouse.
#[async_trait]
pub trait Contender: Send + Sync {
    /// One word, for files and tables.
    fn name(&self) -> &'static str;

    /// What it is, in a few words.
    fn title(&self) -> &'static str;

    /// Makes ready what runs share, once, and returns the versions; the error says why it cannot take part.
    fn prepare(&self, settings: &Settings) -> Result<String>;

    /// What it is told, word for word.
    fn configuration(&self, task: &Task) -> Result<String>;

    /// The events that it is compared with ours on.
    fn workload(&self) -> Workload {
        Workload::MAIN
    }

    /// The columns of its table.
    fn columns(&self, workload: &Workload) -> Result<Vec<Column>> {
        workload.columns()
    }

    /// How it is seen that it has done its work.
    fn done(&self) -> Done {
        Done::Counts(Letters::Topic)
    }

    /// Whether what it does beside rows and rejected records is done too, once these are.
    async fn has_done_the_rest(&self, _task: &Task) -> Result<bool> {
        Ok(true)
    }

    /// Events that only warm it up: what is spent until they are stored does not count. None: everything counts from the start of the
    /// process.
    fn warm_up(&self) -> u64 {
        0
    }

    /// Whether ClickHouse is killed when it is killed.
    fn needs_own_server(&self) -> bool {
        false
    }

    /// Starts it, for the first time or again.
    async fn start(&self, task: &Task) -> Result<Mover>;

    /// Ends it in an orderly way.
    async fn stop(&self, _task: &Task, mover: Mover) -> Result<()> {
        if let Mover::Process(mut process) = mover {
            tokio::task::spawn_blocking(move || process.terminate()).await?;
        }
        Ok(())
    }

    /// Takes away what it has made beside the table.
    async fn remove(&self, _task: &Task) -> Result<()> {
        Ok(())
    }
}
