//! Walks: objects that people change at random, to what is valid and what is not; the operator always comes to an end.
//!
//! In: good objects that have every property, and every [`Mutation`] of them, dealt out into walks of twenty steps.
//! Out, after each step: every object is Ready, or Stalled, or waits for another object that it names, within a bound of virtual
//! time; where one is not Ready, going back to the last good objects makes all Ready again. At the end of a walk a world that
//! begins with its last good objects comes to the same state.
//! What the apiserver refuses is never kept, and that is a right end of a step too.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::admission::{admit, judge};
use super::mutations::{Mutation, mutations};
use super::plans::{Choice, Outcome, Random};
use super::settled_form::settled_form;
use super::world::World;
use crate::testing::cluster::path_of;

const STEPS: usize = 20;
/// Walks of a plain `cargo test`, and of `make faults`.
const QUICK: usize = 3;
const ALL: usize = 120;
/// Walks of `make faults`, at least.
const LEAST: usize = 100;
/// Ways in which each property is changed, at least.
const WAYS: usize = 3;

const GOOD: &str = include_str!("walks/good.yaml");

/// Reasons of an object that waits for another one, or for somebody else.
const WAITING: [&str; 3] = ["DependencyNotReady", "SecretNotFound", "SecretKeyMissing"];

/// The team's objects, by path.
type Objects = BTreeMap<String, Value>;

struct Walk {
    number: usize,
    seed: u64,
    steps: Vec<Mutation>,
}

impl fmt::Display for Walk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "walk {} of seed {}", self.number, self.seed)
    }
}

fn good() -> Objects {
    let documents = serde_yaml::Deserializer::from_str(GOOD);
    let objects = documents.map(|document| Value::deserialize(document).unwrap());
    objects.map(|object| (path_of(&object), admit(&object, None).unwrap())).collect()
}

fn all_mutations() -> Vec<Mutation> {
    let objects = good().into_iter();
    let of = |(path, object): (String, Value)| {
        let judge = judge(object["kind"].as_str().unwrap_or_default())?;
        Some(mutations(&path, judge.schema(), &object))
    };
    let all = objects.filter_map(of).flatten();
    // One pipeline has as many processors as it says, the other by its lag; all else is changed in the first.
    all.filter(|it| !it.path.ends_with("/web") || it.pointer.starts_with("/spec/processor/autoscaling"))
        .collect()
}

/// Deals all mutations out, again and again, until there are enough walks.
fn walks(seed: u64) -> Vec<Walk> {
    let mut random = Random::new(seed);
    let mut walks = Vec::new();
    let mut steps: Vec<Mutation> = Vec::new();
    while walks.len() < ALL {
        let mut dealt: Vec<(u64, Mutation)> =
            all_mutations().into_iter().map(|it| (random.next(), it)).collect();
        dealt.sort_by_key(|(order, _)| *order);
        for (_, mutation) in dealt {
            steps.push(mutation);
            if steps.len() == STEPS {
                walks.push(Walk { number: walks.len() + 1, seed, steps: std::mem::take(&mut steps) });
            }
        }
    }
    walks
}

fn put(world: &World, objects: &Objects) {
    // A namespace before what is in it.
    let mut objects: Vec<&Value> = objects.values().collect();
    objects.sort_by_key(|object| object["kind"] != "Namespace");
    objects.into_iter().for_each(|object| world.cluster.put(object.clone()));
}

/// How often steps ended in which way.
type Tally = RefCell<BTreeMap<&'static str, usize>>;

async fn walk(walk: &Walk, tally: &Tally) -> Result<Outcome, String> {
    let mut world = World::new();
    let mut last_good = good();
    put(&world, &last_good);
    world.settle().await?;
    all_ready(&world).map_err(|problem| format!("the good objects: {problem}"))?;
    for (number, mutation) in walk.steps.iter().enumerate() {
        let at = |problem: String| format!("step {}, {mutation}: {problem}", number + 1);
        let end = step(&mut world, &mut last_good, mutation).await.map_err(at)?;
        *tally.borrow_mut().entry(end).or_default() += 1;
    }
    world.check()?;
    let mut fresh = World::new();
    put(&fresh, &last_good);
    fresh.settle().await?;
    match settled_form(&world).lacks(&settled_form(&fresh)) {
        nothing if nothing.is_empty() => Ok(Outcome::Same),
        lacking => Err(format!("a world that begins with the last good objects is another:\n{lacking}")),
    }
}

async fn step(
    world: &mut World,
    last_good: &mut Objects,
    mutation: &Mutation,
) -> Result<&'static str, String> {
    let before = &last_good[&mutation.path];
    let Some(changed) = mutation.of(before) else { return Ok("have no place") };
    let Ok(kept) = admit(&changed, Some(before)) else { return Ok("refused by the apiserver") };
    world.cluster.put(kept.clone());
    world.settle().await?;
    let objects = objects_of_ours(world);
    objects.iter().try_for_each(has_come_to_an_end)?;
    if all_ready(world).is_ok() {
        last_good.insert(mutation.path.clone(), kept);
        return Ok("ready");
    }
    let back = admit(before, Some(&kept)).map_err(|refusal| format!("there is no way back: {refusal}"))?;
    world.cluster.put(back);
    world.settle().await?;
    all_ready(world).map_err(|problem| format!("going back does not recover: {problem}"))?;
    let is_stalled = objects.iter().any(|object| state(object, "Stalled").0 == "True");
    Ok(if is_stalled { "stalled and back" } else { "waiting for another object and back" })
}

fn objects_of_ours(world: &World) -> Vec<Value> {
    let kinds = ["eventschemas", "analyticspipelines", "forwardingrules"];
    kinds.iter().flat_map(|plural| world.cluster.all(plural)).collect()
}

fn all_ready(world: &World) -> Result<(), String> {
    for object in objects_of_ours(world) {
        if state(&object, "Ready").0 != "True" {
            return Err(described(&object));
        }
    }
    Ok(())
}

/// Says of an object that is neither Ready nor Stalled, nor waits for another, how it is.
fn has_come_to_an_end(object: &Value) -> Result<(), String> {
    let (ready, reason) = state(object, "Ready");
    let is_observed = object["status"]["observedGeneration"] == object["metadata"]["generation"];
    let has_ended =
        ready == "True" || state(object, "Stalled").0 == "True" || WAITING.contains(&reason.as_str());
    if is_observed && has_ended { Ok(()) } else { Err(described(object)) }
}

fn state(object: &Value, kind: &str) -> (String, String) {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions.into_iter().find(|condition| condition["type"] == kind).unwrap_or_default();
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"))
}

fn described(object: &Value) -> String {
    format!("{} `{}` is {:#}", object["kind"], object["metadata"]["name"], object["status"])
}

#[test]
fn every_property_is_changed_in_three_ways() {
    let mut ways: BTreeMap<String, usize> = BTreeMap::new();
    let objects = good();
    for mutation in all_mutations().iter().filter(|it| it.of(&objects[&it.path]).is_some()) {
        *ways.entry(mutation.property()).or_default() += 1;
    }
    let few: Vec<_> = ways.iter().filter(|(_, ways)| **ways < WAYS).collect();
    assert!(few.is_empty(), "{few:?}");
    for kind in ["EventSchema", "AnalyticsPipeline", "ForwardingRule"] {
        let mut missing = Vec::new();
        properties(
            &judge(kind).unwrap().schema()["properties"]["spec"],
            &format!("{kind}/spec"),
            &mut missing,
        );
        missing.retain(|property| !ways.contains_key(property));
        assert!(missing.is_empty(), "nothing changes {missing:?}");
    }
}

fn properties(schema: &Value, path: &str, found: &mut Vec<String>) {
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        found.push(format!("{path}/{name}"));
        properties(inner, &format!("{path}/{name}"), found);
    }
    if schema["items"].is_object() {
        properties(&schema["items"], path, found);
    }
}

#[test]
fn a_walk_through_valid_and_invalid_objects_always_comes_to_an_end_and_back() {
    let choice = Choice::of("walks");
    let chosen = choice.choose(walks(choice.seed), (QUICK, ALL));
    let tally = Tally::default();
    choice.run((chosen.as_slice(), LEAST), |it| walk(it, &tally));
    println!("walks: steps {:?}", tally.borrow());
}
