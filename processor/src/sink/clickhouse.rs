//! ClickHouse as a sink: one Native block an insert, with a token.
//!
//! In: column buffers and a token. Out: stored exactly once, whatever was repeated; or an error with its verdict.
//! What the settings are for: `async_insert=0` and `insert_deduplication_token` make a repeated insert a no-op;
//! `deduplicate_blocks_in_dependent_materialized_views=1` does the same for views; `max_partitions_per_insert_block=0` lets a batch with
//! strange times through, since the server would refuse it for ever; `type_json_skip_duplicated_paths=1` and
//! `input_format_skip_unknown_fields=0` make refusals of single rows rare and those of columns loud.
//! Not here: DDL; and no text of the server's that could hold a value of an event leaves this room.

use std::sync::Arc;
use std::time::Duration;

use clickhouse::error::Error;
use clickhouse::{Client, Compression};
use crds::columns::Column;
use crds::stream_config::ClickHouseConfig;
use tokio::sync::watch;
use transport::Transport;

use crate::deduplicate::Seen;
use crate::position::Range;
use crate::sink::{Newest, Question, Sink, SinkError, Write};

mod answer;
pub mod verdict;

/// How long one insert may take. With [`crate::deliver::VALID_FOR`] it is not above the session timeout of the group.
pub const INSERT_TIMEOUT: Duration = Duration::from_secs(8);
const QUESTION_TIMEOUT: Duration = Duration::from_secs(60);
/// A question that no index helps with reads two columns of the whole table.
const SCAN_TIMEOUT: Duration = Duration::from_secs(180);

/// Who we are and whom we trust; both change while the process runs.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// User.
    pub user: String,
    /// Password.
    pub password: String,
    /// Certificates of the authorities that sign the server's, PEM; none: the public ones.
    pub authorities: Option<Arc<str>>,
}

/// A stream's table.
pub struct ClickHouseSink {
    transport: Transport,
    url: String,
    credentials: watch::Receiver<Credentials>,
    insert: String,
    table: String,
    topic: String,
}

impl ClickHouseSink {
    /// Builds the sink of a table; columns are those of the rows, in their order.
    pub fn new(
        config: &ClickHouseConfig,
        topic: &str,
        columns: &[Column],
        credentials: watch::Receiver<Credentials>,
    ) -> Self {
        let table = format!("{}.{}", quoted(&config.database), quoted(&config.table));
        let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
        Self {
            transport: Transport::new(),
            url: config.url.clone(),
            credentials,
            insert: format!("INSERT INTO {table} ({}) FORMAT Native", names.join(", ")),
            table,
            topic: topic.to_owned(),
        }
    }

    fn client(&self) -> Result<Client, Error> {
        let credentials = self.credentials.borrow();
        let client = self.transport.client(credentials.authorities.as_ref());
        Ok(client
            .map_err(|error| Error::InvalidParams(error.into()))?
            .with_url(&self.url)
            .with_compression(Compression::Lz4)
            .with_product_info("tributary-processor", env!("CARGO_PKG_VERSION"))
            .with_user(&credentials.user)
            .with_password(&credentials.password))
    }

    async fn insert(&self, write: Write<'_>) -> Result<(), Error> {
        let Write { token, rows, part } = write;
        let mut insert = self
            .client()?
            // The rows are compressed already.
            .with_compression(Compression::None)
            .insert_formatted_with(self.insert.as_str())
            .with_setting("decompress", "1")
            .with_setting("async_insert", "0")
            // A block is read, sorted and written one after the other anyway; handing it from thread to thread was a tenth of what it costs.
            .with_setting("max_threads", "1")
            .with_setting("insert_deduplicate", "1")
            .with_setting("insert_deduplication_token", token)
            .with_setting("deduplicate_blocks_in_dependent_materialized_views", "1")
            .with_setting("max_partitions_per_insert_block", "0")
            .with_setting("type_json_skip_duplicated_paths", "1")
            .with_setting("input_format_skip_unknown_fields", "0");
        for frame in rows.frames(part) {
            insert.send(frame.map_err(|damaged| Error::Compression(damaged.into()))?).await?;
        }
        insert.end().await
    }

    fn ask(&self, sql: &str) -> Result<clickhouse::query::Query, Error> {
        Ok(self.client()?.query(sql))
    }

    async fn stored_offsets(&self, question: Question) -> Result<Vec<i64>, Error> {
        let mut sql = format!(
            "SELECT _offset FROM {} WHERE _topic = ? AND _partition = ? AND _offset BETWEEN ? AND ?",
            self.table
        );
        let bounds = [("event_time", question.times), ("received_at", question.received)];
        let bounds = bounds.into_iter().filter_map(|(column, times)| Some((column, times?)));
        for (column, _) in bounds.clone() {
            let milliseconds = "fromUnixTimestamp64Milli(?, 'UTC')";
            sql.push_str(&format!(" AND {column} BETWEEN {milliseconds} AND {milliseconds}"));
        }
        sql.push_str(" ORDER BY _offset");
        let range = question.range;
        let mut query =
            self.ask(&sql)?.bind(&self.topic).bind(question.partition).bind(range.first).bind(range.last);
        for (_, (earliest, latest)) in bounds {
            query = query.bind(earliest).bind(latest);
        }
        let bytes = query.fetch_bytes("RowBinary")?.collect().await?;
        Ok(answer::numbers(&bytes))
    }

    async fn newest_row(
        &self,
        partition: i32,
        range: Range,
        after: Option<i64>,
    ) -> Result<Option<Newest>, Error> {
        let mut sql = format!(
            "SELECT _offset, toUnixTimestamp64Milli(received_at) FROM {} \
             WHERE _topic = ? AND _partition = ? AND _offset BETWEEN ? AND ?",
            self.table
        );
        if after.is_some() {
            sql.push_str(" AND received_at > fromUnixTimestamp64Milli(?, 'UTC')");
        }
        sql.push_str(" ORDER BY _offset DESC LIMIT 1");
        let mut query = self.ask(&sql)?.bind(&self.topic).bind(partition).bind(range.first).bind(range.last);
        if let Some(after) = after {
            query = query.bind(after);
        }
        let bytes = query.fetch_bytes("RowBinary")?.collect().await?;
        Ok(match answer::numbers(&bytes)[..] {
            [offset, received_at] => Some(Newest { offset, received_at }),
            _ => None,
        })
    }

    async fn learn(&self, partition: i32, before: i64, seen: &mut Seen) -> Result<(), Error> {
        let table = &self.table;
        let rows = "_topic = ? AND _partition = ? AND _offset < ?";
        let sql = format!(
            "SELECT event_id, toUnixTimestamp64Milli(received_at) FROM {table} WHERE {rows} \
             AND received_at >= (SELECT max(received_at) FROM {table} WHERE {rows}) - INTERVAL ? SECOND \
             AND event_id != concat(_topic, ':', toString(_partition), ':', toString(_offset))"
        );
        let query = self.ask(&sql)?.bind(&self.topic).bind(partition).bind(before);
        let query = query.bind(&self.topic).bind(partition).bind(before).bind(seen.window_seconds());
        let mut cursor = query.fetch_bytes("RowBinary")?;
        let mut ids = answer::Ids::default();
        // The whole answer may take long; a server that falls silent within it must not be waited for.
        let silent = |_elapsed| Error::TimedOut;
        while let Some(chunk) = tokio::time::timeout(SCAN_TIMEOUT, cursor.next()).await.map_err(silent)?? {
            ids.take(&chunk, &mut |id, milliseconds| seen.insert(id, milliseconds));
        }
        Ok(())
    }
}

impl Sink for ClickHouseSink {
    async fn write(&self, write: Write<'_>) -> Result<(), SinkError> {
        match tokio::time::timeout(INSERT_TIMEOUT, self.insert(write)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(verdict::judge(error)),
            Err(_) => Err(verdict::silent("ClickHouse did not answer an insert", INSERT_TIMEOUT)),
        }
    }

    async fn stored(&self, question: Question) -> Result<Vec<i64>, SinkError> {
        match tokio::time::timeout(QUESTION_TIMEOUT, self.stored_offsets(question)).await {
            Ok(Ok(offsets)) => Ok(offsets),
            Ok(Err(error)) => Err(verdict::judge_question(error)),
            Err(_) => Err(verdict::silent("ClickHouse did not say which rows it has", QUESTION_TIMEOUT)),
        }
    }

    async fn newest(
        &self,
        partition: i32,
        range: Range,
        after: Option<i64>,
    ) -> Result<Option<Newest>, SinkError> {
        match tokio::time::timeout(SCAN_TIMEOUT, self.newest_row(partition, range, after)).await {
            Ok(Ok(newest)) => Ok(newest),
            Ok(Err(error)) => Err(verdict::judge_question(error)),
            Err(_) => Err(verdict::silent("ClickHouse did not say which row is its newest", SCAN_TIMEOUT)),
        }
    }

    async fn seen(&self, partition: i32, before: i64, mut seen: Seen) -> Result<Seen, SinkError> {
        match self.learn(partition, before, &mut seen).await {
            Ok(()) => Ok(seen),
            Err(error) => Err(verdict::judge_question(error)),
        }
    }
}

/// Quotes an identifier.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retry::Verdict;

    #[tokio::test(start_paused = true)]
    async fn a_server_that_never_answers_is_not_waited_for_for_ever() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let config = ClickHouseConfig { url, database: "shop".into(), table: "ios".into() };
        let (_sender, credentials) = watch::channel(Credentials::default());
        let sink = ClickHouseSink::new(&config, "shop.ios", &[], credentials);
        let range = Range { first: 0, last: 9 };
        let question = Question { partition: 0, range, times: None, received: None };
        let verdicts = [
            sink.seen(0, 10, Seen::new(3600)).await.map(drop).map_err(|error| error.verdict),
            sink.newest(0, range, None).await.map(drop).map_err(|error| error.verdict),
            sink.stored(question).await.map(drop).map_err(|error| error.verdict),
        ];
        assert_eq!(verdicts, [Err(Verdict::Retry); 3]);
    }
}
