//! Deduplication by event id: which ids a partition has stored within the window.
//!
//! In: event ids and the times of their records. Out: whether an id was stored before.
//! The answer depends on nothing but the table's rows with lower offsets and the record itself, so a repeated range gets the same
//! answers: the state before a range is rebuilt from the table (`_offset < first`), never from the range's own rows.
//! The time is the record's Kafka time. An id costs 21 bytes, between 24 and 48 as the map grows; nothing else is kept.
//! Not here: ids made from a position. They cannot come twice, so they are not kept.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Event ids of one partition, within the window.
pub struct Seen {
    window_seconds: i64,
    // Two keyed hashes are one of 128 bits that nobody can aim at; the keys live as long as the process, as the state does.
    keys: [RandomState; 2],
    latest: i64,
    ids: HashMap<[u32; 4], u32>,
    sweep_at: usize,
}

const SWEEP_FROM: usize = 4096;

impl Seen {
    /// Builds an empty state.
    pub fn new(window_seconds: u64) -> Self {
        Self {
            window_seconds: i64::try_from(window_seconds).unwrap_or(i64::MAX),
            keys: [RandomState::new(), RandomState::new()],
            latest: 0,
            ids: HashMap::new(),
            sweep_at: SWEEP_FROM,
        }
    }

    /// Returns the window.
    pub fn window_seconds(&self) -> i64 {
        self.window_seconds
    }

    /// Returns how many ids are kept.
    pub fn n_ids(&self) -> usize {
        self.ids.len()
    }

    /// Returns whether the id was stored within the window before a record of this time.
    pub fn contains(&self, id: &str, milliseconds: i64) -> bool {
        let now = seconds(milliseconds).max(self.latest);
        self.ids.get(&self.hash(id)).is_some_and(|stored| i64::from(*stored) >= now - self.window_seconds)
    }

    /// Keeps the id of a stored row.
    pub fn insert(&mut self, id: &str, milliseconds: i64) {
        let stored = seconds(milliseconds);
        self.latest = self.latest.max(stored);
        let hash = self.hash(id);
        self.ids.insert(hash, u32::try_from(stored).unwrap_or(if stored < 0 { 0 } else { u32::MAX }));
        if self.ids.len() >= self.sweep_at {
            let oldest = self.latest - self.window_seconds;
            self.ids.retain(|_, stored| i64::from(*stored) >= oldest);
            self.sweep_at = (self.ids.len() * 2).max(SWEEP_FROM);
        }
    }

    fn hash(&self, id: &str) -> [u32; 4] {
        let [high, low] = [self.keys[0].hash_one(id), self.keys[1].hash_one(id)];
        let halves = |hash: u64| {
            let bytes = hash.to_le_bytes();
            [
                u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
                u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
            ]
        };
        let ([a, b], [c, d]) = (halves(high), halves(low));
        [a, b, c, d]
    }
}

/// Returns whether the id was made from the record's position.
pub fn is_made_from_position(id: &str, topic: &str, partition: i32, offset: i64) -> bool {
    let mut rest = match id.strip_prefix(topic).and_then(|rest| rest.strip_prefix(':')) {
        Some(rest) => rest.split(':'),
        None => return false,
    };
    let matches =
        |part: Option<&str>, number: i64| part.and_then(|part| part.parse::<i64>().ok()) == Some(number);
    matches(rest.next(), i64::from(partition)) && matches(rest.next(), offset) && rest.next().is_none()
}

fn seconds(milliseconds: i64) -> i64 {
    milliseconds.div_euclid(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    #[test]
    fn an_id_is_known_within_the_window_and_forgotten_behind_it() {
        let mut seen = Seen::new(DAY);
        seen.insert("a", 1_000_000);
        assert!(seen.contains("a", 1_000_000));
        assert!(seen.contains("a", 1_000_000 + 86_400_000));
        assert!(!seen.contains("a", 1_000_000 + 86_401_000));
        assert!(!seen.contains("b", 1_000_000));
    }

    #[test]
    fn a_record_that_comes_late_does_not_move_the_window_back() {
        let mut seen = Seen::new(10);
        seen.insert("old", 0);
        seen.insert("new", 60_000);
        assert!(!seen.contains("old", 1_000));
    }

    #[test]
    fn ids_behind_the_window_are_swept() {
        let mut seen = Seen::new(10);
        for number in 0..100_000_i64 {
            seen.insert(&number.to_string(), number * 100);
        }
        assert!(seen.n_ids() <= SWEEP_FROM, "{}", seen.n_ids());
    }

    #[test]
    fn an_id_made_from_a_position_is_told_from_others() {
        assert!(is_made_from_position("shop.ios:3:42", "shop.ios", 3, 42));
        for id in ["shop.ios:3:43", "shop.ios:3", "shop.ios", "x:3:42", "shop.ios:3:42:1", "abc"] {
            assert!(!is_made_from_position(id, "shop.ios", 3, 42), "{id}");
        }
    }
}
