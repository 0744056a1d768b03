//! A range whose fate nobody knows is repeated: exactly it, with the same token, and by the rules that made its rows.

use super::*;

/// Runs 25 records; the process dies at the call number `n_calls`; its successor goes on.
fn survives(n_calls: u64, has_effect: bool, kinds: &[&str]) {
    let (world, runtime) = world_with(&[]);
    for index in 0..25 {
        world.append(0, i64::from(index % 7 == 3), Some(kinds[index % kinds.len()]));
    }
    let expected: Vec<i64> = world.state().logs[&0]
        .records
        .iter()
        .filter(|record| record.payload.as_deref() == Some(GOOD.as_bytes()))
        .map(|record| record.position.offset)
        .collect();
    crash_at(&world, 1, n_calls, has_effect);
    let mut first = Member::start(&world, &runtime, 1, &[0], config());
    let lives = first.turns(30);
    drop(first);
    let mut second = Member::start(&world, &runtime, 2, &[], config());
    world.expel(1, 2);
    assert!(second.turns(40));
    assert_eq!(stored(&world, 0), expected, "call {n_calls}, effect {has_effect}, lived {lives}");
    let state = world.state();
    let dead: std::collections::BTreeSet<i64> = state.letters.iter().map(|(_, offset, _)| *offset).collect();
    let n_bad = state.logs[&0].records.len() - expected.len();
    assert_eq!(dead.len(), n_bad, "call {n_calls}, effect {has_effect}");
    assert_eq!(state.committed[&0].0, state.logs[&0].high);
}

#[test]
fn a_crash_at_any_call_before_or_after_its_effect_loses_and_doubles_nothing() {
    for n_calls in 0..25 {
        for has_effect in [false, true] {
            survives(n_calls, has_effect, &[GOOD]);
            survives(n_calls, has_effect, &[GOOD, BAD, GOOD]);
        }
    }
}

#[test]
fn a_crash_after_the_intent_repeats_exactly_the_same_range() {
    let (world, runtime) = world_with(&[GOOD; 14]);
    let mut first = Member::start(&world, &runtime, 1, &[0], config());
    first.hold(true);
    assert!(first.turns(4));
    assert!(committed(&world, 0).1.starts_with("v1:0-9:"), "{}", committed(&world, 0).1);
    drop(first);
    // More records and larger batches must not change the range.
    for _ in 0..50 {
        world.append(0, 0, Some(GOOD));
    }
    let mut larger = config();
    larger.batch.max_rows = 1000;
    let mut second = Member::start(&world, &runtime, 2, &[], larger);
    world.expel(1, 2);
    assert!(second.turns(20));
    assert!(world.state().inserts[0].ends_with(":0:0-9"), "{:?}", world.state().inserts);
    assert_eq!(stored(&world, 0), all(0..64));
}

#[test]
fn an_intent_is_repeated_although_its_last_records_are_gone() {
    let (world, runtime) = world_with(&[GOOD; 5]);
    world.state().committed.insert(0, (0, format!("v1:0-9:h{}:e1", rules_hash(&config(), None))));
    {
        let mut state = world.state();
        let log = state.logs.get_mut(&0).unwrap();
        log.high = 10;
    }
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(10));
    assert!(world.state().inserts[0].ends_with(":0:0-9"), "{:?}", world.state().inserts);
    assert_eq!(stored(&world, 0), all(0..5));
    assert_eq!(committed(&world, 0).0, 10);
}

/// Records 0 to 9, and the group holds an intent of just them.
fn world_with_intent() -> (World, Arc<Runtime>) {
    let (world, runtime) = world_with(&[GOOD; 10]);
    world.state().committed.insert(0, (0, format!("v1:0-9:h{}:e1", rules_hash(&config(), None))));
    (world, runtime)
}

#[test]
fn an_intent_is_not_closed_at_an_end_that_the_leader_does_not_know_yet() {
    let (world, runtime) = world_with_intent();
    world.state().logs.get_mut(&0).unwrap().high = 5;
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(10));
    assert!(world.state().inserts.is_empty(), "{:?}", world.state().inserts);
    world.state().logs.get_mut(&0).unwrap().high = 10;
    assert!(member.turns(10));
    assert_eq!(world.state().inserts.len(), 1);
    assert_eq!(stored(&world, 0), all(0..10));
    assert_eq!(committed(&world, 0).0, 10);
}

#[test]
fn an_end_that_the_leader_passes_before_it_is_asked_closes_nothing() {
    let (world, runtime) = world_with_intent();
    world.state().logs.get_mut(&0).unwrap().high = 5;
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    while member.flow.intake.partition(0).is_none_or(|partition| !partition.is_at_end()) {
        assert!(member.turn(10));
    }
    world.state().logs.get_mut(&0).unwrap().high = 10;
    assert!(member.turns(10));
    assert_eq!(stored(&world, 0), all(0..10));
    assert_eq!(committed(&world, 0).0, 10);
}

#[test]
fn a_drain_leaves_an_intent_whose_records_are_still_held_back() {
    let (world, runtime) = world_with_intent();
    let mut config = config();
    config.deduplication_window_seconds = Some(3600);
    let mut first = Member::start(&world, &runtime, 1, &[0], config.clone());
    first.hold_answers(true);
    assert!(first.turns(5), "all is read and held back, for the event ids are not there yet");
    first.flow.begin_drain();
    first.hold_answers(false);
    assert!(first.turns(5));
    assert!(first.flow.is_idle());
    first.flow.leave(Member::now(&runtime));
    let (offset, mark) = committed(&world, 0);
    assert_eq!(offset, 0);
    assert!(mark.starts_with("v1:0-9:"), "{mark}");
    let mut second = Member::start(&world, &runtime, 2, &[], config);
    world.expel(1, 2);
    assert!(second.turns(10));
    assert_eq!(stored(&world, 0), all(0..10));
    assert_eq!(committed(&world, 0).0, 10);
}

#[test]
fn a_lost_reply_is_repeated_with_the_same_token() {
    let (world, runtime) = world_with(&[GOOD; 10]);
    fault(&world, Call::Write, &[Fate::ReplyLost, Fate::Failed, Fate::ReplyLost]);
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(30));
    assert_eq!(stored(&world, 0), all(0..10));
    let inserts = world.state().inserts.clone();
    assert_eq!(inserts.len(), 4);
    assert!(inserts.iter().all(|token| *token == inserts[0]));
}

#[test]
fn rows_that_a_dying_server_lost_although_it_knows_their_token_are_written_again() {
    let (world, runtime) = world_with(&[GOOD; 10]);
    fault(&world, Call::Write, &[Fate::Failed]);
    world.state().tokens.insert("id:1:shop.ios:0:0-9".to_owned());
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(30));
    assert_eq!(stored(&world, 0), all(0..10));
}

#[test]
fn every_further_try_confirms_the_intent_first() {
    let (world, runtime) = world_with(&[GOOD; 10]);
    fault(&world, Call::Write, &[Fate::Failed; 3]);
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(30));
    // The start, four intents, the last word.
    assert_eq!(world.state().n_commits, 6);
}

#[test]
fn a_range_whose_schemas_changed_before_it_was_repeated_is_reconciled_with_the_table() {
    // The first process stored what the second would reject, and died before it could say so.
    let (world, runtime) = world_with(&[GOOD, BAD, GOOD]);
    crash_at(&world, 1, 4, true);
    let mut first = Member::start(&world, &runtime, 1, &[0], config());
    assert!(!first.turns(30));
    drop(first);
    let schema = serde_yaml::from_str(
        "{name: tap, fields: [{name: n, type: String, required: true, coerce: true, maxLength: 5}]}",
    )
    .unwrap();
    let mut changed = crate::cases::config(&[schema], Envelope::default(), UnknownEvents::Drop);
    changed.batch = config().batch;
    let mut second = Member::start(&world, &runtime, 2, &[], changed);
    world.expel(1, 2);
    assert!(second.turns(30));
    let state = world.state();
    let dead: std::collections::BTreeSet<i64> = state.letters.iter().map(|(_, offset, _)| *offset).collect();
    let mut rows: Vec<i64> = state.table.iter().map(|row| row.offset).collect();
    rows.sort_unstable();
    rows.dedup();
    assert_eq!(rows.len(), state.table.len(), "no row is doubled");
    for offset in 0..3 {
        assert!(rows.contains(&offset) || dead.contains(&offset), "record {offset} is somewhere");
    }
}

#[test]
fn event_ids_of_a_repeated_range_are_not_taken_for_its_duplicates() {
    let (world, runtime) = world_with(&[]);
    for id in ["a", "b", "a", "c"] {
        world.append(0, 0, Some(&format!(r#"{{"event":"tap","event_id":"{id}","n":2}}"#)));
    }
    let mut config = config();
    config.deduplication_window_seconds = Some(3600);
    crash_at(&world, 1, 4, true);
    let mut first = Member::start(&world, &runtime, 1, &[0], config.clone());
    first.turns(30);
    drop(first);
    world.append(0, 0, Some(r#"{"event":"tap","event_id":"c","n":2}"#));
    let mut second = Member::start(&world, &runtime, 2, &[], config);
    world.expel(1, 2);
    assert!(second.turns(30));
    assert_eq!(stored(&world, 0), [0, 1, 3]);
    assert_eq!(committed(&world, 0).0, 5);
}

#[test]
fn a_table_that_is_slow_to_say_what_it_has_gets_its_missing_rows_nevertheless() {
    let rules = rules_hash(&config(), None);
    for mark in [format!("v1:0-9:h{rules}:e1"), format!("v1:0-9:h{rules}:e1:split")] {
        let (world, runtime) = world_with(&[GOOD; 10]);
        world.state().committed.insert(0, (0, mark));
        world.state().tokens.insert("id:1:shop.ios:0:0-9".to_owned());
        world.state().stored_takes = 2 * crate::deliver::VALID_FOR;
        let mut member = Member::start(&world, &runtime, 1, &[0], config());
        assert!(member.turns(20));
        assert_eq!(stored(&world, 0), all(0..10));
        assert_eq!(committed(&world, 0).0, 10);
    }
}
