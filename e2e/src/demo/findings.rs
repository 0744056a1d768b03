//! What is really there when all is settled, asked from ClickHouse, Kafka, the processors and the receiver; and whether it is right.
//!
//! In: what must be found. Out: [`Findings`], and every number that differs. It prints nothing.
//! Who wrote a number is not who judges it: rows are ClickHouse's, dead letters Kafka's, and the processors' own counts must
//! say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context, Result};
use crds::processor_report::Counters;
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
    pub(super) records: u64,
    pub(super) rows: u64,
    /// Distinct positions of the rows.
    pub(super) positions: u64,
    pub(super) rows_by_event: BTreeMap<String, u64>,
    pub(super) minutes: BTreeMap<i64, u64>,
    pub(super) cents: u64,
    pub(super) dead_letters: BTreeMap<String, u64>,
    /// Dead letters that came more than once; at least once is what is promised of them.
    pub(super) repeated_dead_letters: u64,
    /// One dead letter a reason.
    pub(super) samples: BTreeMap<String, Letter>,
    /// What the processors counted themselves; none when one of them was started anew or gave a partition away.
    pub(super) counted: Option<Counters>,
}

/// A dead letter, as whoever mends the event reads it.
#[derive(Debug, Clone, Default)]
pub(super) struct Letter {
    pub(super) position: String,
    pub(super) field: String,
    pub(super) message: String,
    pub(super) value: Vec<u8>,
}

impl Stream {
    pub(super) fn dead_lettered(&self) -> u64 {
        self.dead_letters.values().sum()
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
            let mut stream = self.find_stream(app).await?;
            stream.counted = self.counted(app, expected[app as usize].sent).await?;
            findings.streams[app as usize] = stream;
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
        let records = self.kafka.records(&topic(app)).await?;
        let mut stream =
            Stream { records, rows: count.rows, positions: count.positions, ..Stream::default() };
        let sql = format!("SELECT event, count() AS n FROM {table} GROUP BY event ORDER BY event");
        for row in self.clickhouse.rows(&sql).await? {
            let event = row["event"].as_str().unwrap_or_default().to_owned();
            stream.rows_by_event.insert(event, number(&row, "n")?);
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

/// One dead letter for each record that was rejected, by its position.
pub(super) fn rejected(dead_letters: &[Kept]) -> BTreeMap<&str, &Kept> {
    let mut rejected = BTreeMap::new();
    for kept in dead_letters.iter().filter(|kept| is_rejected(kept)) {
        rejected.entry(kept.header("tributary-position")).or_insert(kept);
    }
    rejected
}

/// What a rule could not deliver is kept in the same topic, but its record was stored all the same.
fn is_rejected(kept: &Kept) -> bool {
    kept.header("tributary-rule").is_empty()
}

impl Stream {
    fn keep(&mut self, dead_letters: &[Kept]) {
        let rejected = rejected(dead_letters);
        let all = dead_letters.iter().filter(|kept| is_rejected(kept)).count();
        self.repeated_dead_letters = (all - rejected.len()) as u64;
        for (position, kept) in rejected {
            let reason = kept.header("tributary-reason").to_owned();
            *self.dead_letters.entry(reason.clone()).or_default() += 1;
            self.samples.entry(reason).or_insert_with(|| Letter {
                position: position.to_owned(),
                field: kept.header("tributary-field").to_owned(),
                message: kept.header("tributary-message").to_owned(),
                value: kept.value.clone(),
            });
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
            judge.equal("records in the topic", &found.records, &expected.sent);
            judge.equal("rows", &found.rows, &expected.stored());
            judge.equal("distinct positions of rows", &found.positions, &found.rows);
            judge.equal("rows by event", &found.rows_by_event, &expected.rows);
            judge.equal("rows by minute", &found.minutes, &expected.minutes);
            judge.equal("cents of all purchases", &found.cents, &expected.cents);
            let reasons: BTreeMap<String, u64> =
                expected.dead_letters.iter().map(|(reason, number)| (reason.to_string(), *number)).collect();
            judge.equal("dead letters by reason", &found.dead_letters, &reasons);
            if let Some(counted) = &found.counted {
                judge.counts(counted, expected);
            }
        }
        wrong.extend(self.compare_forwarded(expected));
        wrong
    }

    fn compare_forwarded(&self, expected: &PerApp<Expected>) -> Vec<String> {
        let Some(forwarded) = &self.forwarded else { return Vec::new() };
        let wanted: BTreeSet<String> =
            expected.iter().flat_map(|expected| expected.forwarded.clone()).collect();
        let (missing, surplus) =
            (wanted.difference(forwarded).count(), forwarded.difference(&wanted).count());
        let mut wrong = Vec::new();
        if missing + surplus > 0 {
            wrong.push(format!("forwarding: {missing} events are missing and {surplus} were not asked for"));
        }
        wrong.extend(self.refusals.iter().take(3).map(|refusal| format!("forwarding: {refusal}")));
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

    /// The balance, as the processors keep it.
    fn counts(&mut self, counted: &Counters, expected: &Expected) {
        self.equal("read, as the processors count", &counted.read, &expected.sent);
        self.equal("stored, as the processors count", &counted.stored, &expected.stored());
        self.equal(
            "dead-lettered, as the processors count",
            &counted.dead_lettered,
            &expected.dead_lettered(),
        );
        self.equal("filtered", &counted.filtered, &expected.filtered);
        self.equal("deduplicated", &counted.deduplicated, &expected.deduplicated);
        self.equal("settled, as the processors count", &settled(counted), &counted.read);
    }
}

/// The right side of the balance.
pub(super) fn settled(counted: &Counters) -> u64 {
    counted.stored + counted.dead_lettered + counted.filtered + counted.deduplicated
}

fn number(row: &Value, name: &str) -> Result<u64> {
    row[name].as_u64().with_context(|| format!("no number {name} in a row"))
}

#[cfg(test)]
mod tests {
    use super::{Stream, rejected};
    use crate::kafka::Kept;

    fn kept(position: &str, rule: &str) -> Kept {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = [header("tributary-position", position), header("tributary-rule", rule)];
        let reason = header("tributary-reason", "NotInEnum");
        Kept {
            key: Vec::new(),
            value: b"{}".to_vec(),
            headers: headers.into_iter().chain([reason]).collect(),
        }
    }

    #[test]
    fn a_dead_letter_that_came_twice_and_one_of_a_rule_settle_no_further_record() {
        let letters = [kept("a:0:1", ""), kept("a:0:2", ""), kept("a:0:1", ""), kept("a:0:3", "rule")];
        assert_eq!(rejected(&letters).len(), 2);
        let mut stream = Stream::default();
        stream.keep(&letters);
        assert_eq!((stream.dead_lettered(), stream.repeated_dead_letters), (2, 1));
    }
}
