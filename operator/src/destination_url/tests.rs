//! The golden lists are looked at by the check of a ForwardingRule (`forwarding_rule/check/tests.rs`), the rules behind them in
//! `crds`; here is what this room adds.

use super::*;

#[test]
fn the_rule_that_forbids_an_address_is_told_in_words() {
    let refused = check("https://2130706433/x", &EgressConfig::default()).unwrap_err();
    assert!(refused.starts_with("`url` names 127.0.0.1, a private or reserved address"), "{refused}");
    assert_eq!(check("https://hooks.example.com/tributary", &EgressConfig::default()), Ok(()));
}

#[test]
fn a_team_reaches_its_own_hosts_in_every_spelling_and_no_neighbour_of_them() {
    let hosts = ["hooks.example.com".to_owned(), "*.partner.example".to_owned()];
    for url in [
        "https://hooks.example.com/x",
        "https://HOOKS.example.com./x",
        "https://hooks。example。com/x",
        "https://a.partner.example/x",
        "https://a.b.partner.example:8443/x",
    ] {
        assert_eq!(check_host(url, Some(&hosts)), Ok(()), "{url}");
    }
    for url in [
        "https://example.com/x",
        "https://a.hooks.example.com/x",
        "https://hooks.example.com.evil.example/x",
        "https://partner.example/x",
        "https://evilpartner.example/x",
        "https://evil.example/hooks.example.com",
        "https://evil.example/?hooks.example.com",
        "https://1.1.1.1/x",
    ] {
        assert!(check_host(url, Some(&hosts)).is_err(), "{url}");
    }
}
