//! A fuse in the way of every write: it keeps the book, and ends the operator at the moment that a plan names.
//!
//! In: writes to Kubernetes, Kafka and ClickHouse, each announced before it is done and once it is done. Out: the trace, and
//! at an armed [`Moment`] a call that never returns: whoever waits for [`Fuse::blown`] drops the operator then, so that nothing
//! after that moment is ever done by it.
//! A write is named by what it does to what, and by how often that was done: the order between objects may differ.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

/// A fuse; its clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Fuse(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    blown: Notify,
}

#[derive(Default)]
struct State {
    counts: BTreeMap<String, usize>,
    trace: Vec<(String, usize)>,
    armed: Vec<Moment>,
    n_blown: usize,
    is_blown: bool,
}

/// Which side of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// It was not done.
    Before,
    /// It was done, and nobody has heard the answer.
    After,
}

/// A moment at which the operator ends: `before 1 PATCH /api/v1/…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) side: Side,
    pub(crate) nth: usize,
    pub(crate) write: String,
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.side == Side::Before { "before" } else { "after" };
        write!(formatter, "{side} {} {}", self.nth, self.write)
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.trim().splitn(3, ' ').collect();
        let [side, nth, write] = parts[..] else { return Err(format!("`{text}` is no moment")) };
        let side = match side {
            "before" => Side::Before,
            "after" => Side::After,
            _ => return Err(format!("`{side}` is neither before nor after")),
        };
        let nth = nth.parse().map_err(|_| format!("`{nth}` is no number"))?;
        Ok(Self { side, nth, write: write.to_owned() })
    }
}

/// A write that is under way.
pub(crate) struct Strike {
    fuse: Fuse,
    dies: bool,
}

impl Fuse {
    /// Ends the operator at these moments, each once.
    pub(crate) fn arm(&self, moments: &[Moment]) {
        self.0.state.lock().unwrap().armed.extend(moments.iter().cloned());
    }

    /// Returns every write that was begun, with how often it was done before and now.
    pub(crate) fn trace(&self) -> Vec<(String, usize)> {
        self.0.state.lock().unwrap().trace.clone()
    }

    /// Returns how often it has blown.
    pub(crate) fn n_blown(&self) -> usize {
        self.0.state.lock().unwrap().n_blown
    }

    /// Announces a write; never returns where the operator ends before it.
    pub(crate) async fn strike(&self, write: &str) -> Strike {
        let side = self.count(write);
        if side == Some(Side::Before) {
            self.blow().await;
        }
        Strike { fuse: self.clone(), dies: side == Some(Side::After) }
    }

    /// Lets an operator that starts write again.
    pub(crate) fn mend(&self) {
        self.0.state.lock().unwrap().is_blown = false;
    }

    /// Returns once the operator is at its end.
    pub(crate) async fn blown(&self) {
        self.0.blown.notified().await;
    }

    fn count(&self, write: &str) -> Option<Side> {
        let mut state = self.0.state.lock().unwrap();
        // Who is at his end does nothing any more, elsewhere neither.
        if state.is_blown {
            return Some(Side::Before);
        }
        let count = state.counts.entry(write.to_owned()).or_default();
        *count += 1;
        let nth = *count;
        state.trace.push((write.to_owned(), nth));
        let due = state.armed.iter().position(|moment| moment.write == write && moment.nth == nth)?;
        let side = state.armed.remove(due).side;
        state.n_blown += 1;
        state.is_blown = side == Side::Before;
        Some(side)
    }

    async fn blow(&self) {
        self.0.state.lock().unwrap().is_blown = true;
        self.0.blown.notify_one();
        std::future::pending::<()>().await;
    }
}

impl Strike {
    /// Says that the write is done; never returns where the operator ends after it.
    pub(crate) async fn done(self) {
        if self.dies {
            self.fuse.blow().await;
        }
    }
}
