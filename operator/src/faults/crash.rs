//! Crashes at every write: the operator ends before and after each of its writes, wherever they go.
//!
//! In: each workload, run once undisturbed: its trace names every write. Out: for each write two plans, one that ends the
//! operator before it and one after; and plans with two ends. End state and counts of each are those of the undisturbed run.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::end_state::EndState;
use super::plans::{Choice, Outcome, Random, block_on};
use super::workloads::{Workload, workloads};
use super::world::World;
use crate::testing::fuse::{Moment, Side};

/// Plans of a plain `cargo test`.
const QUICK: usize = 40;
/// Plans of `make faults`, at least.
const LEAST: usize = 300;
/// Plans with two ends, in each workload.
const DOUBLE: usize = 10;

struct Plan {
    workload: &'static str,
    moments: Vec<Moment>,
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moments: Vec<String> = self.moments.iter().map(ToString::to_string).collect();
        write!(formatter, "{}: {}", self.workload, moments.join(" and "))
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, moments) = text.split_once(": ").ok_or("a plan is `<workload>: <moment>`")?;
        let workload =
            workloads().into_iter().find(|it| it.name == name).ok_or("there is no such workload")?;
        let moments = moments.split(" and ").map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self { workload: workload.name, moments })
    }
}

/// An undisturbed run: how it ends, and every write of it.
struct Reference {
    end: EndState,
    trace: Vec<(String, usize)>,
}

async fn undisturbed(workload: &Workload) -> Reference {
    let mut world = World::new();
    world.live(&workload.steps).await.unwrap_or_else(|problem| panic!("{}: {problem}", workload.name));
    Reference { end: EndState::of(&world), trace: world.fuse.trace() }
}

fn plans(workload: &Workload, trace: &[(String, usize)], random: &mut Random) -> Vec<Plan> {
    let moment = |(write, nth): &(String, usize), side| Moment { side, nth: *nth, write: write.clone() };
    let plan = |moments| Plan { workload: workload.name, moments };
    let mut plans: Vec<Plan> = trace
        .iter()
        .flat_map(|write| [Side::Before, Side::After].map(|side| plan(vec![moment(write, side)])))
        .collect();
    for _ in 0..DOUBLE {
        let mut chosen = || {
            let side = if random.below(2) == 0 { Side::Before } else { Side::After };
            moment(&trace[random.below(trace.len())], side)
        };
        let (first, second) = (chosen(), chosen());
        // The same write done again has another number.
        plans.push(plan(vec![first, second]));
    }
    plans
}

async fn run(plan: &Plan, workload: &Workload, reference: &Reference) -> Result<Outcome, String> {
    let mut world = World::new();
    world.fuse.arm(&plan.moments);
    world.live(&workload.steps).await?;
    world.check()?;
    // How often a status is written depends on what a look comes upon; a run may have one less.
    if world.fuse.n_blown() == 0 {
        return Ok(Outcome::Impossible);
    }
    let end = EndState::of(&world);
    let mut differences = vec![reference.end.difference(&end), reference.end.difference_of_counts(&end)];
    differences.retain(|difference| !difference.is_empty());
    if differences.is_empty() {
        Ok(Outcome::Same)
    } else {
        Err(format!("ends otherwise:\n{}", differences.join("\n")))
    }
}

#[test]
fn an_operator_that_ends_at_any_write_leaves_nothing_undone_and_nothing_twice() {
    let choice = Choice::of("crash");
    let mut random = Random::new(choice.seed);
    let named: Option<Plan> = choice.plan.as_ref().map(|name| name.parse().unwrap());
    let is_meant = |workload: &Workload| named.as_ref().is_none_or(|plan| plan.workload == workload.name);
    let mut references = BTreeMap::new();
    let mut all = Vec::new();
    for workload in workloads().into_iter().filter(is_meant) {
        let reference = block_on(undisturbed(&workload));
        all.extend(plans(&workload, &reference.trace, &mut random));
        references.insert(workload.name, (workload, reference));
    }
    let chosen = named.map_or_else(|| choice.choose(all, (QUICK, usize::MAX)), |plan| vec![plan]);
    choice.run((chosen.as_slice(), LEAST), |plan| {
        let (workload, reference) = &references[plan.workload];
        run(plan, workload, reference)
    });
}
