//! Golden: the difference between what was expected of events and what became of them.
//!
//! In: two texts, a line an event. Out: the lines that differ, `-` as expected, `+` as found; nothing when all is the same.

use std::collections::BTreeMap;

use serde_json::Value;

/// Returns the lines that differ, in the order of the events.
pub(super) fn difference(expected: &str, found: &str) -> String {
    let (expected, found) = (by_event(expected), by_event(found));
    let mut events: Vec<u64> = expected.keys().chain(found.keys()).copied().collect();
    events.sort_unstable();
    events.dedup();
    let mut text = String::new();
    for event in events {
        let (before, after) = (expected.get(&event), found.get(&event));
        if before != after {
            let lines = before.map(|line| ('-', line)).into_iter().chain(after.map(|line| ('+', line)));
            lines.for_each(|(sign, line)| text.extend([sign.to_string().as_str(), line, "\n"]));
        }
    }
    text
}

/// Lines by the number of their event; a line without one stands before all.
fn by_event(text: &str) -> BTreeMap<u64, &str> {
    let number = |line: &str| serde_json::from_str::<Value>(line).ok()?["line"].as_u64();
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| (number(line).unwrap_or(0), line))
        .collect()
}
