//! Pairs: in which order contenders run, and what their runs say about each other. Pure.
//!
//! In: how many contenders and rounds; measured numbers. Out: the order, medians, ratios within rounds.
//! A machine drifts: it grows warm, its neighbours come and go. So each round goes through the contenders the other way than the round
//! before (A B, B A, A B …), and only runs of one round are compared. Not here: the runs.

use serde::Serialize;

/// The order of the contenders, by their number, for each round: forth, back, forth …
#[must_use]
pub fn order(contenders: usize, rounds: usize) -> Vec<Vec<usize>> {
    let forth: Vec<usize> = (0..contenders).collect();
    let back: Vec<usize> = forth.iter().rev().copied().collect();
    (0..rounds).map(|round| if round.is_multiple_of(2) { forth.clone() } else { back.clone() }).collect()
}

/// Middle and ends of several numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one; the mean of the two middle ones when there is an even number.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub most: f64,
    /// How many there are.
    pub n: usize,
}

impl Spread {
    /// Of numbers that are not none.
    #[must_use]
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = numbers.into_iter().filter(|number| number.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (least, most, n) = (*sorted.first()?, *sorted.last()?, sorted.len());
        Some(Self { median: f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]), least, most, n })
    }

    /// Of the ratios of numbers that were measured in the same round.
    #[must_use]
    pub fn of_ratios(pairs: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        Self::of(pairs.into_iter().map(|(one, other)| one / other))
    }
}

#[cfg(test)]
mod tests {
    use super::{Spread, order};

    #[test]
    fn two_contenders_run_as_abba() {
        let runs: Vec<usize> = order(2, 4).into_iter().flatten().collect();
        assert_eq!(runs, [0, 1, 1, 0, 0, 1, 1, 0]);
    }

    #[test]
    fn a_steady_drift_hits_all_contenders_alike() {
        let (contenders, rounds) = (3, 6);
        let mut sums = vec![0; contenders];
        for (time, contender) in order(contenders, rounds).into_iter().flatten().enumerate() {
            sums[contender] += time;
        }
        assert!(sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
    }

    #[test]
    fn the_median_is_the_middle_and_the_spread_the_ends() {
        let odd = Spread::of([3.0, 1.0, 2.0]);
        assert_eq!(odd, Some(Spread { median: 2.0, least: 1.0, most: 3.0, n: 3 }));
        assert_eq!(Spread::of([4.0, 1.0]).map(|spread| spread.median), Some(2.5));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn ratios_are_taken_within_a_pair() {
        let ratios = Spread::of_ratios([(1.0, 2.0), (10.0, 5.0), (0.0, 0.0)]);
        assert_eq!(ratios, Some(Spread { median: 1.25, least: 0.5, most: 2.0, n: 2 }));
    }
}
