//! Gate: what a destination says of itself holds every event of the rule.
//!
//! ```text
//!        hold(until)                    the time has come
//! open ───────────────▶ held ───────────────────────────────▶ one probe is out
//!   ▲                    ▲──────────── hold(until), or the probe is gone ──┤
//!   └────────────────────────────────────── open() ────────────────────────┘
//! ```
//! In: events that want to be sent, and what became of them. Out: a [`Pass`] each, one at a time while the gate is held.
//! Not here: the waits of one event that failed alone; see `courier.rs`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Lets events through, or one at a time.
#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    held_until: Option<Instant>,
    is_probe_out: bool,
}

/// The right to send one event once.
#[derive(Debug)]
pub struct Pass<'a> {
    gate: &'a Gate,
    is_probe: bool,
}

impl Gate {
    /// Waits until the event may be sent.
    pub async fn enter(&self) -> Pass<'_> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed, although the state is read first.
            changed.as_mut().enable();
            let wake = {
                let mut state = self.lock();
                match state.held_until {
                    None => return Pass { gate: self, is_probe: false },
                    Some(until) if !state.is_probe_out && until <= Instant::now() => {
                        state.is_probe_out = true;
                        return Pass { gate: self, is_probe: true };
                    }
                    Some(_) if state.is_probe_out => None,
                    Some(until) => Some(until),
                }
            };
            match wake {
                None => changed.await,
                Some(until) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(until) => {}
                },
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// The destination takes events. Only a probe opens a held gate: an answer to a question that was asked before
    /// says nothing of now.
    pub fn open(self) {
        if self.is_probe {
            self.gate.lock().held_until = None;
        }
    }

    /// The destination takes no event for a while.
    pub fn hold(self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut state = self.gate.lock();
        state.held_until = Some(state.held_until.map_or(until, |held| held.max(until)));
    }

    /// Returns whether this is the only event that is let through.
    pub fn is_probe(&self) -> bool {
        self.is_probe
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.gate.lock().is_probe_out = false;
        }
        self.gate.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const WAIT: Duration = Duration::from_millis(30);

    #[tokio::test]
    async fn an_open_gate_lets_all_through() {
        let gate = Gate::default();
        let one = gate.enter().await;
        let other = gate.enter().await;
        assert!(!one.is_probe() && !other.is_probe());
    }

    #[tokio::test]
    async fn a_held_gate_lets_one_probe_through_when_the_time_has_come() {
        let gate = Gate::default();
        let begin = Instant::now();
        gate.enter().await.hold(WAIT);
        let probe = gate.enter().await;
        assert!(probe.is_probe());
        assert!(begin.elapsed() >= WAIT);
        assert!(gate.enter().now_or_never().is_none());
        probe.hold(WAIT);
        assert!(gate.enter().now_or_never().is_none());
        gate.enter().await.open();
        assert!(begin.elapsed() >= 2 * WAIT);
        assert!(!gate.enter().await.is_probe());
    }

    #[tokio::test]
    async fn a_probe_that_is_given_up_makes_way_for_the_next() {
        let gate = Gate::default();
        gate.enter().await.hold(WAIT);
        drop(gate.enter().await);
        assert!(gate.enter().await.is_probe());
    }

    #[tokio::test]
    async fn a_late_answer_does_not_open_a_held_gate() {
        let gate = Gate::default();
        let late = gate.enter().await;
        gate.enter().await.hold(WAIT);
        late.open();
        assert!(gate.enter().now_or_never().is_none());
    }

    #[tokio::test]
    async fn all_who_wait_go_on_when_the_probe_opens() {
        let gate = Gate::default();
        gate.enter().await.hold(WAIT);
        let waiting = async {
            let passes = futures::future::join_all((0..5).map(|_| gate.enter())).await;
            passes.len()
        };
        let probe = async {
            let probe = gate.enter().await;
            probe.open();
        };
        let (n_passes, ()) = tokio::join!(waiting, probe);
        assert_eq!(n_passes, 5);
    }
}
