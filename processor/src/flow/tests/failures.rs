//! What the flow does when something fails: nothing is lost, nothing is doubled.

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
fn a_revoked_partition_is_dropped_before_it_is_released() {
    let (world, runtime) = world_with(&[GOOD; 15]);
    let mut first = Member::start(&world, &runtime, 1, &[0], config());
    let mut second = Member::start(&world, &runtime, 2, &[], config());
    first.hold(true);
    assert!(first.turns(4), "an insert is under way");
    world.hand_over(0, 2);
    assert!(first.turns(4));
    assert!(second.turns(20));
    // The insert of the first owner ends late: it is the same range, so the server drops it.
    first.hold(false);
    assert!(first.turns(20));
    assert_eq!(stored(&world, 0), all(0..15));
    assert_eq!(committed(&world, 0).0, 15);
}

#[test]
fn a_try_that_ends_while_the_partition_is_revoked_is_acknowledged_and_not_repeated() {
    let (world, runtime) = world_with(&[GOOD; 10]);
    let mut first = Member::start(&world, &runtime, 1, &[0], config());
    let mut second = Member::start(&world, &runtime, 2, &[], config());
    first.hold(true);
    assert!(first.turns(4));
    world.hand_over(0, 2);
    first.hold(false);
    assert!(first.turns(4));
    assert_eq!(committed(&world, 0).0, 10);
    assert!(second.turns(20));
    assert_eq!(world.state().inserts.len(), 1);
}

#[test]
fn a_zombie_neither_commits_nor_doubles_anything() {
    let (world, runtime) = world_with(&[GOOD; 15]);
    let mut zombie = Member::start(&world, &runtime, 1, &[0], config());
    zombie.hold(true);
    assert!(zombie.turns(4));
    let mut heir = Member::start(&world, &runtime, 2, &[], config());
    world.expel(1, 2);
    assert!(heir.turns(20));
    let after = committed(&world, 0);
    zombie.hold(false);
    assert!(zombie.turns(20));
    assert_eq!(stored(&world, 0), all(0..15));
    assert_eq!(committed(&world, 0), after);
    // Nothing was inserted more than the session timeout after the zombie's last word.
    assert_eq!(world.state().inserts.iter().filter(|token| token.ends_with(":0-9")).count(), 1);
}

#[test]
fn an_idle_stream_is_ready_again_as_soon_as_kafka_answers() {
    let (world, runtime) = world_with(&[GOOD; 3]);
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(20));
    let away = crds::conditions::Reason::KafkaUnreachable;
    member.health.source_failed(away, "all brokers are down".to_owned(), Member::now(&runtime));
    assert!(member.turns(60), "no record comes");
    assert!(member.health.report(Member::now(&runtime)).ready);
}

#[test]
fn a_process_whose_failing_partition_moved_away_is_ready() {
    let (world, runtime) = world_with(&[GOOD; 10]);
    world.state().outages.insert(Call::Write);
    let mut first = Member::start(&world, &runtime, 1, &[0], config());
    assert!(first.turns(100));
    assert!(!first.health.report(Member::now(&runtime)).ready);
    let second = Member::start(&world, &runtime, 2, &[], config());
    world.hand_over(0, 2);
    assert!(first.turns(5));
    assert!(first.health.report(Member::now(&runtime)).ready);
    drop(second);
}

#[test]
fn marks_of_transactions_at_the_end_are_no_records_that_wait() {
    let (world, runtime) = world_with(&[GOOD; 10]);
    world.state().logs.get_mut(&0).unwrap().high = 11;
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(300));
    let report = member.health.report(Member::now(&runtime));
    assert_eq!((report.ready, report.lag), (true, 0), "{}", report.message);
    // Records that do not come are still missed.
    world.state().logs.get_mut(&0).unwrap().high = 13;
    assert!(member.turns(300));
    let report = member.health.report(Member::now(&runtime));
    assert_eq!((report.ready, report.lag), (false, 2));
}

#[test]
fn a_missing_dead_letter_topic_stops_the_stream_with_a_reason_and_loses_nothing() {
    let (world, runtime) = world_with(&[GOOD, BAD, GOOD]);
    world.state().outages.insert(Call::Deliver);
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(100));
    assert!(committed(&world, 0).0 <= 0, "nothing is acknowledged");
    assert!(!member.health.report(Member::now(&runtime)).ready);
    world.state().outages.clear();
    assert!(member.turns(100));
    assert_eq!(world.state().letters.len(), 1);
    assert_eq!(stored(&world, 0), [0, 2]);
    assert_eq!(world.state().inserts.len(), 1, "the rows were written once");
    assert!(member.health.report(Member::now(&runtime)).ready);
}

#[test]
fn a_refused_row_becomes_a_dead_letter_and_the_rest_is_written() {
    for crash in [None, Some(3), Some(5), Some(8), Some(11)] {
        let (world, runtime) = world_with(&[GOOD; 10]);
        world.state().refused.extend([(0, 3), (0, 4), (0, 9)]);
        if let Some(n_calls) = crash {
            crash_at(&world, 1, n_calls, true);
        }
        let mut member = Member::start(&world, &runtime, 1, &[0], config());
        if !member.turns(30) {
            member = Member::start(&world, &runtime, 2, &[], config());
            world.expel(1, 2);
            assert!(member.turns(60));
        }
        assert_eq!(stored(&world, 0), [0, 1, 2, 5, 6, 7, 8], "crash at {crash:?}");
        let refused: std::collections::BTreeSet<_> = world.state().letters.iter().cloned().collect();
        let expected = [3, 4, 9].map(|offset| (0, offset, "RowRefused".to_owned()));
        assert_eq!(refused, expected.into());
        assert_eq!(committed(&world, 0).0, 10);
    }
}

#[test]
fn a_split_goes_on_after_a_crash_without_doubling_the_parts_that_were_written() {
    for n_calls in 0..16 {
        let (world, runtime) = world_with(&[GOOD; 10]);
        world.state().refused.extend([(0, 8)]);
        crash_at(&world, 1, n_calls, true);
        let mut first = Member::start(&world, &runtime, 1, &[0], config());
        first.turns(30);
        drop(first);
        // Somebody mends the table meanwhile, so that it would take the whole range now.
        world.state().refused.clear();
        let mut second = Member::start(&world, &runtime, 2, &[], config());
        world.expel(1, 2);
        assert!(second.turns(60));
        let n_letters = world.state().letters.len();
        let expected: Vec<i64> = (0..10).filter(|offset| n_letters == 0 || *offset != 8).collect();
        assert_eq!(stored(&world, 0), expected, "crash at {n_calls}");
        assert_eq!(committed(&world, 0).0, 10);
    }
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

#[test]
fn a_table_that_refuses_every_row_stops_the_stream_and_no_row_is_blamed() {
    let (world, runtime) = world_with(&[GOOD; 10]);
    world.state().refused.extend((0..10).map(|offset| (0, offset)));
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(100));
    assert!(world.state().letters.is_empty());
    let report = member.health.report(Member::now(&runtime));
    assert!(!report.ready && report.message.contains("columns"), "{}", report.message);
    world.state().refused.clear();
    assert!(member.turns(100));
    assert_eq!(stored(&world, 0), all(0..10));
    assert!(member.health.report(Member::now(&runtime)).ready);
}

#[test]
fn many_refused_rows_at_the_begin_are_dead_letters_when_others_are_taken_and_their_originals_are_read_at_once()
 {
    let (world, runtime) = world_with(&[GOOD; 10]);
    world.state().refused.extend([0, 1, 2, 3, 4, 5, 8].map(|offset| (0, offset)));
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(30));
    assert_eq!(stored(&world, 0), [6, 7, 9]);
    assert_eq!(world.state().letters.len(), 7);
    assert_eq!(world.state().n_fetches, 1);
    assert_eq!(committed(&world, 0).0, 10);
}

#[test]
fn refused_rows_are_still_dead_letters_when_all_others_were_written_before_a_crash() {
    for n_calls in 0..40 {
        let (world, runtime) = world_with(&[GOOD; 10]);
        world.state().refused.extend((0..9).map(|offset| (0, offset)));
        crash_at(&world, 1, n_calls, true);
        let mut first = Member::start(&world, &runtime, 1, &[0], config());
        first.turns(30);
        drop(first);
        let mut second = Member::start(&world, &runtime, 2, &[], config());
        world.expel(1, 2);
        assert!(second.turns(60));
        assert_eq!(stored(&world, 0), [9], "crash at {n_calls}");
        let dead: std::collections::BTreeSet<i64> =
            world.state().letters.iter().map(|(_, offset, _)| *offset).collect();
        assert_eq!(dead, (0..9).collect(), "crash at {n_calls}");
        assert_eq!(committed(&world, 0).0, 10);
    }
}

#[test]
fn a_view_that_fails_stops_the_stream_and_no_row_is_blamed() {
    let (world, runtime) = world_with(&[GOOD; 10]);
    world.state().view_fails = true;
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(60));
    assert!(world.state().letters.is_empty());
    assert!(!member.health.report(Member::now(&runtime)).ready);
    world.state().view_fails = false;
    assert!(member.turns(100));
    assert_eq!(stored(&world, 0), all(0..10));
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
fn a_table_that_does_not_say_which_event_ids_it_has_makes_the_process_unready() {
    let (world, runtime) = world_with(&[GOOD; 10]);
    let mut config = config();
    config.deduplication_window_seconds = Some(3600);
    let mut member = Member::start(&world, &runtime, 1, &[0], config);
    member.hold_answers(true);
    assert!(member.turns(40));
    assert!(member.health.report(Member::now(&runtime)).ready, "it may take its time");
    assert!(member.turns(20));
    let report = member.health.report(Member::now(&runtime));
    assert!(!report.ready && report.message.contains("event ids"), "{}", report.message);
    member.hold_answers(false);
    assert!(member.turns(20));
    assert!(member.health.report(Member::now(&runtime)).ready);
    assert_eq!(stored(&world, 0), all(0..10));
}

#[test]
fn a_mark_of_a_newer_processor_stops_the_partition_instead_of_doubling_rows() {
    let (world, runtime) = world_with(&[GOOD; 3]);
    world.state().committed.insert(0, (1, "v2:1-2:later".to_owned()));
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(10));
    assert!(stored(&world, 0).is_empty());
    assert_eq!(committed(&world, 0), (1, "v2:1-2:later".to_owned()));
    assert!(!member.health.report(Member::now(&runtime)).ready);
}
