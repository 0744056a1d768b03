//! Where a rule begins and goes on: positions of this life of the topic, also after a crash and with new clients.

use super::*;
use crate::source::Commit;

#[tokio::test(flavor = "multi_thread")]
async fn positions_of_an_earlier_life_of_the_topic_are_not_taken_up() {
    let receiver = Receiver::start(SECRET).await;
    let stream = Stream::of(1);
    for number in 0..10 {
        stream.produce(0, &purchase(number, 1.0));
    }
    let commit = Commit { partition: 0, offset: 7, metadata: "since:1000:e0".into() };
    stream.open().committed.insert((group("hook"), 0), commit);
    let _world = World::start(&stream, &[rule("hook", &receiver.url(), "")]);
    receiver.wait_until("all are taken", |book| book.taken().len() == 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_send_and_commit_repeats_with_the_same_ids() {
    let receiver = Receiver::start(SECRET).await;
    let stream = Stream::of(1);
    let world = World::start(&stream, &[rule("hook", &receiver.url(), "")]);
    stream.wait_until("the rule has begun", |state| state.committed.contains_key(&(group("hook"), 0)));
    stream.open().refuses_commits = true;
    for number in 0..10 {
        stream.produce(0, &purchase(number, 1.0));
    }
    receiver.wait_until("all are taken", |book| book.taken().len() == 10);
    let ids = receiver.open().taken();
    {
        let mut state = stream.open();
        state.ends.insert(group("hook"), 1);
        state.refuses_commits = false;
    }
    receiver.wait_until("all are taken twice", |book| book.requests.len() == 20);
    stream.wait_until("all are committed", |state| state.committed[&(group("hook"), 0)].offset == 10);
    assert_eq!(receiver.open().taken(), ids);
    world.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn new_clients_are_made_when_the_old_ones_are_outdated() {
    let receiver = Receiver::start(SECRET).await;
    let stream = Stream::of(1);
    let world = World::start(&stream, &[rule("hook", &receiver.url(), "")]);
    stream.produce(0, &purchase(1, 1.0));
    receiver.wait_until("the first event", |book| book.taken().len() == 1);
    world.wait_for_report(0, "it is settled", |report| report.sent == 1);
    stream.open().version = 2;
    stream.produce(0, &purchase(2, 1.0));
    receiver.wait_until("the second event", |book| book.taken().len() == 2);
    assert_eq!(receiver.open().requests.len(), 2, "positions are committed before the clients change");
    world.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_latest_rule_begins_at_the_end_and_misses_nothing_after() {
    let receiver = Receiver::start(SECRET).await;
    let stream = Stream::of(1);
    for number in 0..5 {
        stream.produce(0, &purchase(number, 1.0));
    }
    let latest = rule("hook", &receiver.url(), "").replace("Earliest", "Latest");
    let world = World::start(&stream, std::slice::from_ref(&latest));
    stream
        .wait_until("the beginning is committed", |state| state.committed.contains_key(&(group("hook"), 0)));
    assert_eq!(stream.committed(&group("hook"), 0), Some(5));
    world.end();
    for number in 5..8 {
        stream.produce(0, &purchase(number, 1.0));
    }
    let world = World::start(&stream, &[latest]);
    receiver.wait_until("what came meanwhile", |book| book.taken().len() == 3);
    assert_eq!(receiver.open().requests.len(), 3);
    // Made long ago, the rule reads a partition that is new from its first record.
    stream
        .open()
        .committed
        .entry((group("hook"), 0))
        .and_modify(|commit| commit.metadata = "since:1:e1".into());
    world.end();
    stream
        .open()
        .committed
        .entry((group("hook"), 0))
        .and_modify(|commit| commit.metadata = "since:1:e1".into());
    stream.open().partitions.push(Vec::new());
    stream.produce(1, &purchase(100, 1.0));
    let world = World::start(&stream, &[rule("hook", &receiver.url(), "").replace("Earliest", "Latest")]);
    receiver.wait_until("the new partition's event", |book| book.taken().len() == 4);
    world.end();
}
