//! Stale and unobserved states: the operator sees an older world than there is, or never sees what lay in between.
//!
//! In: each workload, and a stretch of its steps during which lists and watches of some kinds stand still: from where they are,
//! or from an older state into which a restarted operator is thrown back. Out: once they go on, everything ends as it does
//! where nothing was held back; and at no time was anything touched that is another's, or nobody's.
//! A stretch in which the team could not have done what it did, because something had to go first, is left out.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::end_state::EndState;
use super::plans::{Choice, Outcome, block_on};
use super::workloads::{Workload, workloads};
use super::world::World;
use crate::testing::cluster::watches::Release;

/// Plans of a plain `cargo test`, and of `make faults`; some of them turn out impossible.
const QUICK: usize = 24;
const ALL: usize = 600;
/// Plans of `make faults` that can happen, at least.
const LEAST: usize = 200;
/// How long the operator works with what it sees, in each step of the stretch.
const BLIND: Duration = Duration::from_secs(40);

const KINDS: [&[&str]; 4] = [
    &["analyticspipelines", "eventschemas", "forwardingrules"],
    &["analyticspipelines"],
    &["eventschemas"],
    &["forwardingrules"],
];

#[derive(Clone, PartialEq)]
struct Plan {
    workload: &'static str,
    /// The first step of the stretch, from 0; one behind the last is the time after all steps.
    first: usize,
    /// Steps of the stretch.
    n_steps: usize,
    kinds: &'static [&'static str],
    /// How many changes of those kinds a restarted operator is thrown back; none: it is not restarted.
    back: Option<usize>,
    release: Release,
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { workload, first, n_steps, kinds, back, release } = self;
        let back = back.map_or("none".to_owned(), |back| back.to_string());
        write!(
            formatter,
            "{workload}: first={first} steps={n_steps} kinds={} back={back} release={release:?}",
            kinds.join(",")
        )
    }
}

/// Where an undisturbed run stood after each step, and at its end.
struct Reference {
    users_objects: Vec<BTreeMap<String, String>>,
    end: EndState,
}

async fn undisturbed(workload: &Workload) -> Reference {
    let mut world = World::new();
    let mut users_objects = Vec::new();
    for step in &workload.steps {
        world.live(std::slice::from_ref(step)).await.unwrap();
        users_objects.push(of_users(&world));
    }
    world.check().unwrap();
    Reference { users_objects, end: EndState::of(&world) }
}

/// Returns what the team has written, without what the operator says of it.
fn of_users(world: &World) -> BTreeMap<String, String> {
    let is_users = |path: &str| path.contains("/tributary.dev/") || path.contains("/namespaces/shop");
    let objects = world.cluster.everything().into_iter();
    objects
        .filter(|(path, object)| is_users(path) && object["metadata"]["ownerReferences"].is_null())
        .map(|(path, object)| {
            let metadata = &object["metadata"];
            (path, format!("{} {} {}", metadata["uid"], metadata["deletionTimestamp"], object["spec"]))
        })
        .collect()
}

fn plans(workload: &Workload) -> Vec<Plan> {
    let n_steps = workload.steps.len();
    let mut plans = Vec::new();
    for kinds in KINDS {
        for (first, back) in (1..=n_steps)
            .flat_map(|first| [None, Some(1), Some(3), Some(8), Some(20)].map(|back| (first, back)))
        {
            for length in 0..=(n_steps - first).min(2) {
                for release in [Release::Whole, Release::LastOnly, Release::Relist] {
                    // Who is not thrown back and sees all in the end has only been slow.
                    let is_nothing = back.is_none() && (length == 0 || release == Release::Whole);
                    let has_rules = workload.has_rules() || kinds != ["forwardingrules"];
                    if !is_nothing && has_rules {
                        plans.push(Plan {
                            workload: workload.name,
                            first,
                            n_steps: length,
                            kinds,
                            back,
                            release,
                        });
                    }
                }
            }
        }
    }
    plans
}

async fn run(plan: &Plan, workload: &Workload, reference: &Reference) -> Result<Outcome, String> {
    let mut world = World::new();
    let (before, rest) = workload.steps.split_at(plan.first);
    let (stretch, after) = rest.split_at(plan.n_steps);
    world.live(before).await?;
    match plan.back {
        None => world.cluster.hold(plan.kinds, world.cluster.version()),
        Some(back) => {
            let version = earlier(&world, plan.kinds, back);
            world.kill().await;
            world.cluster.hold(plan.kinds, version);
            world.start();
        }
    }
    world.wait(BLIND).await;
    for step in stretch {
        world.act(step).await;
        world.wait(BLIND).await;
    }
    if !could_happen(plan, &world, reference) {
        return Ok(Outcome::Impossible);
    }
    world.check()?;
    world.cluster.release(plan.release);
    world.settle().await?;
    world.live(after).await?;
    world.check()?;
    match reference.end.difference(&EndState::of(&world)) {
        same if same.is_empty() => Ok(Outcome::Same),
        difference => Err(format!("ends otherwise:\n{difference}")),
    }
}

/// Returns whether a team could have done all this while the operator was blind, and nothing came and went unseen: of that
/// nobody knows what would be left.
fn could_happen(plan: &Plan, world: &World, reference: &Reference) -> bool {
    let last = plan.first + plan.n_steps - 1;
    let stretch = &reference.users_objects[plan.first - 1..=last];
    let end = of_users(world);
    let came_and_went = stretch
        .windows(2)
        .any(|pair| pair[1].keys().any(|path| !pair[0].contains_key(path) && !end.contains_key(path)));
    end == reference.users_objects[last] && !came_and_went
}

/// Returns the version before the last changes of some kinds.
fn earlier(world: &World, kinds: &[&str], back: usize) -> u64 {
    let history = world.cluster.history();
    let is_meant = |path: &str| kinds.iter().any(|kind| path.contains(&format!("/{kind}/")));
    let versions: Vec<u64> = history.iter().filter(|it| is_meant(&it.path)).map(|it| it.version).collect();
    match versions.len().checked_sub(back) {
        Some(index) => versions.get(index).map_or(0, |version| version - 1),
        None => 0,
    }
}

#[test]
fn an_operator_that_sees_an_older_world_or_only_its_end_does_no_harm_and_catches_up() {
    let choice = Choice::of("stale");
    let mut references = BTreeMap::new();
    let mut all = Vec::new();
    for workload in workloads() {
        all.extend(plans(&workload));
        let reference = block_on(undisturbed(&workload));
        references.insert(workload.name, (workload, reference));
    }
    let chosen = choice.choose(all, (QUICK, ALL));
    choice.run((chosen.as_slice(), LEAST), |plan| {
        let (workload, reference) = &references[plan.workload];
        run(plan, workload, reference)
    });
}
