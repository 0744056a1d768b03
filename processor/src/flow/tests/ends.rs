//! The end of a partition: behind the last record may stand marks of transactions, which take offsets and are given to nobody.

use super::*;

/// Lets so many marks of transactions stand behind the last record of partition 0.
fn mark(world: &World, n: i64) {
    world.state().logs.get_mut(&0).unwrap().high += n;
}

/// Records that stand in the topic behind what the group has acknowledged: what the operator and the CLI show.
fn behind(world: &World) -> i64 {
    let high = world.state().logs[&0].high;
    high - committed(world, 0).0
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
fn a_partition_that_ends_with_marks_of_transactions_is_acknowledged_to_its_end_once() {
    let (world, runtime) = world_with(&[GOOD; 10]);
    mark(&world, 1);
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(60));
    assert_eq!((stored(&world, 0), behind(&world)), (all(0..10), 0));
    let (_, metadata) = committed(&world, 0);
    assert!(metadata.starts_with("v1::h"), "no intent is left: {metadata}");
    let n_commits = world.state().n_commits;
    assert!(member.turns(60));
    assert_eq!(world.state().n_commits, n_commits, "an idle stream commits nothing");
    // What comes next is taken, by this process and by the next one.
    world.append(0, 0, Some(GOOD));
    assert!(member.turns(20));
    mark(&world, 1);
    world.append(0, 0, Some(GOOD));
    let mut next = Member::start(&world, &runtime, 2, &[], config());
    world.hand_over(0, 2);
    assert!(member.turns(5));
    assert!(next.turns(20));
    assert_eq!(stored(&world, 0), [all(0..10), vec![11, 13]].concat());
}

#[test]
fn marks_alone_are_acknowledged_too() {
    let (world, runtime) = world_with(&[]);
    world.state().logs.entry(0).or_default().high = 4;
    world.state().committed.insert(0, (2, String::new()));
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(60));
    assert_eq!(behind(&world), 0);
    let report = member.health.report(Member::now(&runtime));
    assert_eq!((report.ready, report.lag), (true, 0));
}

#[test]
fn no_mark_is_acknowledged_while_anything_before_it_is_not_settled() {
    let (world, runtime) = world_with(&[GOOD; 10]);
    mark(&world, 1);
    world.state().outages.insert(Call::Write);
    let mut first = Member::start(&world, &runtime, 1, &[0], config());
    assert!(first.turns(100));
    assert_eq!(committed(&world, 0).0, 0, "the intent stands");
    drop(first);
    world.state().outages.clear();
    let mut second = Member::start(&world, &runtime, 2, &[], config());
    world.expel(1, 2);
    assert!(second.turns(60));
    assert_eq!((stored(&world, 0), behind(&world)), (all(0..10), 0));
}

#[test]
fn marks_behind_records_that_the_table_was_asked_about_wait_for_its_answer() {
    let (world, runtime) = world_with(&[GOOD; 10]);
    mark(&world, 1);
    let mut config = config();
    config.deduplication_window_seconds = Some(3600);
    let mut member = Member::start(&world, &runtime, 1, &[0], config);
    member.hold_answers(true);
    assert!(member.turns(60));
    assert!(committed(&world, 0).0 <= 0, "the records are held back: {:?}", committed(&world, 0));
    member.hold_answers(false);
    assert!(member.turns(60));
    assert_eq!((stored(&world, 0), behind(&world)), (all(0..10), 0));
}
