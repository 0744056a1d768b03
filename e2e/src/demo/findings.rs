//! What is really there when all is settled, asked from ClickHouse, Kafka, the processors and the receiver; and whether it is right.
//!
//! In: what must be found. Out: [`Findings`], and every number that differs. It prints nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::load::{PerApp, dead_letter_topic, topic};
use super::{Demo, NAMESPACE};
use crate::clickhouse::table;
use crate::generator::App;
use crate::generator::expected::Expected;
use crate::kafka::Kept;
use crate::wait::{self, Seen};

/// What was found in a stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Stream {
    /// End offsets of the topic, added up.
    pub(super) read: u64,
    pub(super) rows: u64,
    /// Distinct positions of the rows.
    pub(super) positions: u64,
    pub(super) rows_by_event: BTreeMap<String, u64>,
    pub(super) minutes: BTreeMap<i64, u64>,
    pub(super) cents: u64,
    pub(super) dead_letters: BTreeMap<String, u64>,
    /// Records of the dead-letter topic less their distinct positions: 0 when none is kept twice.
    pub(super) repeated_dead_letters: u64,
    /// One message a reason.
    pub(super) samples: BTreeMap<String, String>,
    pub(super) filtered: u64,
    pub(super) deduplicated: u64,
}

impl Stream {
    pub(super) fn dead_lettered(&self) -> u64 {
        self.dead_letters.values().sum()
    }

    pub(super) fn settled(&self) -> u64 {
        self.rows + self.dead_lettered() + self.filtered + self.deduplicated
    }
}

/// What was found in all.
#[derive(Debug, Clone, Default)]
pub(super) struct Findings {
    pub(super) streams: PerApp<Stream>,
    /// Ids of the events that the receiver took; none when forwarding is left out.
    pub(super) forwarded: Option<BTreeSet<String>>,
    pub(super) requests: u64,
    pub(super) refusals: Vec<String>,
}

impl Demo {
    /// Asks everybody.
    pub(super) async fn find(&mut self, expected: &PerApp<Expected>) -> Result<Findings> {
        let mut findings = Findings::default();
        for app in App::ALL {
            findings.streams[app as usize] = self.find_stream(app).await?;
        }
        if let Some(receiver) = &self.forwarding.receiver {
            let wanted: usize = expected.iter().map(|expected| expected.forwarded.len()).sum();
            let arrived = wait::until("all forwarded events", Duration::from_secs(60), || async {
                let arrived = receiver.events().len();
                Ok(if arrived >= wanted {
                    Seen::Done(())
                } else {
                    Seen::NotYet(format!("{arrived} of {wanted}"))
                })
            });
            // Too few is a finding, not the end of the demo: it is shown and judged with the rest.
            if let Err(error) = arrived.await {
                findings.refusals.push(format!("{error:#}"));
            }
            findings.forwarded = Some(receiver.events());
            findings.requests = receiver.requests();
            findings.refusals.extend(receiver.refusals());
        }
        Ok(findings)
    }

    async fn find_stream(&self, app: App) -> Result<Stream> {
        let table = table(NAMESPACE, app.pipeline());
        let count = self.clickhouse.count(&table).await?;
        let (filtered, deduplicated) = self.left_out(app).await?;
        let mut stream = Stream {
            read: self.kafka.records(&topic(app)).await?,
            rows: count.rows,
            positions: count.positions,
            filtered,
            deduplicated,
            ..Stream::default()
        };
        let sql = format!("SELECT event, count() AS n FROM {table} GROUP BY event ORDER BY event");
        for row in self.clickhouse.rows(&sql).await? {
            stream
                .rows_by_event
                .insert(row["event"].as_str().unwrap_or_default().to_owned(), number(&row, "n")?);
        }
        let minute = "toUnixTimestamp(toStartOfMinute(event_time))";
        let sql =
            format!("SELECT {minute} AS minute, count() AS n FROM {table} GROUP BY minute ORDER BY minute");
        for row in self.clickhouse.rows(&sql).await? {
            stream.minutes.insert(number(&row, "minute")?.cast_signed(), number(&row, "n")?);
        }
        let sql = format!("SELECT toUInt64(sum(amount) * 100) AS n FROM {table} WHERE event = 'purchase'");
        stream.cents = self.clickhouse.number(&sql).await?;
        stream.keep(&self.kafka.read(&dead_letter_topic(app)).await?);
        Ok(stream)
    }
}

impl Stream {
    fn keep(&mut self, dead_letters: &[Kept]) {
        // What a rule could not deliver is kept in the same topic, but its record was stored all the same.
        let rejected = dead_letters.iter().filter(|kept| kept.header("tributary-rule").is_empty());
        let mut positions = BTreeSet::new();
        for kept in rejected {
            if !positions.insert(kept.header("tributary-position").to_owned()) {
                self.repeated_dead_letters += 1;
                continue;
            }
            let reason = kept.header("tributary-reason").to_owned();
            *self.dead_letters.entry(reason.clone()).or_default() += 1;
            self.samples.entry(reason).or_insert_with(|| kept.header("tributary-message").to_owned());
        }
    }
}

impl Findings {
    /// Names every number that is not what it must be.
    pub(super) fn compare(&self, expected: &PerApp<Expected>) -> Vec<String> {
        let mut wrong = Vec::new();
        for app in App::ALL {
            let (found, expected) = (&self.streams[app as usize], &expected[app as usize]);
            let mut judge = Judge { stream: app.pipeline(), wrong: &mut wrong };
            judge.equal("records in the topic", &found.read, &expected.sent);
            judge.equal("rows", &found.rows, &expected.stored());
            judge.equal("distinct positions of rows", &found.positions, &found.rows);
            judge.equal("rows by event", &found.rows_by_event, &expected.rows);
            judge.equal("rows by minute", &found.minutes, &expected.minutes);
            judge.equal("sum of the amounts in cents", &found.cents, &expected.cents);
            let reasons =
                expected.dead_letters.iter().map(|(reason, number)| (reason.to_string(), *number)).collect();
            judge.equal("dead letters by reason", &found.dead_letters, &reasons);
            judge.equal("filtered", &found.filtered, &expected.filtered);
            judge.equal("deduplicated", &found.deduplicated, &expected.deduplicated);
            judge.equal("settled records", &found.settled(), &found.read);
        }
        if let Some(forwarded) = &self.forwarded {
            let wanted: BTreeSet<String> =
                expected.iter().flat_map(|expected| expected.forwarded.clone()).collect();
            let (missing, surplus) =
                (wanted.difference(forwarded).count(), forwarded.difference(&wanted).count());
            if missing + surplus > 0 {
                wrong.push(format!(
                    "forwarding: {missing} events are missing and {surplus} were not asked for"
                ));
            }
            wrong.extend(self.refusals.iter().take(3).map(|refusal| format!("forwarding: {refusal}")));
        }
        wrong
    }
}

struct Judge<'a> {
    stream: &'static str,
    wrong: &'a mut Vec<String>,
}

impl Judge<'_> {
    fn equal<T: PartialEq + Debug>(&mut self, what: &str, found: &T, expected: &T) {
        if found != expected {
            self.wrong.push(format!("{}: {what} must be {expected:?}, found {found:?}", self.stream));
        }
    }
}

fn number(row: &Value, name: &str) -> Result<u64> {
    row[name].as_u64().with_context(|| format!("no number {name} in a row"))
}
