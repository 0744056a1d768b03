//! Beat: when a partition's batch ends by its age.
//!
//! In: when a batch was opened, and the time. Out: whether it has waited long enough.
//! Partitions that begin together would end their batches together for ever, and every insert would wait for all the others.
//! So each partition ends its batches on a beat of its own; the beats lie spread over the longest age, wherever the partitions are.
//! No batch gets older than the longest age; those of a stream that flows get exactly as old.
//! Not here: batches that are full, and tries that are not free yet.

use std::time::{Duration, Instant};

/// The beats of all partitions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beat {
    start: Instant,
    period: Duration,
}

impl Beat {
    /// Builds the beats of a flow that starts now; a batch waits `period` at the longest.
    pub(super) fn new(start: Instant, period: Duration) -> Self {
        Self { start, period }
    }

    /// Returns whether a batch has waited long enough: its partition's beat has come since it was opened.
    pub(super) fn ends(&self, partition: i32, opened: Instant, now: Instant) -> bool {
        now.saturating_duration_since(opened) >= self.period
            || self.n_beats(partition, now) > self.n_beats(partition, opened)
    }

    /// Beats of a partition until then.
    fn n_beats(&self, partition: i32, at: Instant) -> u128 {
        let period = self.period.as_nanos().max(1);
        at.saturating_duration_since(self.start).as_nanos().saturating_add(period - self.shift(partition))
            / period
    }

    /// How far behind the start the first beat is, nanoseconds: multiples of the golden ratio lie apart, however many there are.
    fn shift(&self, partition: i32) -> u128 {
        const GOLDEN: u32 = 2_654_435_769;
        let share = partition.unsigned_abs().wrapping_mul(GOLDEN);
        (self.period.as_nanos() * u128::from(share)) >> u32::BITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(1);

    /// When a batch that is opened then ends, milliseconds after the start.
    fn end(partition: i32, opened: u64) -> u64 {
        let start = Instant::now();
        let beat = Beat::new(start, PERIOD);
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        (opened..).find(|now| beat.ends(partition, at(opened), at(*now))).unwrap()
    }

    #[test]
    fn no_batch_gets_older_than_the_period_and_one_that_follows_another_gets_as_old() {
        for partition in 0..64 {
            let first = end(partition, 17);
            assert!((18..=1_017).contains(&first), "{partition}: {first}");
            assert_eq!(end(partition, first), first + 1_000, "{partition}");
        }
    }

    #[test]
    fn the_partitions_that_one_processor_may_have_end_their_batches_apart() {
        for (n_partitions, apart) in [(2, 300), (4, 130), (12, 50), (64, 5)] {
            let mut ends: Vec<u64> = (0..n_partitions).map(|partition| end(partition, 0) % 1_000).collect();
            ends.sort_unstable();
            let first = ends.first().unwrap() + 1_000;
            let gaps = ends.windows(2).map(|pair| pair[1] - pair[0]).chain([first - ends.last().unwrap()]);
            assert!(gaps.min().unwrap() >= apart, "{ends:?}");
        }
    }

    #[test]
    fn without_a_period_every_batch_ends_at_once() {
        let start = Instant::now();
        assert!(Beat::new(start, Duration::ZERO).ends(3, start, start));
    }
}
