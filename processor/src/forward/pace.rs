//! Pace: how soon a delivery is repeated.
//!
//! In: how often it failed, and what the destination asked for. Out: how long to wait.
//! An event is repeated for ever; the pace only bounds how often.
//! Not here: what a failure means; see `reply.rs`.

use std::time::Duration;

/// How soon deliveries are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Wait after the first failure.
    pub first: Duration,
    /// Longest wait by our own choice.
    pub longest: Duration,
    /// Longest wait that a destination can ask for.
    pub longest_asked: Duration,
    /// How often a parked rule tries one event.
    pub probe: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(30),
            longest_asked: Duration::from_secs(300),
            probe: Duration::from_secs(30),
        }
    }
}

impl Pace {
    /// Returns how long an event waits after the failure number `n_failures` (from 1); `random` is between 0 and 1.
    pub fn delay(&self, n_failures: u32, random: f64) -> Duration {
        let full = self.first.saturating_mul(1 << n_failures.saturating_sub(1).min(16)).min(self.longest);
        // Between half and whole, so that many events do not come back in one wave.
        full.mul_f64(random.clamp(0.0, 1.0).mul_add(0.5, 0.5))
    }

    /// Returns how long the rule leaves a destination alone that asks for it: never less than `delay`.
    pub fn asked(&self, after: Duration, delay: Duration) -> Duration {
        after.min(self.longest_asked).max(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let pace = Pace::default();
        let seconds: Vec<_> = (1..=9).map(|n| pace.delay(n, 1.0).as_secs_f32()).collect();
        assert_eq!(seconds, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]);
        assert_eq!(pace.delay(u32::MAX, 0.0), pace.longest / 2);
    }

    #[test]
    fn what_a_destination_asks_for_is_bounded_on_both_sides() {
        let pace = Pace::default();
        let delay = Duration::from_secs(1);
        assert_eq!(pace.asked(Duration::from_secs(7), delay), Duration::from_secs(7));
        assert_eq!(pace.asked(Duration::from_secs(86_400), delay), Duration::from_secs(300));
        assert_eq!(pace.asked(Duration::ZERO, delay), delay);
    }
}
