//! What of a saved firewall is ours: only that is removed.

use super::*;

const SAVED: &str = "\
*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
:KUBE-SERVICES - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
-A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A KUBE-SERVICES -d 10.96.0.1/32 -j KUBE-SVC-X
COMMIT
*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -s 10.251.0.0/24 ! -d 10.251.0.0/24 -m comment --comment tributary-environment -j REJECT --reject-with icmp-port-unreachable
-A FORWARD -j DOCKER-USER
COMMIT
";

#[test]
fn removes_our_chains_and_rules_and_leaves_those_of_others() {
    let scripts: Vec<String> = parse(SAVED, true).iter().filter_map(Table::removal).collect();
    assert_eq!(
        scripts,
        [
            "*nat\n-D PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n\
             -F KUBE-SERVICES\n-X KUBE-SERVICES\nCOMMIT\n",
            "*filter\n-D FORWARD -s 10.251.0.0/24 ! -d 10.251.0.0/24 -m comment --comment tributary-environment -j REJECT \
             --reject-with icmp-port-unreachable\nCOMMIT\n",
        ]
    );
}

#[test]
fn finds_nothing_of_ours_in_a_strange_firewall() {
    let saved = "*filter\n:INPUT ACCEPT [0:0]\n:ufw-user-input - [0:0]\n-A INPUT -j ufw-user-input\nCOMMIT\n";
    assert!(parse(saved, true).iter().all(|table| table.removal().is_none()));
}

#[test]
fn leaves_the_chains_of_another_kubernetes() {
    let removals: Vec<String> = parse(SAVED, false).iter().filter_map(Table::removal).collect();
    assert!(
        matches!(removals.as_slice(), [one] if one.starts_with("*filter\n-D FORWARD -s 10.251.0.0/24")),
        "{removals:?}"
    );
}
