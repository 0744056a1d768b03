//! Versions that follow one another, and those that may not.

use super::*;

fn spec(yaml: &str) -> EventSchemaSpec {
    serde_yaml::from_str(yaml).unwrap()
}

const FIRST: &str = "fields: [{name: amount, type: Int32, required: true}]";

fn accepted(version: i32, yaml: &str) -> AcceptedVersion {
    AcceptedVersion { version, spec: spec(yaml) }
}

#[test]
fn the_first_spec_is_version_one() {
    let judged = check("purchase", &spec(FIRST), None);
    assert_eq!(judged, Judged { accepted: Some(accepted(1, FIRST)), faults: vec![] });
}

#[test]
fn the_same_spec_stays_the_same_version() {
    let before = accepted(4, FIRST);
    assert_eq!(check("purchase", &spec(FIRST), Some(&before)).accepted, Some(before));
}

#[test]
fn a_compatible_change_is_the_next_version() {
    let next = "fields: [{name: amount, type: Int64, required: true}, {name: note, type: String}]";
    let judged = check("purchase", &spec(next), Some(&accepted(1, FIRST)));
    assert_eq!(judged, Judged { accepted: Some(accepted(2, next)), faults: vec![] });
}

#[test]
fn an_incompatible_change_leaves_the_accepted_version_in_force() {
    let before = accepted(1, FIRST);
    let next = spec(
        "fields: [{name: amount, type: String, required: true}, {name: id, type: UUID, required: true}]",
    );
    let judged = check("purchase", &next, Some(&before));
    assert_eq!(judged.accepted, Some(before));
    assert_eq!(judged.faults.len(), 2);
    assert!(judged.faults.iter().all(|fault| fault.reason == Reason::SchemaIncompatible));
    assert!(judged.faults[1].message.ends_with("; version 1 stays in force"), "{}", judged.faults[1].message);
}

#[test]
fn every_problem_of_a_spec_is_told_at_once() {
    let broken = spec("fields: [{name: amount, type: Money}, {name: code, type: String, pattern: '('}]");
    let judged = check("purchase", &broken, None);
    assert_eq!(judged.accepted, None);
    assert!(judged.faults.len() >= 2, "{:?}", judged.faults);
    assert!(
        judged.faults.iter().all(|fault| fault.reason == Reason::SpecInvalid && fault.cure == Cure::Change)
    );
}
