//! Caution: how a record that ends the process is found, in three tries, without any cost while all is well.
//!
//! ```text
//! a death nobody can explain
//! first try     before every 256 records, the group is told which ones; the process dies
//! second try    before every one of those 256; the process dies
//! third try     before that one again; the process dies
//! next start    the record is known: it is dead-lettered as PoisonRecord without being taken
//! ```
//!
//! In: the tries and the suspects that stand beside the committed offset. Out: whether a record may be taken, must be announced
//! first, or must not be taken at all. One commit that moves on ends the caution. A process that is killed again and again for other
//! reasons must be killed twice in the milliseconds of one and the same record to accuse it.
//! The range of an intent was taken whole before, by the same rules: it is taken without caution, as its rows must be the same.
//! Not here: panics. They are caught in the process itself, see `intake.rs`.

use crate::intent::Mark;
use crate::position::Range;

const WIDE: i64 = 256;

/// How carefully records of a partition are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Caution {
    level: Level,
    /// Records that were announced.
    announced: Option<Range>,
    /// Records behind this one wait until the group has moved on.
    barrier: Option<i64>,
    /// Records that are known to be harmless.
    harmless: Option<Range>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Level {
    #[default]
    Off,
    /// Every record is announced in company.
    Wide,
    /// The suspects are announced one by one.
    Narrow { suspects: Range },
    /// This one is not taken.
    Known { poison: i64 },
}

/// What to do with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Take it.
    Take,
    /// Tell the group of these first.
    Announce(Range),
    /// Dead-letter it.
    SetAside,
    /// Leave it until the group has moved on.
    Wait,
}

impl Caution {
    /// Builds the caution of a partition from what stood beside its offset, this start included in the tries.
    pub(super) fn new(mark: &Mark) -> Self {
        let level = match (mark.attempts, mark.suspect) {
            (0 | 1, _) => Level::Off,
            (_, Some(suspect)) if mark.again && suspect.first == suspect.last => {
                Level::Known { poison: suspect.first }
            }
            (_, Some(suspects)) => Level::Narrow { suspects },
            (_, None) => Level::Wide,
        };
        Self { level, announced: None, barrier: None, harmless: None }
    }

    /// Returns whether records must be held back one by one.
    pub(super) fn is_on(&self) -> bool {
        self.level != Level::Off
    }

    /// Trusts the records of a range.
    pub(super) fn trust(mut self, range: Range) -> Self {
        self.harmless = Some(range);
        self
    }

    /// Returns whether the range holds the record that must not be taken.
    pub(super) fn is_known_within(&self, range: Range) -> bool {
        matches!(self.level, Level::Known { poison } if range.contains(poison))
    }

    /// Says what to do with the record at this offset.
    pub(super) fn step(&self, offset: i64) -> Step {
        if self.barrier.is_some_and(|barrier| offset > barrier) {
            return Step::Wait;
        }
        if self.harmless.is_some_and(|range| range.contains(offset)) {
            return Step::Take;
        }
        let announce = match self.level {
            Level::Off => return Step::Take,
            Level::Known { poison } if poison == offset => return Step::SetAside,
            Level::Known { .. } => return Step::Take,
            Level::Wide => Range { first: offset, last: offset + WIDE - 1 },
            Level::Narrow { suspects } if suspects.contains(offset) => Range { first: offset, last: offset },
            Level::Narrow { .. } => return Step::Take,
        };
        if self.announced.is_some_and(|announced| announced.contains(offset)) {
            Step::Take
        } else {
            Step::Announce(announce)
        }
    }

    /// Returns whether an announcement of this one record is not the first.
    pub(super) fn is_again(&self, range: Range) -> bool {
        self.level == Level::Narrow { suspects: range }
    }

    /// Learns that the group was told.
    pub(super) fn announced(&mut self, range: Range) {
        self.announced = Some(range);
    }

    /// Returns whether something was announced that is taken by now, and forgets it.
    pub(super) fn has_passed(&mut self) -> bool {
        self.announced.take().is_some()
    }

    /// Lets nothing behind this record pass until the group has moved on: a second such record must not be met before.
    pub(super) fn stop_behind(&mut self, offset: i64) {
        self.barrier = Some(offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(attempts: u32, suspect: Option<Range>) -> Mark {
        Mark { attempts, suspect, ..Mark::default() }
    }

    #[test]
    fn the_first_start_is_not_careful() {
        assert!(!Caution::new(&mark(1, None)).is_on());
    }

    #[test]
    fn the_second_start_announces_records_in_company() {
        let mut caution = Caution::new(&mark(2, None));
        let announce = Range { first: 10, last: 265 };
        assert_eq!(caution.step(10), Step::Announce(announce));
        caution.announced(announce);
        assert_eq!(caution.step(265), Step::Take);
        assert_eq!(caution.step(266), Step::Announce(Range { first: 266, last: 521 }));
    }

    #[test]
    fn the_third_start_announces_each_suspect_alone() {
        let caution = Caution::new(&mark(3, Some(Range { first: 10, last: 265 })));
        assert_eq!(caution.step(9), Step::Take);
        assert_eq!(caution.step(10), Step::Announce(Range { first: 10, last: 10 }));
        assert_eq!(caution.step(266), Step::Take);
    }

    #[test]
    fn the_same_record_is_announced_again_before_it_is_known() {
        let alone = Range { first: 42, last: 42 };
        let caution = Caution::new(&mark(4, Some(alone)));
        assert_eq!(caution.step(42), Step::Announce(alone));
        assert!(caution.is_again(alone));
    }

    #[test]
    fn a_known_record_is_set_aside_and_those_behind_it_wait() {
        let known = Mark { again: true, ..mark(5, Some(Range { first: 42, last: 42 })) };
        let mut caution = Caution::new(&known);
        assert_eq!(caution.step(41), Step::Take);
        assert_eq!(caution.step(42), Step::SetAside);
        caution.stop_behind(42);
        assert_eq!(caution.step(43), Step::Wait);
    }
}
