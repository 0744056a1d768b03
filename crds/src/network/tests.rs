//! Addresses that are forbidden and that are not.

use super::*;

fn parsed(address: &str) -> IpAddr {
    address.parse().unwrap()
}

fn check(address: &str, allowed: &[&str]) -> Result<(), ForbiddenAddress> {
    let networks = allowed.iter().map(|network| (*network).to_owned()).collect();
    AllowedNetworks::new(&EgressConfig { allow_http: false, allowed_networks: networks })
        .check(parsed(address))
}

#[test]
fn every_forbidden_network_can_be_read() {
    assert_eq!(FORBIDDEN_NETWORKS.len(), FORBIDDEN.len());
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn private_reserved_and_carrying_addresses_are_forbidden() {
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "0.255.255.255",
        "10.0.0.0",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.0.0.53",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "172.16.0.1",
        "172.20.10.2",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "192.168.255.255",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "254.1.1.1",
        "255.255.255.255",
        "::",
        "::1",
        "::2",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
        "::ffff:192.168.1.1",
        "::ffff:0.0.0.0",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::8.8.8.8",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:7f00:1::",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2002:0808:0808::1",
        "3fff::1",
        "3ffe::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00::1",
        "fd00:ec2::254",
        "fdff:ffff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "8000::1",
    ] {
        assert!(check(address, &[]).is_err(), "{address}");
    }
}

#[test]
fn public_addresses_are_allowed() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "168.63.129.17",
        "169.253.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "2001:4860:4860::8888",
        "2400::1",
        "::ffff:8.8.8.8",
    ] {
        assert_eq!(check(address, &[]), Ok(()), "{address}");
    }
}

#[test]
fn the_platform_team_can_allow_networks_also_for_mapped_addresses() {
    for (address, allowed) in [
        ("10.250.0.1", "10.250.0.0/24"),
        ("::ffff:10.250.0.1", "10.250.0.0/24"),
        ("127.0.0.1", "127.0.0.1/32"),
        ("fd00::5", "fd00::/64"),
        ("192.168.1.1", "0.0.0.0/0"),
    ] {
        assert_eq!(check(address, &[allowed]), Ok(()), "{address} in {allowed}");
    }
    for (address, allowed) in [
        ("10.250.1.1", "10.250.0.0/24"),
        ("fd00:0:0:1::5", "fd00::/64"),
        ("127.0.0.1", "::/0"),
        ("2002:afa:1::", "10.250.0.0/24"),
        ("64:ff9b::afa:1", "10.250.0.0/24"),
    ] {
        assert!(check(address, &[allowed]).is_err(), "{address} in {allowed}");
    }
}

#[test]
fn a_network_that_cannot_be_read_allows_nothing() {
    for network in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/x", "10.0.0/8", "::/129", "10.0.0.0/-1"] {
        assert!(network.parse::<Network>().is_err(), "{network}");
        assert!(check("10.0.0.1", &[network]).is_err(), "{network}");
    }
}

#[test]
fn the_message_names_address_network_and_remedy() {
    let forbidden = check("::ffff:10.0.0.1", &[]).expect_err("10/8 is private");
    assert_eq!(
        forbidden.to_string(),
        "10.0.0.1 is a private or reserved address (10.0.0.0/8); use a public one, or ask the platform team to allow its network (`forwarding.allowedNetworks`)"
    );
}
