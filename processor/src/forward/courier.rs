//! Courier: brings one delivery to its end: taken, or a dead letter. Repeats until then.
//!
//! In: a delivery. Out: [`Settled`], or nothing when the process stops meanwhile: then the position is not committed.
//! What the destination says of itself (a wait it asks for, a closed door) holds every event of the rule in the [`Gate`];
//! what befalls one event makes only that event wait.
//! Not here: positions; see `progress.rs`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::forward::delivery::{Delivery, Destination, Refusal, Trouble, Verdict};
use crate::forward::gate::{Gate, Pass};
use crate::forward::pace::Pace;
use crate::forward::standing::{Failing, Standing};
use crate::retry::Jitter;
use crate::sink::DeadLetters;

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The destination has it.
    Sent,
    /// The destination refuses it; it is in the dead-letter topic.
    DeadLettered,
}

/// Brings the deliveries of one rule to their end.
pub struct Courier<D, L> {
    /// Name of the rule.
    pub rule: String,
    /// Where they go.
    pub destination: D,
    /// Where those go that are refused.
    pub dead_letters: L,
    /// Holds all of them.
    pub gate: Gate,
    /// How soon they are repeated.
    pub pace: Pace,
    /// What is said of them.
    pub standing: Arc<Standing>,
    /// True once the process stops.
    pub stop: watch::Receiver<bool>,
}

impl<D: Destination, L: DeadLetters> Courier<D, L> {
    /// Brings a delivery to its end; none when the process stops before.
    pub async fn bring(&self, delivery: &Delivery) -> Option<Settled> {
        let mut failing = self.standing.failing();
        let mut jitter = Jitter::new(delivery.id.seed());
        for n_failures in 1_u32.. {
            let pass = self.unless_stopped(self.gate.enter()).await?;
            let delay = self.pace.delay(n_failures, jitter.next());
            match self.destination.send(delivery).await {
                Verdict::Taken => {
                    pass.open();
                    self.standing.sent();
                    return Some(Settled::Sent);
                }
                Verdict::Refuse(refusal) => {
                    pass.open();
                    return self.set_aside(delivery, &refusal, &mut failing).await;
                }
                Verdict::Retry { after, trouble } => {
                    let alone = self.hold_or_wait_alone(pass, after, delay);
                    failing.tell(trouble);
                    self.standing.repeated();
                    self.unless_stopped(tokio::time::sleep(alone)).await?;
                }
                Verdict::Park(trouble) => {
                    tracing::warn!(rule = self.rule, reason = %trouble.reason, message = trouble.message, "parked the rule");
                    pass.hold(self.pace.probe);
                    failing.tell(trouble);
                    self.standing.repeated();
                }
            }
        }
        None
    }

    /// Makes the whole rule wait, in [`Gate::enter`], or returns how long this event waits alone.
    fn hold_or_wait_alone(&self, pass: Pass<'_>, after: Option<Duration>, delay: Duration) -> Duration {
        if after.is_none() && !pass.is_probe() {
            return delay;
        }
        pass.hold(self.pace.asked(after.unwrap_or_default(), delay));
        Duration::ZERO
    }

    /// Writes the dead letter, however long that takes: without it the position must not be committed.
    async fn set_aside(
        &self,
        delivery: &Delivery,
        refusal: &Refusal,
        failing: &mut Failing<'_>,
    ) -> Option<Settled> {
        let mut jitter = Jitter::new(delivery.id.seed());
        let mut letters = vec![delivery.letter(&self.rule, refusal)];
        for n_failures in 1_u32.. {
            match self.dead_letters.deliver(&mut letters).await {
                Ok(()) => {
                    self.standing.dead_lettered();
                    return Some(Settled::DeadLettered);
                }
                Err(error) => failing.tell(Trouble { reason: error.reason, message: error.message }),
            }
            self.unless_stopped(tokio::time::sleep(self.pace.delay(n_failures, jitter.next()))).await?;
        }
        None
    }

    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut stop = self.stop.clone();
        tokio::select! {
            done = work => Some(done),
            // A sender that is gone means the same.
            _stopped = stop.wait_for(|stop| *stop) => None,
        }
    }
}
