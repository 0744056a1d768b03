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
use std::time::Duration;

use crds::conditions::Reason;
use crds::forwarding_rule::DestinationType;
use crds::processor_report::RuleReport;
use crds::stream_config::{RuleConfig, StreamConfig};
use jiff::Timestamp;
use rdkafka::ClientConfig;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::sink::DeadLetters;
use crate::source::{Source, SourceError};

pub mod courier;
pub mod delivery;
pub mod gate;
pub mod guard;
mod intake;
pub mod kafka;
pub mod pace;
pub mod progress;
pub mod reply;
pub mod rule;
pub mod rules;
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

    /// Returns a number that changes when clients must be made anew.
    fn version(&self) -> u64;
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
    /// True once the process stops.
    pub stop: watch::Receiver<bool>,
}

/// All rules at work, each on a thread of its own.
#[derive(Debug)]
pub struct Forwarding {
    standings: Vec<Arc<Standing>>,
    threads: Vec<JoinHandle<()>>,
}

impl Forwarding {
    /// Starts the rules of a stream; requests are made on the runtime that this is called in.
    pub fn start<C: Clients>(
        config: &Arc<StreamConfig>,
        clients: &C,
        surroundings: &Surroundings,
        metrics: &Metrics,
    ) -> Self {
        let mut forwarding = Self { standings: Vec::new(), threads: Vec::new() };
        for rule in &config.rules {
            let standing = Arc::new(metrics.standing(&rule.name, rule.generation));
            forwarding.standings.push(Arc::clone(&standing));
            let start = Start {
                config: Arc::clone(config),
                rule: rule.clone(),
                clients: clients.clone(),
                surroundings: surroundings.clone(),
                standing: Arc::clone(&standing),
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

    /// Waits until the rules have ended, after the word to stop: deliveries under way get a little time, positions are
    /// committed. Blocks.
    pub fn wait(self) {
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a rule ended with a defect");
            }
        }
    }
}

/// One rule before it works.
struct Start<C> {
    config: Arc<StreamConfig>,
    rule: RuleConfig,
    clients: C,
    surroundings: Surroundings,
    standing: Arc<Standing>,
    runtime: Handle,
}

impl<C: Clients> Start<C> {
    /// Works until the process stops. A defect of Tributary ends this rule alone.
    fn work(self) {
        let defect = || internal("the rule ended with a defect of Tributary; see the processor's log".into());
        let worked = catch_unwind(AssertUnwindSafe(|| self.work_to_the_end()));
        let trouble = match worked {
            Ok(Ok(())) => return,
            Ok(Err(trouble)) => trouble,
            Err(_) => defect(),
        };
        tracing::error!(rule = self.rule.name, reason = %trouble.reason, message = trouble.message, "the rule cannot run");
        self.standing.cannot_read(trouble);
    }

    fn work_to_the_end(&self) -> Result<(), Trouble> {
        let Self { config, rule, surroundings, .. } = self;
        let hash_key = surroundings.hash_key.as_deref();
        let selection = Selection::new(config, rule, hash_key)
            .map_err(|problems| Trouble { reason: Reason::SpecInvalid, message: problems.to_string() })?;
        match (rule.kind, &rule.webhook, &rule.topic) {
            (DestinationType::Webhook, Some(webhook), _) => {
                let file = surroundings.secrets.join(&rule.name);
                let guard = Guard::new(&config.egress);
                let make = || Webhook::new(webhook, file.clone(), guard.clone(), surroundings.clock);
                self.repeat(selection, make, webhook.max_in_flight)
            }
            (DestinationType::Kafka, _, Some(topic)) => {
                let make = || Ok(Topic::new(topic, &config.kafka.topic, self.clients.producer()));
                self.repeat(selection, make, TOPIC_IN_FLIGHT)
            }
            (DestinationType::Webhook, None, _) | (DestinationType::Kafka, _, None) => Err(Trouble {
                reason: Reason::SpecInvalid,
                message: "the destination of the rule is missing".into(),
            }),
        }
    }

    /// Works with one set of clients after another until the process stops.
    fn repeat<D: Destination>(
        &self,
        mut selection: Selection,
        make: impl Fn() -> Result<D, Trouble>,
        max_in_flight: usize,
    ) -> Result<(), Trouble> {
        let Self { config, rule, clients, surroundings, standing, runtime } = self;
        let group = format!("{}.{}", config.kafka.group, rule.name);
        let limits = Limits::new(max_in_flight);
        let mut n_failures = 0;
        while !*surroundings.stop.borrow() {
            let version = clients.version();
            let courier = Courier {
                rule: rule.name.clone(),
                destination: make()?,
                dead_letters: clients.dead_letters(),
                gate: Gate::default(),
                pace: surroundings.pace,
                standing: Arc::clone(standing),
                stop: surroundings.stop.clone(),
            };
            let beginning = Beginning::new(rule.start, config.stream.epoch, surroundings.clock);
            let worked = clients.source(&group).and_then(|source| {
                let parts = (limits, runtime.clone());
                Rule::new(source, &mut selection, Arc::new(courier), beginning, parts)
                    .run(|| clients.version() != version)
            });
            if let Err(error) = worked {
                n_failures += 1;
                tracing::warn!(rule = rule.name, %error, cause = %error.source, "the clients of the rule are made anew");
                standing.cannot_read(rule::trouble(&error));
                let wait = surroundings.pace.delay(n_failures, 0.5);
                runtime.block_on(stops_within(surroundings.stop.clone(), wait));
            }
        }
        Ok(())
    }
}

/// Waits, but not when the process stops.
async fn stops_within(mut stop: watch::Receiver<bool>, wait: Duration) {
    if tokio::time::timeout(wait, stop.wait_for(|stop| *stop)).await.is_ok() {
        tracing::debug!("a wait was cut short");
    }
}

fn internal(message: String) -> Trouble {
    Trouble { reason: Reason::InternalError, message }
}

#[cfg(test)]
mod tests;
