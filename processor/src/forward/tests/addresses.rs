//! Where a delivery may go: addresses that are allowed, judged when connecting, and nothing told of them.

use std::net::Ipv4Addr;

use crds::stream_config::{EgressConfig, WebhookConfig};

use super::*;
use crate::forward::delivery::Verdict;

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
