//! Reach: how Kafka and ClickHouse are reached from here.
//!
//! In: what the operator tells the processors (a ConfigMap and a Secret of the pipeline's namespace), and flags, which win.
//! Out: addresses, users, and the stream as the processors know it.
//! Who may not read the Secret names users and passwords with flags. Nothing of a Secret is ever printed or written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use crds::stream_config::StreamConfig;
use processor::source::kafka::properties::Connection;

use super::cluster::Cluster;
use crate::arguments::online::{ServerArguments, StreamArguments};

/// How the files of a connection begin that are librdkafka properties.
const KAFKA_PREFIX: &str = "kafka.";

/// How a stream is reached.
pub(super) struct Reach {
    /// The stream, as the processors know it.
    pub(super) config: StreamConfig,
    /// Addresses and users.
    pub(super) addresses: Addresses,
}

/// Addresses and users.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Addresses {
    /// Kafka brokers.
    pub(super) kafka: String,
    /// librdkafka properties, secrets among them.
    pub(super) kafka_properties: BTreeMap<String, String>,
    /// HTTP interface of ClickHouse.
    pub(super) clickhouse_url: String,
    /// User of ClickHouse.
    pub(super) clickhouse_user: String,
    /// Password of that user.
    pub(super) clickhouse_password: String,
}

/// What flags say, their files read.
#[derive(Default)]
pub(super) struct Flags {
    kafka: Option<String>,
    kafka_properties: BTreeMap<String, String>,
    clickhouse_url: Option<String>,
    clickhouse_user: Option<String>,
    clickhouse_password: Option<String>,
}

impl Addresses {
    /// Returns how this program speaks to Kafka.
    pub(super) fn kafka(&self) -> Connection {
        Connection::new(&self.kafka, &self.kafka_properties, &BTreeMap::new())
    }
}

impl Flags {
    /// Reads the files that flags name.
    pub(super) fn read(arguments: &ServerArguments) -> Result<Self> {
        let read = |path: &Path| {
            fs::read_to_string(path).with_context(|| format!("failed to read `{}`", path.display()))
        };
        let properties = arguments.kafka_properties.as_deref().map(read).transpose()?;
        let password = arguments.clickhouse_password_file.as_deref().map(read).transpose()?;
        Ok(Self {
            kafka: arguments.kafka.clone(),
            kafka_properties: properties.as_deref().map(parse_properties).transpose()?.unwrap_or_default(),
            clickhouse_url: arguments.clickhouse_url.clone(),
            clickhouse_user: arguments.clickhouse_user.clone(),
            clickhouse_password: password.map(|text| text.trim_end_matches(['\r', '\n']).to_owned()),
        })
    }

    /// Whether the Secret of the processors is not needed.
    pub(super) fn name_users(&self) -> bool {
        self.clickhouse_user.is_some() && self.clickhouse_password.is_some()
    }

    /// Joins them with what the cluster says. Pure.
    pub(super) fn join(self, config: &StreamConfig, secret: &BTreeMap<String, String>) -> Addresses {
        let StreamConfig { kafka, clickhouse, .. } = config;
        self.join_told((&kafka.bootstrap, &kafka.properties, &clickhouse.url), secret)
    }

    /// Joins them with what the operator tells its processors, or would tell them: brokers, properties, ClickHouse. Pure.
    pub(super) fn join_told(
        self,
        (bootstrap, properties, url): (&str, &BTreeMap<String, String>, &str),
        secret: &BTreeMap<String, String>,
    ) -> Addresses {
        let mut kafka_properties = properties.clone();
        let secrets = secret.iter().filter_map(|(key, value)| Some((key.strip_prefix(KAFKA_PREFIX)?, value)));
        kafka_properties.extend(secrets.map(|(key, value)| (key.to_owned(), value.clone())));
        kafka_properties.extend(self.kafka_properties);
        let of_secret = |key: &str| secret.get(key).cloned().unwrap_or_default();
        Addresses {
            kafka: self.kafka.unwrap_or_else(|| bootstrap.to_owned()),
            kafka_properties,
            clickhouse_url: self.clickhouse_url.unwrap_or_else(|| url.to_owned()),
            clickhouse_user: self.clickhouse_user.unwrap_or_else(|| of_secret("clickhouse-user")),
            clickhouse_password: self.clickhouse_password.unwrap_or_else(|| of_secret("clickhouse-password")),
        }
    }
}

impl Reach {
    /// Finds out how a stream is reached, where that is known.
    pub(super) async fn find(cluster: &Cluster, stream: &StreamArguments) -> Result<Option<Self>> {
        let flags = Flags::read(&stream.reach.servers)?;
        let Some(config) = cluster.stream_config(&stream.name).await? else { return Ok(None) };
        let secret = match cluster.connection(&stream.name).await {
            Ok(secret) => secret,
            Err(_) if flags.name_users() => BTreeMap::new(),
            Err(error) => {
                let hint = "who may not read it gives --clickhouse-user, --clickhouse-password-file and --kafka-properties";
                return Err(error.context(hint));
            }
        };
        let addresses = flags.join(&config, &secret);
        Ok(Some(Self { config, addresses }))
    }

    /// Returns what must be told to nobody: of Kafka, all that stands in the Secret or a file of flags, and all of ClickHouse's user.
    pub(super) fn secrets(&self) -> Vec<String> {
        let Addresses { kafka_properties, clickhouse_user, clickhouse_password, .. } = &self.addresses;
        let of_kafka = kafka_properties
            .iter()
            .filter(|(name, value)| self.config.kafka.properties.get(*name) != Some(value));
        let of_kafka = of_kafka.map(|(_, value)| value.clone());
        of_kafka.chain([clickhouse_user.clone(), clickhouse_password.clone()]).collect()
    }

    /// Finds out how a stream is reached that must be known.
    pub(super) async fn expect(cluster: &Cluster, stream: &StreamArguments) -> Result<Self> {
        let name = &stream.name;
        cluster.pipeline(name).await?;
        let found = Self::find(cluster, stream).await?;
        found.ok_or_else(|| {
            anyhow!(
                "the operator has not made the processor of AnalyticsPipeline `{name}` yet; `kubectl tributary status {name}` says why"
            )
        })
    }
}

/// Reads properties, one a line; empty lines and those that begin with `#` are passed over.
fn parse_properties(text: &str) -> Result<BTreeMap<String, String>> {
    let mut properties = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            bail!(
                "line {} of the Kafka properties must be `key=value`, for example `security.protocol=sasl_ssl`",
                index + 1
            );
        };
        properties.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    Ok(properties)
}

#[cfg(test)]
mod tests;
