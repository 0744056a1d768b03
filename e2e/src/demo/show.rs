//! Shows what was found: tables, bars, the balance.
//!
//! In: findings and what they must be. Out: lines on the screen. It judges nothing.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use crds::processor_report::Counters;

use super::findings::{Findings, settled};
use super::load::PerApp;
use super::{Demo, NAMESPACE};
use crate::generator::App;
use crate::generator::expected::Expected;
use crate::screen::thousands;

/// How many bytes of a dead letter are shown.
const SAMPLE_BYTES: usize = 60;

impl Demo {
    pub(super) fn show(&mut self, expected: &PerApp<Expected>, findings: &Findings) -> Result<()> {
        self.show_rows(findings)?;
        self.show_minutes(findings)?;
        self.show_dead_letters(findings)?;
        self.show_forwarding(expected, findings)?;
        self.show_balance(expected, findings)
    }

    fn show_rows(&mut self, findings: &Findings) -> Result<()> {
        self.screen.step("Rows in ClickHouse", "")?;
        self.screen.line(
            "   SELECT event, count() FROM shop.ios GROUP BY event   -- and the same of shop.android",
        )?;
        let streams = &findings.streams;
        let mut table = vec![cells(&["event", "ios", "android", "both"])];
        let events: BTreeSet<&String> =
            streams.iter().flat_map(|stream| stream.rows_by_event.keys()).collect();
        for event in events {
            let numbers =
                streams.each_ref().map(|stream| stream.rows_by_event.get(event).copied().unwrap_or_default());
            table.push(row(event, numbers));
        }
        table.push(row("all", streams.each_ref().map(|stream| stream.rows)));
        self.screen.table(&table, &[])?;
        let cents: u64 = streams.iter().map(|stream| stream.cents).sum();
        let amount = format!("{}.{:02}", thousands(cents / 100), cents % 100);
        self.screen.line(&format!("   sum(amount) of all purchases: {amount}, to the cent: a JSON number in one app, a text in the other"))?;
        Ok(())
    }

    fn show_minutes(&mut self, findings: &Findings) -> Result<()> {
        self.screen.step("Events per minute, both apps", "")?;
        let mut minutes: BTreeMap<i64, u64> = BTreeMap::new();
        for (minute, number) in findings.streams.iter().flat_map(|stream| &stream.minutes) {
            *minutes.entry(*minute).or_default() += number;
        }
        let label = |seconds: i64| {
            jiff::Timestamp::from_second(seconds)
                .map_or_else(|_| "?".to_owned(), |time| time.strftime("%H:%M").to_string())
        };
        let bars: Vec<(String, u64)> =
            minutes.into_iter().map(|(minute, number)| (label(minute), number)).collect();
        Ok(self.screen.bars(&bars)?)
    }

    fn show_dead_letters(&mut self, findings: &Findings) -> Result<()> {
        self.screen
            .step("Dead letters: kept with their bytes, the reason, the field and the position", "")?;
        let streams = &findings.streams;
        let mut table = vec![cells(&["reason", "ios", "android", "both"])];
        let reasons: BTreeSet<&String> =
            streams.iter().flat_map(|stream| stream.dead_letters.keys()).collect();
        for reason in &reasons {
            let numbers = streams
                .each_ref()
                .map(|stream| stream.dead_letters.get(*reason).copied().unwrap_or_default());
            table.push(row(reason, numbers));
        }
        self.screen.table(&table, &[])?;
        self.screen
            .line("\n   One of each: reason, position, field; what is wrong; the bytes as they came")?;
        for reason in reasons {
            let Some(letter) = streams.iter().find_map(|stream| stream.samples.get(reason)) else { continue };
            let field = if letter.field.is_empty() {
                "no field".to_owned()
            } else {
                format!("field {}", letter.field)
            };
            self.screen.line(&format!("   {reason:<18} {}, {field}", letter.position))?;
            self.screen.line(&format!("      {}", letter.message))?;
            self.screen.line(&format!("      {}", excerpt(&letter.value)))?;
        }
        Ok(())
    }

    fn show_forwarding(&mut self, expected: &PerApp<Expected>, findings: &Findings) -> Result<()> {
        self.screen.step("Forwarding: purchases of more than 100.00 from the iOS app", "")?;
        let Some(forwarded) = &findings.forwarded else {
            self.screen.line(
                "   left out: pods of this cluster cannot reach this machine unless RECEIVER_URL says how",
            )?;
            return Ok(());
        };
        let wanted: usize = expected.iter().map(|expected| expected.forwarded.len()).sum();
        let (events, wanted, requests) = (forwarded.len() as u64, wanted as u64, findings.requests);
        let line = format!(
            "   {} of {} events arrived at {}, each signature verified ({} requests, {} refused)",
            thousands(events),
            thousands(wanted),
            self.forwarding.url,
            thousands(requests),
            findings.refusals.len()
        );
        Ok(self.screen.line(&line)?)
    }

    /// Three who need not agree: who made the events, who processed them, and where they are now.
    fn show_balance(&mut self, expected: &PerApp<Expected>, findings: &Findings) -> Result<()> {
        self.screen.step("The balance: read = stored + dead-lettered + filtered + deduplicated", "")?;
        let head =
            ["stream", "as", "read", "stored", "dead-lettered", "filtered", "deduplicated", "difference"];
        let mut table = vec![cells(&head)];
        let mut remarks = Vec::new();
        for app in App::ALL {
            let (stream, expected) = (&findings.streams[app as usize], &expected[app as usize]);
            let name = format!("{NAMESPACE}.{}", app.pipeline());
            let wanted = Counters {
                read: expected.sent,
                stored: expected.stored(),
                dead_lettered: expected.dead_lettered(),
                filtered: expected.filtered,
                deduplicated: expected.deduplicated,
            };
            table.push(balance(&name, "sent by the generator", &wanted));
            match &stream.counted {
                Some(counted) => table.push(balance("", "counted by its processors", counted)),
                None => remarks.push(format!(
                    "{name}: a processor was started anew or gave a partition to another, so what they counted is not the whole; \
                     filtered and deduplicated are not judged"
                )),
            }
            let found = [stream.records, stream.rows, stream.dead_lettered()].map(thousands);
            table.push([cells(&["", "found in Kafka and ClickHouse"]), found.to_vec()].concat());
            remarks.push(format!(
                "{name}: {} rows are doubled; {} dead letters came more than once, as they may",
                thousands(stream.rows - stream.positions),
                thousands(stream.repeated_dead_letters)
            ));
        }
        self.screen.table(&table, &[1])?;
        for remark in remarks {
            self.screen.line(&format!("   {remark}"))?;
        }
        Ok(())
    }
}

fn cells(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn row(label: &str, [ios, android]: [u64; 2]) -> Vec<String> {
    vec![label.to_owned(), thousands(ios), thousands(android), thousands(ios + android)]
}

fn balance(stream: &str, witness: &str, counted: &Counters) -> Vec<String> {
    let Counters { read, stored, dead_lettered, filtered, deduplicated } = *counted;
    let mut row = vec![stream.to_owned(), witness.to_owned()];
    row.extend([read, stored, dead_lettered, filtered, deduplicated].map(thousands));
    row.push((read.cast_signed() - settled(counted).cast_signed()).to_string());
    row
}

/// The beginning of a record's bytes, on one line whatever they are.
fn excerpt(value: &[u8]) -> String {
    if value.is_empty() {
        return "(no bytes)".to_owned();
    }
    let text = String::from_utf8_lossy(&value[..value.len().min(SAMPLE_BYTES)]);
    let shown: String = text.chars().map(|letter| if letter.is_control() { '·' } else { letter }).collect();
    if value.len() > SAMPLE_BYTES { format!("{shown}… ({} bytes)", value.len()) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn bytes_are_shown_on_one_line_whatever_they_are() {
        assert_eq!(excerpt(b""), "(no bytes)");
        assert_eq!(excerpt(b"{\"a\":\n1}"), "{\"a\":·1}");
        assert_eq!(excerpt(&[b'a', 0xff, b'b']), "a\u{fffd}b");
        let long = excerpt("ü".repeat(100).as_bytes());
        assert!(long.starts_with('ü') && long.ends_with("… (200 bytes)"), "{long}");
    }
}
