//! What the flow does when the group holds no position any more (it forgets after a week without members), and when the table has rows of
//! an earlier topic at the same positions.

use super::*;
use crate::source::memory::StoredRow;

/// Twenty records that a process stored, and a group that forgot it.
fn forgotten_world() -> (World, Arc<Runtime>) {
    let (world, runtime) = world_with(&[GOOD; 20]);
    let mut first = Member::start(&world, &runtime, 1, &[0], config());
    assert!(first.turns(20));
    assert_eq!(stored(&world, 0), all(0..20));
    first.flow.begin_drain();
    first.flow.leave(Member::now(&runtime));
    drop(first);
    world.state().committed.clear();
    (world, runtime)
}

fn heir(world: &World, runtime: &Arc<Runtime>, number: u64) -> Member {
    let member = Member::start(world, runtime, number, &[], config());
    world.expel(number - 1, number);
    member
}

/// Rows of an earlier topic of this name, at the same positions.
fn earlier_rows(world: &World, offsets: std::ops::Range<i64>) {
    let rows = offsets.map(|offset| StoredRow {
        partition: 0,
        offset,
        event_id: format!("earlier {offset}"),
        milliseconds: 1_760_000_000_000 + offset,
    });
    world.state().table.extend(rows);
}

#[test]
fn what_the_table_has_is_not_stored_again() {
    let (world, runtime) = forgotten_world();
    for _ in 0..5 {
        world.append(0, 0, Some(GOOD));
    }
    let mut second = heir(&world, &runtime, 2);
    assert!(second.turns(20));
    assert_eq!(stored(&world, 0), all(0..25));
    assert_eq!(committed(&world, 0).0, 25);
    assert!(second.metrics.text().unwrap().contains("positions_from_table_total 1"));
    assert_eq!(second.health.report(Member::now(&runtime)).counters.read, 5);
}

#[test]
fn a_process_that_dies_before_the_table_has_answered_tells_the_group_nothing() {
    for n_calls in 0..6 {
        let (world, runtime) = forgotten_world();
        world.append(0, 0, Some(GOOD));
        let mut second = heir(&world, &runtime, 2);
        second.hold_answers(true);
        assert!(second.turns(5));
        assert_eq!(committed(&world, 0).0, -1);
        second.flow.begin_drain();
        second.flow.leave(Member::now(&runtime));
        drop(second);
        let mut third = heir(&world, &runtime, 3);
        crash_at(&world, 3, n_calls, n_calls % 2 == 0);
        third.turns(20);
        drop(third);
        let mut fourth = heir(&world, &runtime, 4);
        assert!(fourth.turns(20));
        assert_eq!(stored(&world, 0), all(0..21), "call {n_calls}");
        assert_eq!(committed(&world, 0).0, 21);
    }
}

#[test]
fn a_table_that_is_away_is_waited_for() {
    let (world, runtime) = forgotten_world();
    world.state().outages.insert(Call::Stored);
    let mut second = heir(&world, &runtime, 2);
    assert!(second.turns(100));
    assert_eq!(committed(&world, 0).0, -1);
    assert!(!second.health.report(Member::now(&runtime)).ready);
    world.state().outages.clear();
    assert!(second.turns(100));
    assert_eq!(stored(&world, 0), all(0..20));
    assert_eq!(committed(&world, 0).0, 20);
}

/// Offsets of the rows that are not of an earlier topic.
fn ours(world: &World) -> Vec<i64> {
    let state = world.state();
    let rows = state.table.iter().filter(|row| !row.event_id.starts_with("earlier"));
    let mut offsets: Vec<i64> = rows.map(|row| row.offset).collect();
    offsets.sort_unstable();
    offsets
}

#[test]
fn a_range_is_not_taken_for_stored_because_an_earlier_topic_had_its_positions() {
    // Rows that a dying server lost; a range that other schemas made, whole and in parts.
    let rules = rules_hash(&config(), None);
    for mark in [format!("v1:0-9:h{rules}:e1"), "v1:0-9:hother:e1".into(), "v1:0-9:hother:e1:split".into()] {
        let (world, runtime) = world_with(&[GOOD; 10]);
        earlier_rows(&world, 0..10);
        world.state().tokens.insert("id:1:shop.ios:0:0-9".to_owned());
        world.state().committed.insert(0, (0, mark.clone()));
        let mut member = Member::start(&world, &runtime, 1, &[0], config());
        assert!(member.turns(20));
        assert_eq!(ours(&world), all(0..10), "{mark}");
    }
}

#[test]
fn rows_of_an_earlier_topic_are_no_reason_to_stop_when_a_row_is_refused() {
    let (world, runtime) = world_with(&[GOOD; 10]);
    earlier_rows(&world, 0..10);
    world.state().refused.insert((0, 4));
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(20));
    assert_eq!(ours(&world), [0, 1, 2, 3, 5, 6, 7, 8, 9]);
    assert_eq!(world.state().letters, [(0, 4, "RowRefused".to_owned())]);
}

#[test]
fn rows_of_an_earlier_topic_of_this_name_are_not_taken_for_ours() {
    let (world, runtime) = world_with(&[GOOD; 12]);
    earlier_rows(&world, 0..30);
    world.state().table.retain(|row| row.offset >= 5);
    let mut first = Member::start(&world, &runtime, 1, &[0], config());
    assert!(first.turns(20));
    assert_eq!(ours(&world), all(0..12));
    drop(first);
    // Both lives have rows, and the earlier one has the higher offsets.
    world.state().committed.clear();
    for _ in 0..8 {
        world.append(0, 0, Some(GOOD));
    }
    let mut second = heir(&world, &runtime, 2);
    assert!(second.turns(20));
    assert_eq!(ours(&world), all(0..20));
    assert_eq!(committed(&world, 0).0, 20);
}
