//! Tail: records as they come, each with what today's schemas make of it.
//!
//! In: the stream's topic, or its dead-letter topic. Out: a JSON object a line, until Ctrl-C, a limit, or the end of now.
//! The rows are those that `test` shows: fields with `privacy: Hash` are hashed with a key of this program, and deduplication is left out.
//! Not here: what really became of a record; `audit` and `send` ask the table.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use anyhow::Result;
use crds::stream_config::StreamConfig;
use jiff::Timestamp;
use processor::position::Range;
use processor::record::{Position, Record};
use processor::source::Ends;
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::kafka::{Flow, Kafka, Lent};
use super::letters::{Letter, understand};
use super::reach::Reach;
use crate::arguments::online::TailArguments;
use crate::exit::Exit;
use crate::trial::outcome::Trial;
use crate::world::across::UNKNOWN_SECRET;

/// Runs `tail`.
///
/// # Errors
/// When Kafka does not answer.
pub(super) async fn run(arguments: &TailArguments, out: &mut dyn Write) -> Result<Exit> {
    let cluster = Cluster::connect(&arguments.stream.reach).await?;
    let reach = Reach::expect(&cluster, &arguments.stream).await?;
    let kafka = Kafka::new(reach.addresses.kafka(), &reach.addresses.kafka);
    let config = StreamConfig { deduplication_window_seconds: None, ..reach.config.clone() };
    let topic = if arguments.rejected { &config.kafka.dead_letter_topic } else { &config.kafka.topic };
    let ranges = ranges(&kafka.ends(topic)?, arguments.last);
    let shared = Arc::new(config.clone());
    let mut trial = Trial::new(&shared, config.has_hash_key.then_some(UNKNOWN_SECRET), false)?;
    let mut left = arguments.limit.unwrap_or(u64::MAX);
    let mut visit = |lent: &Lent<'_>| {
        let line = if arguments.rejected { rejected(lent) } else { Some(record(lent, &mut trial)?) };
        if let Some(line) = line.filter(|_| left > 0) {
            writeln!(out, "{line}")?;
            out.flush()?;
            left -= 1;
        }
        Ok(if left == 0 { Flow::End } else { Flow::GoOn })
    };
    if arguments.no_follow {
        let there = ranges.into_iter().filter(|(_, range)| range.first <= range.last).collect();
        kafka.read(topic, &there, &mut |lent| visit(lent).map(drop))?;
    } else if arguments.limit != Some(0) {
        kafka.follow(
            topic,
            &ranges.into_iter().map(|(partition, range)| (partition, range.first)).collect(),
            &mut visit,
        )?;
    }
    Ok(Exit::Clean)
}

/// Returns the newest so many offsets of each partition.
fn ranges(ends: &BTreeMap<i32, Ends>, last: u32) -> BTreeMap<i32, Range> {
    let range =
        |ends: &Ends| Range { first: (ends.high - i64::from(last)).max(ends.low), last: ends.high - 1 };
    ends.iter().map(|(partition, ends)| (*partition, range(ends))).collect()
}

fn record(lent: &Lent<'_>, trial: &mut Trial) -> Result<String> {
    let position = lent.position();
    let record = Record { position, timestamp_milliseconds: lent.milliseconds(), payload: lent.payload() };
    let members = trial.members(&record)?;
    Ok(format!("{{{},{}}}", place(position, lent.milliseconds()), members.join(",")))
}

fn place(position: Position, milliseconds: i64) -> String {
    let at = Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    format!("\"position\":\"{}:{}\",\"at\":\"{at}\"", position.partition, position.offset)
}

/// Returns a dead letter; none for what is no letter, such as a note of a replay.
fn rejected(lent: &Lent<'_>) -> Option<String> {
    let (position, letter) = understand(lent.position(), lent.milliseconds(), &lent.headers())?;
    let Letter { reason, field, schema, message, rule, .. } = letter;
    let record = lent.payload().map(|bytes| match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => value,
        Err(_) => json!(String::from_utf8_lossy(bytes)),
    });
    let told = [
        ("reason", Some(reason)),
        ("field", Some(field)),
        ("schema", Some(schema)),
        ("message", Some(message)),
        ("rule", rule),
    ];
    let told =
        told.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)));
    let mut members: Vec<String> = told.map(|(name, value)| format!("\"{name}\":{}", json!(value))).collect();
    members.push(format!("\"record\":{}", json!(record)));
    Some(format!("{{{},{}}}", place(position, lent.milliseconds()), members.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_records_of_each_partition_are_shown_and_no_more_than_there_are() {
        let ends = BTreeMap::from([(0, Ends { low: 5, high: 8 }), (1, Ends { low: 0, high: 100 })]);
        let newest = BTreeMap::from([(0, Range { first: 5, last: 7 }), (1, Range { first: 90, last: 99 })]);
        assert_eq!(ranges(&ends, 10), newest);
        assert_eq!(ranges(&ends, 0)[&1], Range { first: 100, last: 99 }, "only what comes from now on");
    }
}
