//! Addresses that are allowed and that are not, as attackers spell them.

use super::*;

fn allowed(url: &str) -> bool {
    check(url, &EgressConfig::default()).is_ok()
}

#[test]
fn public_https_addresses_are_allowed() {
    for url in [
        "https://hooks.example.com/tributary",
        "https://hooks.example.com:8443/a?b=c",
        "https://1.1.1.1/x",
        "https://[2606:4700::1111]/x",
        "https://EXAMPLE.com./x",
        "https://bücher.example/x",
    ] {
        assert_eq!(check(url, &EgressConfig::default()), Ok(()), "{url}");
    }
}

#[test]
fn private_and_reserved_addresses_are_refused_in_every_spelling() {
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "192.0.2.1",
        "168.63.129.16",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a00:1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[ff02::1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:db8::1]",
        "[100::1]",
        "[2001::1]",
        "127。0。0。1",
        "①②⑦.0.0.1",
        "%31%32%37.0.0.1",
    ] {
        assert!(!allowed(&format!("https://{host}/x")), "{host}");
    }
}

#[test]
fn names_of_the_cluster_are_refused() {
    for host in [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "kubernetes",
        "kubernetes.default.svc",
        "receiver.shop.svc.cluster.local",
        "metadata.google.internal",
        "printer.local",
    ] {
        assert!(!allowed(&format!("https://{host}/x")), "{host}");
    }
}

#[test]
fn other_schemes_users_and_fragments_are_refused() {
    for url in [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "data:text/plain,x",
        "https://user:password@example.com/",
        "https://example.com@127.0.0.1/",
        "https://example.com/#x",
        "https://example.com\\@127.0.0.1/",
        "https://exam\tple.com/",
        "https:///x",
        "https://",
        "example.com",
        "",
        "https://[fe80::1%25eth0]/",
    ] {
        assert!(!allowed(url), "{url}");
    }
    assert!(!allowed(&format!("https://example.com/{}", "a".repeat(2048))));
}

#[test]
fn the_platform_team_can_allow_http_and_networks() {
    let egress =
        EgressConfig { allow_http: true, allowed_networks: vec!["10.250.0.0/24".into(), "fd00::/64".into()] };
    for url in [
        "http://10.250.0.1:8090/hook",
        "http://receiver.shop.svc:8080/",
        "https://[fd00::5]/",
        "http://example.com/",
    ] {
        assert_eq!(check(url, &egress), Ok(()), "{url}");
    }
    for url in ["http://10.250.1.1/", "http://127.0.0.1/", "http://localhost/", "https://[fd00:0:0:1::5]/"] {
        assert!(check(url, &egress).is_err(), "{url}");
    }
}
