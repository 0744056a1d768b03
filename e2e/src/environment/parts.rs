//! The parts of the environment: for each its program, arguments, files, address, health and stage.
//!
//! In: the settings. Out: the list in the order in which the parts start; a stage waits until the stage before is healthy.
//! It is a table: it writes no file and starts no process.

mod control_plane;
mod node;
mod services;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use sha2::{Digest, Sha256};

use super::health::Health;
use super::process::Launch;
use super::programs;
use super::settings::Settings;

/// When a part starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Needs nobody.
    Ground,
    /// Needs etcd.
    Api,
    /// Needs the API.
    Cluster,
}

/// One part.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Its name, as `status` and `logs` say it.
    pub(super) name: &'static str,
    /// Its program.
    pub(super) program: PathBuf,
    /// Its arguments.
    pub(super) arguments: Vec<String>,
    /// Files whose change makes a restart necessary.
    pub(super) files: Vec<PathBuf>,
    /// Where it listens.
    pub(super) address: String,
    /// How it is asked whether it works.
    pub(super) health: Health,
    /// When it starts.
    pub(super) stage: Stage,
    /// How long it may take to end in good order.
    pub(super) grace: Duration,
}

/// How long a part may take to end that finishes nothing for anybody.
const SHORT: Duration = Duration::from_secs(10);
/// The same for one that does: ClickHouse finishes running statements within 20 s (`drainTime` in `clickhouse/main.go`), Kafka
/// flushes its logs.
const LONG: Duration = Duration::from_secs(30);

impl Part {
    /// What is to be started, with the fingerprint of all that it depends on.
    pub(super) fn launch(&self, settings: &Settings) -> Launch {
        let mut hash = Sha256::new();
        for word in std::iter::once(&self.program.display().to_string()).chain(&self.arguments) {
            hash.update(word);
            hash.update([0]);
        }
        for file in &self.files {
            // A file that is not there yet counts as empty; the part itself complains of it.
            hash.update(std::fs::read(file).unwrap_or_default());
            hash.update([0]);
        }
        hash.update(programs::key_of(settings, &self.program));
        Launch {
            name: self.name,
            program: self.program.clone(),
            arguments: self.arguments.clone(),
            fingerprint: format!("{:x}", hash.finalize()),
        }
    }
}

/// All parts in the order in which they start.
pub(super) fn all(settings: &Settings) -> Result<Vec<Part>> {
    Ok(vec![
        services::kafka(settings)?,
        services::clickhouse(settings),
        control_plane::etcd(settings)?,
        node::containerd(settings)?,
        control_plane::apiserver(settings),
        control_plane::controller_manager(settings),
        control_plane::scheduler(settings),
        node::kubelet(settings),
        node::proxy(settings),
        node::dns(settings),
    ])
}

/// `--name=value` for each pair, after replacing a leading `@` by the state folder.
fn flags(settings: &Settings, pairs: &[(&str, &str)]) -> Vec<String> {
    let state = settings.state.display().to_string();
    pairs
        .iter()
        .map(|(name, value)| {
            let value =
                value.strip_prefix('@').map_or_else(|| (*value).to_owned(), |path| format!("{state}/{path}"));
            format!("--{name}={value}")
        })
        .collect()
}
