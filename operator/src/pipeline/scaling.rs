//! Scaling: how many processor pods a stream has, where the number follows its lag. Pure.
//!
//! In: the bounds, the pods of now, the lag, what was remembered of former looks. Out: [`Decision`]: pods, why they changed,
//! what to remember.
//! Each change moves partitions between pods, so there are few of them. Out: at most twice the pods, only while all pods
//! work, and 30 s after the last change. In: at most half of the pods, and only when the lag asked for fewer all the time
//! that the spec names; twice as long after each time that it had to be taken back. A stream that begins or goes on begins
//! with what its lag asks for: there is nothing yet that could move.
//! Not here: who reads the lag (`gather.rs`), and KEDA, which decides by itself (`build/keda.rs`).

pub mod memories;

use std::cmp::Ordering;
use std::time::Duration;

use crds::conditions::Reason;
use jiff::Timestamp;

/// After a change, until the next one that adds pods: a rebalance must be over before its effect is seen.
const COOL_DOWN: Duration = Duration::from_secs(30);
/// Longest time that the lag must ask for fewer pods, however often it was taken back.
const LONGEST_PATIENCE: Duration = Duration::from_secs(3600);
/// Doublings until [`LONGEST_PATIENCE`] is reached in any case.
const MOST_REGRETS: u32 = 9;

/// By what the number of pods is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Least number of pods.
    pub min: i32,
    /// Greatest number of pods.
    pub max: i32,
    /// What sets the greatest number, for people.
    pub limit: String,
    /// Records that may wait for each pod.
    pub target_lag: i64,
    /// How long the lag must ask for fewer pods.
    pub scale_in_after: Duration,
}

/// How a stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Pods of now; 0 for a stream that begins or goes on.
    pub replicas: i32,
    /// Whether all of them read and write.
    pub is_settled: bool,
    /// Records that wait; absent where nobody knows.
    pub lag: Option<i64>,
}

/// What is remembered between looks. A restart forgets it, and the waiting begins anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// When the number of pods was changed last.
    pub changed_at: Option<Timestamp>,
    /// Since when the lag asks for fewer pods.
    pub low: Option<Low>,
    /// When pods were taken away last.
    pub scaled_in_at: Option<Timestamp>,
    /// How often in a row that was taken back.
    pub regrets: u32,
}

/// A time in which the lag asks for fewer pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Low {
    /// Its begin.
    pub since: Timestamp,
    /// The most pods that the lag asked for since.
    pub most: i32,
}

/// How many pods there are to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Pods.
    pub replicas: i32,
    /// Why it is another number than before, where it is.
    pub change: Option<Change>,
    /// What to remember once it is done.
    pub memory: Memory,
}

/// A change, for condition and Event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `ScaledOut` or `ScaledIn`.
    pub reason: Reason,
    /// From how many to how many, and why.
    pub message: String,
}

/// Decides how many pods there are to be.
pub fn decide(rule: &Rule, seen: &Seen, memory: &Memory, now: Timestamp) -> Decision {
    let bounded = seen.replicas.min(rule.max).max(rule.min);
    if seen.replicas == 0 {
        return begin(rule, seen, now);
    }
    if bounded != seen.replicas {
        let why = match bounded > seen.replicas {
            true => "the least by `spec.processor.autoscaling.min`".to_owned(),
            false => format!("the most by {}", rule.limit),
        };
        return changed(seen.replicas, bounded, &format!(", {why}"), Memory { low: None, ..*memory }, now);
    }
    // Without the lag nothing is known to be low either.
    let Some(lag) = seen.lag else { return unchanged(seen, Memory { low: None, ..*memory }) };
    match rule.wish(lag).cmp(&seen.replicas) {
        Ordering::Equal => unchanged(seen, Memory { low: None, ..*memory }),
        Ordering::Greater => scale_out(rule, (seen, lag), memory, now),
        Ordering::Less => scale_in(rule, (seen, lag), memory, now),
    }
}

impl Rule {
    /// Returns how many pods a lag asks for, within the bounds.
    fn wish(&self, lag: i64) -> i32 {
        let wish = i32::try_from(self.unbounded_wish(lag)).unwrap_or(i32::MAX);
        wish.min(self.max).max(self.min)
    }

    fn unbounded_wish(&self, lag: i64) -> i64 {
        lag.max(0).saturating_add(self.target_lag - 1) / self.target_lag.max(1)
    }

    /// How long the lag must ask for fewer pods, after so many times that it was taken back.
    fn patience(&self, regrets: u32) -> Duration {
        self.scale_in_after.saturating_mul(1 << regrets.min(MOST_REGRETS)).min(LONGEST_PATIENCE)
    }

    fn why_out(&self, to: i32, lag: i64) -> String {
        let limited = match to == self.max && self.unbounded_wish(lag) > i64::from(self.max) {
            true => format!("; this is the most by {}", self.limit),
            false => String::new(),
        };
        format!(
            ", as {lag} records wait and `spec.processor.autoscaling.targetLag` is {} a pod{limited}",
            self.target_lag
        )
    }
}

fn begin(rule: &Rule, seen: &Seen, now: Timestamp) -> Decision {
    let lag = seen.lag.unwrap_or(0);
    let wish = rule.wish(lag);
    if wish == rule.min {
        let memory = Memory { changed_at: Some(now), ..Memory::default() };
        return Decision { replicas: wish, change: None, memory };
    }
    changed(0, wish, &rule.why_out(wish, lag), Memory::default(), now)
}

fn scale_out(rule: &Rule, (seen, lag): (&Seen, i64), memory: &Memory, now: Timestamp) -> Decision {
    let memory = Memory { low: None, ..*memory };
    let is_due = memory.changed_at.is_none_or(|at| elapsed(at, now) >= COOL_DOWN);
    if !seen.is_settled || !is_due {
        return unchanged(seen, memory);
    }
    let regrets = match memory.scaled_in_at {
        Some(at) if elapsed(at, now) < rule.patience(memory.regrets).saturating_mul(2) => {
            memory.regrets.saturating_add(1)
        }
        Some(_) => 0,
        None => memory.regrets,
    };
    let to = rule.wish(lag).min(seen.replicas.saturating_mul(2));
    let memory = Memory { regrets, scaled_in_at: None, ..memory };
    changed(seen.replicas, to, &rule.why_out(to, lag), memory, now)
}

fn scale_in(rule: &Rule, (seen, lag): (&Seen, i64), memory: &Memory, now: Timestamp) -> Decision {
    let wish = rule.wish(lag);
    let low =
        memory.low.map_or(Low { since: now, most: wish }, |low| Low { most: low.most.max(wish), ..low });
    let patience = rule.patience(memory.regrets);
    if elapsed(low.since, now) < patience {
        return unchanged(seen, Memory { low: Some(low), ..*memory });
    }
    // Half of the pods, rounded up, stay.
    let to = low.most.max(seen.replicas - seen.replicas / 2);
    if to >= seen.replicas {
        // Somebody else took pods away meanwhile.
        return unchanged(seen, Memory { low: Some(Low { since: now, most: wish }), ..*memory });
    }
    let why = format!(", as the lag asked for at most {} in the last {} s", low.most, patience.as_secs());
    changed(seen.replicas, to, &why, Memory { low: None, scaled_in_at: Some(now), ..*memory }, now)
}

fn unchanged(seen: &Seen, memory: Memory) -> Decision {
    Decision { replicas: seen.replicas, change: None, memory }
}

fn changed(from: i32, to: i32, why: &str, memory: Memory, now: Timestamp) -> Decision {
    let (reason, way) = match to > from {
        true => (Reason::ScaledOut, "out"),
        false => (Reason::ScaledIn, "in"),
    };
    let message = format!("scaled {way} from {from} to {to} processor pods{why}");
    Decision {
        replicas: to,
        change: Some(Change { reason, message }),
        memory: Memory { changed_at: Some(now), ..memory },
    }
}

/// A clock that was set back has let no time pass.
fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
