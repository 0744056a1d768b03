//! URLs and answers of DNS that are let through and that are not. What is refused up to the socket is in `forward/tests/forbidden.rs`.

use std::sync::Mutex;

use super::*;

const ALLOWED: &str = include_str!("../../../../crds/cases/destination-urls/allowed.txt");
const NAMES: &str = include_str!("../../../../crds/cases/destination-urls/names.txt");

fn lines(list: &str) -> impl Iterator<Item = &str> {
    list.lines().filter(|line| !line.is_empty() && !line.starts_with("# "))
}

fn allowing(network: &str) -> EgressConfig {
    EgressConfig { allow_http: false, allowed_networks: vec![network.to_owned()] }
}

async fn resolve(guard: &Guard, name: &str) -> Result<Vec<IpAddr>, String> {
    let addresses =
        guard.resolve(name.parse().expect("it is a name")).await.map_err(|error| error.to_string())?;
    Ok(addresses.map(|address| address.ip()).collect())
}

#[test]
fn everything_of_the_golden_list_of_allowed_addresses_is_let_through() {
    let guard = Guard::new(&EgressConfig::default());
    for url in lines(ALLOWED) {
        assert!(guard.read(url).is_ok(), "{url}");
    }
}

/// What DNS says next.
static ANSWERS: Mutex<Vec<IpAddr>> = Mutex::new(Vec::new());

#[tokio::test]
async fn a_name_is_judged_by_every_address_that_it_leads_to() {
    let guard = Guard::with_lookup(&EgressConfig::default(), |_name| {
        let answers = ANSWERS.lock().expect("no test panics with it").clone();
        Box::pin(async move { Ok(answers) })
    });
    for line in lines(NAMES) {
        let (verdict, answers) = line.split_once(' ').expect("a verdict and answers");
        let answers: Vec<IpAddr> =
            answers.split(' ').map(|answer| answer.parse().expect("it is an address")).collect();
        answers.clone_into(&mut ANSWERS.lock().expect("no test panics with it"));
        match (verdict, resolve(&guard, "name.example").await) {
            // What was judged is what is connected to, and nothing else.
            ("allowed", Ok(addresses)) => assert_eq!(addresses, answers, "{line}"),
            ("blocked", Err(message)) => assert!(message.contains("`name.example`"), "{line}: {message}"),
            (_, resolved) => panic!("{line}: {resolved:?}"),
        }
    }
}

#[tokio::test]
async fn an_allowed_network_lets_its_names_through_and_no_other() {
    let of = |network| {
        Guard::with_lookup(&allowing(network), |_name| {
            Box::pin(async { Ok(vec!["10.1.2.3".parse().expect("it is an address")]) })
        })
    };
    assert!(resolve(&of("10.1.0.0/16"), "private.example").await.is_ok());
    assert!(resolve(&of("10.2.0.0/16"), "private.example").await.is_err());
}

/// Names that DNS was asked for.
static ASKED: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[tokio::test]
async fn a_name_is_not_completed_by_the_domains_of_the_cluster() {
    let lookup: Lookup = |name| {
        ASKED.lock().expect("no test panics with it").push(name);
        Box::pin(async { Ok(vec!["93.184.215.14".parse().expect("it is an address")]) })
    };
    let closed = Guard::with_lookup(&EgressConfig::default(), lookup);
    assert!(resolve(&closed, "receiver.shop").await.is_ok());
    assert!(resolve(&closed, "example.com.").await.is_ok());
    // Where private networks are allowed, the cluster's short names are meant.
    let open = Guard::with_lookup(&allowing("10.96.0.0/16"), lookup);
    assert!(resolve(&open, "receiver.shop.svc").await.is_ok());
    let asked = ASKED.lock().expect("no test panics with it").clone();
    assert_eq!(asked, ["receiver.shop.", "example.com.", "receiver.shop.svc"]);
}
