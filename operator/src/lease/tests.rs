//! The decision about a Lease, in each state it can be found in.

use super::*;

fn held_by(holder: &str) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(holder.into()),
        lease_duration_seconds: Some(15),
        ..LeaseSpec::default()
    }
}

#[test]
fn a_missing_lease_is_created() {
    assert_eq!(decide(None, "a", Duration::ZERO), Step::Create);
}

#[test]
fn ones_own_lease_is_renewed() {
    assert_eq!(decide(Some(Some(&held_by("a"))), "a", Duration::from_secs(100)), Step::Renew);
}

#[test]
fn the_lease_of_another_is_left_alone_until_it_has_not_changed_for_its_duration() {
    let lease = held_by("b");
    assert_eq!(decide(Some(Some(&lease)), "a", Duration::from_secs(15)), Step::Wait { holder: "b".into() });
    assert_eq!(decide(Some(Some(&lease)), "a", Duration::from_secs(16)), Step::Take);
}

#[test]
fn a_lease_that_was_given_back_is_taken_at_once() {
    assert_eq!(decide(Some(Some(&LeaseSpec::default())), "a", Duration::ZERO), Step::Take);
    assert_eq!(decide(Some(None), "a", Duration::ZERO), Step::Take);
}
