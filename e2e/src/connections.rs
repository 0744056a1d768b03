//! Where Kubernetes, Kafka and ClickHouse are, as this machine and as pods reach them.
//!
//! In: flags or environment variables, which `environment.env` of the local environment sets. Out: [`Connections`].
//! It opens nothing. It is the one place, beside the environment's own settings, that reads variables.

use anyhow::{Context, Result};
use clap::{Args, Parser};

use crate::environment::settings;

/// Where everything is.
#[derive(Debug, Clone, Args)]
pub struct Connections {
    /// The cluster, as kubectl knows it.
    #[arg(long, env = "KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: String,
    /// Kafka, as this machine reaches it: `host:port`.
    #[arg(long, env = "KAFKA", value_name = "ADDRESS")]
    pub kafka: String,
    /// ClickHouse's HTTP interface, as this machine reaches it: `http://host:port`.
    #[arg(long, env = "CLICKHOUSE_URL", value_name = "URL")]
    pub clickhouse_url: String,
    /// User of ClickHouse.
    #[arg(long, env = "CLICKHOUSE_USER", default_value = settings::CLICKHOUSE_USER)]
    pub clickhouse_user: String,
    /// Password of ClickHouse.
    #[arg(long, env = "CLICKHOUSE_PASSWORD", default_value = settings::CLICKHOUSE_PASSWORD, hide_env_values = true, hide_default_value = true)]
    pub clickhouse_password: String,
    /// Kafka, as pods reach it. Default: as this machine does.
    #[arg(long, env = "KAFKA_IN_CLUSTER", value_name = "ADDRESS")]
    pub kafka_in_cluster: Option<String>,
    /// ClickHouse, as pods reach it. Default: as this machine does.
    #[arg(long, env = "CLICKHOUSE_IN_CLUSTER", value_name = "URL")]
    pub clickhouse_in_cluster: Option<String>,
    /// Image of the operator.
    #[arg(long, env = "IMAGE_OPERATOR", default_value = "tributary/operator:dev")]
    pub image_operator: String,
    /// Image of the processor.
    #[arg(long, env = "IMAGE_PROCESSOR", default_value = "tributary/processor:dev")]
    pub image_processor: String,
    /// The kubectl program.
    #[arg(long, env = "KUBECTL", default_value = "kubectl")]
    pub kubectl: String,
    /// The helm program.
    #[arg(long, env = "HELM", default_value = "helm")]
    pub helm: String,
}

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    connections: Connections,
}

impl Connections {
    /// Reads them from the environment variables alone, as the tests do.
    pub fn from_environment() -> Result<Self> {
        let program = Program::try_parse_from(["e2e"]).context(
            "the end-to-end tests need a cluster: `make e2e` brings one up and sets KUBECONFIG, KAFKA and CLICKHOUSE_URL",
        )?;
        Ok(program.connections)
    }

    /// Kafka, as pods reach it.
    #[must_use]
    pub fn kafka_for_pods(&self) -> &str {
        self.kafka_in_cluster.as_deref().unwrap_or(&self.kafka)
    }

    /// ClickHouse, as pods reach it.
    #[must_use]
    pub fn clickhouse_for_pods(&self) -> &str {
        self.clickhouse_in_cluster.as_deref().unwrap_or(&self.clickhouse_url)
    }
}
