//! Start: where a rule begins to read a partition.
//!
//! In: what the rule's group holds, the ends of the partition, and `start` of the rule. Out: an offset for each partition,
//! committed before the first record is read, so that a restart skips nothing that came meanwhile.
//! Every commit carries since when the rule is in force: a partition that is added later is read from its first record,
//! also with `start: Latest`. It carries the epoch too: what the group holds of an earlier life of the topic says nothing.
//! Not here: reading.

use crds::forwarding_rule::StartPosition;
use jiff::Timestamp;

use crate::source::{Commit, Committed, Ends, Source, SourceError};

/// While a rule is younger than this, a partition without a position is one that the rule found when it was made.
const YOUNG_MILLISECONDS: i64 = 60_000;

/// How a rule begins.
#[derive(Debug, Clone, Copy)]
pub struct Beginning {
    /// What the rule says.
    pub start: StartPosition,
    /// Which life of the topic is read.
    pub epoch: u32,
    /// Tells the time.
    pub clock: fn() -> Timestamp,
    /// Since when the rule is in force, milliseconds; absent until its group was asked.
    pub since: Option<i64>,
}

impl Beginning {
    /// Builds the beginning of a rule whose group was not asked yet.
    pub fn new(start: StartPosition, epoch: u32, clock: fn() -> Timestamp) -> Self {
        Self { start, epoch, clock, since: None }
    }
}

/// Returns what stands beside every commit of the rule.
pub fn metadata(beginning: &Beginning) -> String {
    let epoch = beginning.epoch;
    beginning.since.map_or_else(String::new, |since| format!("since:{since}:e{epoch}"))
}

/// What stands beside a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    /// Since when the rule is in force, milliseconds.
    since: i64,
    epoch: u32,
}

/// Finds where to begin reading partitions, and commits it where the group holds nothing.
///
/// # Errors
/// When the source does not answer; then nothing may be read.
pub fn begin<S: Source>(
    source: &mut S,
    beginning: &mut Beginning,
    partitions: &[i32],
) -> Result<Vec<(i32, i64)>, SourceError> {
    // The lowest partitions are the oldest: they know since when the rule is in force.
    let highest = partitions.iter().copied().max().unwrap_or(-1);
    let committed = source.committed(&(0..=highest).collect::<Vec<_>>())?;
    let now = (beginning.clock)().as_millisecond();
    let standings = committed.iter().filter_map(standing).map(|standing| standing.since);
    let since = standings.chain(beginning.since).min().unwrap_or(now);
    beginning.since = Some(since);
    let mut starts = Vec::new();
    let mut commits = Vec::new();
    for partition in partitions {
        let ends = source.ends(*partition)?;
        let held = committed.iter().find(|committed| committed.partition == *partition);
        let is_past = held.and_then(standing).is_some_and(|standing| standing.epoch != beginning.epoch);
        let held = held.and_then(|held| held.offset);
        let offset = if is_past { ends.low } else { first(held, ends, beginning.start, now - since) };
        if held != Some(offset) {
            commits.push(Commit { partition: *partition, offset, metadata: metadata(beginning) });
        }
        starts.push((*partition, offset));
    }
    if !commits.is_empty() {
        source.commit(&commits)?;
    }
    Ok(starts)
}

fn standing(committed: &Committed) -> Option<Standing> {
    committed.offset?;
    let (since, epoch) = committed.metadata.strip_prefix("since:")?.split_once(":e")?;
    Some(Standing { since: since.parse().ok()?, epoch: epoch.parse().ok()? })
}

/// Returns where to begin. Pure.
fn first(held: Option<i64>, ends: Ends, start: StartPosition, age_milliseconds: i64) -> i64 {
    match (held, start) {
        // Records that retention took are gone; an offset behind the end is of an earlier life of the topic.
        (Some(held), _) if held > ends.high => ends.low,
        (Some(held), _) => held.max(ends.low),
        (None, StartPosition::Latest) if age_milliseconds < YOUNG_MILLISECONDS => ends.high,
        (None, StartPosition::Latest | StartPosition::Earliest) => ends.low,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: Ends = Ends { low: 100, high: 200 };

    #[test]
    fn a_rule_begins_where_it_stopped_or_where_it_says() {
        use StartPosition::{Earliest, Latest};
        let hour = 3_600_000;
        for (held, start, age, offset) in [
            (None, Latest, 0, 200),
            (None, Earliest, 0, 100),
            (Some(150), Latest, hour, 150),
            (Some(150), Earliest, hour, 150),
            (Some(100), Latest, hour, 100),
            (Some(200), Latest, hour, 200),
            (Some(50), Latest, hour, 100),
            (Some(201), Latest, hour, 100),
            (None, Latest, hour, 100),
        ] {
            assert_eq!(first(held, ENDS, start, age), offset, "{held:?} {start:?} {age}");
        }
    }

    #[test]
    fn the_age_of_a_rule_and_the_life_of_its_topic_are_read_from_what_stands_beside_its_commits() {
        let committed =
            |offset, metadata: &str| Committed { partition: 0, offset, metadata: metadata.into() };
        let beginning =
            Beginning { since: Some(1700), ..Beginning::new(StartPosition::Latest, 3, Timestamp::now) };
        let text = metadata(&beginning);
        assert_eq!(standing(&committed(Some(5), &text)), Some(Standing { since: 1700, epoch: 3 }));
        assert_eq!(standing(&committed(None, &text)), None);
        for strange in ["", "v1:5-9", "since:1700", "since:x:e1"] {
            assert_eq!(standing(&committed(Some(5), strange)), None, "{strange}");
        }
    }
}
