//! ClickHouse or the dead-letter topic refuses something: the row that is to blame becomes a dead letter, or the stream stops and says so.

use super::*;

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
