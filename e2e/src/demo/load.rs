//! Sends the events and watches them arrive: rows, dead letters, what is left out.
//!
//! In: the generator. Out: what must be found, once as many records are settled as were sent. Whether each is settled in the
//! right way is for `findings.rs` to judge.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tokio::task::JoinHandle;

use super::findings::rejected;
use super::{Demo, NAMESPACE};
use crate::clickhouse::table;
use crate::generator::expected::Expected;
use crate::generator::{App, Generator, Request};
use crate::host::{self, Usage};
use crate::kafka::Load;
use crate::screen::thousands;

/// How long nothing may move before the demo gives up.
const STANDSTILL: Duration = Duration::from_secs(60);

/// What must be found, for each app.
pub(super) type PerApp<T> = [T; 2];

/// The two loads under way.
struct Sending {
    sent: PerApp<Arc<AtomicU64>>,
    /// None once they have ended.
    tasks: Option<PerApp<JoinHandle<Result<Expected>>>>,
}

impl Sending {
    fn sent(&self) -> u64 {
        self.sent.iter().map(|sent| sent.load(Ordering::Relaxed)).sum()
    }

    /// What must be found, at the moment when both loads have ended.
    async fn ended(&mut self) -> Result<Option<PerApp<Expected>>> {
        let ended = self.tasks.take_if(|tasks| tasks.iter().all(JoinHandle::is_finished));
        let Some([ios, android]) = ended else { return Ok(None) };
        Ok(Some([ios.await??, android.await??]))
    }
}

/// What has arrived so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Arrived {
    rows: u64,
    dead_letters: u64,
    left_out: u64,
}

impl Demo {
    /// Sends all events and waits until each of them is settled somehow.
    pub(super) async fn send(&mut self) -> Result<PerApp<Expected>> {
        let events = self.settings.events / 2;
        let what =
            format!("Send {} events into {NAMESPACE}.ios and {NAMESPACE}.android", thousands(events * 2));
        self.screen.step(&format!("{what}, seed {}", self.settings.seed), "")?;
        self.before = self.assigned().await?;
        let before = self.usage().await?;
        let sending = self.begin_to_send(events);
        let expected = self.watch_load(sending, events * 2).await?;
        self.show_cost(before, events * 2).await?;
        Ok(expected)
    }

    fn begin_to_send(&self, events: u64) -> Sending {
        let now = jiff::Timestamp::now().as_millisecond();
        let sent: PerApp<Arc<AtomicU64>> = [Arc::default(), Arc::default()];
        let tasks = App::ALL.map(|app| {
            let request = Request { app, seed: self.settings.seed, events, now, defects: true };
            let load = Load { sent: Arc::clone(&sent[app as usize]), ..Load::default() };
            let (kafka, topic) = (self.kafka.clone(), topic(app));
            tokio::spawn(async move { kafka.send(&topic, Generator::new(request), load).await })
        });
        Sending { sent, tasks: Some(tasks) }
    }

    /// What the processors have used so far, where their processes run on this machine.
    async fn usage(&self) -> Result<Usage> {
        let mut processes = Vec::new();
        for app in App::ALL {
            for pod in self.cluster.processors(NAMESPACE, app.pipeline()).await? {
                processes.extend(host::processes(&pod.metadata.uid.unwrap_or_default(), "processor"));
            }
        }
        Ok(host::usage(&processes))
    }

    async fn show_cost(&mut self, before: Usage, events: u64) -> Result<()> {
        let after = self.usage().await?;
        if after.n_processes == 0 {
            return Ok(());
        }
        let seconds = after.cpu_seconds - before.cpu_seconds;
        let text = format!(
            "   the {} processors used {seconds:.2} CPU seconds ({} events each) and at most {} MiB of memory each, {} MiB before",
            after.n_processes,
            thousands((events as f64 / seconds.max(0.01)) as u64),
            after.peak_memory >> 20,
            before.memory >> 20
        );
        Ok(self.screen.line(&text)?)
    }

    async fn watch_load(&mut self, mut sending: Sending, events: u64) -> Result<PerApp<Expected>> {
        let (begun, mut moved, mut last) = (Instant::now(), Instant::now(), (0, Arrived::default()));
        let (mut expected, mut surplus) = (None, 0);
        loop {
            expected = match expected {
                None => sending.ended().await?,
                expected => expected,
            };
            let (sent, arrived) = (sending.sent(), self.arrived(expected.as_ref()).await?);
            let Arrived { rows, dead_letters, left_out } = arrived;
            let seconds = begun.elapsed().as_secs_f64();
            let text = format!(
                "   {seconds:5.1} s  sent {}   rows {}   dead letters {}   left out {}",
                thousands(sent),
                thousands(rows),
                thousands(dead_letters),
                thousands(left_out)
            );
            let settled = |surplus: u64| (rows + dead_letters + left_out).saturating_sub(surplus);
            if expected.is_some() && settled(surplus) >= events {
                // A dead letter may arrive twice; whether any did is looked at when it would end the wait.
                surplus = self.surplus_dead_letters().await?;
            }
            if let Some(expected) = expected.take_if(|_| settled(surplus) >= events) {
                self.screen.line(&text)?;
                let rate = thousands((events as f64 / seconds) as u64);
                let text =
                    format!("   all settled after {seconds:.1} s: {rate} events a second, sending included");
                self.screen.line(&text)?;
                return Ok(expected);
            }
            if (sent, arrived) != last {
                (moved, last) = (Instant::now(), (sent, arrived));
            }
            self.screen.progress(&text)?;
            if moved.elapsed() > STANDSTILL {
                let (limit, settled) = (STANDSTILL.as_secs(), settled(surplus));
                let error =
                    anyhow!("nothing moved for {limit} s: sent {sent}, settled {settled} of {events}");
                return Err(self.explained(error).await);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    async fn arrived(&self, expected: Option<&PerApp<Expected>>) -> Result<Arrived> {
        let mut arrived = Arrived::default();
        for app in App::ALL {
            arrived.rows += self.clickhouse.count(&table(NAMESPACE, app.pipeline())).await?.rows;
            arrived.dead_letters += self.kafka.records(&dead_letter_topic(app)).await?;
            // Who cannot be asked just now can be asked a moment later.
            let Ok(processors) = self.processors(app).await else { continue };
            arrived.left_out += match processors.since(&self.before[app as usize]) {
                Some(counters) => counters.filtered + counters.deduplicated,
                // Nobody can tell any more. Only what is stored and dead-lettered is waited for.
                None => expected
                    .map(|expected| &expected[app as usize])
                    .map_or(0, |expected| expected.filtered + expected.deduplicated),
            };
        }
        Ok(arrived)
    }

    /// Dead letters that settle no record: repetitions, and what a rule could not deliver.
    async fn surplus_dead_letters(&self) -> Result<u64> {
        let mut surplus = 0;
        for app in App::ALL {
            let kept = self.kafka.read(&dead_letter_topic(app)).await?;
            surplus += (kept.len() - rejected(&kept).len()) as u64;
        }
        Ok(surplus)
    }
}

/// Topic of an app's stream.
pub(super) fn topic(app: App) -> String {
    format!("{NAMESPACE}.{}", app.pipeline())
}

/// Topic of an app's dead letters.
pub(super) fn dead_letter_topic(app: App) -> String {
    format!("{}.dead-letters", topic(app))
}
