//! Whose a route is: that of another is never replaced.

use super::*;

#[test]
fn tells_a_route_of_another_from_ours() {
    let ours = "10.251.0.0/24 dev trib0 scope link src 10.250.0.1 linkdown \n";
    assert_eq!((route_of_another(""), route_of_another(ours)), (None, None));
    let other = "10.251.0.0/24 via 192.168.1.1 dev wg0 proto static \n";
    assert_eq!(route_of_another(other), Some("10.251.0.0/24 via 192.168.1.1 dev wg0 proto static"));
    assert_eq!(
        route_of_another("10.251.0.0/24 dev trib01 scope link\n"),
        Some("10.251.0.0/24 dev trib01 scope link")
    );
}
