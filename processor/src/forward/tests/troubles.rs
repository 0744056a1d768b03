//! A destination in trouble: what is sent again, what waits, what becomes a dead letter, and who is not slowed by it.

use std::collections::BTreeSet;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_service_in_trouble_gets_the_event_again_with_the_same_id() {
    let receiver = Receiver::start(SECRET).await;
    receiver.answer([503, 500, 408, 425, 502].map(Answer::Status));
    let stream = Stream::of(1);
    let world = World::start(&stream, &[rule("hook", &receiver.url(), "")]);
    stream.produce(0, &purchase(1, 1.0));
    receiver.wait_until("it is taken", |book| book.taken().len() == 1);
    let ids = receiver.open().ids();
    assert_eq!(ids.len(), 6);
    assert!(ids.iter().all(|id| *id == ids[0]));
    let report =
        world.wait_for_report(0, "it is settled", |report| report.sent == 1 && report.reason.is_none());
    assert_eq!(report.matched, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_holds_the_whole_rule() {
    let receiver = Receiver::start(SECRET).await;
    receiver.answer([Answer::Says(429, "retry-after", "1".into(), String::new())]);
    let stream = Stream::of(1);
    stream.produce(0, &purchase(1, 1.0));
    let world = World::start(&stream, &[rule("hook", &receiver.url(), "")]);
    let report = world.wait_for_report(0, "the trouble is told", |report| report.reason.is_some());
    for number in 2..6 {
        stream.produce(0, &purchase(number, 1.0));
    }
    assert_eq!(report.reason, Some(Reason::DestinationUnreachable));
    assert!(report.message.contains("429"), "{}", report.message);
    receiver.wait_until("all are taken", |book| book.taken().len() == 5);
    let book = receiver.open();
    assert!(book.requests[1].at - book.requests[0].at >= Duration::from_millis(990));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_refused_becomes_a_dead_letter_with_the_reply() {
    let receiver = Receiver::start(SECRET).await;
    let said = format!("unknown order {}", "x".repeat(5000));
    receiver.answer([Answer::Says(422, "content-type", "text/plain".into(), said.clone())]);
    let stream = Stream::of(1);
    let payload = purchase(1, 1.0);
    stream.produce(0, &payload);
    let world = World::start(&stream, &[rule("hook", &receiver.url(), "")]);
    receiver.wait_until("a request", |book| book.requests.len() == 1);
    stream.produce(0, &purchase(2, 1.0));
    stream.wait_until("a dead letter and all committed", |state| {
        state.letters.len() == 1
            && state.committed.get(&(group("hook"), 0)).is_some_and(|commit| commit.offset == 2)
    });
    let letter = stream.open().letters[0].clone();
    assert_eq!(letter.original.payload.as_deref(), Some(payload.as_bytes()));
    assert_eq!(letter.rejected.reason.to_string(), "DestinationRejected");
    assert_eq!(letter.rejected.message, "the destination answers 422 Unprocessable Entity");
    assert_eq!(letter.rejected.schema, "purchase@1");
    let header = |name: &str| {
        letter.original.headers.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.clone())
    };
    assert_eq!(header("a-header").as_deref(), Some(&b"as it came"[..]));
    assert_eq!(header("tributary-rule").as_deref(), Some(&b"hook"[..]));
    assert_eq!(header("tributary-reply").as_deref(), Some(&said.as_bytes()[..2048]));
    let report = world.wait_for_report(0, "both settled", |report| report.sent + report.dead_lettered == 2);
    assert_eq!((report.matched, report.sent, report.dead_lettered, report.reason), (2, 1, 1, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_door_parks_the_rule_until_it_opens() {
    let receiver = Receiver::start(SECRET).await;
    receiver.open().otherwise = Answer::Status(404);
    let stream = Stream::of(1);
    for number in 0..20 {
        stream.produce(0, &purchase(number, 1.0));
    }
    let world = World::start(&stream, &[rule("hook", &receiver.url(), "")]);
    let report = world.wait_for_report(0, "the rule is parked", |report| report.reason.is_some());
    assert_eq!(report.reason, Some(Reason::DestinationRejected));
    assert!(report.message.contains("404") && report.message.contains("`url`"), "{}", report.message);
    receiver.wait_until("probes", |book| book.requests.len() >= 8);
    // Four were under way when the door closed; since then one at a time.
    assert!(
        receiver.open().requests[4..]
            .windows(2)
            .all(|two| two[1].at - two[0].at >= Duration::from_millis(45))
    );
    assert_eq!(world.report(0).matched, 10, "reading stops at what one poll gave");
    assert_eq!(stream.committed(&group("hook"), 0), Some(0));
    receiver.open().otherwise = Answer::Status(204);
    receiver.wait_until("all are taken", |book| book.taken().len() == 20);
    let report =
        world.wait_for_report(0, "all are settled", |report| report.sent == 20 && report.reason.is_none());
    assert_eq!(report.dead_lettered, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_whose_destination_never_answers_slows_no_other() {
    let (dead, sound) = (Receiver::start(SECRET).await, Receiver::start(SECRET).await);
    dead.open().otherwise = Answer::Never;
    let stream = Stream::of(2);
    for number in 0..200 {
        stream.produce(number % 2, &purchase(number, 1.0));
    }
    let world = World::start(&stream, &[rule("dead", &dead.url(), ""), rule("sound", &sound.url(), "")]);
    sound.wait_until("all are taken", |book| book.taken().len() == 200);
    // A request that timed out is sent again, with the id it had.
    assert_eq!(
        dead.open().ids().into_iter().collect::<BTreeSet<_>>().len(),
        4,
        "no more than are allowed under way"
    );
    // Its group is polled all the same.
    let n_polls = stream.open().n_polls.get(&group("dead")).copied().unwrap_or_default();
    stream.wait_until("polls of the dead rule", |state| state.n_polls[&group("dead")] >= n_polls + 3);
    assert_eq!(world.report(0).sent, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_destination_keeps_the_group_polled() {
    let receiver = Receiver::start(SECRET).await;
    receiver.open().otherwise = Answer::Slowly(Duration::from_millis(50));
    let stream = Stream::of(16);
    for number in 0..160 {
        stream.produce(number % 16, &purchase(number, 1.0));
    }
    // One poll chooses all of them, and to bring them takes two seconds.
    let _world = World::start(&stream, &[rule("hook", &receiver.url(), "")]);
    receiver.wait_until("the first is taken", |book| !book.taken().is_empty());
    let n_polls = |state: &stream::State| state.n_polls[&group("hook")];
    let before = n_polls(&stream.open());
    receiver.wait_until("nearly all are taken", |book| book.taken().len() >= 150);
    assert!(n_polls(&stream.open()) > before, "the group would give the partitions to others");
    receiver.wait_until("all are taken", |book| book.taken().len() == 160);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_is_in_force_with_the_next_request() {
    let receiver = Receiver::start(OTHER_SECRET).await;
    let stream = Stream::of(1);
    let world = World::start(&stream, &[rule("hook", &receiver.url(), "")]);
    stream.produce(0, &purchase(1, 1.0));
    receiver.wait_until("a request", |book| book.requests.len() == 1);
    std::fs::write(world.secrets.join("hook"), format!("{SECRET} {OTHER_SECRET}\n"))
        .expect("it can be written");
    stream.produce(0, &purchase(2, 1.0));
    receiver.wait_until("a second request", |book| book.requests.len() == 2);
    std::fs::write(world.secrets.join("hook"), "not a secret").expect("it can be written");
    stream.produce(0, &purchase(3, 1.0));
    let report = world.wait_for_report(0, "the rule is parked", |report| report.reason.is_some());
    assert_eq!(report.reason, Some(Reason::SecretKeyMissing));
    assert!(!report.message.contains("not a secret"), "{}", report.message);
    std::fs::write(world.secrets.join("hook"), OTHER_SECRET).expect("it can be written");
    receiver.wait_until("a third request", |book| book.requests.len() == 3);
    let verified: Vec<_> = receiver.open().requests.iter().map(|request| request.is_verified).collect();
    assert_eq!(verified, [false, true, true]);
}
