//! What the flow does while nothing fails.

use super::*;

#[test]
fn every_record_ends_in_exactly_one_of_the_four_outcomes() {
    let (world, runtime) = world_with(&[GOOD, BAD, OTHER, GOOD]);
    let mut config = config();
    config.deduplication_window_seconds = Some(3600);
    for id in ["a", "b", "a"] {
        world.append(0, 0, Some(&format!(r#"{{"event":"tap","event_id":"{id}","n":2}}"#)));
    }
    let mut member = Member::start(&world, &runtime, 1, &[0], config);
    assert!(member.turns(20));
    assert_eq!(stored(&world, 0), [0, 3, 4, 5]);
    assert_eq!(world.state().letters, [(0, 1, "WrongType".to_owned())]);
    let counters = member.health.report(Member::now(&runtime)).counters;
    assert_eq!((counters.read, counters.stored, counters.dead_lettered), (7, 4, 1));
    assert_eq!((counters.filtered, counters.deduplicated), (1, 1));
    assert!(member.metrics.text().unwrap().contains("tributary_processor_read_records_total 7"));
}

#[test]
fn a_partition_that_falls_idle_is_acknowledged_to_its_end() {
    let (world, runtime) = world_with(&[GOOD; 25]);
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(20));
    let (offset, metadata) = committed(&world, 0);
    assert_eq!(offset, 25);
    assert!(metadata.starts_with("v1::h"), "no intent is left: {metadata}");
    let n_commits = world.state().n_commits;
    assert!(member.turns(50));
    assert_eq!(world.state().n_commits, n_commits, "an idle stream commits nothing");
}

#[test]
fn the_next_intent_acknowledges_the_range_before_it() {
    let (world, runtime) = world_with(&[GOOD; 40]);
    let mut config = config();
    // Longer than the test takes: batches end by their rows alone.
    config.batch.max_age_milliseconds = 60_000;
    let mut member = Member::start(&world, &runtime, 1, &[0], config);
    assert!(member.turns(20));
    // Four batches, the count of the start, and the last word: one commit a batch.
    assert_eq!(world.state().inserts.len(), 4);
    assert!(world.state().n_commits <= 4 + 2, "{}", world.state().n_commits);
}

#[test]
fn a_batch_is_closed_by_rows_or_by_age() {
    let (world, runtime) = world_with(&[GOOD; 13]);
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(5));
    assert_eq!(stored(&world, 0), all(0..10), "ten rows are a batch");
    assert!(member.turns(8));
    assert_eq!(stored(&world, 0), all(0..13), "three rows are old after a second");
    assert!(world.state().inserts[0].ends_with(":shop.ios:0:0-9"), "{:?}", world.state().inserts);
}

#[test]
fn a_range_with_holes_is_one_range() {
    let (world, runtime) = world_with(&[]);
    for skip in [3, 0, 5, 0, 100] {
        world.append(0, skip, Some(GOOD));
    }
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(20));
    assert_eq!(stored(&world, 0), [3, 4, 10, 11, 112]);
    assert!(world.state().inserts[0].ends_with(":3-112"), "{:?}", world.state().inserts);
    assert_eq!(committed(&world, 0).0, 113);
}

#[test]
fn a_range_without_rows_needs_no_insert() {
    let (world, runtime) = world_with(&[BAD, OTHER]);
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(20));
    assert!(world.state().inserts.is_empty());
    assert_eq!(world.state().letters.len(), 1);
    assert_eq!(committed(&world, 0).0, 2);
}

#[test]
fn records_without_rows_are_acknowledged_while_more_of_them_keep_coming() {
    for kind in [BAD, OTHER] {
        let (world, runtime) = world_with(&[kind; 20]);
        let mut config = config();
        config.batch.max_age_milliseconds = 0;
        let mut member = Member::start(&world, &runtime, 1, &[0], config);
        for _ in 0..60 {
            for _ in 0..7 {
                world.append(0, 0, Some(kind));
            }
            assert!(member.turn(50));
        }
        assert!(!member.flow.is_idle(), "more of them keep coming");
        let (offset, high) = (committed(&world, 0).0, world.state().logs[&0].high);
        assert!(offset > high - 100, "{offset} of {high}");
        assert!(world.state().inserts.is_empty());
    }
}

#[test]
fn what_is_kept_in_memory_is_bounded_while_the_table_is_away() {
    let (world, runtime) = world_with(&[GOOD; 5000]);
    let mut config = config();
    config.batch.max_bytes = 4096;
    world.state().outages.insert(Call::Write);
    let mut member = Member::start(&world, &runtime, 1, &[0], config);
    for _ in 0..200 {
        assert!(member.turn(50));
        // One bulk may come on top of the bound.
        assert!(member.flow.intake.n_bytes() <= 2 * 4096 + 7 * 200, "{}", member.flow.intake.n_bytes());
    }
    assert_eq!(
        member.flow.reading,
        crate::flow::reading::Reading::Nobody,
        "the partitions are paused and polls go on"
    );
    world.state().outages.clear();
    assert!(member.turns(6000));
    assert_eq!(stored(&world, 0), all(0..5000));
}

#[test]
fn ranges_that_must_be_repeated_whole_are_completed_one_at_a_time_when_together_they_are_too_large() {
    let (world, runtime) = world_with(&[]);
    let rules = rules_hash(&config(), None);
    for partition in 0..4 {
        for _ in 0..120 {
            world.append(partition, 0, Some(GOOD));
        }
        // The last one was made by larger batches: alone it is larger than what may be kept.
        let last = if partition == 3 { 99 } else { 19 };
        world.state().committed.insert(partition, (0, format!("v1:0-{last}:h{rules}:e1")));
    }
    for window in [None, Some(3600)] {
        let world = world.copy();
        let mut config = config();
        config.batch.max_bytes = 2048;
        config.deduplication_window_seconds = window;
        let mut member = Member::start(&world, &runtime, 1, &[0, 1, 2, 3], config);
        for _ in 0..800 {
            assert!(member.turn(50));
            // Twice the bound, a poll of four partitions, and the largest range.
            let n_bytes = member.flow.intake.n_bytes();
            assert!(n_bytes <= 2 * 2048 + 4 * 7 * 300 + 100 * 300, "{n_bytes}");
        }
        for partition in 0..4 {
            assert_eq!(stored(&world, partition), all(0..120));
            assert_eq!(committed(&world, partition).0, 120);
        }
        let n_repeated = |last: &str| {
            world.state().inserts.iter().filter(|token| token.ends_with(&format!(":0-{last}"))).count()
        };
        assert_eq!((n_repeated("19"), n_repeated("99")), (3, 1), "{:?}", world.state().inserts);
    }
}

#[test]
fn a_drain_writes_and_acknowledges_what_was_read() {
    let (world, runtime) = world_with(&[GOOD; 5]);
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(3));
    assert!(stored(&world, 0).is_empty(), "the batch is young");
    member.flow.begin_drain();
    assert!(member.turns(4));
    assert!(member.flow.is_idle());
    assert_eq!(stored(&world, 0), all(0..5));
    assert_eq!(committed(&world, 0).0, 5);
}

#[test]
fn a_partition_cut_off_below_the_committed_offset_is_not_read() {
    let (world, runtime) = world_with(&[GOOD; 3]);
    world.state().committed.insert(0, (50, String::new()));
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(10));
    assert!(stored(&world, 0).is_empty());
    let report = member.health.report(Member::now(&runtime));
    assert!(!report.ready && report.message.contains("epoch"), "{}", report.message);
}

#[test]
fn positions_of_an_older_life_of_the_topic_are_not_used() {
    let (world, runtime) = world_with(&[GOOD; 3]);
    world.state().committed.insert(0, (2, "v1:2-9:habc:e1".to_owned()));
    let mut config = config();
    config.stream.epoch = 2;
    let mut member = Member::start(&world, &runtime, 1, &[0], config);
    assert!(member.turns(10));
    assert_eq!(stored(&world, 0), [0, 1, 2]);
}

#[test]
fn records_that_retention_took_before_they_were_read_are_counted() {
    let (world, runtime) = world_with(&[GOOD; 9]);
    {
        let mut state = world.state();
        state.committed.insert(0, (2, String::new()));
        let log = state.logs.get_mut(&0).unwrap();
        log.low = 6;
        log.records.drain(..6);
    }
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    assert!(member.turns(10));
    assert_eq!(stored(&world, 0), [6, 7, 8]);
    assert!(member.metrics.text().unwrap().contains("lost_by_retention_total 4"));
}
