//! Plans: which of them are run, and how one is run again.
//!
//! In: `FAULTS=all` or nothing, `SEED=<number>` or nothing, `PLAN='<name of a plan>'` or nothing. Out: the chosen plans, their count, the failures.
//! The seed only chooses: a plan by itself has no chance in it, and its name says all of it.

use std::env::var_os;
use std::fmt::Display;
use std::future::Future;

/// What became of a plan.
pub(super) enum Outcome {
    /// It ended as it had to.
    Same,
    /// What was planned could not happen; it does not count.
    Impossible,
}

/// What the environment asks for.
pub(super) struct Choice {
    is_all: bool,
    pub(super) seed: u64,
    /// The one plan that is asked for, by its name.
    pub(super) plan: Option<String>,
    group: &'static str,
}

impl Choice {
    /// Reads what is asked of a group of plans.
    pub(super) fn of(group: &'static str) -> Self {
        let text = |name: &str| var_os(name).map(|value| value.to_string_lossy().into_owned());
        let seed = text("SEED").map_or(7, |text| text.parse().expect("SEED is a number"));
        Self { is_all: text("FAULTS").as_deref() == Some("all"), seed, plan: text("PLAN"), group }
    }

    /// Chooses: the one plan that is named, else so many of them by the seed.
    pub(super) fn choose<P: Display>(&self, plans: Vec<P>, (n_quick, n_all): (usize, usize)) -> Vec<P> {
        if let Some(name) = &self.plan {
            return plans.into_iter().filter(|plan| plan.to_string() == *name).collect();
        }
        let mut random = Random::new(self.seed);
        let mut chosen: Vec<(u64, P)> = plans.into_iter().map(|plan| (random.next(), plan)).collect();
        chosen.sort_by_key(|(order, _)| *order);
        chosen.truncate(if self.is_all { n_all } else { n_quick });
        chosen.into_iter().map(|(_, plan)| plan).collect()
    }

    /// Runs plans, each in a runtime of its own whose time is virtual; fails with all that diverged.
    pub(super) fn run<'a, P, F>(&self, (plans, least): (&'a [P], usize), run: impl Fn(&'a P) -> F)
    where
        P: Display,
        F: Future<Output = Result<Outcome, String>>,
    {
        let group = self.group;
        let (mut n_same, mut failures) = (0, Vec::new());
        for plan in plans {
            match block_on(run(plan)) {
                Ok(Outcome::Same) => n_same += 1,
                Ok(Outcome::Impossible) => {}
                Err(problem) => failures.push(format!(
                    "{plan}\n  {problem}\n  again: SEED={} PLAN='{plan}' cargo test --package operator faults::{group}",
                    self.seed
                )),
            }
        }
        let n_run = n_same + failures.len();
        println!("{group}: seed {}, {n_run} plans, {} divergences", self.seed, failures.len());
        let least = if self.is_all && self.plan.is_none() { least } else { 1 };
        assert!(n_run >= least, "only {n_run} plans of {least} were run");
        assert!(failures.is_empty(), "{} diverge:\n{}", failures.len(), failures.join("\n"));
    }
}

/// Runs one future in a runtime of its own, whose clock goes on by itself when nothing is left to do.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap().block_on(future)
}

/// Numbers that look like chance, the same for the same seed (SplitMix64).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below a bound.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}
