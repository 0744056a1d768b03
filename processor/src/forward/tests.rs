//! Rules at work from record to request: a stream in memory, services that listen on this machine.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crds::stream_config::{EgressConfig, WebhookConfig};
use prometheus_client::registry::Registry;

use super::*;
use crate::batch::Original;
use crate::forward::delivery::{Delivery, DeliveryId, Verdict};
use crate::record::Position;
use crate::source::Commit;

mod forbidden;
mod mock_kafka;
mod receiver;
mod stream;

use receiver::{Answer, Receiver};
use stream::Stream;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// One schema, and the rules that a test adds.
const CONFIG: &str = r#"
version: 1
stream: {namespace: shop, name: ios, id: 0b6e, epoch: 1}
kafka: {bootstrap: "none:1", topic: shop.ios, deadLetterTopic: shop.ios.dead-letters, group: tributary.shop.ios}
clickhouse: {url: "http://none:1", database: shop, table: ios}
schemas:
- name: purchase
  version: 1
  spec:
    event: purchase
    fields:
    - {name: order_id, type: String, required: true}
    - {name: amount, type: Float64, required: true}
    - {name: country, type: String}
- name: page_view
  version: 1
  spec:
    event: page_view
    fields:
    - {name: page, type: String, required: true}
envelope: {event: [event], eventId: [event_id], eventTime: [event_time]}
unknownEvents: DeadLetter
batch: {maxRows: 1000, maxBytes: 1000000, maxAgeMilliseconds: 1000}
egress: {allowHttp: true, allowedNetworks: [127.0.0.1/32]}
rules:
"#;

fn rule(name: &str, url: &str, more: &str) -> String {
    format!(
        "- {{name: {name}, uid: uid-of-{name}, start: Earliest, type: Webhook, webhook: {{url: \"{url}\", timeoutMilliseconds: 5000, maxInFlight: 4}}{more}}}\n"
    )
}

/// Rules at work on a stream.
struct World {
    forwarding: Option<Forwarding>,
    registry: Registry,
    stop: watch::Sender<bool>,
    secrets: PathBuf,
}

impl World {
    fn start(stream: &Stream, rules: &[String]) -> Self {
        // Another test may have been first.
        rustls::crypto::ring::default_provider().install_default().ok();
        let config: StreamConfig =
            serde_yaml::from_str(&format!("{CONFIG}{}", rules.concat())).expect("it is a config");
        let name = format!("tributary-forward-{}-{:?}", std::process::id(), std::thread::current().id());
        let secrets = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&secrets).expect("there is a temporary folder");
        for rule in &config.rules {
            std::fs::write(secrets.join(&rule.name), SECRET).expect("it can be written");
        }
        let pace = Pace {
            first: Duration::from_millis(5),
            longest: Duration::from_millis(50),
            probe: Duration::from_millis(50),
            ..Pace::default()
        };
        let (stop, stopped) = watch::channel(false);
        let surroundings = Surroundings {
            secrets: secrets.clone(),
            hash_key: None,
            pace,
            clock: Timestamp::now,
            stop: stopped,
        };
        let (metrics, mut registry) = (Metrics::default(), Registry::default());
        metrics.register(&mut registry);
        let forwarding = Forwarding::start(&Arc::new(config), stream, &surroundings, &metrics);
        Self { forwarding: Some(forwarding), registry, stop, secrets }
    }

    fn report(&self, rule: usize) -> RuleReport {
        self.forwarding.as_ref().expect("it works").reports().swap_remove(rule)
    }

    /// Waits until a report says something; reports follow what the world outside sees.
    fn wait_for_report(&self, rule: usize, what: &str, holds: impl Fn(&RuleReport) -> bool) -> RuleReport {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let report = self.report(rule);
            if holds(&report) {
                return report;
            }
            assert!(Instant::now() < until, "in vain: {what}; {report:?}");
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    fn end(mut self) {
        self.stop.send_replace(true);
        self.forwarding.take().expect("it works").wait();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        std::fs::remove_dir_all(&self.secrets).ok();
    }
}

fn purchase(number: usize, amount: f64) -> String {
    format!(
        r#"{{"event":"purchase","event_id":"e{number}","event_time":"2026-11-06T08:49:37.5Z","order_id":"o{number}","amount":{amount:.1},"country":"DE"}}"#
    )
}

fn group(rule: &str) -> String {
    format!("tributary.shop.ios.{rule}")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_matching_event_arrives_signed_and_is_committed() {
    let receiver = Receiver::start(SECRET).await;
    let stream = Stream::of(3);
    for number in 0..300 {
        let partition = number % 3;
        match number % 5 {
            0 => stream
                .produce(partition, &format!(r#"{{"event":"page_view","event_id":"p{number}","page":"/"}}"#)),
            1 => stream.produce(partition, "{broken"),
            2 => stream.produce(partition, &purchase(number, 1.0)),
            _ => stream.produce(partition, &purchase(number, 500.0)),
        };
    }
    let rules = [rule("big", &receiver.url(), ", events: [purchase], when: \"event.amount > 100.0\"")];
    let world = World::start(&stream, &rules);
    receiver.wait_until("120 events", |book| book.taken().len() == 120);
    stream.wait_until("all positions are committed", |state| {
        (0..3).all(|partition| {
            state.committed.get(&(group("big"), partition)).is_some_and(|commit| commit.offset == 100)
        })
    });
    {
        let book = receiver.open();
        assert_eq!(book.requests.len(), 120);
        for request in &book.requests {
            assert!(request.is_verified && request.id.starts_with("msg_"));
            assert_eq!(request.content_type, "application/json");
            assert_eq!(request.user_agent, concat!("Tributary/", env!("CARGO_PKG_VERSION")));
            assert_eq!(request.body["type"], "purchase");
            assert_eq!(request.body["timestamp"], "2026-11-06T08:49:37.500Z");
            assert_eq!(request.body["data"]["event"], "purchase");
            assert_eq!(request.body["data"]["amount"], 500.0);
            assert_eq!(request.body["data"]["country"], "DE");
        }
    }
    let report = world.wait_for_report(0, "all are settled", |report| report.sent == 120);
    assert_eq!((report.matched, report.dead_lettered, report.reason), (120, 0, None));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &world.registry).expect("text takes everything");
    assert!(text.contains("forwarded_total{rule=\"big\",outcome=\"sent\"} 120"));
    world.end();
}

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
async fn a_redirect_is_not_followed() {
    let (receiver, target) = (Receiver::start(SECRET).await, Receiver::start(SECRET).await);
    receiver.open().otherwise = Answer::Says(307, "location", target.url(), String::new());
    let stream = Stream::of(1);
    stream.produce(0, &purchase(1, 1.0));
    let world = World::start(&stream, &[rule("hook", &receiver.url(), "")]);
    receiver.wait_until("a repetition", |book| book.requests.len() >= 2);
    let report = world.wait_for_report(0, "the rule is parked", |report| report.reason.is_some());
    assert_eq!(report.reason, Some(Reason::DestinationRejected));
    assert!(report.message.contains("redirects are not followed"), "{}", report.message);
    assert!(target.open().requests.is_empty());
    assert_eq!(receiver.open().requests[0].path, "/hook");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_allowed_parks_the_rule() {
    let stream = Stream::of(1);
    stream.produce(0, &purchase(1, 1.0));
    let world = World::start(&stream, &[rule("hook", "http://127.0.0.2:9/hook", "")]);
    let report = world.wait_for_report(0, "the rule is parked", |report| report.reason.is_some());
    assert_eq!(report.reason, Some(Reason::DestinationForbidden));
    assert!(
        report.message.contains("127.0.0.2") && report.message.contains("forwarding.allowedNetworks"),
        "{}",
        report.message
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_judged_by_what_it_resolves_to_when_connecting() {
    let receiver = Receiver::start(SECRET).await;
    let stream = Stream::of(1);
    let world = World::start(&stream, &[rule("hook", &receiver.url(), "")]);
    let send = async |networks: &[&str]| {
        let allowed_networks = networks.iter().map(|network| (*network).to_owned()).collect();
        let egress = EgressConfig { allow_http: true, allowed_networks };
        let guard =
            Guard::with_lookup(&egress, |_name| Box::pin(async { Ok(vec![Ipv4Addr::LOCALHOST.into()]) }));
        let url = format!("http://hooks.example:{}/hook?token=t0ken", receiver.address.port());
        let config = WebhookConfig { url, timeout_milliseconds: 5000, max_in_flight: 1 };
        let webhook = Webhook::new(&config, world.secrets.join("hook"), guard, Timestamp::now)
            .expect("it can be built");
        webhook.send(&delivery()).await
    };
    let Verdict::Park(trouble) = send(&[]).await else { panic!("it must be forbidden") };
    assert_eq!(trouble.reason, Reason::DestinationForbidden);
    assert!(
        trouble.message.contains("hooks.example") && trouble.message.contains("127.0.0.1"),
        "{}",
        trouble.message
    );
    assert!(!trouble.message.contains("t0ken"), "{}", trouble.message);
    assert!(receiver.open().requests.is_empty());
    assert_eq!(send(&["127.0.0.1/32"]).await, Verdict::Taken);
    assert_eq!(receiver.open().requests.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_is_away_is_tried_again_and_no_address_is_told() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("this machine has ports");
    let address = listener.local_addr().expect("it listens");
    drop(listener);
    let stream = Stream::of(1);
    stream.produce(0, &purchase(1, 1.0));
    let world = World::start(&stream, &[rule("hook", &format!("http://{address}/hook?token=t0ken"), "")]);
    let report = world.wait_for_report(0, "the trouble is told", |report| report.reason.is_some());
    assert_eq!(report.reason, Some(Reason::DestinationUnreachable));
    assert!(!report.message.contains("t0ken"), "{}", report.message);
    assert_eq!((report.matched, report.sent, report.dead_lettered), (1, 0, 0));
}

fn delivery() -> Delivery {
    let position = Position { partition: 0, offset: 0 };
    Delivery {
        id: DeliveryId::new("uid", "shop.ios", 1, position),
        event: "purchase".into(),
        event_id: "e1".into(),
        event_time_milliseconds: 0,
        schema: "purchase@1".into(),
        json: b"{}".to_vec(),
        original: Original {
            position,
            timestamp_milliseconds: 0,
            key: None,
            payload: None,
            headers: Vec::new(),
        },
    }
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

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_cannot_run_says_why_and_leaves_the_others_alone() {
    let receiver = Receiver::start(SECRET).await;
    let stream = Stream::of(1);
    stream.produce(0, &purchase(1, 1.0));
    let rules = [
        rule("broken", &receiver.url(), ", when: \"event.amuont > 1.0\""),
        rule("sound", &receiver.url(), ""),
    ];
    let world = World::start(&stream, &rules);
    receiver.wait_until("the other one's event", |book| book.taken().len() == 1);
    let report = world.wait_for_report(0, "why", |report| report.reason.is_some());
    assert_eq!(report.reason, Some(Reason::SpecInvalid));
    assert!(report.message.contains("spec.when") && report.message.contains("amuont"), "{}", report.message);
    assert_eq!(world.report(1).reason, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_lacks_what_when_reads_is_not_forwarded() {
    let receiver = Receiver::start(SECRET).await;
    let stream = Stream::of(1);
    stream.produce(0, r#"{"event":"purchase","event_id":"a","order_id":"o","amount":1.0}"#);
    stream.produce(0, &purchase(1, 1.0));
    let rules = [rule("german", &receiver.url(), ", events: [purchase], when: \"event.country == 'DE'\"")];
    let world = World::start(&stream, &rules);
    stream.wait_until("both are committed", |state| {
        state.committed.get(&(group("german"), 0)).is_some_and(|commit| commit.offset == 2)
    });
    assert_eq!(receiver.open().requests.len(), 1);
    assert_eq!(receiver.open().requests[0].body["data"]["order_id"], "o1");
    world.end();
}
