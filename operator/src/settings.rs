//! Settings: what the platform team decides, from flags and their environment twins.
//!
//! In: the command line and the environment, read once. Out: [`Settings`], complete and checked.
//! Not here: passwords. They are files in the connection folder, read anew on each use, so that a rotation heals by itself.
//! Nobody else in this binary reads the environment.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use crds::quantities::parse_duration;
use crds::stream_config::EgressConfig;
use traces::{Collector, Endpoint, Share};

use crate::pipeline::build::pod_monitor::PodMonitors;

/// What the platform team decides.
#[derive(Debug, Clone, PartialEq, Parser)]
#[command(
    name = "operator",
    version,
    about = "Turns EventSchemas, AnalyticsPipelines and ForwardingRules into topics, tables and processors."
)]
pub struct Settings {
    /// Kafka brokers, `host:port`, several separated by commas.
    #[arg(long, env = "TRIBUTARY_KAFKA_BOOTSTRAP")]
    pub kafka_bootstrap: String,
    /// A librdkafka property without secret, `key=value`; repeat, or separate by `;`.
    #[arg(long = "kafka-properties", env = "TRIBUTARY_KAFKA_PROPERTIES", value_delimiter = ';', value_parser = property)]
    pub kafka_properties: Vec<(String, String)>,
    /// HTTP interface of ClickHouse, `http(s)://host:port`.
    #[arg(long, env = "TRIBUTARY_CLICKHOUSE_URL")]
    pub clickhouse_url: String,
    /// Folder with the files `clickhouse-user`, `clickhouse-password` and `kafka.<property>`.
    #[arg(long, env = "TRIBUTARY_CONNECTION_DIR", default_value = "/etc/tributary/connection")]
    pub connection_dir: PathBuf,
    /// Image of the processor.
    #[arg(long, env = "TRIBUTARY_PROCESSOR_IMAGE")]
    pub processor_image: String,
    /// When the processor's image is pulled: `Always`, `IfNotPresent` or `Never`.
    #[arg(long, env = "TRIBUTARY_PROCESSOR_IMAGE_PULL_POLICY", default_value = "IfNotPresent", value_parser = ["Always", "IfNotPresent", "Never"])]
    pub processor_image_pull_policy: String,
    /// A Secret of each pipeline's own namespace with which the processor's image is pulled; repeat, or separate by commas.
    #[arg(
        long = "processor-image-pull-secret",
        env = "TRIBUTARY_PROCESSOR_IMAGE_PULL_SECRETS",
        value_delimiter = ','
    )]
    pub processor_image_pull_secrets: Vec<String>,
    /// How often drift in Kafka and ClickHouse is looked for.
    #[arg(long, env = "TRIBUTARY_RESYNC", default_value = "60s", value_parser = duration)]
    pub resync: Duration,
    /// Allows ForwardingRules to name `http` addresses.
    #[arg(long, env = "TRIBUTARY_FORWARDING_ALLOW_HTTP")]
    pub forwarding_allow_http: bool,
    /// A private network that ForwardingRules may reach, in CIDR form; repeat, or separate by commas.
    #[arg(long = "forwarding-allowed-network", env = "TRIBUTARY_FORWARDING_ALLOWED_NETWORKS", value_delimiter = ',', value_parser = network)]
    pub forwarding_allowed_networks: Vec<String>,
    /// Makes a PodMonitor beside each pipeline's processor, where the cluster has that kind.
    #[arg(long, env = "TRIBUTARY_POD_MONITORS")]
    pub pod_monitors: bool,
    /// A label of the PodMonitors, `key=value`; repeat, or separate by commas.
    #[arg(long = "pod-monitor-label", env = "TRIBUTARY_POD_MONITOR_LABELS", value_delimiter = ',', value_parser = property)]
    pub pod_monitor_labels: Vec<(String, String)>,
    /// How often the PodMonitors have processors scraped.
    #[arg(long, env = "TRIBUTARY_POD_MONITOR_INTERVAL", default_value = "30s", value_parser = duration)]
    pub pod_monitor_interval: Duration,
    /// File with the tenants, as the Helm value `tenants` has them; absent: all namespaces are one team's.
    #[arg(long, env = "TRIBUTARY_TENANTS_FILE")]
    pub tenants_file: Option<PathBuf>,
    /// Folder below which each tenant with a `connectionSecret` has its connection folder, under its own name.
    #[arg(long, env = "TRIBUTARY_TENANTS_CONNECTION_DIR", default_value = "/etc/tributary/connections")]
    pub tenants_connection_dir: PathBuf,
    /// Without tenants: lets pipelines with `spec.adopt` take over topics and tables that Tributary did not make.
    #[arg(long, env = "TRIBUTARY_ALLOW_ADOPT")]
    pub allow_adopt: bool,
    /// Lets KEDA decide on the number of processors that follows the lag, where the cluster has it.
    #[arg(long, env = "TRIBUTARY_KEDA")]
    pub keda: bool,
    /// Namespace of the operator itself, for its Lease.
    #[arg(long, env = "TRIBUTARY_NAMESPACE", default_value = "tributary-system")]
    pub namespace: String,
    /// Name of this process in the Lease; the pod's name.
    #[arg(long, env = "TRIBUTARY_IDENTITY", default_value = "operator")]
    pub identity: String,
    /// A namespace to watch; repeat, or separate by commas. None: every namespace.
    #[arg(long = "watch-namespace", env = "TRIBUTARY_WATCH_NAMESPACES", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,
    /// Address of `/livez`, `/readyz` and `/metrics`.
    #[arg(long, env = "TRIBUTARY_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// Form of the log lines.
    #[arg(long, env = "TRIBUTARY_LOG_FORMAT", default_value = "json")]
    pub log_format: LogFormat,
    /// Filter of the log lines, as `tracing` reads it.
    #[arg(long, env = "TRIBUTARY_LOG", default_value = "info")]
    pub log: String,
    /// OTLP receiver (HTTP) of an OpenTelemetry collector, for what operator and processors trace; absent: nothing is traced.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub traces_endpoint: Option<Endpoint>,
    /// Share of the operator's looks and of the processors' batches that are traced, from 0 to 1.
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", default_value = "1")]
    pub traces_share: Share,
    /// How long the Lease holds without being renewed.
    #[arg(long, env = "TRIBUTARY_LEASE_DURATION", default_value = "15s", value_parser = duration)]
    pub lease_duration: Duration,
}

/// Form of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl Settings {
    /// Returns the librdkafka properties, by name.
    pub fn kafka_properties(&self) -> BTreeMap<String, String> {
        self.kafka_properties.iter().cloned().collect()
    }

    /// Returns the scopes that are watched, each by itself: every namespace at once, or the named ones.
    pub fn scopes(&self) -> Vec<Option<String>> {
        match self.watch_namespaces.as_slice() {
            [] => vec![None],
            namespaces => namespaces.iter().cloned().map(Some).collect(),
        }
    }

    /// Returns what PodMonitors are like, where each pipeline has one.
    pub fn pod_monitors(&self) -> Option<PodMonitors> {
        self.pod_monitors.then(|| PodMonitors {
            labels: self.pod_monitor_labels.iter().cloned().collect(),
            interval: self.pod_monitor_interval.as_secs(),
        })
    }

    /// Returns where spans go, the operator's and the processors'.
    pub fn collector(&self) -> Option<Collector> {
        let endpoint = self.traces_endpoint.clone()?;
        Some(Collector { endpoint, share: self.traces_share })
    }

    /// Returns what forwarding may reach beyond public `https` addresses.
    pub fn egress(&self) -> EgressConfig {
        EgressConfig {
            allow_http: self.forwarding_allow_http,
            allowed_networks: self.forwarding_allowed_networks.clone(),
        }
    }
}

fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().into(), value.trim().into())),
        _ => Err(format!("`{text}` must be `key=value`, for example `security.protocol=SASL_SSL`")),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text).map_err(|error| error.to_string())?;
    if duration < Duration::from_secs(1) {
        return Err(format!("`{text}` must be at least 1s"));
    }
    Ok(duration)
}

fn network(text: &str) -> Result<String, String> {
    let refused = || format!("`{text}` must be a network in CIDR form, for example `10.20.0.0/16`");
    let (address, length) = text.split_once('/').ok_or_else(refused)?;
    let address: IpAddr = address.parse().map_err(|_| refused())?;
    let length: u8 = length.parse().map_err(|_| refused())?;
    if length > if address.is_ipv4() { 32 } else { 128 } {
        return Err(refused());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
