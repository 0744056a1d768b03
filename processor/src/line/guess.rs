//! Guess: which plan an event has whose type stands far behind, before its type is known.
//!
//! In: which plans such events had. Out: the plan to decode the next one by, or none: then the type is looked for first.
//! A right guess saves the walk to the type; a wrong one is a walk too many, so that guessing has to earn its trust.
//! Changes speed only, never an answer: whoever decodes by a guess compares the type afterwards.

/// How far trust goes up and down.
const MOST: i8 = 4;

/// What is known of the events before.
#[derive(Debug, Default)]
pub(super) struct Guess {
    /// The plan of the event that was accepted last, when its type stood far behind.
    before: Option<usize>,
    /// Above 0 while such events mostly have the plan of the one before.
    trust: i8,
}

impl Guess {
    /// The plan that the next event has most likely.
    pub(super) fn plan(&self) -> Option<usize> {
        self.before.filter(|_| self.trust > 0)
    }

    /// Learns that the guess was wrong, also when the event is rejected: bad events shall not cost a walk more each.
    pub(super) fn was_wrong(&mut self) {
        self.trust -= 2;
    }

    /// Learns the plan of an accepted event; none when its type was soon found.
    pub(super) fn learn(&mut self, plan: Option<usize>) {
        let step = if plan.is_some() && plan == self.before { 1 } else { -1 };
        self.trust = (self.trust + step).clamp(-MOST, MOST);
        self.before = plan;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of these events are guessed, and how many of the guesses are wrong.
    fn guess(plans: impl Iterator<Item = Option<usize>>) -> (usize, usize) {
        let mut guess = Guess::default();
        let (mut n_guessed, mut n_wrong) = (0, 0);
        for plan in plans {
            if let Some(guessed) = guess.plan() {
                n_guessed += 1;
                if Some(guessed) != plan {
                    n_wrong += 1;
                    guess.was_wrong();
                }
            }
            guess.learn(plan);
        }
        (n_guessed, n_wrong)
    }

    #[test]
    fn one_type_is_guessed_from_the_fourth_event_on() {
        assert_eq!(guess((0..100).map(|_| Some(0))), (97, 0));
    }

    #[test]
    fn types_in_turn_are_not_guessed() {
        assert_eq!(guess((0..100).map(|index| Some(index % 2))), (0, 0));
        assert_eq!(guess((0..99).map(|index| Some(index % 3))), (0, 0));
    }

    #[test]
    fn a_type_that_is_soon_found_is_not_guessed() {
        assert_eq!(guess((0..100).map(|_| None)), (0, 0));
    }

    #[test]
    fn a_flood_of_events_that_are_rejected_ends_guessing() {
        let mut guess = Guess::default();
        (0..100).for_each(|_| guess.learn(Some(0)));
        let n_wrong = (0..100).filter(|_| guess.plan().map(|_| guess.was_wrong()).is_some()).count();
        assert_eq!(n_wrong, 2);
    }
}
