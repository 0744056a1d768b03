//! The meter: CPU time and memory of the mover, of ClickHouse and of the broker, between two moments.
//!
//! In: whose processes they are. Out: [`Spent`]. A mover is counted with whatever it has started. Its CPU time is read while it
//! runs or after it has ended; its memory only while it runs, so it is looked at again and again.
//! Not here: what was done with it.

use nix::unistd::Pid;
use serde::Serialize;

use crate::host::{self, Usage};

/// Who is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Watched {
    /// Leader of the mover's session; none when ClickHouse moves the events itself.
    pub mover: Option<Pid>,
    /// ClickHouse.
    pub server: Pid,
    /// The broker; none when it runs elsewhere.
    pub broker: Option<Pid>,
}

/// What was spent between two moments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Spent {
    /// CPU seconds of the mover.
    pub mover: f64,
    /// CPU seconds of ClickHouse.
    pub server: f64,
    /// CPU seconds of the broker; no number when it runs elsewhere.
    pub broker: f64,
    /// The mover's largest memory, bytes.
    pub mover_peak: u64,
    /// ClickHouse's largest memory, bytes.
    pub server_peak: u64,
    /// The broker's largest memory, bytes.
    pub broker_peak: u64,
}

/// A meter that runs.
#[derive(Debug)]
pub struct Meter {
    watched: Watched,
    begun: Reading,
    mover_peak: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Reading {
    mover: Usage,
    server: Usage,
    broker: Usage,
}

impl Meter {
    /// Begins: ClickHouse and broker from now, the mover from its own start.
    #[must_use]
    pub fn start(watched: Watched) -> Self {
        for pid in [Some(watched.server), watched.broker].into_iter().flatten() {
            // Without the right to it, the peak is that of the process's whole life.
            host::forget_peak(pid).unwrap_or_default();
        }
        let begun = Reading { mover: Usage::default(), ..read(&watched) };
        Self { watched, begun, mover_peak: 0 }
    }

    /// Looks at a mover that has just been started.
    pub fn watch(&mut self, mover: Option<Pid>) {
        self.watched.mover = mover;
    }

    /// Forgets what was spent so far: the mover has warmed up.
    pub fn begin_anew(&mut self) {
        self.begun = read(&self.watched);
    }

    /// What was spent so far. Ask it now and then, for the sake of the mover's memory.
    pub fn spent(&mut self) -> Spent {
        let now = read(&self.watched);
        self.mover_peak = self.mover_peak.max(now.mover.peak_memory_in_all);
        Spent {
            mover: now.mover.cpu_seconds - self.begun.mover.cpu_seconds,
            server: now.server.cpu_seconds - self.begun.server.cpu_seconds,
            broker: match self.watched.broker {
                Some(_) => now.broker.cpu_seconds - self.begun.broker.cpu_seconds,
                None => f64::NAN,
            },
            mover_peak: self.mover_peak,
            server_peak: now.server.peak_memory,
            broker_peak: now.broker.peak_memory,
        }
    }
}

fn read(watched: &Watched) -> Reading {
    let one = |pid: Option<Pid>| host::usage(pid.as_slice());
    Reading {
        mover: watched.mover.map(|leader| host::usage(&host::session(leader))).unwrap_or_default(),
        server: one(Some(watched.server)),
        broker: one(watched.broker),
    }
}
