//! Audit: whether anything of a stream is lost or doubled, position by position.
//!
//! In: the topic's positions, the table's rows, the dead letters; and, where a settled position has neither, the record itself. Out: how
//! every settled position ended, and what is not as it must be.
//! The processors' own counters are not asked: who wrote a number does not judge it.
//! Not here: records that expired from the topic; nobody knows of them any more.

pub(crate) mod evidence;
pub(crate) mod judge;
pub(crate) mod page;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use anyhow::{Context, Result};
use crds::AnalyticsPipeline;
use crds::quantities::parse_duration;
use jiff::Timestamp;
use processor::line::Line;
use processor::position::Range;
use processor::record::{Position, Record};
use processor::source::Ends;

use super::clickhouse::ClickHouse;
use super::cluster::Cluster;
use super::kafka::{Kafka, whole};
use super::letters::{LetterId, Letters};
use super::reach::Reach;
use crate::arguments::online::{PageArguments, PageFormat};
use crate::exit::Exit;
use crate::world::across::UNKNOWN_SECRET;
use evidence::{Bounds, Evidence, stored, within};
use judge::{Audit, Known, NAMED, Sight, Trace, judge};

/// Runs `audit`.
///
/// # Errors
/// When somebody does not answer: half an audit says nothing.
pub(super) async fn run(arguments: &PageArguments, out: &mut dyn Write) -> Result<Exit> {
    let cluster = Cluster::connect(&arguments.stream.reach).await?;
    let reach = Reach::expect(&cluster, &arguments.stream).await?;
    let pipeline = cluster.pipeline(&arguments.stream.name).await?;
    let audit = audit(&reach, &pipeline, Timestamp::now()).await?;
    match arguments.format {
        PageFormat::Human => out.write_all(page::page(&audit).as_bytes())?,
        PageFormat::Json => writeln!(out, "{:#}", serde_json::to_value(&audit)?)?,
    }
    Ok(if audit.is_clean() { Exit::Clean } else { Exit::Findings })
}

async fn audit(reach: &Reach, pipeline: &AnalyticsPipeline, now: Timestamp) -> Result<Audit> {
    let config = &reach.config;
    let kafka = Kafka::new(reach.addresses.kafka(), &reach.addresses.kafka);
    let clickhouse = ClickHouse::new(&reach.addresses, config);
    let topic = &config.kafka.topic;
    let ends = kafka.ends(topic)?;
    // Asked before the rows: what is acknowledged by now was stored before.
    let committed = kafka.committed(topic, &config.kafka.group, &ends.keys().copied().collect::<Vec<_>>())?;
    let mut evidence: BTreeMap<i32, Evidence> = ends
        .iter()
        .map(|(partition, ends)| (*partition, begin(*ends, committed.get(partition).copied().flatten())))
        .collect();
    let since = if config.stream.epoch > 1 { beginning(&kafka, topic, &ends)? } else { None };
    let settled = |(partition, evidence): (&i32, &Evidence)| {
        let range = Range { first: evidence.low, last: evidence.acknowledged - 1 };
        (range.first <= range.last).then_some((*partition, range))
    };
    let bounds = Bounds { ranges: evidence.iter().filter_map(settled).collect(), since };
    for (partition, stored) in stored(&clickhouse.words(&bounds).await?) {
        evidence.entry(partition).or_default().stored = stored;
    }
    let letters = Letters::read(&kafka, config, since)?;
    for LetterId { position, .. } in letters.rejected.keys() {
        if let Some(evidence) = evidence.get_mut(&position.partition)
            && (evidence.low..evidence.acknowledged).contains(&position.offset)
        {
            evidence.letters.insert(position.offset);
        }
    }
    let traces = traces(&kafka, &clickhouse, (reach, pipeline, now), &evidence).await?;
    let is_doubled = evidence.values().any(|it| it.stored.rows > it.stored.positions);
    let doubled = if is_doubled { clickhouse.doubled(&bounds, NAMED).await? } else { Vec::new() };
    let known = Known {
        pipeline: format!("{}/{}", config.stream.namespace, config.stream.name),
        topic: topic.clone(),
        table: format!("{}.{}", config.clickhouse.database, config.clickhouse.table),
        epoch: config.stream.epoch,
        repeated_letters: letters.repeated,
        letters_gone: letters.is_beginning_gone,
    };
    Ok(judge(known, &evidence, &traces, &doubled))
}

fn begin(ends: Ends, committed: Option<i64>) -> Evidence {
    let acknowledged = committed.unwrap_or(ends.low).clamp(ends.low, ends.high.max(ends.low));
    Evidence { low: ends.low, acknowledged, high: ends.high, ..Evidence::default() }
}

/// Returns when the first record that is still there reached Kafka.
fn beginning(kafka: &Kafka, topic: &str, ends: &BTreeMap<i32, Ends>) -> Result<Option<i64>> {
    let firsts = whole(ends)
        .into_iter()
        .map(|(partition, range)| (partition, Range { last: range.first, ..range }))
        .collect();
    let mut earliest: Option<i64> = None;
    kafka.read(topic, &firsts, &mut |lent| {
        let at = lent.milliseconds();
        earliest = Some(earliest.map_or(at, |before| before.min(at)));
        Ok(())
    })?;
    Ok(earliest)
}

/// Looks at the records of the holes.
async fn traces(
    kafka: &Kafka,
    clickhouse: &ClickHouse,
    (reach, pipeline, now): (&Reach, &AnalyticsPipeline, Timestamp),
    evidence: &BTreeMap<i32, Evidence>,
) -> Result<Vec<Trace>> {
    let config = &reach.config;
    let holes: BTreeMap<i32, Vec<Range>> =
        evidence.iter().map(|(partition, it)| (*partition, it.holes())).collect();
    let span = |holes: &Vec<Range>| Some(Range { first: holes.first()?.first, last: holes.last()?.last });
    let ranges = holes.iter().filter_map(|(partition, holes)| Some((*partition, span(holes)?))).collect();
    // Whether an event is accepted does not depend on the key of hashed fields.
    let mut line = Line::new(config, config.has_hash_key.then_some(UNKNOWN_SECRET))?;
    let ttl = pipeline
        .spec
        .clickhouse
        .ttl
        .as_deref()
        .map(parse_duration)
        .transpose()
        .context("failed to read `clickhouse.ttl`")?;
    let oldest = ttl.map(|ttl| now.as_millisecond() - i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
    let (mut traces, mut events) = (Vec::new(), Vec::new());
    kafka.read(&config.kafka.topic, &ranges, &mut |lent| {
        let position = lent.position();
        if !holes.get(&position.partition).is_some_and(|holes| within(holes, position.offset)) {
            return Ok(());
        }
        let (partition, offset) = (position.partition, position.offset);
        let record =
            Record { position, timestamp_milliseconds: lent.milliseconds(), payload: lent.payload() };
        let sight = match line.accept(&record) {
            Ok(None) => Sight::Filtered,
            Err(rejected) => Sight::Rejected(rejected.reason.to_string()),
            Ok(Some(accepted))
                if oldest.is_some_and(|oldest| accepted.event_time_milliseconds() < oldest) =>
            {
                Sight::Expired
            }
            Ok(Some(accepted)) => {
                events.push((position, accepted.event_id().to_owned()));
                Sight::Accepted
            }
        };
        traces.push(Trace { partition, offset, sight });
        Ok(())
    })?;
    if config.deduplication_window_seconds.is_some() && !events.is_empty() {
        let ids: Vec<String> = events.iter().map(|(_, id)| id.clone()).collect();
        let known = clickhouse.events(&ids).await?;
        let left_out: BTreeSet<Position> =
            events.into_iter().filter(|(_, id)| known.contains(id)).map(|(position, _)| position).collect();
        for trace in &mut traces {
            if left_out.contains(&Position { partition: trace.partition, offset: trace.offset }) {
                trace.sight = Sight::Deduplicated;
            }
        }
    }
    Ok(traces)
}
