//! Forwarding: chosen events leave for outside services, one rule beside the other.
//!
//! ```text
//!            group <group>.<rule>, a thread and a client of its own
//! stream ─▶ rule ─ selection ─▶ courier ─▶ destination: webhook or topic
//!             ▲                    │  └──▶ dead letters, when an event is refused for good
//!             └──── progress ◀─────┘ settled
//! ```
//! In: the rules of the StreamConfig. Out: deliveries, at least once and each with an id that never changes; reports and metrics.
//! A dead destination slows neither the table nor another rule: nothing is shared but Kafka.
//! Not here: what the operator checks when a rule is applied. The address is checked again at every connection.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use crds::conditions::Reason;
use crds::forwarding_rule::DestinationType;
use crds::processor_report::RuleReport;
use crds::stream_config::{RuleConfig, StreamConfig};
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use rdkafka::ClientConfig;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::sink::DeadLetters;
use crate::source::{Source, SourceError};

pub mod courier;
pub mod delivery;
pub mod gate;
pub mod guard;
pub mod kafka;
pub mod pace;
pub mod progress;
pub mod reply;
pub mod rule;
pub mod selection;
pub mod standing;
pub mod start;
pub mod topic;
pub mod webhook;

use courier::Courier;
use delivery::{Destination, Trouble};
use gate::Gate;
use guard::Guard;
use pace::Pace;
use rule::{Limits, Rule};
use selection::Selection;
use standing::{Metrics, Standing};
use start::Beginning;
use topic::Topic;
use webhook::Webhook;

/// Deliveries to a topic under way at once.
const TOPIC_IN_FLIGHT: usize = 1000;

/// Makes the clients that rules need: each rule its own.
pub trait Clients: Clone + Send + 'static {
    /// Where records come from.
    type Source: Source;
    /// Where refused events go.
    type DeadLetters: DeadLetters;

    /// Joins a consumer group of the stream's topic.
    ///
    /// # Errors
    /// When the settings cannot be used.
    fn source(&self, group: &str) -> Result<Self::Source, SourceError>;

    /// Opens the dead-letter topic.
    fn dead_letters(&self) -> Self::DeadLetters;

    /// Returns the settings of a producer.
    fn producer(&self) -> ClientConfig;
}

/// What rules find around them.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Folder of the signing secrets: one file a rule, named like it.
    pub secrets: PathBuf,
    /// The key of `privacy: Hash`.
    pub hash_key: Option<Vec<u8>>,
    /// How soon deliveries are repeated.
    pub pace: Pace,
    /// Tells the time.
    pub clock: fn() -> Timestamp,
}

/// All rules at work.
#[derive(Debug)]
pub struct Forwarding {
    standings: Vec<Arc<Standing>>,
    threads: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

/// One rule before it works.
struct Start<C> {
    config: Arc<StreamConfig>,
    rule: RuleConfig,
    clients: C,
    surroundings: Surroundings,
    standing: Arc<Standing>,
    stop: watch::Receiver<bool>,
    runtime: Handle,
}

impl Forwarding {
    /// Starts the rules of a stream; requests are made on the runtime that this is called in.
    pub fn start<C: Clients>(
        config: &Arc<StreamConfig>,
        clients: &C,
        surroundings: &Surroundings,
        registry: &mut Registry,
    ) -> Self {
        let metrics = Metrics::default();
        metrics.register(registry);
        let (stop, stopped) = watch::channel(false);
        let mut forwarding = Self { standings: Vec::new(), threads: Vec::new(), stop };
        for rule in &config.rules {
            let standing = Arc::new(metrics.standing(&rule.name));
            forwarding.standings.push(Arc::clone(&standing));
            let start = Start {
                config: Arc::clone(config),
                rule: rule.clone(),
                clients: clients.clone(),
                surroundings: surroundings.clone(),
                standing: Arc::clone(&standing),
                stop: stopped.clone(),
                runtime: Handle::current(),
            };
            let thread = std::thread::Builder::new().name(format!("rule-{}", rule.name));
            match thread.spawn(move || start.work()) {
                Ok(thread) => forwarding.threads.push(thread),
                Err(error) => standing.cannot_read(internal(format!("failed to start a thread: {error}"))),
            }
        }
        forwarding
    }

    /// Returns how the rules stand, in the order of the StreamConfig.
    pub fn reports(&self) -> Vec<RuleReport> {
        self.standings.iter().map(|standing| standing.report()).collect()
    }

    /// Asks the rules to end.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Ends the rules: deliveries under way get a little time, positions are committed. Blocks.
    pub fn end(self) {
        self.stop();
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a rule ended with a defect");
            }
        }
    }
}

impl<C: Clients> Start<C> {
    /// Builds the destination and works until the process stops. A defect of Tributary ends this rule alone.
    fn work(self) {
        let standing = Arc::clone(&self.standing);
        let name = self.rule.name.clone();
        let worked = catch_unwind(AssertUnwindSafe(|| match self.build() {
            Ok(work) => work(),
            Err(trouble) => {
                tracing::error!(rule = name, reason = %trouble.reason, message = trouble.message, "the rule cannot run");
                standing.cannot_read(trouble);
            }
        }));
        if worked.is_err() {
            standing.cannot_read(internal("the rule ended with a defect of Tributary; see the processor's log".into()));
        }
    }

    fn build(self) -> Result<Box<dyn FnOnce()>, Trouble> {
        let Self { config, rule, surroundings, .. } = &self;
        let hash_key = surroundings.hash_key.as_deref();
        let selection = Selection::new(config, rule, hash_key)
            .map_err(|problems| Trouble { reason: Reason::SpecInvalid, message: problems.to_string() })?;
        let dead_letters = self.clients.dead_letters();
        match (rule.kind, &rule.webhook, &rule.topic) {
            (DestinationType::Webhook, Some(webhook), _) => {
                let file = surroundings.secrets.join(&rule.name);
                let max_in_flight = webhook.max_in_flight;
                let webhook = Webhook::new(webhook, file, Guard::new(&config.egress), surroundings.clock)?;
                Ok(Box::new(move || self.repeat(selection, webhook, dead_letters, max_in_flight)))
            }
            (DestinationType::Kafka, _, Some(topic)) => {
                let topic = Topic::new(topic, &config.kafka.topic, self.clients.producer());
                Ok(Box::new(move || self.repeat(selection, topic, dead_letters, TOPIC_IN_FLIGHT)))
            }
            (DestinationType::Webhook, None, _) | (DestinationType::Kafka, _, None) => {
                Err(Trouble { reason: Reason::SpecInvalid, message: "the destination of the rule is missing".into() })
            }
        }
    }

    /// Works with one client after another until the process stops.
    fn repeat<D: Destination>(
        self,
        mut selection: Selection,
        destination: D,
        dead_letters: C::DeadLetters,
        max_in_flight: usize,
    ) {
        let Self { config, rule, clients, surroundings, standing, stop, runtime } = self;
        let courier = Arc::new(Courier {
            rule: rule.name.clone(),
            destination,
            dead_letters,
            gate: Gate::default(),
            pace: surroundings.pace,
            standing: Arc::clone(&standing),
            stop: stop.clone(),
        });
        let group = format!("{}.{}", config.kafka.group, rule.name);
        let beginning = Beginning::new(rule.start, surroundings.clock);
        for n_failures in 1_u32.. {
            let limits = Limits::new(max_in_flight);
            let worked = clients.source(&group).and_then(|source| {
                Rule::new(source, &mut selection, Arc::clone(&courier), beginning, (limits, runtime.clone())).run()
            });
            let Err(error) = worked else { return };
            tracing::warn!(rule = rule.name, %error, cause = %error.source, "the client of the rule is made anew");
            standing.cannot_read(rule::trouble(&error));
            if runtime.block_on(stops_within(stop.clone(), surroundings.pace.delay(n_failures, 0.5))) {
                return;
            }
        }
    }
}

/// Returns whether the process stops within a time.
async fn stops_within(mut stop: watch::Receiver<bool>, wait: std::time::Duration) -> bool {
    tokio::time::timeout(wait, stop.wait_for(|stop| *stop)).await.is_ok()
}

fn internal(message: String) -> Trouble {
    Trouble { reason: Reason::InternalError, message }
}

#[cfg(test)]
mod tests;
