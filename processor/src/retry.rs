//! Verdict and backoff: what a failed write means, and how long to wait before the next try.
//!
//! In: the class of a failure and how many there were before. Out: a delay with jitter.
//! A write is repeated for ever; a verdict decides only how soon, and what is said meanwhile.
//! Not here: which server code is of which class; see `sink/clickhouse/verdict.rs`.

use std::time::Duration;

/// What a failed write means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It will pass: wait and repeat.
    Retry,
    /// Somebody must mend something: say so at once, and repeat slowly so that it heals by itself.
    Stop,
    /// One of the rows is refused: find it, set it aside, write the rest.
    RowRefused,
}

const FIRST: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(5);
const FIRST_STOP: Duration = Duration::from_secs(1);
const LONGEST_STOP: Duration = Duration::from_secs(10);

/// Returns how long to wait after the failure number `n_failures` (from 1); `random` is between 0 and 1.
pub fn delay(verdict: Verdict, n_failures: u32, random: f64) -> Duration {
    let (first, longest) = match verdict {
        Verdict::Retry | Verdict::RowRefused => (FIRST, LONGEST_RETRY),
        Verdict::Stop => (FIRST_STOP, LONGEST_STOP),
    };
    let full = first.saturating_mul(1 << n_failures.saturating_sub(1).min(16)).min(longest);
    // Between half and whole, so that many processors do not come back to a server in one wave.
    full.mul_f64(random.clamp(0.0, 1.0).mul_add(0.5, 0.5))
}

/// A small generator for jitter; not for secrets.
#[derive(Debug, Clone)]
pub struct Jitter(u64);

impl Jitter {
    /// Builds a generator; the same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Returns the next number between 0 and 1.
    #[expect(clippy::should_implement_trait, reason = "an endless source of numbers is no iterator")]
    pub fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f64::from(u32::try_from(self.0 >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stop_growing() {
        assert_eq!(delay(Verdict::Retry, 1, 1.0), Duration::from_millis(100));
        assert_eq!(delay(Verdict::Retry, 3, 1.0), Duration::from_millis(400));
        assert_eq!(delay(Verdict::Retry, 1000, 1.0), LONGEST_RETRY);
        assert_eq!(delay(Verdict::Stop, 1000, 0.0), LONGEST_STOP / 2);
    }

    #[test]
    fn jitter_repeats_with_its_seed() {
        let (mut one, mut other) = (Jitter::new(7), Jitter::new(7));
        for _ in 0..100 {
            let number = one.next();
            assert!((0.0..=1.0).contains(&number));
            assert!((number - other.next()).abs() < f64::EPSILON);
        }
    }
}
