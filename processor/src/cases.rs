//! Golden cases: every folder of `cases/` says in plain files what becomes of records.
//!
//! In: `stream.yaml` (schemas, `unknownEvents`, `envelope`, `hashKey`) and `in.jsonl`, a record a line; `hex:…` is bytes, `tombstone`
//! no value, an empty line an empty value. The record of line n has partition 3, offset n - 1 and the time 2026-01-31T12:00:00Z.
//! Out: `rows.jsonl` (read back from the Native block), `rejected.jsonl`, and with `forward: true` `forwarded.jsonl`.
//! `UPDATE=1 cargo test -p processor cases` writes them anew; the difference is then judged in review.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crds::analytics_pipeline::{Envelope, UnknownEvents};
use crds::event_schema::EventSchemaSpec;
use crds::stream_config::{
    BatchConfig, ClickHouseConfig, EgressConfig, KafkaConfig, STREAM_CONFIG_VERSION, SchemaVersion,
    StreamConfig, StreamIdentity,
};
use serde::Deserialize;
use serde_json::json;

use crate::columns::frame::Packer;
use crate::columns::read::Block;
use crate::line::Line;
use crate::record::{Position, Record};

/// Columns that say nothing in most cases.
const QUIET: [&str; 3] = ["received_at", "_topic", "_partition"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stream {
    schemas: Vec<serde_yaml::Value>,
    #[serde(default)]
    unknown_events: UnknownEvents,
    #[serde(default)]
    envelope: Envelope,
    hash_key: Option<String>,
    /// Whether all columns are shown.
    #[serde(default)]
    all: bool,
    /// Whether the canonical events are shown.
    #[serde(default)]
    forward: bool,
}

/// Builds the config of a stream named `shop.ios` from schemas as users write them, each with its `name` beside the spec.
pub(crate) fn config(
    schemas: &[serde_yaml::Value],
    envelope: Envelope,
    unknown_events: UnknownEvents,
) -> StreamConfig {
    let schemas = schemas.iter().map(|schema| SchemaVersion {
        name: schema["name"].as_str().unwrap().to_owned(),
        version: 1,
        spec: serde_yaml::from_value::<EventSchemaSpec>(schema.clone()).unwrap(),
    });
    StreamConfig {
        version: STREAM_CONFIG_VERSION,
        stream: StreamIdentity { namespace: "shop".into(), name: "ios".into(), id: "id".into(), epoch: 1 },
        kafka: KafkaConfig {
            bootstrap: "kafka:9092".into(),
            topic: "shop.ios".into(),
            dead_letter_topic: "shop.ios.dead-letters".into(),
            group: "tributary.shop.ios".into(),
            properties: std::collections::BTreeMap::new(),
        },
        clickhouse: ClickHouseConfig {
            url: "http://clickhouse:8123".into(),
            database: "shop".into(),
            table: "ios".into(),
        },
        schemas: schemas.collect(),
        envelope,
        unknown_events,
        batch: BatchConfig { max_rows: 1000, max_bytes: 1 << 24, max_age_milliseconds: 1000 },
        deduplication_window_seconds: None,
        has_hash_key: false,
        rules: Vec::new(),
        egress: EgressConfig::default(),
    }
}

/// Builds a line from the text of a `stream.yaml`.
pub(crate) fn line(stream: &str) -> Line {
    let stream: Stream = serde_yaml::from_str(stream).unwrap();
    line_of(&stream)
}

fn line_of(stream: &Stream) -> Line {
    let config = config(&stream.schemas, stream.envelope.clone(), stream.unknown_events);
    match Line::new(&config, stream.hash_key.as_deref().map(str::as_bytes)) {
        Ok(line) => line,
        Err(problems) => panic!("{problems}"),
    }
}

/// The record of a line of `in.jsonl`.
pub(crate) fn record(offset: usize, payload: Option<&[u8]>) -> Record<'_> {
    let position = Position { partition: 3, offset: offset as i64 };
    Record { position, timestamp_milliseconds: 1_769_860_800_000, payload }
}

fn payload_of(line: &str) -> Option<Vec<u8>> {
    if line == "tombstone" {
        return None;
    }
    let Some(digits) = line.strip_prefix("hex:") else { return Some(line.as_bytes().to_vec()) };
    let byte = |index| u8::from_str_radix(&digits[index..index + 2], 16).unwrap();
    Some((0..digits.len()).step_by(2).map(byte).collect())
}

#[test]
fn every_case_folder_gives_the_rows_and_rejections_that_it_says() {
    let folder = Path::new(env!("TRIBUTARY_REPOSITORY")).join("processor/cases");
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert!(names.len() >= 20, "the cases are where they belong");
    let stale: Vec<String> = names.iter().filter_map(|name| run(&folder.join(name))).collect();
    assert!(stale.is_empty(), "{}\nUPDATE=1 rewrites the files; look at the difference", stale.join("\n"));
}

/// Runs one case; says what is not as its files say.
fn run(folder: &Path) -> Option<String> {
    let stream: Stream =
        serde_yaml::from_str(&fs::read_to_string(folder.join("stream.yaml")).unwrap()).unwrap();
    let mut line = line_of(&stream);
    let mut rows = line.rows();
    let (mut rejected, mut forwarded) = (String::new(), String::new());
    let input = fs::read_to_string(folder.join("in.jsonl")).unwrap();
    for (offset, text) in input.lines().enumerate() {
        let payload = payload_of(text);
        match line.accept(&record(offset, payload.as_deref())) {
            Ok(Some(accepted)) => {
                let mut event = Vec::new();
                accepted.write_json(&mut event);
                assert!(serde_json::from_slice::<serde_json::Value>(&event).is_ok());
                writeln!(forwarded, "{}", String::from_utf8(event).unwrap()).unwrap();
                Line::append(&accepted, &mut rows);
            }
            Ok(None) => writeln!(rejected, "{}", json!({"line": offset + 1, "filtered": true})).unwrap(),
            Err(found) => {
                let reason = found.reason;
                let (field, schema, message) = (found.field, found.schema, found.message);
                let line = offset + 1;
                writeln!(
                    rejected,
                    "{{\"line\":{line},\"reason\":\"{reason}\",\"field\":{},\"schema\":{},\"message\":{}}}",
                    json!(field),
                    json!(schema),
                    json!(message)
                )
                .unwrap();
            }
        }
    }
    let mut found = vec![("rows.jsonl", print(&mut rows, stream.all)), ("rejected.jsonl", rejected)];
    if stream.forward {
        found.push(("forwarded.jsonl", forwarded));
    }
    compare(folder, &found)
}

fn compare(folder: &Path, found: &[(&str, String)]) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a switch of the test run, not a setting of the processor")]
    let update = std::env::var("UPDATE").is_ok();
    let mut stale = Vec::new();
    for (name, text) in found {
        let path = folder.join(name);
        if fs::read_to_string(&path).ok().as_ref() != Some(text) {
            if update {
                fs::write(&path, text).unwrap();
            } else {
                stale.push(format!("{} should be\n{text}", path.display()));
            }
        }
    }
    (!stale.is_empty()).then(|| stale.join("\n"))
}

/// Prints rows from their block, and makes sure that each row alone gives the same block, from the buffers and from a packed piece.
fn print(rows: &mut crate::columns::Rows, all: bool) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let block = Block::of(rows, 0..rows.n_rows());
    assert_eq!(block.n_rows, rows.n_rows());
    alone(rows, &block);
    rows.pack(&mut Packer::default());
    assert_eq!(Block::of(rows, 0..rows.n_rows()), block);
    alone(rows, &block);
    let mut text = String::new();
    for row in 0..block.n_rows {
        let members = block.names.iter().zip(&block.columns);
        let shown = members.filter(|(name, _)| all || !QUIET.contains(&name.as_str()));
        let members: Vec<_> =
            shown.map(|(name, column)| format!("{}:{}", json!(name), column[row])).collect();
        writeln!(text, "{{{}}}", members.join(",")).unwrap();
    }
    text
}

fn alone(rows: &crate::columns::Rows, block: &Block) {
    for row in 0..block.n_rows {
        let alone = Block::of(rows, row..row + 1);
        for (name, column) in block.names.iter().zip(&block.columns) {
            assert_eq!(&column[row], alone.value(0, name), "row {row} alone");
        }
        assert_eq!(json!(rows.offset_of(row)), *block.value(row, "_offset"));
    }
}
