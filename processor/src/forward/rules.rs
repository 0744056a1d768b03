//! Rules: the rules of this process with the clients of the real thing, started once and reported until the process stops.
//!
//! In: settings, secrets that may change, and the word to stop. Out: reports in the processor's health, metrics beside its own.
//! Not here: what a rule does; see `rule.rs`.

use std::sync::Arc;
use std::time::Duration;

use crds::stream_config::paths;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::forward::kafka::KafkaClients;
use crate::forward::pace::Pace;
use crate::forward::standing::Metrics;
use crate::forward::{Forwarding, Surroundings};
use crate::report::Health;
use crate::settings::{Secrets, Settings};
use crate::stream::Told;

const TELL_EVERY: Duration = Duration::from_secs(1);

/// Starts the rules of a stream. The task ends when they have ended, some time after the word to stop.
#[must_use]
pub fn start_rules(
    settings: &Settings,
    secrets: watch::Receiver<Secrets>,
    stop: watch::Receiver<bool>,
    told: &Told,
) -> tokio::task::JoinHandle<()> {
    let metrics = Metrics::default();
    told.metrics.register(|registry| metrics.register(registry));
    let surroundings = Surroundings {
        secrets: settings.files.place(paths::RULES),
        hash_key: settings.hash_key.clone(),
        pace: Pace::default(),
        clock: Timestamp::now,
        stop: stop.clone(),
    };
    let clients = KafkaClients::new(&settings.config.kafka, secrets);
    let forwarding = Forwarding::start(&Arc::new(settings.config.clone()), &clients, &surroundings, &metrics);
    tokio::spawn(tell(forwarding, Arc::clone(&told.health), stop))
}

/// Tells how the rules stand until the process stops, then waits for them.
async fn tell(forwarding: Forwarding, health: Arc<Health>, mut stop: watch::Receiver<bool>) {
    let mut rounds = tokio::time::interval(TELL_EVERY);
    loop {
        tokio::select! {
            _stopped = stop.wait_for(|stop| *stop) => break,
            _now = rounds.tick() => {}
        }
        for report in forwarding.reports() {
            health.rule(report);
        }
    }
    if tokio::task::spawn_blocking(|| forwarding.wait()).await.is_err() {
        tracing::error!("waiting for the rules ended with a defect");
    }
}
