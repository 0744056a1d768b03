//! Dead letters: what stands in the dead-letter topic, understood.
//!
//! In: its records. Out: letters, each once; those of a rule apart, as their records were stored; and notes of a replay, which say what was
//! sent already. A letter is known by the position of its record and by its bytes: a topic that was made anew has every position once more.
//! Here too: `list`, `show` and `purge`, which need no more than that. Not here: what a replay makes of them (`replay.rs`).

pub(crate) mod page;

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context, Result, bail};
use crds::rejection::RejectionReason;
use crds::stream_config::StreamConfig;
use jiff::Timestamp;
use processor::record::Position;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::cluster::Cluster;
use super::kafka::write::delete_before;
use super::kafka::{Kafka, whole};
use super::reach::Reach;
use super::replay;
use super::words::count;
use crate::arguments::online::{
    DeadLettersArguments, DeadLettersCommand, ListArguments, PageFormat, PurgeArguments, StreamArguments,
};
use crate::exit::Exit;

/// Headers of a record.
pub(crate) type Headers = [(String, Option<Vec<u8>>)];

/// Header of a note: the position of the record whose letter was sent.
pub(crate) const NOTE: &str = "tributary-replayed";
/// Header of a note: the bytes of that record, as a hash.
pub(crate) const NOTE_DIGEST: &str = "tributary-replayed-digest";
/// Header of a note: where the record went.
pub(crate) const NOTE_AS: &str = "tributary-replayed-as";
/// Header of a record that was sent again: the position that it had first.
pub(crate) const REPLAY_OF: &str = "tributary-replay-of";

/// Which letter it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LetterId {
    /// Position of the record that was rejected.
    pub(crate) position: Position,
    /// Hash of its bytes.
    pub(crate) digest: String,
}

/// One dead letter. No value of an event is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Letter {
    /// `partition:offset` of the record that was rejected.
    pub(crate) position: String,
    /// When it was rejected.
    pub(crate) at: Timestamp,
    /// Why.
    pub(crate) reason: String,
    /// The field that broke a rule; may be empty.
    pub(crate) field: String,
    /// `name@version` of the schema; may be empty.
    pub(crate) schema: String,
    /// What was said of it.
    pub(crate) message: String,
    /// The rule whose destination refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<String>,
    /// Whether bytes are missing at its end.
    pub(crate) is_cut: bool,
    /// Where it went when it was sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) replayed_as: Option<String>,
    /// Where its newest copy stands in the dead-letter topic.
    #[serde(skip)]
    pub(crate) stands: Position,
}

/// What stands in a dead-letter topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Letters {
    /// Rejected records.
    pub(crate) rejected: BTreeMap<LetterId, Letter>,
    /// Events that a destination refused, by rule; they are stored all the same.
    pub(crate) of_rules: BTreeMap<(LetterId, String), Letter>,
    /// Letters that came again.
    pub(crate) repeated: u64,
    /// Records that are neither letters nor notes.
    pub(crate) strange: u64,
    /// The topic has lost its first records, by age or by a purge.
    pub(crate) is_beginning_gone: bool,
    notes: BTreeMap<LetterId, String>,
}

impl Letters {
    /// Reads a dead-letter topic to its end of now; with `since`, without what came before.
    pub(crate) fn read(kafka: &Kafka, config: &StreamConfig, since: Option<i64>) -> Result<Self> {
        let ends = kafka.ends(&config.kafka.dead_letter_topic)?;
        let mut letters =
            Self { is_beginning_gone: ends.values().any(|ends| ends.low > 0), ..Self::default() };
        kafka.read(&config.kafka.dead_letter_topic, &whole(&ends), &mut |lent| {
            if since.is_none_or(|since| lent.milliseconds() >= since) {
                letters.take(lent.position(), lent.milliseconds(), &lent.headers(), lent.payload());
            }
            Ok(())
        })?;
        letters.conclude();
        Ok(letters)
    }

    /// Takes one record of the topic.
    pub(crate) fn take(
        &mut self,
        stands: Position,
        milliseconds: i64,
        headers: &Headers,
        payload: Option<&[u8]>,
    ) {
        if let Some((position, letter)) = understand(stands, milliseconds, headers) {
            let id = LetterId { position, digest: digest(payload) };
            let before = match letter.rule.clone() {
                Some(rule) => self.of_rules.insert((id, rule), letter),
                None => self.rejected.insert(id, letter),
            };
            self.repeated += u64::from(before.is_some());
        } else if let Some(position) = header(headers, NOTE).as_deref().and_then(parse_position) {
            let digest = header(headers, NOTE_DIGEST).unwrap_or_default();
            let replayed_as = header(headers, NOTE_AS).unwrap_or_default();
            self.notes.insert(LetterId { position, digest }, replayed_as);
        } else {
            self.strange += 1;
        }
    }

    /// Writes the notes beside their letters.
    pub(crate) fn conclude(&mut self) {
        for (id, replayed_as) in &self.notes {
            if let Some(letter) = self.rejected.get_mut(id) {
                letter.replayed_as = Some(replayed_as.clone());
            }
        }
    }

    /// All letters, the oldest first.
    pub(crate) fn all(&self) -> Vec<&Letter> {
        let mut all: Vec<&Letter> = self.rejected.values().chain(self.of_rules.values()).collect();
        all.sort_by_key(|letter| (letter.at, letter.stands));
        all
    }
}

/// Reads the headers of a letter; none where they are not a letter's.
pub(crate) fn understand(
    stands: Position,
    milliseconds: i64,
    headers: &Headers,
) -> Option<(Position, Letter)> {
    // Ours stand behind those of the app, which may have the same names.
    let ours = headers.get(headers.iter().rposition(|(name, _)| name == "tributary-reason")?..)?;
    let text = |name: &str| header(ours, name).unwrap_or_default();
    let position = parse_position(&text("tributary-position"))?;
    let reason = text("tributary-reason");
    let is_of_rule = reason == RejectionReason::DestinationRejected.to_string();
    let letter = Letter {
        position: format!("{}:{}", position.partition, position.offset),
        at: Timestamp::from_millisecond(milliseconds).unwrap_or_default(),
        field: text("tributary-field"),
        schema: text("tributary-schema"),
        message: text("tributary-message"),
        rule: header(headers, "tributary-rule").filter(|_| is_of_rule),
        is_cut: header(ours, "tributary-cut").is_some(),
        replayed_as: None,
        stands,
        reason,
    };
    Some((position, letter))
}

/// Returns a header as text.
pub(crate) fn header(headers: &Headers, name: &str) -> Option<String> {
    // Of several of one name, the last was added last.
    let found = headers.iter().rev().find(|(key, _)| key == name)?;
    Some(String::from_utf8_lossy(found.1.as_deref().unwrap_or_default()).into_owned())
}

/// Reads `partition:offset`, with or without `topic:` before it.
pub(crate) fn parse_position(text: &str) -> Option<Position> {
    let (rest, offset) = text.rsplit_once(':')?;
    let partition = rest.rsplit_once(':').map_or(rest, |(_, partition)| partition);
    Some(Position { partition: partition.parse().ok()?, offset: offset.parse().ok()? })
}

/// Returns the position that a person has typed.
pub(crate) fn expect_position(text: &str) -> Result<Position> {
    parse_position(text)
        .with_context(|| format!("`{text}` is no position; write `partition:offset`, for example `2:1234`"))
}

/// Returns the hash by which the bytes of a record are known.
pub(crate) fn digest(payload: Option<&[u8]>) -> String {
    let hash = Sha256::digest(payload.unwrap_or_default());
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Refuses words that are no reason.
pub(crate) fn check_reasons(reasons: &[String]) -> Result<()> {
    let known: Vec<String> = RejectionReason::ALL.iter().map(ToString::to_string).collect();
    match reasons.iter().find(|reason| !known.contains(reason)) {
        None => Ok(()),
        Some(reason) => bail!("there is no reason `{reason}`; there are {}", known.join(", ")),
    }
}

/// Runs `dead-letters`.
///
/// # Errors
/// When somebody does not answer, or an argument names nothing.
pub(super) async fn run(arguments: &DeadLettersArguments, out: &mut dyn Write) -> Result<Exit> {
    let DeadLettersArguments { stream, action } = arguments;
    match action {
        DeadLettersCommand::List(list) => check_reasons(&list.reason)?,
        DeadLettersCommand::Replay(replay) => check_reasons(&replay.reason)?,
        DeadLettersCommand::Show(show) => drop(expect_position(&show.position)?),
        DeadLettersCommand::Purge(_) => {}
    }
    let (reach, kafka) = reach(stream).await?;
    match action {
        DeadLettersCommand::List(arguments) => list(&kafka, &reach, arguments, out),
        DeadLettersCommand::Show(arguments) => show(&kafka, &reach, &arguments.position, out),
        DeadLettersCommand::Replay(arguments) => replay::run(&kafka, &reach, arguments, out).await,
        DeadLettersCommand::Purge(arguments) => purge(&kafka, &reach, arguments, out).await,
    }
}

async fn reach(stream: &StreamArguments) -> Result<(Reach, Kafka)> {
    let cluster = Cluster::connect(&stream.reach).await?;
    let reach = Reach::expect(&cluster, stream).await?;
    let kafka = Kafka::new(reach.addresses.kafka(), &reach.addresses.kafka);
    Ok((reach, kafka))
}

fn list(kafka: &Kafka, reach: &Reach, arguments: &ListArguments, out: &mut dyn Write) -> Result<Exit> {
    let letters = Letters::read(kafka, &reach.config, None)?;
    match arguments.format {
        PageFormat::Human => {
            out.write_all(page::list(&letters, &arguments.reason, arguments.limit).as_bytes())?
        }
        PageFormat::Json => writeln!(out, "{:#}", page::json(&letters, &arguments.reason, arguments.limit))?,
    }
    Ok(Exit::Clean)
}

fn show(kafka: &Kafka, reach: &Reach, wanted: &str, out: &mut dyn Write) -> Result<Exit> {
    let position = expect_position(wanted)?;
    let topic = &reach.config.kafka.dead_letter_topic;
    let letters = Letters::read(kafka, &reach.config, None)?;
    let same = |letter: &&&Letter| parse_position(&letter.position) == Some(position);
    let meant: BTreeMap<Position, &Letter> =
        letters.all().iter().filter(same).map(|letter| (letter.stands, *letter)).collect();
    if meant.is_empty() {
        bail!("topic {topic} has no dead letter of position {wanted}; `list` shows those that it has");
    }
    kafka.read(topic, &whole(&kafka.ends(topic)?), &mut |lent| {
        if let Some(letter) = meant.get(&lent.position()) {
            out.write_all(page::show(letter, &lent.kept()).as_bytes())?;
        }
        Ok(())
    })?;
    Ok(Exit::Clean)
}

async fn purge(
    kafka: &Kafka,
    reach: &Reach,
    arguments: &PurgeArguments,
    out: &mut dyn Write,
) -> Result<Exit> {
    let topic = &reach.config.kafka.dead_letter_topic;
    let ends = kafka.ends(topic)?;
    let before: BTreeMap<i32, i64> = match arguments.older_than {
        None => ends.iter().map(|(partition, ends)| (*partition, ends.high)).collect(),
        Some(age) => {
            let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
            kafka.since(topic, &ends, Timestamp::now().as_millisecond() - age)?
        }
    };
    let gone =
        |(partition, offset): (&i32, &i64)| ends.get(partition).map_or(0, |ends| (offset - ends.low).max(0));
    let n: i64 = before.iter().map(gone).sum();
    let records = count(n.unsigned_abs(), "record");
    if !arguments.yes {
        writeln!(out, "{records} of topic {topic} would be deleted for good; --yes deletes them")?;
        return Ok(Exit::Clean);
    }
    if n > 0 {
        delete_before(kafka, topic, &before).await?;
    }
    writeln!(out, "deleted {records} of topic {topic}")?;
    Ok(Exit::Clean)
}
