//! Shows what was found: tables, bars, the balance, and what to try next.
//!
//! In: findings and what they must be. Out: lines on the screen. It judges nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;

use super::findings::Findings;
use super::load::PerApp;
use super::{Demo, NAMESPACE, SAMPLE};
use crate::environment::settings::CLICKHOUSE_PASSWORD;
use crate::generator::App;
use crate::generator::expected::Expected;
use crate::screen::thousands;

const SAMPLE_WIDTH: usize = 84;

impl Demo {
    pub(super) fn show(&mut self, expected: &PerApp<Expected>, findings: &Findings) -> Result<()> {
        self.show_rows(findings)?;
        self.show_minutes(findings)?;
        self.show_dead_letters(findings)?;
        self.show_forwarding(expected, findings)?;
        self.show_balance(findings)
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
        let mut table = vec![cells(&["reason", "ios", "android", "for example"])];
        let reasons: BTreeSet<&String> =
            streams.iter().flat_map(|stream| stream.dead_letters.keys()).collect();
        for reason in reasons {
            let numbers =
                streams.each_ref().map(|stream| stream.dead_letters.get(reason).copied().unwrap_or_default());
            let sample =
                streams.iter().find_map(|stream| stream.samples.get(reason)).map_or("", String::as_str);
            let mut row = vec![reason.clone()];
            row.extend(numbers.map(thousands));
            row.push(shortened(sample));
            table.push(row);
        }
        Ok(self.screen.table(&table, &[3])?)
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

    fn show_balance(&mut self, findings: &Findings) -> Result<()> {
        self.screen.step("The balance: read = stored + dead-lettered + filtered + deduplicated", "")?;
        let mut table = vec![cells(&[
            "stream",
            "read",
            "stored",
            "dead-lettered",
            "filtered",
            "deduplicated",
            "difference",
            "doubled",
        ])];
        for app in App::ALL {
            let stream = &findings.streams[app as usize];
            let difference = stream.read.cast_signed() - stream.settled().cast_signed();
            let mut row = vec![format!("{NAMESPACE}.{}", app.pipeline())];
            let numbers =
                [stream.read, stream.rows, stream.dead_lettered(), stream.filtered, stream.deduplicated];
            row.extend(numbers.map(thousands));
            row.push(difference.to_string());
            row.push(thousands(stream.rows - stream.positions));
            table.push(row);
        }
        Ok(self.screen.table(&table, &[])?)
    }

    pub(super) fn conclude(&mut self, wrong: &[String], took: Duration) -> Result<()> {
        let seconds = took.as_secs();
        if !wrong.is_empty() {
            self.screen.line(&format!(
                "\nWrong after {seconds} s. These numbers are not what the generator says:"
            ))?;
            for difference in wrong {
                self.screen.line(&format!("   {difference}"))?;
            }
            return Ok(());
        }
        self.screen.line(&format!("\nEvery number is what the generator says it must be ({seconds} s)."))?;
        let connections = &self.settings.connections;
        let (kubectl, kubeconfig) = (&connections.kubectl, &connections.kubeconfig);
        // The development password guards nothing; anybody else's is not for the screen.
        let password = match connections.clickhouse_password.as_str() {
            CLICKHOUSE_PASSWORD => CLICKHOUSE_PASSWORD,
            _ => "…",
        };
        let (url, user) = (&connections.clickhouse_url, &connections.clickhouse_user);
        let address = format!("'{url}/?user={user}&password={password}'");
        let steps = [
            ("kubectl get ap,evs,fwd -A".to_owned(), "the three kinds, and how they are"),
            (format!("kubectl -n {NAMESPACE} describe ap ios"), "conditions and Events"),
            ("kubectl apply -f manifests/samples/invalid/".to_owned(), "mistakes, and what each is told"),
            (format!("kubectl apply -f {SAMPLE}/3-pipelines.yaml"), "after changing a line in it"),
            (format!("curl {address} -d 'SELECT * FROM shop.ios LIMIT 3 FORMAT Vertical'"), ""),
            ("make down".to_owned(), "takes the environment away"),
        ];
        self.screen.line("\nTo try next:")?;
        self.screen.line(&format!("   export KUBECONFIG={kubeconfig}; alias kubectl={kubectl}"))?;
        for (command, what) in steps {
            self.screen.line(format!("   {command:<58}  {what}").trim_end())?;
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

fn shortened(text: &str) -> String {
    if text.chars().count() <= SAMPLE_WIDTH {
        return text.to_owned();
    }
    let kept: String = text.chars().take(SAMPLE_WIDTH - 1).collect();
    format!("{kept}…")
}
