//! What is refused and why; the golden lists are read by all who look: here, in the operator and in the processor.

use super::*;

/// The lines of a list, without those that explain.
fn lines(list: &str) -> Vec<&str> {
    list.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")).collect()
}

#[test]
fn every_address_of_the_lists_has_its_verdict() {
    let blocked = lines(include_str!("../../cases/destination-urls/blocked.txt"));
    let allowed = lines(include_str!("../../cases/destination-urls/allowed.txt"));
    assert!(blocked.len() >= 150 && allowed.len() >= 30, "{} and {}", blocked.len(), allowed.len());
    let egress = EgressConfig::default();
    let through: Vec<_> = blocked.into_iter().filter(|url| parse(url, &egress).is_ok()).collect();
    assert!(through.is_empty(), "these get through: {through:#?}");
    let refused: Vec<_> =
        allowed.into_iter().filter_map(|url| Some((url, parse(url, &egress).err()?.to_string()))).collect();
    assert!(refused.is_empty(), "these are refused: {refused:#?}");
}

#[test]
fn each_rule_has_its_words() {
    let long = format!("https://example.com/{}", "a".repeat(LONGEST));
    for (url, rule) in [
        (long.as_str(), "longer than 2048"),
        ("https://exam\tple.com/", "white space"),
        ("https://exam ple.com/", "white space"),
        ("https://example.com/\u{0}", "control characters"),
        ("https://[::1/", "cannot be read"),
        ("http://example.com/", "has not allowed `http`"),
        ("ftp://example.com/", "not `ftp:`"),
        ("https:///example.com/", "and a host"),
        ("https:example.com/", "and a host"),
        ("https://@example.com/", "user or password"),
        ("https://example.com/#x", "fragment"),
        ("https://a..example.com/", "names no host"),
        ("https://example.com:25/", "port 25"),
        ("https://2130706433/", "127.0.0.1, a private or reserved address"),
        ("https://receiver.shop.svc/", "`receiver.shop.svc`, which only a cluster"),
    ] {
        let error = parse(url, &EgressConfig::default()).expect_err(url).to_string();
        assert!(error.contains(rule), "{url}: {error}");
    }
}

#[test]
fn the_platform_team_can_allow_http_and_networks_but_never_this_machine_by_name() {
    let egress =
        EgressConfig { allow_http: true, allowed_networks: vec!["10.250.0.0/24".into(), "fd00::/64".into()] };
    for url in [
        "http://10.250.0.1:8090/hook",
        "http://receiver.shop.svc:8080/",
        "http://receiver/",
        "https://[fd00::5]/",
        "http://example.com/",
    ] {
        assert!(parse(url, &egress).is_ok(), "{url}");
    }
    for url in [
        "http://10.250.1.1/",
        "http://127.0.0.1/",
        "http://localhost/",
        "http://a.localhost/",
        "https://[fd00:0:0:1::5]/",
        "http://user@receiver.shop.svc/",
        "http://10.250.0.1:25/",
    ] {
        assert!(parse(url, &egress).is_err(), "{url}");
    }
}
