//! Send: events into a stream, and where each ended.
//!
//! In: a file with one JSON document or one a line, sent byte for byte; what is no JSON is sent as it is, too: it becomes a dead letter.
//! Out: a line an event: its position and where it ended.
//! Not here: a load. Each event is looked for by its position.

use std::io::{Read, Write};

use anyhow::{Result, bail};
use processor::record::Position;
use serde_json::{Value, json};

use super::clickhouse::ClickHouse;
use super::cluster::Cluster;
use super::ends::{End, Watch};
use super::kafka::Kafka;
use super::kafka::write::{Outgoing, Sender};
use super::reach::Reach;
use crate::arguments::online::SendArguments;
use crate::exit::Exit;
use crate::files;

/// Runs `send`.
///
/// # Errors
/// When the file cannot be read, or somebody does not answer.
pub(super) async fn run(
    arguments: &SendArguments,
    input: &mut dyn Read,
    out: &mut dyn Write,
) -> Result<Exit> {
    let source = files::read(std::slice::from_ref(&arguments.filename), false, input)?;
    let events: Vec<String> = source.iter().flat_map(|source| events(&source.text)).collect();
    if events.is_empty() {
        bail!("`{}` holds no event", arguments.filename.display());
    }
    let cluster = Cluster::connect(&arguments.stream.reach).await?;
    let reach = Reach::expect(&cluster, &arguments.stream).await?;
    let kafka = Kafka::new(reach.addresses.kafka(), &reach.addresses.kafka);
    let clickhouse = ClickHouse::new(&reach.addresses, &reach.config);
    let watch = Watch::begin(&kafka, &clickhouse, &reach.config)?;
    let positions =
        Sender::new(&kafka)?.send(&reach.config.kafka.topic, &records(&events, arguments.key.as_deref()))?;
    let ends = watch.ends(&positions, arguments.timeout).await?;
    let mut is_stored = true;
    for (index, position) in positions.iter().enumerate() {
        let end = ends.get(position).cloned().unwrap_or(End::Waiting);
        is_stored &= end == End::Stored;
        writeln!(out, "{}", told(index + 1, *position, &end))?;
    }
    Ok(if is_stored { Exit::Clean } else { Exit::Findings })
}

/// Takes a text apart: one document, or one a line.
fn events(text: &str) -> Vec<String> {
    if serde_json::from_str::<Value>(text).is_ok() {
        return vec![text.trim().to_owned()];
    }
    text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
}

fn records(events: &[String], key: Option<&str>) -> Vec<Outgoing> {
    let record = |event: &String| Outgoing {
        partition: None,
        milliseconds: None,
        key: key.map(|key| key.as_bytes().to_vec()),
        payload: Some(event.clone().into_bytes()),
        headers: Vec::new(),
    };
    events.iter().map(record).collect()
}

fn told(number: usize, position: Position, end: &End) -> String {
    let position = format!("{}:{}", position.partition, position.offset);
    match end {
        End::Stored => json!({ "event": number, "position": position, "outcome": "stored" }),
        End::LeftOut => json!({ "event": number, "position": position, "outcome": "leftOut" }),
        End::Waiting => json!({ "event": number, "position": position, "outcome": "waiting" }),
        End::DeadLettered { reason, field, message } => json!({
            "event": number, "position": position, "outcome": "deadLettered", "reason": reason, "field": field, "message": message
        }),
    }
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::{End, Position, events, told};

    #[test]
    fn a_file_is_one_document_or_one_a_line() {
        assert_eq!(events("{\n  \"event\": \"tap\"\n}\n"), ["{\n  \"event\": \"tap\"\n}"]);
        assert_eq!(
            events("{\"event\":\"a\"}\n\n{\"event\":\"b\"}\n"),
            ["{\"event\":\"a\"}", "{\"event\":\"b\"}"]
        );
        assert_eq!(events("{broken\n"), ["{broken"], "what is no JSON can be tried, too");
        assert_eq!(events("\n \n"), Vec::<String>::new());
    }

    #[test]
    fn it_is_told_where_an_event_ended_and_why() {
        let position = Position { partition: 2, offset: 7 };
        let (reason, field, message) = ("TooLong".to_owned(), "name".to_owned(), "shorten it".to_owned());
        let letter = told(3, position, &End::DeadLettered { reason, field, message });
        let letter: serde_json::Value = serde_json::from_str(&letter).unwrap();
        assert_eq!((&letter["event"], &letter["position"]), (&3.into(), &"2:7".into()));
        assert_eq!((&letter["outcome"], &letter["reason"]), (&"deadLettered".into(), &"TooLong".into()));
        assert!(told(1, position, &End::Stored).contains(r#""outcome":"stored""#));
    }
}
