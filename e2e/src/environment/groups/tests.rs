//! Which controllers are handed down and taken back.

use super::*;

#[test]
fn hands_down_what_the_root_has_and_does_not_hand_down_yet() {
    let debian = "cpuset cpu io memory hugetlb pids rdma misc\n";
    assert_eq!(missing(debian, "cpu memory pids\n"), ["cpuset", "io", "hugetlb", "rdma", "misc"]);
    assert_eq!(missing(debian, debian), [""; 0]);
}

#[test]
fn takes_a_controller_for_another_only_by_its_whole_name() {
    assert_eq!(missing("cpu cpuset", "cpuset"), ["cpu"]);
}
