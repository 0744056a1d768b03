//! The file of the tenants: the Helm value `tenants`, as the chart renders it.
//!
//! In: YAML. Out: checked [`Tenants`], or the first thing that is wrong with it: an operator that misunderstands who may do
//! what must not start. The chart's `values.schema.json` refuses most of it earlier.
//! Not here: labels and UIDs of real namespaces.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crds::quantities::parse_duration;
use serde::{Deserialize, Deserializer};

use super::Tenants;

/// One tenant of the Helm value.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tenant {
    /// Name, for messages.
    pub name: String,
    /// Its namespaces.
    pub namespaces: Namespaces,
    /// Stands before the name of every topic; empty, or ends with `.`, `_` or `-`.
    #[serde(default)]
    pub topic_prefix: String,
    /// Stands before the name of every database; empty, or ends with `_`, which no namespace has in its name.
    #[serde(default)]
    pub database_prefix: String,
    /// Its own Kafka; absent: the installation's.
    #[serde(default)]
    pub kafka: Option<OwnKafka>,
    /// Its own ClickHouse; absent: the installation's.
    #[serde(default)]
    pub clickhouse: Option<OwnClickHouse>,
    /// Secret in the operator's namespace with its own users and passwords; absent: the installation's.
    #[serde(default)]
    pub connection_secret: Option<String>,
    /// Hosts that ForwardingRules may name, `host` or `*.domain`; absent: all.
    #[serde(default)]
    pub destination_hosts: Option<Vec<String>>,
    /// Whether pipelines may take over what Tributary did not make.
    #[serde(default)]
    pub allow_adopt: bool,
    /// The most of everything.
    #[serde(default)]
    pub caps: Caps,
}

/// A tenant's own Kafka, written as the installation's is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OwnKafka {
    /// `host:port`, several separated by commas.
    pub bootstrap_servers: String,
    /// librdkafka properties without secret.
    #[serde(default)]
    pub properties: BTreeMap<String, Property>,
}

/// The value of a librdkafka property, as YAML writes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Property {
    /// `true`.
    Flag(bool),
    /// `30000`.
    Number(i64),
    /// `SASL_SSL`.
    Text(String),
}

impl std::fmt::Display for Property {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(formatter),
            Self::Number(number) => number.fmt(formatter),
            Self::Text(text) => text.fmt(formatter),
        }
    }
}

/// A tenant's own ClickHouse.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OwnClickHouse {
    /// Its HTTP interface, `http(s)://host:port`.
    pub url: String,
}

/// Which namespaces are a tenant's: those named, and those that have all the labels.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Namespaces {
    /// Names.
    #[serde(default)]
    pub names: Vec<String>,
    /// Labels; empty: none by label.
    #[serde(default)]
    pub match_labels: BTreeMap<String, String>,
}

/// The most that a tenant may have; absent: no cap.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Caps {
    /// Pipelines, over all namespaces of the tenant.
    pub pipelines: Option<u32>,
    /// Partitions of a pipeline's topic.
    pub partitions: Option<u32>,
    /// Partitions of all its pipelines' topics.
    pub partitions_in_total: Option<u32>,
    /// How long records stay in a topic.
    #[serde(default, deserialize_with = "duration")]
    pub retention: Option<Retention>,
    /// Processor pods of a pipeline.
    pub replicas: Option<u32>,
}

/// A duration, and the text that the platform team wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Retention {
    /// The duration.
    pub duration: Duration,
    /// As it was written.
    pub text: String,
}

/// The file cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("failed to read the tenants from `{}`", path.display())]
    Read {
        /// File.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no YAML of tenants.
    #[error("failed to understand the tenants; correct the Helm value `tenants`")]
    Parse {
        /// Why.
        #[source]
        source: serde_yaml::Error,
    },
    /// It breaks a rule.
    #[error("Helm value `tenants`: {0}")]
    Rule(String),
}

impl Namespaces {
    /// Returns whether labels choose a namespace that has these.
    pub(super) fn has_labels(&self, labels: &BTreeMap<String, String>) -> bool {
        !self.match_labels.is_empty()
            && self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}

impl Tenants {
    /// Reads the file of the tenants; without one there are none.
    pub fn read(path: Option<&Path>) -> Result<Self, FileError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path)
            .map_err(|source| FileError::Read { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// Understands the text of the file.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let tenants: Vec<Tenant> =
            serde_yaml::from_str(text).map_err(|source| FileError::Parse { source })?;
        check(&tenants).map_err(FileError::Rule)?;
        Ok(Self::new(tenants))
    }
}

fn check(tenants: &[Tenant]) -> Result<(), String> {
    if tenants.is_empty() {
        return Err("the list is empty, which would allow nobody; leave the value out to allow all".into());
    }
    let (mut names, mut namespaces) = (BTreeSet::new(), BTreeMap::new());
    for tenant in tenants {
        let name = &tenant.name;
        if name.is_empty() || !names.insert(name) {
            return Err(format!("tenant `{name}` is there twice, or has no name; give each its own"));
        }
        if tenant.namespaces == Namespaces::default() {
            return Err(format!("tenant `{name}` has no namespaces; set `names` or `matchLabels`"));
        }
        for namespace in &tenant.namespaces.names {
            if let Some(other) = namespaces.insert(namespace, name) {
                return Err(format!("namespace `{namespace}` is named by `{other}` and `{name}`; leave one"));
            }
        }
        check_prefixes(tenant)?;
        check_servers(tenant)?;
        check_hosts(tenant)?;
    }
    Ok(())
}

fn check_prefixes(tenant: &Tenant) -> Result<(), String> {
    let Tenant { name, topic_prefix: topic, database_prefix: database, .. } = tenant;
    let is_word =
        |text: &str, more: &[u8]| text.bytes().all(|it| it.is_ascii_alphanumeric() || more.contains(&it));
    if !is_word(topic, b"._-") || !(topic.is_empty() || topic.ends_with(['.', '_', '-'])) || topic.len() > 60
    {
        return Err(format!(
            "tenant `{name}`: topicPrefix `{topic}` must be at most 60 letters, digits, `.`, `_` and `-`, and end with one of the three"
        ));
    }
    if !is_word(database, b"_") || !(database.is_empty() || database.ends_with('_')) || database.len() > 60 {
        return Err(format!(
            "tenant `{name}`: databasePrefix `{database}` must be at most 60 letters, digits and `_`, and end with `_`"
        ));
    }
    Ok(())
}

fn check_servers(tenant: &Tenant) -> Result<(), String> {
    let name = &tenant.name;
    // The name is that of the folder below which the chart mounts the Secret.
    let is_label = name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-');
    if tenant.connection_secret.is_some() && !is_label {
        return Err(format!(
            "tenant `{name}` has a connectionSecret, so its name must be lower-case letters, digits and `-`"
        ));
    }
    if tenant.kafka.as_ref().is_some_and(|kafka| kafka.bootstrap_servers.is_empty()) {
        return Err(format!("tenant `{name}`: kafka.bootstrapServers is empty; name `host:port`"));
    }
    match &tenant.clickhouse {
        Some(OwnClickHouse { url }) if !(url.starts_with("http://") || url.starts_with("https://")) => {
            Err(format!("tenant `{name}`: clickhouse.url `{url}` must be `http(s)://host:port`"))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_hosts(tenant: &Tenant) -> Result<(), String> {
    let is_host = |host: &String| {
        let host = host.strip_prefix("*.").unwrap_or(host);
        !host.is_empty()
            && !host.contains('*')
            && host.bytes().all(|it| it.is_ascii_alphanumeric() || b"-.:".contains(&it))
    };
    match tenant.destination_hosts.iter().flatten().find(|host| !is_host(host)) {
        None => Ok(()),
        Some(host) => Err(format!(
            "tenant `{}`: destination host `{host}` must be a host such as hooks.example.com, or `*.example.com`",
            tenant.name
        )),
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Retention>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let duration = parse_duration(&text).map_err(serde::de::Error::custom)?;
    Ok(Some(Retention { duration, text }))
}
