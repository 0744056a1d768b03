//! Destinations that are not allowed, up to the socket: nothing is sent there, whatever DNS answers and whenever it changes its mind.

use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crds::stream_config::{EgressConfig, WebhookConfig};

use super::*;
use crate::forward::delivery::Verdict;

const BLOCKED: &str = include_str!("../../../../crds/cases/destination-urls/blocked.txt");

/// A webhook whose signing secret is there.
fn webhook(test: &str, url: &str, guard: Guard) -> Webhook {
    // Another test may have been first.
    rustls::crypto::ring::default_provider().install_default().ok();
    let secret = std::env::temp_dir().join(format!("tributary-forbidden-{}-{test}", std::process::id()));
    std::fs::write(&secret, SECRET).expect("there is a temporary folder");
    let config = WebhookConfig { url: url.to_owned(), timeout_milliseconds: 5_000, max_in_flight: 1 };
    Webhook::new(&config, secret, guard, Timestamp::now).expect("it can be built")
}

/// How often a blocked URL was looked up.
static N_ASKED: AtomicUsize = AtomicUsize::new(0);

#[tokio::test]
async fn nothing_of_the_golden_list_of_blocked_addresses_is_looked_up_or_connected_to() {
    // A lenient DNS: every name leads to a public address.
    let guard = Guard::with_lookup(&EgressConfig::default(), |_name| {
        N_ASKED.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(vec![Ipv4Addr::new(93, 184, 215, 14).into()]) })
    });
    for url in BLOCKED.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
        let Verdict::Park(trouble) = webhook("blocked", url, guard.clone()).send(&delivery()).await else {
            panic!("{url} was not forbidden")
        };
        assert_eq!(trouble.reason, Reason::DestinationForbidden, "{url}: {}", trouble.message);
    }
    assert_eq!(N_ASKED.load(Ordering::Relaxed), 0);
}

/// What DNS was asked for the name that changes its answer.
static LOOKED_UP: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_changes_its_answer_after_it_was_judged_leads_nowhere_else() {
    let first = Receiver::start_at(([127, 0, 0, 2], 0).into(), SECRET).await;
    let port = first.address.port();
    let second = Receiver::start_at(([127, 0, 0, 1], port).into(), SECRET).await;
    let egress = EgressConfig { allow_http: true, allowed_networks: vec!["127.0.0.2/32".into()] };
    // The first answer is allowed; every later one, however soon, is not.
    let guard = Guard::with_lookup(&egress, |name| {
        let mut names = LOOKED_UP.lock().expect("no test panics with it");
        names.push(name);
        let address = Ipv4Addr::new(127, 0, 0, if names.len() == 1 { 2 } else { 1 });
        Box::pin(async move { Ok(vec![address.into()]) })
    });
    let n_looked_up = || LOOKED_UP.lock().expect("no test panics with it").len();
    // No connection is kept for the next request.
    first.open().otherwise = Answer::Says(204, "connection", "close".into(), String::new());
    let webhook = webhook("rebinding", &format!("http://rebind.example:{port}/hook"), guard);

    // What was judged is what is connected to: nobody asks again in between.
    assert_eq!(webhook.send(&delivery()).await, Verdict::Taken);
    assert_eq!((n_looked_up(), first.open().requests.len()), (1, 1));
    // Each later connection is judged anew.
    for n_before in 1..=3 {
        let verdict = webhook.send(&delivery()).await;
        let Verdict::Park(trouble) = verdict else { panic!("it must be forbidden: {verdict:?}") };
        assert_eq!((trouble.reason, n_looked_up()), (Reason::DestinationForbidden, n_before + 1));
        assert!(trouble.message.contains("rebind.example"), "{}", trouble.message);
    }
    assert_eq!((first.open().requests.len(), second.open().requests.len()), (1, 0));
}
