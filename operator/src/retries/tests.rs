//! The row of waiting times.

use super::*;

#[test]
fn waiting_times_double_up_to_a_minute_and_begin_anew_after_a_success() {
    let retries = Retries::default();
    let key = Key::new("EventSchema", "shop", "purchase");
    for expected in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
        let seconds = retries.failed(&key).as_secs_f64();
        assert!(
            (expected * 0.75..=f64::min(expected * 1.25, 60.0)).contains(&seconds),
            "{seconds} for {expected}"
        );
    }
    retries.succeeded(&key);
    assert!(retries.failed(&key) <= Duration::from_millis(1250));
}

#[test]
fn objects_that_fail_together_come_back_apart() {
    let delays: std::collections::HashSet<Duration> =
        (0..20).map(|n| delay(&Key::new("EventSchema", "shop", format!("s{n}")), 5)).collect();
    assert!(delays.len() > 5);
}
