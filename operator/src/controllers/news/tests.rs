//! What wakes an object, and what it wakes besides.

use super::*;

fn key(kind: &'static str, name: &str) -> Key {
    Key::new(kind, "shop", name)
}

fn rule() -> Key {
    key("ForwardingRule", "hook")
}

fn pipeline(name: &str) -> Key {
    key("AnalyticsPipeline", name)
}

fn metadata(generation: i64) -> ObjectMeta {
    ObjectMeta { uid: Some("1".into()), generation: Some(generation), ..ObjectMeta::default() }
}

#[test]
fn a_status_that_was_written_wakes_the_others_and_not_the_object_itself() {
    let mut news = News::default();
    let wakes = || vec![rule(), pipeline("ios")];
    assert_eq!(news.changed(&rule(), &metadata(1), wakes()), wakes());
    assert_eq!(news.changed(&rule(), &metadata(1), wakes()), [pipeline("ios")]);
}

#[test]
fn a_spec_a_deletion_a_finalizer_and_a_successor_wake_the_object_itself() {
    let mut news = News::default();
    news.changed(&rule(), &metadata(1), vec![rule()]);
    let mut now = metadata(2);
    assert_eq!(news.changed(&rule(), &now, vec![rule()]), [rule()]);
    now.finalizers = Some(vec!["a".into()]);
    assert_eq!(news.changed(&rule(), &now, vec![rule()]), [rule()]);
    now.deletion_timestamp = Some(Time(jiff::Timestamp::UNIX_EPOCH));
    assert_eq!(news.changed(&rule(), &now, vec![rule()]), [rule()]);
    now.uid = Some("2".into());
    assert_eq!(news.changed(&rule(), &now, vec![rule()]), [rule()]);
    assert_eq!(news.changed(&rule(), &now, vec![rule()]), []);
}

#[test]
fn a_rule_that_goes_over_to_another_pipeline_wakes_both() {
    let mut news = News::default();
    news.changed(&rule(), &metadata(1), vec![rule(), pipeline("a")]);
    let woken = news.changed(&rule(), &metadata(2), vec![rule(), pipeline("b")]);
    assert_eq!(woken, [rule(), pipeline("b"), pipeline("a")]);
    assert_eq!(news.went(&rule(), vec![rule(), pipeline("b")]), [rule(), pipeline("b")]);
}

#[test]
fn what_is_missing_in_a_list_wakes_what_it_woke_last_and_only_once() {
    let mut news = News::default();
    news.changed(&rule(), &metadata(1), vec![rule(), pipeline("a")]);
    news.changed(&pipeline("a"), &metadata(1), vec![pipeline("a")]);
    let listed = HashSet::from([pipeline("a")]);
    assert_eq!(news.missing(&listed), [(rule(), vec![rule(), pipeline("a")])]);
    assert_eq!(news.missing(&listed), []);
    assert_eq!(news.changed(&rule(), &metadata(1), vec![rule()]), [rule()], "it is new again");
}
