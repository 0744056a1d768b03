//! ClickHouse over its HTTP interface: the real gateway.
//!
//! In: [`TableChange`]s and the connection, read anew on each call. Out: tables as `system.tables` and `system.columns` tell.
//! Every statement goes as it is written (no placeholder is looked for in it), and every call has a time limit.
//! Not here: SQL of the changes (`ddl.rs`), reading of the engine's texts (`engine.rs`).

use std::io::ErrorKind;
use std::time::Duration;

use async_trait::async_trait;
use clickhouse::{Client, Row};
use serde::Deserialize;
use transport::Transport;

use super::ddl::statement;
use super::engine::{EngineClauses, parse_engine, parse_sorting_key};
use super::mark::Mark;
use super::table::{ActualColumn, ActualTable, TableChange, TableName};
use super::verdict::judge;
use super::{ClickHouseError, ReadClickHouseConnection, Tables};

/// How long a description may take.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a change may take; widening a column rewrites nothing at once, dropping a table waits for its files.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(60);

const TABLE: &str = "SELECT engine, engine_full, partition_key, sorting_key, comment FROM system.tables \
                     WHERE database = {database:String} AND name = {name:String}";
const COLUMNS: &str = "SELECT name, type AS column_type, comment FROM system.columns \
                       WHERE database = {database:String} AND table = {name:String} ORDER BY position";
const MARKS: &str = "SELECT comment FROM system.tables WHERE position(comment, '\"tributary\"') > 0";

/// The tables of a real ClickHouse.
pub struct ClientTables {
    connection: Box<ReadClickHouseConnection>,
    transport: Transport,
}

#[derive(Row, Deserialize)]
struct TableRow {
    engine: String,
    engine_full: String,
    partition_key: String,
    sorting_key: String,
    comment: String,
}

#[derive(Row, Deserialize)]
struct ColumnRow {
    name: String,
    column_type: String,
    comment: String,
}

impl ClientTables {
    /// Makes the gateway; nothing is read and nobody is asked before the first call.
    pub fn new(connection: Box<ReadClickHouseConnection>) -> Self {
        Self { connection, transport: Transport::new() }
    }

    /// Returns the client with user, password and authorities of this moment; connections are shared.
    fn client(&self) -> Result<Client, ClickHouseError> {
        let failed = |source| ClickHouseError::Connection { source };
        let connection = (self.connection)().map_err(failed)?;
        let client = self.transport.client(connection.authorities.as_ref());
        let client = client.map_err(|error| failed(std::io::Error::new(ErrorKind::InvalidData, error)))?;
        let client = client.with_product_info("tributary-operator", env!("CARGO_PKG_VERSION"));
        let client = client.with_url(connection.url);
        Ok(client.with_user(connection.user).with_password(connection.password))
    }
}

#[async_trait]
impl Tables for ClientTables {
    async fn describe(&self, name: &TableName) -> Result<Option<ActualTable>, ClickHouseError> {
        let client = self.client()?;
        let ask =
            |sql: &str| client.query_raw(sql).param("database", &name.database).param("name", &name.table);
        let action = || format!("describe table `{name}`");
        let table = within(READ_TIMEOUT, action(), ask(TABLE).fetch_optional::<TableRow>()).await?;
        let Some(table) = table else { return Ok(None) };
        let columns = within(READ_TIMEOUT, action(), ask(COLUMNS).fetch_all::<ColumnRow>()).await?;
        let EngineClauses { ttl, settings } = parse_engine(&table.engine_full);
        Ok(Some(ActualTable {
            engine: table.engine,
            partition_key: table.partition_key,
            sorting_key: parse_sorting_key(&table.sorting_key),
            ttl,
            settings,
            comment: table.comment,
            columns: columns.into_iter().map(ColumnRow::into_actual).collect(),
        }))
    }

    async fn marks(&self) -> Result<Vec<Mark>, ClickHouseError> {
        let query = self.client()?.query_raw(MARKS);
        let comments = within(READ_TIMEOUT, "list marks".into(), query.fetch_all::<String>()).await?;
        Ok(comments.iter().filter_map(|comment| Mark::parse(comment)).collect())
    }

    async fn apply(&self, change: &TableChange) -> Result<(), ClickHouseError> {
        let query = self.client()?.query_raw(&statement(change));
        within(CHANGE_TIMEOUT, change.action(), query.execute()).await
    }
}

impl ColumnRow {
    fn into_actual(self) -> ActualColumn {
        ActualColumn { name: self.name, column_type: self.column_type, comment: self.comment }
    }
}

/// Waits for an answer, but not for ever.
async fn within<T>(
    limit: Duration,
    action: String,
    answer: impl Future<Output = Result<T, clickhouse::error::Error>>,
) -> Result<T, ClickHouseError> {
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(judge(action, error)),
        Err(elapsed) => Err(ClickHouseError::Unreachable { action, source: Box::new(elapsed) }),
    }
}
