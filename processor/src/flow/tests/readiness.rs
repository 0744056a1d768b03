//! What the flow says of itself: ready while all is well, and what is wrong when something is.

use super::*;

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
