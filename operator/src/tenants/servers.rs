//! Servers: Kafka and ClickHouse of the installation, and those of tenants that have their own.
//!
//! In: settings, and what the Helm value `tenants` says of servers. Out: the two gateways of each, made once; nobody is asked here.
//! Where a tenant names no Kafka, no ClickHouse or no Secret of its own, the installation's stands.
//! Not here: which namespace is whose.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::Tenants;
use super::file::Tenant;
use crate::clickhouse::Tables;
use crate::clickhouse::client::ClientTables;
use crate::connection;
use crate::kafka::Topics;
use crate::kafka::admin::AdminTopics;
use crate::settings::Settings;

/// Where a tenant's streams are, and how they are reached.
#[derive(Clone)]
pub struct Servers {
    /// The settings, with the addresses and the connection folder of these servers.
    pub settings: Arc<Settings>,
    /// Kafka.
    pub topics: Arc<dyn Topics>,
    /// ClickHouse.
    pub tables: Arc<dyn Tables>,
}

impl fmt::Debug for Servers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { kafka_bootstrap, clickhouse_url, .. } = self.settings.as_ref();
        formatter.debug_tuple("Servers").field(kafka_bootstrap).field(clickhouse_url).finish()
    }
}

impl Servers {
    /// Makes the gateways that settings describe. Passwords are read anew on each use.
    pub fn new(settings: Arc<Settings>) -> Self {
        let (for_kafka, for_clickhouse) = (Arc::clone(&settings), Arc::clone(&settings));
        Self {
            settings,
            topics: Arc::new(AdminTopics::new(Box::new(move || connection::kafka(&for_kafka)))),
            tables: Arc::new(ClientTables::new(Box::new(move || connection::clickhouse(&for_clickhouse)))),
        }
    }
}

/// Makes the gateways of the tenants that have servers of their own, by name.
pub fn of_tenants(tenants: &Tenants, settings: &Settings) -> BTreeMap<String, Servers> {
    let own =
        tenants.each().filter_map(|tenant| Some((tenant.name.clone(), own_settings(tenant, settings)?)));
    own.map(|(name, settings)| (name, Servers::new(Arc::new(settings)))).collect()
}

/// The settings of a tenant that has anything of its own.
fn own_settings(tenant: &Tenant, settings: &Settings) -> Option<Settings> {
    if tenant.kafka.is_none() && tenant.clickhouse.is_none() && tenant.connection_secret.is_none() {
        return None;
    }
    let mut own = settings.clone();
    if let Some(kafka) = &tenant.kafka {
        own.kafka_bootstrap.clone_from(&kafka.bootstrap_servers);
        own.kafka_properties =
            kafka.properties.iter().map(|(key, value)| (key.clone(), value.to_string())).collect();
    }
    if let Some(clickhouse) = &tenant.clickhouse {
        own.clickhouse_url.clone_from(&clickhouse.url);
    }
    if tenant.connection_secret.is_some() {
        own.connection_dir = settings.tenants_connection_dir.join(Path::new(&tenant.name));
    }
    Some(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_tenant_has_the_installations_servers_where_it_names_none() {
        let tenants = Tenants::parse(
            "
- {name: shop, namespaces: {names: [shop]}}
- {name: games, namespaces: {names: [games]}, kafka: {bootstrapServers: 'games:9092', properties: {security.protocol: SASL_SSL, socket.keepalive.enable: true}}, connectionSecret: games-connection}
- {name: bank, namespaces: {names: [bank]}, clickhouse: {url: 'https://bank:8443'}}
",
        )
        .unwrap();
        let base = testing::settings();
        let servers = of_tenants(&tenants, &base);
        assert_eq!(servers.keys().collect::<Vec<_>>(), ["bank", "games"]);
        let games = &servers["games"].settings;
        assert_eq!(
            (games.kafka_bootstrap.as_str(), &games.clickhouse_url),
            ("games:9092", &base.clickhouse_url)
        );
        assert_eq!(games.kafka_properties()["socket.keepalive.enable"], "true");
        assert_eq!(games.connection_dir, Path::new("/etc/tributary/connections/games"));
        let bank = &servers["bank"].settings;
        assert_eq!(
            (&bank.kafka_bootstrap, &bank.connection_dir),
            (&base.kafka_bootstrap, &base.connection_dir)
        );
        assert_eq!(bank.clickhouse_url, "https://bank:8443");
    }
}
