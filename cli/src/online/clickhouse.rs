//! ClickHouse: the one place that asks the table.
//!
//! In: an address, a stream's table and topic, positions. Out: how large the table is, which positions it has, which events.
//! Every statement reads; no value of an event is asked for but its id.
//! Not here: what follows from any of it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clickhouse::Client;
use clickhouse::query::Query;
use crds::stream_config::StreamConfig;
use jiff::Timestamp;
use operator::clickhouse::ddl::full_name;
use operator::clickhouse::table::TableName;
use processor::record::Position;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::audit::evidence::{Bounds, Word};
use super::reach::Addresses;

/// A question that no index helps with reads two columns of the whole table.
const PATIENCE: Duration = Duration::from_secs(300);
/// Positions or ids that are asked for at once.
const AT_ONCE: usize = 500;

/// A stream's table.
pub(super) struct ClickHouse {
    client: Client,
    url: String,
    database: String,
    name: String,
    topic: String,
}

/// How large a table is, and how fresh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Size {
    /// Rows.
    pub(super) rows: u64,
    /// Bytes on disk.
    pub(super) bytes: u64,
    /// When Kafka got the newest record that is a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) newest: Option<Timestamp>,
    /// When something was last inserted, where the parts still tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_insert: Option<Timestamp>,
}

/// A position that several rows have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Doubled {
    /// Partition.
    pub(super) partition: i32,
    /// Offset.
    pub(super) offset: i64,
    /// Rows.
    pub(super) rows: u64,
}

impl ClickHouse {
    /// Speaks to the server of a stream; it connects with the first question.
    pub(super) fn new(addresses: &Addresses, config: &StreamConfig) -> Self {
        let client = Client::default()
            .with_url(&addresses.clickhouse_url)
            .with_user(&addresses.clickhouse_user)
            .with_password(&addresses.clickhouse_password)
            .with_product_info("kubectl-tributary", env!("CARGO_PKG_VERSION"));
        Self {
            client,
            url: addresses.clickhouse_url.clone(),
            database: config.clickhouse.database.clone(),
            name: config.clickhouse.table.clone(),
            topic: config.kafka.topic.clone(),
        }
    }

    fn table(&self) -> String {
        full_name(&TableName { database: self.database.clone(), table: self.name.clone() })
    }

    async fn bytes(&self, query: Query, format: &str) -> Result<Vec<u8>> {
        let ask = async { query.fetch_bytes(format)?.collect().await };
        match tokio::time::timeout(PATIENCE, ask).await {
            Ok(Ok(bytes)) => Ok(bytes.to_vec()),
            Ok(Err(error)) => Err(error).with_context(|| self.failed()),
            Err(_) => bail!("{}: no answer within {} s", self.failed(), PATIENCE.as_secs()),
        }
    }

    fn failed(&self) -> String {
        format!(
            "failed to ask ClickHouse at {} for table {}.{}; --clickhouse-url, --clickhouse-user and --clickhouse-password-file name others",
            self.url, self.database, self.name
        )
    }

    async fn rows(&self, query: Query) -> Result<Vec<Value>> {
        let bytes = self.bytes(query, "JSONEachRow").await?;
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice(line).context("failed to understand an answer of ClickHouse"))
            .collect()
    }

    /// Returns how large the table is; none when it is not there.
    pub(super) async fn size(&self) -> Result<Option<Size>> {
        let sql = "SELECT ifNull(total_rows, 0) AS n, ifNull(total_bytes, 0) AS bytes FROM system.tables WHERE database = ? AND name = ?";
        let found = self.rows(self.client.query(sql).bind(&self.database).bind(&self.name)).await?;
        let Some(found) = found.into_iter().next() else { return Ok(None) };
        let sql = format!("SELECT toUnixTimestamp64Milli(max(received_at)) AS newest FROM {}", self.table());
        let newest = self.rows(self.client.query(&sql)).await?;
        // A part of level 0 is one insert; merged parts are the server's own work.
        let sql = "SELECT toUnixTimestamp(max(modification_time)) AS at FROM system.parts WHERE database = ? AND table = ? AND level = 0";
        let inserted = self.rows(self.client.query(sql).bind(&self.database).bind(&self.name)).await?;
        let at = |rows: &[Value], name: &str| {
            rows.first().and_then(|row| integer(&row[name])).filter(|at| *at > 0)
        };
        let count = |name: &str| integer(&found[name]).unwrap_or_default().unsigned_abs();
        Ok(Some(Size {
            rows: count("n"),
            bytes: count("bytes"),
            newest: at(&newest, "newest").and_then(|at| Timestamp::from_millisecond(at).ok()),
            last_insert: at(&inserted, "at").and_then(|at| Timestamp::from_second(at).ok()),
        }))
    }

    /// Returns the positions that rows have, 64 offsets a word, in the order of partition and offset.
    pub(super) async fn words(&self, bounds: &Bounds) -> Result<Vec<Word>> {
        let sql = format!(
            "SELECT _partition, intDiv(_offset, 64) AS word, \
             groupBitOr(bitShiftLeft(toUInt64(1), toUInt8(_offset % 64))) AS bits, count() AS n \
             FROM {} WHERE _topic = ? AND {} GROUP BY _partition, word ORDER BY _partition, word",
            self.table(),
            bounds.condition()
        );
        let bytes = self.bytes(self.client.query(&sql).bind(&self.topic), "RowBinary").await?;
        Word::read_all(&bytes).context("failed to understand which positions ClickHouse has")
    }

    /// Returns positions that several rows have, the first of them.
    pub(super) async fn doubled(&self, bounds: &Bounds, limit: usize) -> Result<Vec<Doubled>> {
        let sql = format!(
            "SELECT _partition AS partition, _offset AS offset, count() AS rows FROM {} WHERE _topic = ? AND {} \
             GROUP BY _partition, _offset HAVING rows > 1 ORDER BY _partition, _offset LIMIT {limit}",
            self.table(),
            bounds.condition()
        );
        let found = self.rows(self.client.query(&sql).bind(&self.topic)).await?;
        let doubled = |row: &Value| {
            let (partition, offset) = (integer(&row["partition"])?, integer(&row["offset"])?);
            let rows = integer(&row["rows"])?.unsigned_abs();
            Some(Doubled { partition: i32::try_from(partition).ok()?, offset, rows })
        };
        Ok(found.iter().filter_map(doubled).collect())
    }

    /// Returns those of some positions that rows have.
    pub(super) async fn stored(&self, positions: &[Position]) -> Result<BTreeSet<Position>> {
        let mut stored = BTreeSet::new();
        for some in positions.chunks(AT_ONCE) {
            let list: Vec<String> =
                some.iter().map(|it| format!("({}, {})", it.partition, it.offset)).collect();
            let sql = format!(
                "SELECT DISTINCT _partition AS p, _offset AS o FROM {} WHERE _topic = ? AND (_partition, _offset) IN ({})",
                self.table(),
                list.join(", ")
            );
            for row in self.rows(self.client.query(&sql).bind(&self.topic)).await? {
                if let (Some(partition), Some(offset)) = (integer(&row["p"]), integer(&row["o"])) {
                    stored.insert(Position { partition: i32::try_from(partition)?, offset });
                }
            }
        }
        Ok(stored)
    }

    /// Returns those of some events that have a row, by their ids.
    pub(super) async fn events(&self, ids: &[String]) -> Result<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        for some in ids.chunks(AT_ONCE) {
            let sql = format!("SELECT DISTINCT event_id FROM {} WHERE event_id IN ?", self.table());
            let rows = self.rows(self.client.query(&sql).bind(some)).await?;
            found.extend(rows.iter().filter_map(|row| row["event_id"].as_str().map(str::to_owned)));
        }
        Ok(found)
    }
}

/// Reads an integer; whether one of 64 bits stands in quotes is the server's setting, and who may only read cannot change it.
fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}
