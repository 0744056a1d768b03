//! Percentiles of what was measured one by one. Pure.
//!
//! In: sorted numbers. Out: one of them. Not here: medians of runs (`pairs.rs`), which are few.

/// The least number that so large a share of the numbers does not exceed, by the nearest rank; not a number when there is none.
#[must_use]
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn a_percentile_is_the_number_of_its_rank() {
        let numbers: Vec<f64> = (1..=1_000).map(f64::from).collect();
        assert_eq!(percentile(&numbers, 0.5), 500.0);
        assert_eq!(percentile(&numbers, 0.99), 990.0);
        assert_eq!(percentile(&numbers, 0.999), 999.0);
        assert_eq!(percentile(&[7.0], 0.999), 7.0);
        assert!(percentile(&[], 0.5).is_nan());
    }
}
