//! Partitions come and go while something is under way: nothing is lost, nothing is doubled, and no rebalance is a failure.

use super::*;

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

/// What the metrics count as failures of the source.
fn n_failures(member: &Member) -> u64 {
    let text = member.metrics.text().unwrap();
    let counts = text.lines().filter(|line| line.contains("retries_total{step=\"source\""));
    counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[test]
fn a_commit_that_a_rebalance_refuses_is_no_failure_and_is_made_again_for_the_partition_that_stays() {
    let (world, runtime) = world_with(&[GOOD; 10]);
    for _ in 0..10 {
        world.append(1, 0, Some(GOOD));
    }
    let mut first = Member::start(&world, &runtime, 1, &[0, 1], config());
    let mut second = Member::start(&world, &runtime, 2, &[], config());
    first.hold(true);
    assert!(first.turns(4), "inserts of both partitions are under way");
    // The inserts end, and before they are acknowledged the group gives one partition away.
    first.hold(false);
    world.hand_over(1, 2);
    assert!(first.turn(10));
    assert_eq!(stored(&world, 0), all(0..10));
    assert_eq!(committed(&world, 0).0, 0, "the group refuses a member that has not heard of it");
    assert!(first.turns(5));
    assert_eq!(committed(&world, 0).0, 10, "the partition stayed, and what was outstanding is made good");
    assert!(second.turns(20));
    assert_eq!((stored(&world, 1), committed(&world, 1).0), (all(0..10), 10));
    assert_eq!(n_failures(&first), 0, "{}", first.metrics.text().unwrap());
    assert!(first.health.report(Member::now(&runtime)).ready);
}

#[test]
fn an_intent_that_a_rebalance_refuses_is_made_again_before_anything_is_inserted() {
    let (world, runtime) = world_with(&[GOOD; 3]);
    let mut first = Member::start(&world, &runtime, 1, &[0, 1], config());
    let _second = Member::start(&world, &runtime, 2, &[], config());
    assert!(first.turns(3), "the batch is young");
    first.flow.begin_drain();
    world.hand_over(1, 2);
    assert!(first.turn(10));
    assert!(world.state().inserts.is_empty(), "no insert without its intent");
    assert!(first.turns(5));
    assert_eq!((stored(&world, 0), committed(&world, 0).0), (all(0..3), 3));
    assert_eq!(n_failures(&first), 0);
}

#[test]
fn a_member_that_a_rebalance_refuses_for_longer_than_any_lasts_begins_anew() {
    let (world, runtime) = world_with(&[GOOD; 10]);
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    member.hold(true);
    assert!(member.turns(4));
    world.state().outages.insert(Call::Rebalance);
    member.hold(false);
    assert!(member.turns(500));
    assert_eq!(n_failures(&member), 0);
    assert!(!member.turns(200), "a new client takes a new place in the group");
    assert_eq!(n_failures(&member), 1);
    world.state().outages.clear();
    let mut next = Member::start(&world, &runtime, 2, &[], config());
    world.expel(1, 2);
    assert!(next.turns(20));
    assert_eq!((stored(&world, 0), committed(&world, 0).0), (all(0..10), 10));
}
