//! ClickHouse as an analyst uses it: the official client, SQL in, values out.
//!
//! In: SQL. Out: one number, or rows as JSON. The statements are the tests' and the demo's own; no value of a user gets into one.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::connections::Connections;

/// A ClickHouse server.
#[derive(Clone)]
pub struct ClickHouse {
    client: clickhouse::Client,
}

/// How many rows a table has, and how many positions they come from: equal when nothing is doubled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Rows.
    pub rows: u64,
    /// Distinct positions of the rows.
    pub positions: u64,
}

impl ClickHouse {
    /// Speaks to the server of the connections. It connects with the first statement.
    #[must_use]
    pub fn new(connections: &Connections) -> Self {
        let Connections { clickhouse_url: url, clickhouse_user: user, clickhouse_password: password, .. } =
            connections;
        Self::at(url, user, password)
    }

    /// Speaks to the server at an address.
    #[must_use]
    pub fn at(url: &str, user: &str, password: &str) -> Self {
        let client = clickhouse::Client::default()
            .with_url(url)
            .with_user(user)
            .with_password(password)
            .with_validation(false);
        Self { client }
    }

    /// Runs a statement that returns nothing.
    pub async fn execute(&self, sql: &str) -> Result<()> {
        self.client.query(sql).execute().await.with_context(|| format!("running {sql}"))
    }

    /// Runs a query and returns its rows as JSON objects; 64-bit numbers are numbers.
    pub async fn rows(&self, sql: &str) -> Result<Vec<Value>> {
        let query = self.client.query(sql).with_setting("output_format_json_quote_64bit_integers", "0");
        let mut cursor = query.fetch_bytes("JSONEachRow").with_context(|| format!("running {sql}"))?;
        let bytes = cursor.collect().await.with_context(|| format!("running {sql}"))?;
        bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).with_context(|| format!("reading the answer to {sql}")))
            .collect()
    }

    /// Runs a query for one number, named `n`.
    pub async fn number(&self, sql: &str) -> Result<u64> {
        let rows = self.rows(sql).await?;
        rows.first()
            .and_then(|row| row["n"].as_u64())
            .with_context(|| format!("no number n in the answer to {sql}"))
    }

    /// Counts the rows of a table.
    pub async fn count(&self, table: &str) -> Result<Count> {
        let sql =
            format!("SELECT count() AS n, uniqExact(_topic, _partition, _offset) AS positions FROM {table}");
        let rows = self.rows(&sql).await?;
        let number =
            |name: &str| rows.first().and_then(|row| row[name].as_u64()).context("count returned no row");
        Ok(Count { rows: number("n")?, positions: number("positions")? })
    }

    /// Whether a table exists.
    pub async fn has_table(&self, database: &str, table: &str) -> Result<bool> {
        let sql = format!(
            "SELECT count() AS n FROM system.tables WHERE database = '{database}' AND name = '{table}'"
        );
        Ok(self.number(&sql).await? > 0)
    }
}

/// Quotes `namespace.pipeline` as ClickHouse wants names that are no plain words.
#[must_use]
pub fn table(namespace: &str, pipeline: &str) -> String {
    format!("`{namespace}`.`{pipeline}`")
}
