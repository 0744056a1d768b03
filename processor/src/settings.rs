//! Settings: the environment and the files of a processor, read here and nowhere else.
//!
//! In: `TRIBUTARY_LOG`, `TRIBUTARY_LISTEN`, `TRIBUTARY_CONFIG_ROOT`, the variables of OpenTelemetry, and the files below that root. Out: [`Settings`], and secrets that
//! are read again when their files change.
//! Not here: use of any of it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crds::stream_config::{STREAM_CONFIG_VERSION, StreamConfig, paths};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use traces::{Collector, CollectorError};

use crate::sink::clickhouse::Credentials;

const DEFAULT_ROOT: &str = "/etc/tributary";
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file is not there, or may not be read.
    #[error("failed to read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The stream's config is no StreamConfig.
    #[error("failed to understand {path}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: serde_yaml::Error,
    },
    /// The operator and this processor are of different releases.
    #[error(
        "the stream's config has version {found}, this processor reads version {STREAM_CONFIG_VERSION}: run the image that belongs to the operator"
    )]
    Version {
        /// The file's version.
        found: u32,
    },
    /// `TRIBUTARY_LISTEN` is no address.
    #[error("`TRIBUTARY_LISTEN` must be an address and a port, for example 0.0.0.0:8080")]
    Listen(#[source] std::net::AddrParseError),
    /// The collector of OpenTelemetry cannot be used.
    #[error("failed to understand the variables of OpenTelemetry")]
    Collector(#[source] CollectorError),
}

/// What a process is told once.
pub struct Settings {
    /// Filter of the log.
    pub log: String,
    /// Where the pages are served.
    pub listen: SocketAddr,
    /// Where spans go, if anywhere.
    pub collector: Option<Collector>,
    /// The stream.
    pub config: StreamConfig,
    /// The key of hashed fields.
    pub hash_key: Option<Vec<u8>>,
    /// Where files stand.
    pub files: Files,
}

/// Where the files of a processor stand.
#[derive(Debug, Clone)]
pub struct Files {
    root: PathBuf,
}

/// What may change while the process runs.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// User and password of ClickHouse, and whose certificates it may show.
    pub clickhouse: Credentials,
    /// librdkafka properties.
    pub kafka: BTreeMap<String, String>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads environment and files.
    ///
    /// # Errors
    /// With the variable or file that cannot be used.
    pub fn read() -> Result<Self, SettingsError> {
        let root = variable("TRIBUTARY_CONFIG_ROOT").unwrap_or_else(|| DEFAULT_ROOT.to_owned());
        let listen = variable("TRIBUTARY_LISTEN").unwrap_or_else(|| "0.0.0.0:8080".to_owned());
        let files = Files { root: PathBuf::from(root) };
        let config = files.stream_config()?;
        let hash_key = if config.has_hash_key { Some(files.bytes(paths::HASH_KEY)?) } else { None };
        Ok(Self {
            log: variable("TRIBUTARY_LOG").unwrap_or_else(|| "info".to_owned()),
            listen: listen.parse().map_err(SettingsError::Listen)?,
            collector: Collector::read(variable).map_err(SettingsError::Collector)?,
            config,
            hash_key,
            files,
        })
    }
}

impl Files {
    /// Builds the files below a root.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Returns where a file of [`paths`] stands.
    pub fn place(&self, path: &str) -> PathBuf {
        self.root.join(path.strip_prefix(DEFAULT_ROOT).unwrap_or(path).trim_start_matches('/'))
    }

    fn bytes(&self, path: &str) -> Result<Vec<u8>, SettingsError> {
        let path = self.place(path);
        std::fs::read(&path).map_err(|source| SettingsError::Read { path, source })
    }

    fn stream_config(&self) -> Result<StreamConfig, SettingsError> {
        let bytes = self.bytes(paths::STREAM_CONFIG)?;
        let path = self.place(paths::STREAM_CONFIG);
        let config: StreamConfig =
            serde_yaml::from_slice(&bytes).map_err(|source| SettingsError::Parse { path, source })?;
        if config.version == STREAM_CONFIG_VERSION {
            Ok(config)
        } else {
            Err(SettingsError::Version { found: config.version })
        }
    }

    /// Reads the connection's secrets; a missing file is an empty secret.
    ///
    /// # Errors
    /// When a file that is there cannot be read.
    pub fn secrets(&self) -> Result<Secrets, SettingsError> {
        let folder = self.place(paths::CONNECTION);
        let mut secrets = Secrets::default();
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(secrets),
            Err(source) => return Err(SettingsError::Read { path: folder, source }),
        };
        for entry in entries {
            let path = entry.map_err(|source| SettingsError::Read { path: folder.clone(), source })?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else {
                continue;
            };
            let is_ours = name.starts_with("kafka.") || name.starts_with("clickhouse-");
            if !is_ours {
                continue;
            }
            let text =
                std::fs::read_to_string(&path).map_err(|source| SettingsError::Read { path, source })?;
            let text = text.trim_end_matches(['\r', '\n']).to_owned();
            match (name.as_str(), name.strip_prefix("kafka.")) {
                ("clickhouse-user", _) => secrets.clickhouse.user = text,
                ("clickhouse-password", _) => secrets.clickhouse.password = text,
                ("clickhouse-ca.crt", _) => secrets.clickhouse.authorities = Some(text.into()),
                (_, Some(property)) => drop(secrets.kafka.insert(property.to_owned(), text)),
                _ => {}
            }
        }
        Ok(secrets)
    }

    /// Reads the secret of a forwarding rule.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn rule_secret(&self, rule: &str) -> Result<Vec<u8>, SettingsError> {
        self.bytes(&format!("{}/{rule}", paths::RULES))
    }

    /// Reads the secrets again and again, and hands on what changed, until nobody listens.
    pub async fn watch(self, sender: watch::Sender<Secrets>) {
        let mut rounds = tokio::time::interval(LOOK_AGAIN);
        while !sender.is_closed() {
            rounds.tick().await;
            match self.secrets() {
                Ok(secrets) => {
                    let changed = sender.send_if_modified(|held| {
                        let differs = *held != secrets;
                        *held = secrets;
                        differs
                    });
                    if changed {
                        tracing::info!("read changed secrets");
                    }
                }
                Err(error) => tracing::warn!(
                    error = crate::flow::chain(&error),
                    "failed to read secrets; keeping the old ones"
                ),
            }
        }
    }
}

/// Returns the hash of all that makes rows of records: two processors with the same hash make the same rows.
pub fn rules_hash(config: &StreamConfig, hash_key: Option<&[u8]>) -> String {
    let rules = serde_json::json!({
        // Another release may decode otherwise.
        "processor": env!("CARGO_PKG_VERSION"),
        "schemas": config.schemas,
        "envelope": config.envelope,
        "unknownEvents": config.unknown_events,
        "deduplication": config.deduplication_window_seconds,
        "hashKey": hash_key.map(|key| format!("{:x}", Sha256::digest(key))),
    });
    let digest = format!("{:x}", Sha256::digest(rules.to_string()));
    digest.get(..12).unwrap_or(&digest).to_owned()
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests;
