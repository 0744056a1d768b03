//! Sparing: a log line that repeats is said once, then now and then, with the number of those that were left out.
//!
//! In: what is to be said, and the time. Out: whether to say it, and how often it was not said since.
//! A client that cannot connect says the same thing tens of times a second, for as long as somebody sleeps.
//! Not here: the log, any clock, and what is counted: metrics count every time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How often one and the same thing is said.
pub const EVERY: Duration = Duration::from_secs(30);
/// Things that are kept in mind; beyond them the one that was said first is forgotten.
const MOST: usize = 64;

/// What was said.
#[derive(Debug, Default)]
pub struct Sparing(HashMap<String, Said>);

#[derive(Debug)]
struct Said {
    at: Instant,
    n_left_out: u64,
}

impl Sparing {
    /// Returns how often this was left out since it was said last, when it is to be said now.
    pub fn say(&mut self, what: &str, now: Instant) -> Option<u64> {
        if let Some(said) = self.0.get_mut(what) {
            if now.saturating_duration_since(said.at) < EVERY {
                said.n_left_out += 1;
                return None;
            }
            said.at = now;
            return Some(std::mem::take(&mut said.n_left_out));
        }
        if self.0.len() >= MOST
            && let Some(oldest) = self.0.iter().min_by_key(|(_, said)| said.at).map(|(what, _)| what.clone())
        {
            self.0.remove(&oldest);
        }
        self.0.insert(what.to_owned(), Said { at: now, n_left_out: 0 });
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_is_said_once_then_now_and_then_with_the_number_of_what_was_left_out() {
        let (start, mut sparing) = (Instant::now(), Sparing::default());
        let mut said = Vec::new();
        for tenth in 0..610 {
            let now = start + Duration::from_millis(100 * tenth);
            said.extend(sparing.say("all brokers are down", now).map(|n_left_out| (tenth / 10, n_left_out)));
        }
        assert_eq!(said, [(0, 0), (30, 299), (60, 299)]);
    }

    #[test]
    fn two_things_that_take_turns_are_said_once_each() {
        let (now, mut sparing) = (Instant::now(), Sparing::default());
        let said: Vec<_> = ["refused", "down", "refused", "down"].map(|what| sparing.say(what, now)).into();
        assert_eq!(said, [Some(0), Some(0), None, None]);
    }

    #[test]
    fn however_many_things_there_are_few_are_kept_in_mind() {
        let (start, mut sparing) = (Instant::now(), Sparing::default());
        for number in 0..1000 {
            let now = start + Duration::from_millis(number);
            assert_eq!(sparing.say(&format!("thing {number}"), now), Some(0));
        }
        assert_eq!(sparing.0.len(), MOST);
        assert_eq!(sparing.say("thing 999", start + Duration::from_secs(1)), None, "the latest are kept");
    }
}
