//! Rules at work from record to request: a stream in memory, services that listen on this machine.

use std::time::{Duration, Instant};

use prometheus_client::registry::Registry;

use super::*;
use crate::batch::Original;
use crate::forward::delivery::{Delivery, DeliveryId};
use crate::record::Position;

mod addresses;
mod forbidden;
mod mock_kafka;
mod positions;
mod receiver;
mod stream;
mod troubles;

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

/// One delivery, without a stream.
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
