//! Outcome: one sample event on its way, as one line of JSON.
//!
//! In: the StreamConfig that the operator would write, and a line of text. Out: `stored` with its row, `deadLettered` with the reason,
//! `filtered` or `deduplicated`; and the deliveries of each rule. Members stand in a fixed order, columns in the table's.

use std::sync::Arc;

use crds::forwarding_rule::DestinationType;
use crds::stream_config::{RuleConfig, StreamConfig};
use jiff::Timestamp;
use processor::columns::Rows;
use processor::columns::read::Block;
use processor::deduplicate::{Seen, is_made_from_position};
use processor::forward::selection::{Choice, Selection};
use processor::line::Line;
use processor::record::{Position, Record, Rejected};
use processor::source::{Headers, Message};
use serde_json::json;

use super::RECEIVED_AT;

/// Columns that only say where the record stood and when it came.
const QUIET: [&str; 4] = ["received_at", "_topic", "_partition", "_offset"];

/// A stream that takes sample events.
pub(crate) struct Trial {
    line: Line,
    rules: Vec<(RuleConfig, Selection)>,
    seen: Option<Seen>,
    topic: String,
    received_at: Timestamp,
    all_columns: bool,
}

struct NoHeaders;

impl Headers for NoHeaders {
    fn each(&self, _visit: &mut dyn FnMut(&str, Option<&[u8]>)) {}
}

impl Trial {
    /// Begins with a stream that has seen no event.
    pub(crate) fn new(
        config: &Arc<StreamConfig>,
        hash_key: Option<&[u8]>,
        all_columns: bool,
    ) -> anyhow::Result<Self> {
        let line = Line::new(config, hash_key)?;
        let mut rules = Vec::new();
        for rule in &config.rules {
            rules.push((rule.clone(), Selection::new(config, rule, hash_key)?));
        }
        Ok(Self {
            line,
            rules,
            seen: config.deduplication_window_seconds.map(Seen::new),
            topic: config.kafka.topic.clone(),
            received_at: RECEIVED_AT.parse()?,
            all_columns,
        })
    }

    /// Takes the event of a line, counted from 0, and says what becomes of it.
    pub(super) fn take(&mut self, index: usize, text: &str) -> anyhow::Result<String> {
        let offset = i64::try_from(index)?;
        let record = Record {
            position: Position { partition: 0, offset },
            timestamp_milliseconds: self.received_at.as_millisecond(),
            payload: Some(text.as_bytes()),
        };
        let members = self.members(&record)?;
        Ok(format!("{{\"line\":{},{}}}", index + 1, members.join(",")))
    }

    /// Takes a record, and says what becomes of it: members of a JSON object.
    pub(crate) fn members(&mut self, record: &Record<'_>) -> anyhow::Result<Vec<String>> {
        let mut members = vec![self.outcome(record)];
        members.extend(self.forwarded(record)?);
        Ok(members)
    }

    fn outcome(&mut self, record: &Record<'_>) -> String {
        let mut rows = self.line.rows();
        let accepted = match self.line.accept(record) {
            Ok(Some(accepted)) => accepted,
            Ok(None) => return "\"outcome\":\"filtered\"".to_owned(),
            Err(rejected) => return dead_lettered(&rejected),
        };
        if let Some(seen) = &mut self.seen {
            let (id, Position { partition, offset }) = (accepted.event_id(), record.position);
            if !is_made_from_position(id, &self.topic, partition, offset) {
                if seen.contains(id, record.timestamp_milliseconds) {
                    return format!("\"outcome\":\"deduplicated\",\"event_id\":{}", json!(id));
                }
                seen.insert(id, record.timestamp_milliseconds);
            }
        }
        Line::append(&accepted, &mut rows);
        format!("\"outcome\":\"stored\",\"row\":{}", self.row(&rows))
    }

    /// Reads the row back from the block that ClickHouse would get.
    fn row(&self, rows: &Rows) -> String {
        let block = Block::of(rows, 0..rows.n_rows());
        let shown = |name: &String| self.all_columns || !QUIET.contains(&name.as_str());
        let columns = block.names.iter().zip(&block.columns).filter(|(name, _)| shown(name));
        let member = |name: &String, value| format!("{}:{value}", json!(name));
        let members = columns.filter_map(|(name, column)| Some(member(name, column.first()?)));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }

    fn forwarded(&mut self, record: &Record<'_>) -> anyhow::Result<Vec<String>> {
        let (mut chosen, mut undecided) = (Vec::new(), Vec::new());
        for (rule, selection) in &mut self.rules {
            match selection.choose(&Message { record: *record, key: None, headers: &NoHeaders }) {
                Choice::Chosen(delivery) => chosen.push(format!(
                    "{{\"rule\":{},\"to\":{},\"event\":{}}}",
                    json!(rule.name),
                    json!(destination(rule)),
                    String::from_utf8(delivery.json)?
                )),
                Choice::Undecided => undecided.push(json!(rule.name).to_string()),
                Choice::Left => {}
            }
        }
        let member = |name: &str, list: Vec<String>| {
            (!list.is_empty()).then(|| format!("\"{name}\":[{}]", list.join(",")))
        };
        Ok([member("forwarded", chosen), member("undecided", undecided)].into_iter().flatten().collect())
    }
}

fn dead_lettered(rejected: &Rejected) -> String {
    let Rejected { reason, field, schema, message } = rejected;
    format!(
        "\"outcome\":\"deadLettered\",\"reason\":\"{reason}\",\"field\":{},\"schema\":{},\"message\":{}",
        json!(field),
        json!(schema),
        json!(message)
    )
}

fn destination(rule: &RuleConfig) -> String {
    match rule.kind {
        DestinationType::Webhook => rule.webhook.as_ref().map(|webhook| webhook.url.clone()),
        DestinationType::Kafka => rule.topic.as_ref().map(|topic| format!("topic {topic}")),
    }
    .unwrap_or_default()
}
