//! Run: the loop of the reading thread, until it is told to end.
//!
//! In: a flow and the word to stop. Out: why it ended; whatever was read is written and acknowledged, or left to the next owner.
//! Not here: signals; `main` hears them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::writer::Writer;
use super::{Flow, FlowError};
use crate::source::Source;

/// How long one poll waits when there is nothing to do. It bounds how late an acknowledgement or a signal is noticed.
const POLL: Duration = Duration::from_millis(50);
/// How long a drain may take; kubelet kills after 30 s.
const DRAIN: Duration = Duration::from_secs(20);

/// How a flow ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All that was read is written and acknowledged.
    Drained,
    /// Something was left; the next owner repeats it.
    Left,
}

/// Runs a flow until `stop` is set; then drains it and leaves the group.
///
/// # Errors
/// When the flow cannot go on.
pub fn run<S: Source, W: Writer>(mut flow: Flow<S, W>, stop: &Arc<AtomicBool>) -> Result<Ended, FlowError> {
    let mut deadline = None;
    loop {
        let now = Instant::now();
        if deadline.is_none() && stop.load(Ordering::Relaxed) {
            flow.begin_drain();
            deadline = Some(now + DRAIN);
        }
        flow.turn(now, if deadline.is_some() { POLL / 10 } else { POLL })?;
        let Some(deadline) = deadline else { continue };
        let is_idle = flow.is_idle();
        if is_idle || now >= deadline {
            flow.leave(now);
            // Dropping the source leaves the group; the client answers the broker's last questions meanwhile.
            drop(flow.into_source());
            return Ok(if is_idle { Ended::Drained } else { Ended::Left });
        }
    }
}
