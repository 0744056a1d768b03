//! Connection: the folder with the passwords of Kafka and ClickHouse, as the platform team mounted it.
//!
//! In: `clickhouse-user`, `clickhouse-password`, `clickhouse-ca.crt`, `kafka.<property>`, one file each. Out: the files by name, read anew on each
//! use, so that a rotation heals by itself. They become the processor's Secret.
//! Not here: what the values mean; the gateways read them themselves.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crds::conditions::{ConditionType, Reason};

use crate::clickhouse::ClickHouseConnection;
use crate::fault::{Cure, Fault};
use crate::kafka::KafkaConnection;
use crate::settings::Settings;

/// Largest file that is taken for a password or a certificate.
const LARGEST_FILE: u64 = 256 * 1024;
/// How the files begin that are librdkafka properties.
const KAFKA_PREFIX: &str = "kafka.";

/// Where the files of the connection are.
#[derive(Debug, Clone, Default)]
pub enum Files {
    /// In the connection folder of the settings, read anew on each use.
    #[default]
    Folder,
    /// Here, for whoever looks from outside the operator's pod.
    Given(Given),
}

/// Files by name; what is in them is never shown.
#[derive(Clone)]
pub struct Given(pub Arc<BTreeMap<String, Vec<u8>>>);

impl fmt::Debug for Given {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

/// The folder cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read `{}` of the connection folder", path.display())]
pub struct ConnectionError {
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

impl ConnectionError {
    /// Returns what the users see: not their fault, and mended by the platform team.
    pub fn fault(&self) -> Fault {
        Fault::new(
            ConditionType::ProcessorReady,
            Reason::SecretNotFound,
            Cure::Retry,
            format!(
                "the operator cannot read its connection Secret at {}: {}; the platform team mends it (`connection.secretName` of the Helm values)",
                self.path.display(),
                self.source
            ),
        )
    }
}

/// Reads the files of the folder, by name.
pub async fn read(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, ConnectionError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ConnectionError { path, source }
    };
    let mut files = BTreeMap::new();
    let mut entries = tokio::fs::read_dir(folder).await.map_err(failed(folder))?;
    while let Some(entry) = entries.next_entry().await.map_err(failed(folder))? {
        let name = entry.file_name().to_string_lossy().into_owned();
        // A mounted Secret keeps its versions in folders that begin with two dots.
        if !(name.starts_with("clickhouse-") || name.starts_with(KAFKA_PREFIX)) {
            continue;
        }
        let path = entry.path();
        let metadata = tokio::fs::metadata(&path).await.map_err(failed(&path))?;
        if metadata.is_file() && metadata.len() <= LARGEST_FILE {
            files.insert(name, tokio::fs::read(&path).await.map_err(failed(&path))?);
        }
    }
    Ok(files)
}

/// Reads how to reach Kafka; where nothing in the folder is for Kafka, it is reached without secrets.
pub fn kafka(settings: &Settings) -> Result<KafkaConnection, std::io::Error> {
    let mut properties = settings.kafka_properties();
    for entry in std::fs::read_dir(&settings.connection_dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(property) = name.strip_prefix(KAFKA_PREFIX) {
            properties.insert(property.to_owned(), text(&entry.path())?);
        }
    }
    Ok(KafkaConnection { bootstrap: settings.kafka_bootstrap.clone(), properties })
}

/// Reads how to reach ClickHouse.
pub fn clickhouse(settings: &Settings) -> Result<ClickHouseConnection, std::io::Error> {
    let file = |name: &str| text(&settings.connection_dir.join(name));
    let authorities = match file("clickhouse-ca.crt") {
        Ok(pem) => Some(pem.into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    Ok(ClickHouseConnection {
        url: settings.clickhouse_url.clone(),
        user: file("clickhouse-user")?,
        password: file("clickhouse-password")?,
        authorities,
    })
}

/// Reads a value; editors and `kubectl create secret --from-file` leave a line end behind it.
fn text(path: &Path) -> Result<String, std::io::Error> {
    Ok(std::fs::read_to_string(path)?.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests;
