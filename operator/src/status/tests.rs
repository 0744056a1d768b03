//! Conditions, as kstatus reads them.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn built(before: &[Condition], now: i64, build: impl FnOnce(&mut Conditions<'_>)) -> Vec<Condition> {
    let mut conditions = Conditions::new(before, Some(3), at(now));
    build(&mut conditions);
    conditions.finish()
}

fn words(conditions: &[Condition]) -> Vec<String> {
    conditions.iter().map(|c| format!("{}={} {}", c.type_, c.status, c.reason)).collect()
}

#[test]
fn a_users_error_is_stalled_and_shows_every_problem() {
    let faults = [Fault::dependency(Reason::DependencyNotReady, "a is missing"), Fault::spec("b is wrong")];
    let conditions = built(&[], 0, |c| c.stand(&Standing::Faulty(&faults)));
    assert_eq!(words(&conditions), ["Ready=False SpecInvalid", "Stalled=True SpecInvalid"]);
    assert_eq!(conditions[0].message, "a is missing; b is wrong");
}

#[test]
fn what_goes_by_itself_is_reconciling() {
    let retry = [Fault::new(
        ConditionType::TopicReady,
        Reason::KafkaUnreachable,
        Cure::Retry,
        "kafka does not answer",
    )];
    for faults in [&retry[..], &[Fault::dependency(Reason::SecretNotFound, "no secret")]] {
        let conditions = built(&[], 0, |c| c.stand(&Standing::Faulty(faults)));
        assert_eq!(conditions[1].type_, "Reconciling");
        assert_eq!(conditions.len(), 2);
    }
}

#[test]
fn a_settled_object_has_neither_reconciling_nor_stalled() {
    let conditions = built(&[], 0, |c| c.stand(&Standing::Settled(Reason::Suspended, "suspended")));
    assert_eq!(words(&conditions), ["Ready=True Suspended"]);
}

#[test]
fn the_transition_time_moves_only_with_the_status() {
    let first = built(&[], 10, |c| c.stand(&Standing::Progressing("a")));
    let second = built(&first, 20, |c| c.stand(&Standing::Faulty(&[Fault::spec("b")])));
    assert_eq!(second[0].last_transition_time, Time(at(10)));
    let third = built(&second, 30, |c| c.stand(&Standing::Settled(Reason::Succeeded, "c")));
    assert_eq!(third[0].last_transition_time, Time(at(30)));
    assert_eq!(third[0].observed_generation, Some(3));
}

#[test]
fn what_could_not_be_judged_is_kept_or_unknown() {
    let first = built(&[], 10, |c| c.say(ConditionType::TableReady, Truth::True, Reason::Succeeded, "x"));
    let second = built(&first, 20, |c| {
        c.keep(ConditionType::TableReady, Reason::DependencyNotReady, "y");
        c.keep(ConditionType::TopicReady, Reason::DependencyNotReady, "y");
    });
    assert_eq!(words(&second), ["TopicReady=Unknown DependencyNotReady", "TableReady=True Succeeded"]);
}

#[test]
fn long_messages_are_cut_at_a_character() {
    assert_eq!(shortened("äöü", 6), "äöü");
    assert_eq!(shortened("äöüä", 7), "äö…");
}
