//! The mark as it stands in a comment.

use super::*;

fn mark() -> Mark {
    Mark {
        pipeline: "shop/ios".into(),
        id: "7f0c".into(),
        epoch: 1,
        topic: "shop.ios".into(),
        topic_id: Some("t1".into()),
        cluster: Some("k1".into()),
        namespace: None,
        tenant: None,
    }
}

#[test]
fn the_comment_is_what_the_contract_says() {
    let text = r#"{"tributary":1,"pipeline":"shop/ios","id":"7f0c","epoch":1,"topic":"shop.ios","topic_id":"t1","cluster":"k1"}"#;
    assert_eq!(mark().comment(), text);
    assert_eq!(Mark::parse(text), Some(mark()));
}

#[test]
fn a_member_of_a_later_time_is_no_hindrance() {
    let text = r#"{"tributary":1,"pipeline":"shop/ios","id":"7f0c","epoch":1,"topic":"shop.ios","topic_id":"t1","cluster":"k1","later":true}"#;
    assert_eq!(Mark::parse(text), Some(mark()));
}

#[test]
fn a_mark_from_before_clusters_were_told_apart_is_read_and_suits_any() {
    let text = r#"{"tributary":1,"pipeline":"shop/ios","id":"7f0c","epoch":1,"topic":"shop.ios"}"#;
    let older = Mark { topic_id: None, cluster: None, ..mark() };
    assert_eq!(Mark::parse(text).as_ref(), Some(&older));
    assert_eq!(older.elsewhere(Some("k2")), None);
    assert_eq!(mark().elsewhere(None), None);
    assert_eq!(mark().elsewhere(Some("k1")), None);
    assert_eq!(mark().elsewhere(Some("k2")), Some("k1"));
}

#[test]
fn other_comments_are_no_marks() {
    for text in [
        "",
        "orders of the shop",
        "{}",
        "1",
        r#"{"tributary":2,"pipeline":"a/b","id":"c","epoch":1,"topic":"d"}"#,
    ] {
        assert_eq!(Mark::parse(text), None, "{text}");
    }
}
