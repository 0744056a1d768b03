//! Platform: what the platform team has decided, as the operator's own Deployment says it.
//!
//! In: the apiserver, the operator's namespace. Out: settings and tenants, and the names of the Secrets with users and passwords; or why they are
//! not known: most teams may not look into that namespace, and then a stream of theirs tells what it knows (`stream.rs`).
//! Not here: the environment of this program, which is not the operator's.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use clap::{CommandFactory, FromArgMatches};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Volume};
use operator::settings::Settings;
use operator::tenants::{Standing, Tenants, servers};

use crate::online::cluster::Cluster;

/// Selects the operator's Deployment, as the chart labels it.
const OPERATOR: &str = "app.kubernetes.io/name=tributary-operator";
const CONTAINER: &str = "operator";
const TENANTS: &str = "tenants.yaml";

/// What the platform team has decided.
pub(super) struct Platform {
    /// The settings.
    settings: Settings,
    /// The tenants.
    pub(super) tenants: Tenants,
    volumes: Vec<Volume>,
    cluster: Cluster,
}

impl Platform {
    /// Reads what the operator was started with.
    ///
    /// # Errors
    /// When it is not there, may not be read or cannot be understood.
    pub(super) async fn find(cluster: Cluster) -> Result<Self> {
        let namespace = &cluster.namespace;
        let found: Vec<Deployment> = cluster.list(OPERATOR).await?;
        let found = found.into_iter().next().with_context(|| {
            format!("there is no operator in namespace `{namespace}`; --operator-namespace names another")
        })?;
        let pod = found.spec.template.spec.unwrap_or_default();
        let container = pod.containers.into_iter().find(|container| container.name == CONTAINER);
        let settings = settings(container.and_then(|container| container.args).unwrap_or_default())?;
        let volumes = pod.volumes.unwrap_or_default();
        let tenants = match settings.tenants_file {
            Some(_) => tenants(&cluster, &volumes).await?,
            None => Tenants::default(),
        };
        Ok(Self { settings, tenants, volumes, cluster })
    }

    /// Returns the settings for a namespace: its tenant may have servers of its own.
    pub(super) fn settings(&self, tenant: Option<&String>) -> Settings {
        let own = tenant.and_then(|tenant| servers::of_tenants(&self.tenants, &self.settings).remove(tenant));
        own.map_or_else(|| self.settings.clone(), |own| own.settings.as_ref().clone())
    }

    /// Reads the Secret with the users and passwords for a namespace.
    pub(super) async fn connection(&self, standing: &Standing) -> Result<BTreeMap<String, Vec<u8>>> {
        let of_tenant = standing.tenant.as_ref().map(|tenant| format!("connection-{tenant}"));
        let volume = |name: &str| self.volumes.iter().find(|volume| volume.name == name);
        let volume = of_tenant.and_then(|name| volume(&name)).or_else(|| volume("connection"));
        let name = volume.and_then(|volume| volume.secret.as_ref()?.secret_name.clone());
        let name = name.context("the operator has no connection Secret")?;
        let found: Option<Secret> = self.cluster.find(&name).await?;
        let found = found.with_context(|| format!("there is no Secret `{name}`"))?;
        Ok(found.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect())
    }
}

async fn tenants(cluster: &Cluster, volumes: &[Volume]) -> Result<Tenants> {
    let volume = volumes.iter().find(|volume| volume.name == "tenants");
    let name =
        volume.map(|volume| volume.config_map.as_ref().map(|map| map.name.clone()).unwrap_or_default());
    let name = name.context("the operator has tenants, and no ConfigMap with them")?;
    let found: Option<ConfigMap> = cluster.find(&name).await?;
    let text = found.and_then(|map| map.data?.remove(TENANTS));
    let text = text.with_context(|| format!("ConfigMap `{name}` has no `{TENANTS}`"))?;
    Ok(Tenants::parse(&text)?)
}

/// Understands the operator's command line as the operator does.
fn settings(arguments: Vec<String>) -> Result<Settings> {
    let command = Settings::command().mut_args(|argument| argument.env(None::<&str>));
    let words = std::iter::once(CONTAINER.to_owned()).chain(arguments);
    let matches = command.try_get_matches_from(words);
    let understood = matches.and_then(|mut matches| Settings::from_arg_matches_mut(&mut matches));
    understood.context(
        "failed to understand how the operator was started; take the kubectl-tributary of its release",
    )
}

#[cfg(test)]
mod tests {
    use super::settings;

    #[test]
    fn the_command_line_of_the_chart_is_understood_and_the_environment_of_this_program_is_not_asked() {
        let words = [
            "--kafka-bootstrap=kafka:9092",
            "--clickhouse-url=http://clickhouse:8123",
            "--processor-image=processor:1",
        ];
        let read = settings(words.map(str::to_owned).into()).unwrap();
        assert_eq!(
            (read.kafka_bootstrap.as_str(), read.processor_image.as_str()),
            ("kafka:9092", "processor:1")
        );
        assert!(settings(vec!["--of-tomorrow".into()]).is_err());
    }
}
