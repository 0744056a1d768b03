//! Blocks before the real engine: `cargo test -p processor --features real --test native` with CLICKHOUSE_URL, _USER and _PASSWORD.
//!
//! In: events through the line. Out: what ClickHouse read from the blocks, asked as text. Works in a database of its own.
//! Here stands what only the engine knows: that the bytes mean what we think, and that no accepted event makes it refuse a block.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by ending")]

use std::path::Path;

use crds::columns::Column;
use crds::stream_config::{ClickHouseConfig, StreamConfig};
use processor::columns::Rows;
use processor::columns::frame::Packer;
use processor::deduplicate::Seen;
use processor::line::Line;
use processor::position::Range;
use processor::record::{Outcome, Position, Record};
use processor::sink::clickhouse::{ClickHouseSink, Credentials};
use processor::sink::{Newest, Question, Sink, Write};

const HEAD: &str = r#"
version: 1
stream: {namespace: shop, name: ios, id: id, epoch: 1}
kafka: {bootstrap: "kafka:9092", topic: shop.ios, deadLetterTopic: d, group: g}
clickhouse: {url: "http://clickhouse:8123", database: shop, table: ios}
batch: {maxRows: 50000, maxBytes: 16777216, maxAgeMilliseconds: 1000}
"#;

/// A database of its own on the server under test.
struct Server {
    url: String,
    user: String,
    password: String,
    client: reqwest::Client,
    database: String,
}

impl Server {
    #[expect(
        clippy::disallowed_methods,
        reason = "the address of the server under test, not a setting of the processor"
    )]
    async fn connect(database: &str) -> Self {
        // Another test of this process may have installed it.
        drop(rustls::crypto::ring::default_provider().install_default());
        let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
        let server = Self {
            url: variable("CLICKHOUSE_URL"),
            user: variable("CLICKHOUSE_USER"),
            password: variable("CLICKHOUSE_PASSWORD"),
            client: reqwest::Client::new(),
            database: format!("processor_native_{database}_{}", std::process::id()),
        };
        server.ask(&format!("CREATE DATABASE {}", server.database)).await;
        server
    }

    async fn send(&self, statement: &str, frames: Vec<u8>) -> Result<String, String> {
        let settings = [
            ("query", statement),
            ("decompress", if frames.is_empty() { "0" } else { "1" }),
            ("async_insert", "0"),
            ("input_format_skip_unknown_fields", "0"),
            ("session_timezone", "UTC"),
        ];
        let url = reqwest::Url::parse_with_params(&self.url, settings).unwrap();
        let request = self.client.post(url);
        let response =
            request.basic_auth(&self.user, Some(&self.password)).body(frames).send().await.unwrap();
        let is_success = response.status().is_success();
        let text = response.text().await.unwrap();
        if is_success { Ok(text) } else { Err(text) }
    }

    async fn ask(&self, statement: &str) -> String {
        self.send(statement, Vec::new()).await.unwrap_or_else(|error| panic!("{statement}: {error}"))
    }

    async fn create(&self, table: &str, columns: &[Column]) {
        let columns: Vec<String> =
            columns.iter().map(|column| format!("`{}` {}", column.name, column.column_type)).collect();
        let statement = format!(
            "CREATE TABLE {}.`{table}` ({}) ENGINE = MergeTree ORDER BY _offset",
            self.database,
            columns.join(", ")
        );
        self.ask(&statement).await;
    }

    async fn insert(
        &self,
        table: &str,
        rows: &Rows,
        range: std::ops::Range<usize>,
    ) -> Result<String, String> {
        let frames: Vec<_> = rows.frames(range).collect::<Result<_, _>>().unwrap();
        let statement = format!("INSERT INTO {}.`{table}` FORMAT Native", self.database);
        self.send(&statement, frames.concat()).await
    }

    fn sink(&self, table: &str, columns: &[Column]) -> ClickHouseSink {
        let config =
            ClickHouseConfig { url: self.url.clone(), database: self.database.clone(), table: table.into() };
        let login = Credentials {
            user: self.user.clone(),
            password: self.password.clone(),
            ..Credentials::default()
        };
        let (_sender, credentials) = tokio::sync::watch::channel(login);
        ClickHouseSink::new(&config, "shop.ios", columns, credentials)
    }

    async fn finish(self) {
        self.ask(&format!("DROP DATABASE {}", self.database)).await;
    }
}

fn line(stream: &str) -> Line {
    let stream: serde_yaml::Mapping = serde_yaml::from_str(stream).unwrap();
    let mut config: serde_yaml::Mapping = serde_yaml::from_str(HEAD).unwrap();
    config.insert(
        "envelope".into(),
        serde_yaml::to_value(crds::analytics_pipeline::Envelope::default()).unwrap(),
    );
    config.insert("unknownEvents".into(), "DeadLetter".into());
    let schemas = stream["schemas"].as_sequence().unwrap().iter().map(|schema| {
        let mut version = serde_yaml::Mapping::new();
        version.insert("name".into(), schema["name"].clone());
        version.insert("version".into(), 1.into());
        version.insert("spec".into(), schema.clone());
        serde_yaml::Value::Mapping(version)
    });
    config.insert("schemas".into(), serde_yaml::Value::Sequence(schemas.collect()));
    for name in ["envelope", "unknownEvents"] {
        if let Some(value) = stream.get(name) {
            config.insert(name.into(), value.clone());
        }
    }
    let config: StreamConfig = serde_yaml::from_value(config.into()).unwrap();
    let hash_key = stream.get("hashKey").and_then(serde_yaml::Value::as_str).map(str::as_bytes);
    Line::new(&config, hash_key).unwrap()
}

fn take(line: &mut Line, rows: &mut Rows, offset: usize, payload: &[u8]) -> Outcome {
    let position = Position { partition: 3, offset: offset as i64 };
    line.take(&Record { position, timestamp_milliseconds: 1_769_860_800_000, payload: Some(payload) }, rows)
}

const EVERY_TYPE: &str = r#"
schemas:
- name: all
  fields:
  - {name: s, type: String, required: true}
  - {name: sn, type: String}
  - {name: low, type: String, enum: ["", a, b], required: true}
  - {name: lown, type: String, enum: ["", a, b]}
  - {name: b, type: Bool}
  - {name: i8, type: Int8}
  - {name: i16, type: Int16}
  - {name: i32, type: Int32}
  - {name: i64, type: Int64}
  - {name: u8, type: UInt8}
  - {name: u16, type: UInt16}
  - {name: u32, type: UInt32}
  - {name: u64, type: UInt64, required: true}
  - {name: f32, type: Float32}
  - {name: f64, type: Float64}
  - {name: d4, type: "Decimal(9, 2)"}
  - {name: d8, type: "Decimal(18, 4)", required: true}
  - {name: d16, type: "Decimal(38, 10)"}
  - {name: day, type: Date}
  - {name: t, type: DateTime}
  - {name: t3, type: DateTime64(3)}
  - {name: t9, type: DateTime64(9)}
  - {name: u, type: UUID}
  - {name: ls, type: Array(String)}
  - {name: li, type: Array(Int16)}
  - {name: ld, type: "Array(Decimal(18, 2))"}
  - {name: lu, type: Array(UUID)}
  - {name: j, type: Json}
"#;

#[tokio::test]
async fn the_engine_reads_every_type_as_it_was_meant() {
    let server = Server::connect("types").await;
    let mut line = line(EVERY_TYPE);
    server.create("all", line.columns()).await;
    let mut rows = line.rows();
    let least = r#"{"event":"all","event_id":"1","event_time":"2026-01-31T10:00:00.123Z","s":"","sn":"","low":"","lown":"","b":false,"i8":-128,"i16":-32768,"i32":-2147483648,"i64":-9223372036854775808,"u8":0,"u16":0,"u32":0,"u64":0,"f32":-1.5,"f64":-0.1,"d4":-9999999.99,"d8":-99999999999999.9999,"d16":-9999999999999999999999999999.9999999999,"day":"1970-01-01","t":"1970-01-01T00:00:00Z","t3":"1900-01-01T00:00:00Z","t9":"1969-12-31T23:59:59.999999999Z","u":"00000000-0000-0000-0000-000000000000","ls":[],"li":[],"ld":[],"lu":[],"j":{}}"#;
    let missing = r#"{"event":"all","s":"only","low":"a","u64":1,"d8":0}"#;
    let greatest = r#"{"event":"all","event_id":"3","s":"grüße 😀\n\u0000\"","sn":"x","low":"b","lown":"b","b":true,"i8":127,"i16":32767,"i32":2147483647,"i64":9223372036854775807,"u8":255,"u16":65535,"u32":4294967295,"u64":18446744073709551615,"f32":1.5,"f64":1e308,"d4":9999999.99,"d8":99999999999999.9999,"d16":9999999999999999999999999999.9999999999,"day":"2149-06-06","t":"2106-02-07T06:28:15Z","t3":"2299-12-31T23:59:59.999Z","t9":"2262-04-11T23:47:16.000000001Z","u":"00112233-4455-6677-8899-aabbccddeeff","ls":["a","","c"],"li":[-1,2],"ld":[1.5,-2.25],"lu":["00112233-4455-6677-8899-aabbccddeeff"],"j":{"a":{"b":[1,"x"]}},"more":{"k":1}}"#;
    for (offset, event) in [least, missing, greatest, missing].iter().enumerate() {
        assert_eq!(take(&mut line, &mut rows, offset, event.as_bytes()), Outcome::Stored);
    }
    server.insert("all", &rows, 0..4).await.unwrap();
    let statement = format!(
        "SELECT {} FROM {}.all ORDER BY _offset FORMAT JSONCompactEachRow",
        texts(line.columns()),
        server.database
    );
    let read = server.ask(&statement).await;
    let path = Path::new(env!("TRIBUTARY_REPOSITORY")).join("processor/tests/native.jsonl");
    #[expect(clippy::disallowed_methods, reason = "a switch of the test run")]
    if std::env::var("UPDATE").is_ok() {
        std::fs::write(&path, &read).unwrap();
    }
    assert_eq!(read, std::fs::read_to_string(&path).unwrap());

    server.create("half", line.columns()).await;
    server.insert("half", &rows, 0..2).await.unwrap();
    server.insert("half", &rows, 2..4).await.unwrap();
    assert_eq!(server.ask(&statement.replace(".all", ".half")).await, read);
    server.finish().await;
}

#[tokio::test]
async fn no_event_that_a_golden_case_accepts_makes_the_engine_refuse_a_block() {
    let server = Server::connect("cases").await;
    let cases = Path::new(env!("TRIBUTARY_REPOSITORY")).join("processor/cases");
    for folder in std::fs::read_dir(cases).unwrap() {
        let folder = folder.unwrap();
        let name = folder.file_name().into_string().unwrap();
        let mut line = line(&std::fs::read_to_string(folder.path().join("stream.yaml")).unwrap());
        let mut rows = line.rows();
        let input = std::fs::read_to_string(folder.path().join("in.jsonl")).unwrap();
        for (offset, text) in input.lines().enumerate() {
            take(&mut line, &mut rows, offset, text.as_bytes());
        }
        // A block without a row is an empty query to the engine; the flow never sends one.
        if rows.is_empty() {
            continue;
        }
        server.create(&name, line.columns()).await;
        if let Err(error) = server.insert(&name, &rows, 0..rows.n_rows()).await {
            for row in 0..rows.n_rows() {
                if let Err(error) = server.insert(&name, &rows, row..row + 1).await {
                    panic!("{name}, line {}: {error}", rows.offset_of(row) + 1);
                }
            }
            panic!("{name}: {error}");
        }
        let count = server.ask(&format!("SELECT count() FROM {}.`{name}`", server.database)).await;
        assert_eq!(count.trim(), rows.n_rows().to_string(), "{name}");
    }
    server.finish().await;
}

/// All columns as texts, for a SELECT.
fn texts(columns: &[Column]) -> String {
    columns.iter().map(|column| format!("toString(`{}`)", column.name)).collect::<Vec<_>>().join(", ")
}

/// A batch that is packed in several pieces.
fn in_pieces(line: &mut Line, n_rows: usize) -> Rows {
    let (mut rows, mut packer) = (line.rows(), Packer::default());
    for offset in 0..n_rows {
        let text = format!("{offset} ").repeat(offset % 50);
        let event = match offset % 3 {
            0 => format!(
                r#"{{"event":"all","s":"{text}","low":"a","u64":{offset},"d8":1,"ls":["{text}","b"],"li":[{}]}}"#,
                offset % 100
            ),
            1 => format!(
                r#"{{"event":"all","s":"","low":"b","lown":"","u64":1,"d8":0,"sn":"{text}","j":{{"x":{offset}}}}}"#
            ),
            _ => format!(
                r#"{{"event":"all","s":"x","low":"","u64":2,"d8":-1,"i32":{offset},"u":"00112233-4455-6677-8899-aabbccddeeff","more":{offset}}}"#
            ),
        };
        assert_eq!(take(line, &mut rows, offset, event.as_bytes()), Outcome::Stored);
        rows.pack_when_full(&mut packer);
    }
    assert!(rows.frames(0..n_rows).count() > 3, "the batch is in pieces");
    rows
}

#[tokio::test]
async fn a_batch_of_many_pieces_is_one_part_of_the_table_and_can_be_cut_anywhere() {
    const ROWS: usize = 10_000;
    let server = Server::connect("pieces").await;
    let mut line = line(EVERY_TYPE);
    let rows = in_pieces(&mut line, ROWS);
    let mut sums = Vec::new();
    for (table, cuts) in [("whole", vec![0, ROWS]), ("cut", vec![0, 1, 1_500, 1_501, 6_000, ROWS])] {
        server.create(table, line.columns()).await;
        let sink = server.sink(table, line.columns());
        for cut in cuts.windows(2) {
            let token = format!("{table} {}", cut[0]);
            sink.write(Write { token: &token, rows: &rows, part: cut[0]..cut[1] }).await.unwrap();
        }
        let parts = format!(
            "SELECT count() FROM system.parts WHERE database = '{}' AND table = '{table}' AND level = 0",
            server.database
        );
        assert_eq!(server.ask(&parts).await.trim(), (cuts.len() - 1).to_string(), "{table}");
        let statement = format!("SELECT count(), sum(cityHash64({})) FROM", texts(line.columns()));
        sums.push(server.ask(&format!("{statement} {}.{table}", server.database)).await);
    }
    assert!(sums[0].starts_with(&format!("{ROWS}\t")) && sums[0] == sums[1], "{sums:?}");
    server.finish().await;
}

#[tokio::test]
async fn a_batch_of_many_pieces_that_is_written_twice_is_in_the_table_and_its_view_once() {
    const ROWS: usize = 10_000;
    let server = Server::connect("twice").await;
    let mut line = line(EVERY_TYPE);
    let rows = in_pieces(&mut line, ROWS);
    server.create("t", line.columns()).await;
    let (database, window) = (&server.database, "non_replicated_deduplication_window = 100");
    server.ask(&format!("ALTER TABLE {database}.t MODIFY SETTING {window}")).await;
    let view = format!(
        "CREATE MATERIALIZED VIEW {database}.v ENGINE = MergeTree ORDER BY n SETTINGS {window} \
         AS SELECT low, count() AS n FROM {database}.t GROUP BY low"
    );
    server.ask(&view).await;
    let sink = server.sink("t", line.columns());
    for _ in 0..2 {
        sink.write(Write { token: "the same", rows: &rows, part: 0..ROWS }).await.unwrap();
    }
    let counts = format!("SELECT (SELECT count() FROM {database}.t), (SELECT sum(n) FROM {database}.v)");
    assert_eq!(server.ask(&counts).await, format!("{ROWS}\t{ROWS}\n"));
    server.finish().await;
}

#[tokio::test]
async fn the_engine_takes_dictionaries_of_every_width() {
    let server = Server::connect("width").await;
    let mut line = line(
        "{schemas: [{name: e, fields: [{name: x, type: Int32, required: true}]}], unknownEvents: Store}",
    );
    server.create("t", line.columns()).await;
    let mut rows = line.rows();
    for offset in 0..70_000 {
        let event = format!("{{\"event\":\"type {offset}\",\"a\":{offset}}}");
        assert_eq!(take(&mut line, &mut rows, offset, event.as_bytes()), Outcome::Stored);
    }
    server.insert("t", &rows, 0..rows.n_rows()).await.unwrap();
    let statement = "SELECT count(), uniqExact(event), countIf(event = 'type ' || toString(_offset)), sum(extra.a::Int64) FROM";
    let read = server.ask(&format!("{statement} {}.t", server.database)).await;
    assert_eq!(read, "70000\t70000\t70000\t2449965000\n");
    server.finish().await;
}

#[tokio::test]
async fn the_engine_says_which_rows_it_has_and_tells_an_earlier_topic_apart() {
    let server = Server::connect("questions").await;
    let mut line = line("{schemas: [{name: e, fields: [{name: x, type: Int32, required: true}]}]}");
    server.create("t", line.columns()).await;
    let mut rows = line.rows();
    let (earlier, later) = (1_700_000_000_123_i64, 1_769_860_800_456_i64);
    // An earlier topic had thirty records, this one has ten so far.
    for (received, n_records) in [(earlier, 30), (later, 10)] {
        for offset in 0..n_records {
            let event = format!("{{\"event\":\"e\",\"event_id\":\"{received}-{offset}\",\"x\":{offset}}}");
            let (position, timestamp_milliseconds) = (Position { partition: 3, offset }, received + offset);
            let record = Record { position, timestamp_milliseconds, payload: Some(event.as_bytes()) };
            assert_eq!(line.take(&record, &mut rows), Outcome::Stored);
        }
    }
    server.insert("t", &rows, 0..40).await.unwrap();
    let sink = server.sink("t", line.columns());

    let range = Range { first: 4, last: 20 };
    let times = Some((later, later + 7));
    let question = Question { partition: 3, range, times: None, received: None };
    let stored = async |question| sink.stored(question).await.unwrap();
    assert_eq!(stored(question).await.len(), 17 + 6);
    assert_eq!(stored(Question { received: times, ..question }).await, [4, 5, 6, 7]);
    assert_eq!(stored(Question { times, ..question }).await, [4, 5, 6, 7]);
    assert_eq!(stored(Question { times, received: times, ..question }).await, [4, 5, 6, 7]);
    assert!(stored(Question { partition: 2, ..question }).await.is_empty());

    let newest = async |range, after| sink.newest(3, range, after).await.unwrap();
    let old = Newest { offset: 20, received_at: earlier + 20 };
    assert_eq!(newest(range, None).await, Some(old));
    assert_eq!(newest(range, Some(earlier + 29)).await, Some(Newest { offset: 9, received_at: later + 9 }));
    assert_eq!(newest(range, Some(later + 9)).await, None);

    let seen = sink.seen(3, 5, Seen::new(3600)).await.unwrap();
    assert_eq!(seen.n_ids(), 5, "within an hour of the newest");
    assert!(seen.contains(&format!("{later}-4"), later));
    server.finish().await;
}
