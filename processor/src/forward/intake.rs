//! Intake: what happens to a record of a rule within a poll.
//!
//! In: a borrowed record. Out: a delivery that waits its turn when the event is chosen; the position is noted either way.
//! Not here: changes of the assignment; they are noted and settled after the poll.

use std::collections::VecDeque;

use crate::forward::delivery::Delivery;
use crate::forward::progress::Progress;
use crate::forward::selection::{Choice, Selection};
use crate::forward::standing::Standing;
use crate::source::{Change, Message, Reader};

/// Takes what a poll gives.
pub(super) struct Intake<'a> {
    pub(super) selection: &'a mut Selection,
    pub(super) progress: &'a mut Progress,
    pub(super) standing: &'a Standing,
    pub(super) chosen: &'a mut VecDeque<Box<Delivery>>,
    /// With so many chosen, the poll ends.
    pub(super) max_chosen: usize,
    pub(super) changes: Vec<Change>,
    pub(super) has_read: bool,
}

impl Reader for Intake<'_> {
    fn record(&mut self, message: &Message<'_>) {
        if !self.progress.read(message.record.position) {
            return;
        }
        self.has_read = true;
        match self.selection.choose(message) {
            Choice::Chosen(delivery) => {
                self.progress.start(delivery.position());
                self.standing.matched();
                self.chosen.push_back(delivery);
            }
            Choice::Undecided => self.standing.undecided(),
            Choice::Left => {}
        }
    }

    fn wants_more(&self) -> bool {
        self.chosen.len() < self.max_chosen
    }

    fn end(&mut self, _partition: i32) {}

    fn change(&mut self, change: Change) {
        self.changes.push(change);
    }
}
