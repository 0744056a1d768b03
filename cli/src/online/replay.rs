//! Replay: dead letters that today's schemas accept are sent into the stream again, once.
//!
//! In: the dead-letter topic, the stream of today. Out: records in the stream's topic, a note for each in the dead-letter topic, and where
//! each record ended.
//!
//! ```text
//! take the transactional id ─▶ read letters and notes ─▶ decide ─▶ [ records + notes ] ─▶ wait ─▶ where each ended
//!   (whoever had it is fenced)                           (pure)     one transaction
//! ```
//! A letter is sent once: the id is the stream's, so two replays never run at once, and a note counts exactly when its record does.
//! The processor takes the record like any other: schemas, deduplication and rules of today apply.
//! Not here: letters that only a destination refused; their records are rows, and would be doubled.

pub(crate) mod decide;
pub(crate) mod page;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use anyhow::{Context, Result};
use crds::stream_config::StreamConfig;
use processor::batch::Original;
use processor::line::Line;
use processor::record::Position;

use super::clickhouse::ClickHouse;
use super::ends::{End, Watch};
use super::kafka::write::{Outgoing, Sender};
use super::kafka::{Kafka, whole};
use super::letters::{Letter, Letters, expect_position};
use super::reach::Reach;
use crate::arguments::online::{PageFormat, ReplayArguments};
use crate::exit::Exit;
use crate::world::across::UNKNOWN_SECRET;
use decide::{Choice, Fate, decide, note, outgoing};
use page::{Replay, Sent};

/// Letters of one transaction.
const AT_ONCE: usize = 500;

/// Runs `dead-letters NAME replay`.
///
/// # Errors
/// When somebody does not answer. What was sent until then is noted, and is not sent again.
pub(super) async fn run(
    kafka: &Kafka,
    reach: &Reach,
    arguments: &ReplayArguments,
    out: &mut dyn Write,
) -> Result<Exit> {
    let config = &reach.config;
    let positions: Result<BTreeSet<Position>> =
        arguments.position.iter().map(|text| expect_position(text)).collect();
    let choice = Choice { reasons: arguments.reason.clone(), positions: positions? };
    // First, so that nobody sends between our reading and our sending.
    let sender = if arguments.dry_run {
        None
    } else {
        Some(Sender::of_transactions(kafka, &transactional_id(config))?)
    };
    let clickhouse = ClickHouse::new(&reach.addresses, config);
    let watch = Watch::begin(kafka, &clickhouse, config)?;
    let mut work = Work::begin(kafka, config, sender)?;
    work.go(choice)?;
    let sent: Vec<Position> = work.sent.iter().map(|(_, position)| *position).collect();
    let ends = if sent.is_empty() { BTreeMap::new() } else { watch.ends(&sent, arguments.timeout).await? };
    let replay = Replay {
        is_dry_run: arguments.dry_run,
        fates: work.fates,
        sent: work
            .sent
            .into_iter()
            .map(|(letter, position)| Sent {
                letter,
                sent_as: format!("{}:{}", position.partition, position.offset),
                end: ends.get(&position).cloned().unwrap_or(End::Waiting),
            })
            .collect(),
    };
    match arguments.format {
        PageFormat::Human => out.write_all(page::page(&replay).as_bytes())?,
        PageFormat::Json => writeln!(out, "{:#}", serde_json::to_value(&replay)?)?,
    }
    Ok(if replay.is_whole() { Exit::Clean } else { Exit::Findings })
}

fn transactional_id(config: &StreamConfig) -> String {
    format!("{}.replay", config.kafka.group)
}

/// What is under way.
struct Work<'a> {
    kafka: &'a Kafka,
    config: &'a StreamConfig,
    sender: Option<Sender>,
    partitions: BTreeSet<i32>,
    waiting: Vec<(Letter, Original)>,
    fates: BTreeMap<Fate, u64>,
    sent: Vec<(String, Position)>,
}

impl<'a> Work<'a> {
    fn begin(kafka: &'a Kafka, config: &'a StreamConfig, sender: Option<Sender>) -> Result<Self> {
        let partitions = kafka.ends(&config.kafka.topic)?.into_keys().collect();
        Ok(Self {
            kafka,
            config,
            sender,
            partitions,
            waiting: Vec::new(),
            fates: BTreeMap::new(),
            sent: Vec::new(),
        })
    }

    /// Decides on every letter that is meant, and sends those that are to be sent.
    fn go(&mut self, choice: Choice) -> Result<()> {
        let (kafka, config) = (self.kafka, self.config);
        let letters = Letters::read(kafka, config, None)?;
        let meant: BTreeMap<Position, &Letter> = letters
            .all()
            .into_iter()
            .filter(|letter| choice.means(letter))
            .map(|letter| (letter.stands, letter))
            .collect();
        // Whether an event is accepted does not depend on the key of hashed fields.
        let mut line = Line::new(config, config.has_hash_key.then_some(UNKNOWN_SECRET))?;
        let topic = &config.kafka.dead_letter_topic;
        kafka.read(topic, &whole(&kafka.ends(topic)?), &mut |lent| {
            let Some(letter) = meant.get(&lent.position()) else { return Ok(()) };
            let record = lent.kept();
            let fate = decide(letter, &record, &mut line);
            let is_sent = fate == Fate::Sent;
            *self.fates.entry(fate).or_default() += 1;
            if is_sent && self.sender.is_some() {
                self.waiting.push(((*letter).clone(), record));
            }
            if self.waiting.len() >= AT_ONCE { self.send() } else { Ok(()) }
        })?;
        self.send()
    }

    /// Sends what waits, with its notes, as one transaction.
    fn send(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let Some(sender) = self.sender.as_ref().filter(|_| !waiting.is_empty()) else { return Ok(()) };
        let (topic, dead_letter_topic) = (&self.config.kafka.topic, &self.config.kafka.dead_letter_topic);
        let records: Vec<Outgoing> = waiting
            .iter()
            .map(|(letter, record)| outgoing(letter, record, topic, &self.partitions))
            .collect();
        let sent = sender.transaction(|sender| {
            let positions = sender.send(topic, &records)?;
            let notes: Vec<Outgoing> = waiting
                .iter()
                .zip(&positions)
                .map(|((letter, record), position)| note(letter, record, topic, *position))
                .collect();
            sender.send(dead_letter_topic, &notes)?;
            Ok(positions)
        });
        let sent = sent.with_context(|| {
            format!("{} letters were sent and noted; run it again for the rest", self.sent.len())
        })?;
        self.sent.extend(waiting.into_iter().map(|(letter, _)| letter.position).zip(sent));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
