//! Sends the events and watches them arrive: rows, dead letters, what is left out.
//!
//! In: the generator. Out: what must be found, once as many records are settled as were sent. Whether each is settled in the
//! right way is for `findings.rs` to judge.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};

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

impl Demo {
    /// Sends all events and waits until each of them is settled somehow.
    pub(super) async fn send(&mut self) -> Result<PerApp<Expected>> {
        let events = self.settings.events / 2;
        let what =
            format!("Send {} events into {NAMESPACE}.ios and {NAMESPACE}.android", thousands(events * 2));
        self.screen.step(&format!("{what}, seed {}", self.settings.seed), "")?;
        let now = jiff::Timestamp::now().as_millisecond();
        let sent: PerApp<Arc<AtomicU64>> = [Arc::default(), Arc::default()];
        let sending = App::ALL.map(|app| {
            let request = Request { app, seed: self.settings.seed, events, now, defects: true };
            let load = Load { rate: None, sent: Arc::clone(&sent[app as usize]) };
            let (kafka, topic) = (self.kafka.clone(), topic(app));
            tokio::spawn(async move { kafka.send(&topic, Generator::new(request), load).await })
        });
        let before = self.usage().await?;
        self.watch_load(&sent, events * 2).await?;
        let [ios, android] = sending;
        let expected = [ios.await??, android.await??];
        self.show_cost(before, events * 2).await?;
        Ok(expected)
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

    async fn watch_load(&mut self, sent: &PerApp<Arc<AtomicU64>>, events: u64) -> Result<()> {
        let (begun, mut moved, mut last) = (Instant::now(), Instant::now(), 0);
        loop {
            let n_sent: u64 = sent.iter().map(|sent| sent.load(Ordering::Relaxed)).sum();
            let (mut rows, mut dead_letters, mut left_out) = (0, 0, 0);
            for app in App::ALL {
                rows += self.clickhouse.count(&table(NAMESPACE, app.pipeline())).await?.rows;
                dead_letters += self.kafka.records(&dead_letter_topic(app)).await?;
                left_out +=
                    self.left_out(app).await.map_or(0, |(filtered, deduplicated)| filtered + deduplicated);
            }
            let settled = rows + dead_letters + left_out;
            let seconds = begun.elapsed().as_secs_f64();
            let text = format!(
                "   {seconds:5.1} s  sent {}   rows {}   dead letters {}   left out {}",
                thousands(n_sent),
                thousands(rows),
                thousands(dead_letters),
                thousands(left_out)
            );
            if n_sent + settled != last {
                (moved, last) = (Instant::now(), n_sent + settled);
            }
            if n_sent >= events && settled >= events {
                self.screen.line(&text)?;
                let rate = thousands((events as f64 / seconds) as u64);
                return Ok(self.screen.line(&format!(
                    "   all settled after {seconds:.1} s: {rate} events a second, sending included"
                ))?);
            }
            self.screen.progress(&text)?;
            if moved.elapsed() > STANDSTILL {
                let limit = STANDSTILL.as_secs();
                let error =
                    anyhow!("nothing moved for {limit} s: sent {n_sent}, settled {settled} of {events}");
                return Err(self.explained(error).await);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Records of a stream that its processors left out on purpose, as they say themselves.
    pub(super) async fn left_out(&self, app: App) -> Result<(u64, u64)> {
        let reports = self.cluster.reports(NAMESPACE, app.pipeline()).await?;
        if reports.is_empty() {
            bail!("the pipeline {} has no processor that can be asked", app.pipeline());
        }
        let filtered = reports.iter().map(|report| report.counters.filtered).sum();
        let deduplicated = reports.iter().map(|report| report.counters.deduplicated).sum();
        Ok((filtered, deduplicated))
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
