//! Golden cases of what decides online: folders of `cases/online/`, each with what was found of a stream, and the page that is shown.
//!
//! In: `found.yaml` or `letters.jsonl`, and `stream.yaml` as the operator tells the processors. Out: `page.txt`; `UPDATE=1 cargo test -p cli
//! cases` writes them anew. Not here: anybody who is asked; `e2e/tests/it/kubectl.rs` asks the real ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crds::stream_config::StreamConfig;
use processor::batch::Original;
use processor::line::Line;
use processor::record::Position;
use serde::Deserialize;

use super::audit::evidence::{Evidence, Stored, Word, stored};
use super::audit::judge::{Known, Trace, judge};
use super::audit::page as audit_page;
use super::clickhouse::Doubled;
use super::ends::End;
use super::letters::{Letters, page as letters_page};
use super::replay::decide::{Choice, Fate, decide, outgoing};
use super::replay::page::{Replay, Sent, page as replay_page};
use super::status::{Snapshot, page as status_page};
use crate::cases::{Golden, repository, sorted};

#[test]
fn every_page_is_as_it_is_written() {
    let folder = repository().join("cli/cases/online");
    let mut golden = Golden::default();
    for case in sorted(&folder).into_iter().filter(|path| path.is_dir()) {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let shown = match name.split('-').next().unwrap() {
            "status" => status(&case),
            "audit" => audit(&case),
            "letters" => letters(&case, &folder),
            other => panic!("{other} is no kind of case"),
        };
        golden.compare(&case.join("page.txt"), &shown);
    }
    golden.conclude();
}

/// Reads YAML as the JSON that it stands for: enums have no tags in it.
fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let value: serde_json::Value = serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    serde_json::from_value(value).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn status(case: &Path) -> String {
    let snapshot: Snapshot = read(&case.join("found.yaml"));
    status_page(&snapshot)
}

/// What was found for an audit.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    stream: Known,
    partitions: BTreeMap<i32, FoundPartition>,
    #[serde(default)]
    traces: Vec<Trace>,
    #[serde(default)]
    doubled: Vec<Doubled>,
}

#[derive(Deserialize)]
struct FoundPartition {
    low: i64,
    acknowledged: i64,
    high: i64,
    /// Offsets of rows; one that stands twice has two rows.
    rows: Vec<i64>,
    #[serde(default)]
    letters: BTreeSet<i64>,
}

fn audit(case: &Path) -> String {
    let found: Found = read(&case.join("found.yaml"));
    let evidence = found.partitions.into_iter().map(|(partition, it)| {
        let stored = rows(partition, &it.rows);
        let FoundPartition { low, acknowledged, high, letters, .. } = it;
        (partition, Evidence { low, acknowledged, high, stored, letters })
    });
    audit_page::page(&judge(found.stream, &evidence.collect(), &found.traces, &found.doubled))
}

/// Groups offsets as ClickHouse does.
fn rows(partition: i32, offsets: &[i64]) -> Stored {
    let mut words: BTreeMap<i64, Word> = BTreeMap::new();
    for offset in offsets {
        let number = offset / 64;
        let word = words.entry(number).or_insert(Word { partition, number, bits: 0, rows: 0 });
        word.bits |= 1 << (offset % 64);
        word.rows += 1;
    }
    let words: Vec<Word> = words.into_values().collect();
    stored(&words).remove(&partition).unwrap_or_default()
}

/// A record of a dead-letter topic.
#[derive(Deserialize)]
struct FoundRecord {
    partition: i32,
    offset: i64,
    at: i64,
    key: Option<String>,
    headers: Vec<(String, String)>,
    value: Option<String>,
}

/// The list, one letter whole, a dry run, and what is sent.
fn letters(case: &Path, folder: &Path) -> String {
    let own = case.join("stream.yaml");
    let config: StreamConfig = read(&if own.exists() { own } else { folder.join("stream.yaml") });
    let text = fs::read_to_string(case.join("letters.jsonl")).unwrap();
    let records: Vec<Original> =
        text.lines().map(|line| original(serde_json::from_str(line).unwrap())).collect();
    let mut letters = Letters::default();
    for record in &records {
        letters.take(
            record.position,
            record.timestamp_milliseconds,
            &record.headers,
            record.payload.as_deref(),
        );
    }
    letters.conclude();
    let mut shown = format!("== list\n{}", letters_page::list(&letters, &[], 20));
    let by_stand: BTreeMap<Position, &Original> =
        records.iter().map(|record| (record.position, record)).collect();
    let first = letters.all()[0];
    shown.push_str(&format!("== show\n{}", letters_page::show(first, by_stand[&first.stands])));

    let mut line = Line::new(&config, None).unwrap();
    let mut replay = Replay { is_dry_run: true, ..Replay::default() };
    let mut sent = String::new();
    let (choice, partitions) = (Choice::default(), BTreeSet::from([0, 1]));
    for (index, letter) in letters.all().into_iter().filter(|letter| choice.means(letter)).enumerate() {
        let record = by_stand[&letter.stands];
        let fate = decide(letter, record, &mut line);
        if fate == Fate::Sent {
            let outgoing = outgoing(letter, record, &config.kafka.topic, &partitions);
            let headers: Vec<String> = outgoing
                .headers
                .iter()
                .map(|(name, value)| {
                    format!("{name}: {}", String::from_utf8_lossy(value.as_deref().unwrap()))
                })
                .collect();
            sent.push_str(&format!(
                "  {:?} at {:?} with {}\n",
                outgoing.partition,
                outgoing.milliseconds,
                headers.join(", ")
            ));
            let end = [End::Stored, End::LeftOut, End::Waiting][index % 3].clone();
            replay.sent.push(Sent {
                letter: letter.position.clone(),
                sent_as: format!("0:{}", 100 + index),
                end,
            });
        }
        *replay.fates.entry(fate).or_default() += 1;
    }
    shown.push_str(&format!("== replay --dry-run\n{}== sent\n{sent}", replay_page(&replay)));
    replay.is_dry_run = false;
    shown + &format!("== replay\n{}", replay_page(&replay))
}

fn original(found: FoundRecord) -> Original {
    let FoundRecord { partition, offset, at, key, headers, value } = found;
    Original {
        position: Position { partition, offset },
        timestamp_milliseconds: at,
        key: key.map(String::into_bytes),
        payload: value.map(String::into_bytes),
        headers: headers.into_iter().map(|(name, value)| (name, Some(value.into_bytes()))).collect(),
    }
}
