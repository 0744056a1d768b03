//! The apiserver's twin itself: what watches show, and how things end.

use futures::{FutureExt, StreamExt};

use super::watches::Release;
use super::*;

const PATH: &str = "/api/v1/namespaces/shop/configmaps/a";

fn config_map(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}, "data": {"key": value}})
}

fn housekept() -> FakeCluster {
    FakeCluster::with_fuse(Fuse::default())
}

/// Returns what a watch shows without waiting, `TYPE value` each.
fn shown(
    watch: &mut (impl futures::Stream<Item = Result<axum::body::Bytes, Infallible>> + Unpin),
) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(Some(Ok(line))) = watch.next().now_or_never() {
        let event: Value = serde_json::from_slice(&line).unwrap();
        let value = event["object"]["data"]["key"].as_str().unwrap_or_default();
        lines.push(format!("{} {value}", event["type"].as_str().unwrap()));
    }
    lines
}

#[test]
fn a_watch_that_stood_still_shows_every_step_or_the_last_or_asks_for_a_new_list() {
    let releases = [
        (Release::Whole, vec!["MODIFIED 2", "MODIFIED 3"]),
        (Release::LastOnly, vec!["MODIFIED 3"]),
        (Release::Relist, vec!["ERROR "]),
    ];
    for (release, expected) in releases {
        let cluster = housekept();
        let mut watch = Box::pin(cluster.watch("/api/v1/configmaps", "watch=true&resourceVersion=0"));
        cluster.put(config_map("1"));
        assert_eq!(shown(&mut watch), ["ADDED 1"]);
        cluster.hold(&["configmaps"], cluster.version());
        cluster.put(config_map("2"));
        cluster.put(config_map("3"));
        assert!(shown(&mut watch).is_empty());
        let list = cluster.state().list("/api/v1/namespaces/shop/configmaps", "");
        assert_eq!(list["items"][0]["data"]["key"], "1", "{release:?}");
        assert_eq!(cluster.get(PATH).unwrap()["data"]["key"], "3");
        cluster.release(release);
        assert_eq!(shown(&mut watch), expected, "{release:?}");
    }
}

#[test]
fn an_owner_that_is_deleted_in_the_foreground_goes_after_its_dependents() {
    let cluster = housekept();
    cluster.put(config_map("1"));
    let owner = json!([{"uid": "uid-of-a"}]);
    cluster.put(
        json!({"kind": "Pod", "metadata": {"name": "p", "namespace": "shop", "ownerReferences": owner}}),
    );
    cluster.state().let_go(PATH, true);
    assert!(cluster.get(PATH).is_some());
    cluster.follow_deletions();
    assert!(cluster.get(PATH).is_none() && cluster.all("pods").is_empty());
}

#[test]
fn a_namespace_goes_when_the_last_finalizer_in_it_is_gone_and_nothing_is_made_in_it() {
    let cluster = housekept();
    let namespace = "/api/v1/namespaces/shop";
    cluster.put(json!({"kind": "Namespace", "metadata": {"name": "shop"}}));
    let mut kept = config_map("1");
    kept["metadata"]["finalizers"] = json!(["example.com/kept"]);
    cluster.put(kept);
    cluster.delete(namespace);
    cluster.follow_deletions();
    assert!(!cluster.get(PATH).unwrap()["metadata"]["deletionTimestamp"].is_null());
    let made = cluster.state().serve(&Method::PATCH, ("/api/v1/namespaces/shop/configmaps/b", ""), json!({}));
    assert_eq!(made.unwrap_err().0, 403);
    let freed = json!({"metadata": {"finalizers": []}});
    cluster.state().serve(&Method::PATCH, (PATH, ""), freed).unwrap();
    cluster.follow_deletions();
    assert!(cluster.get(PATH).is_none() && cluster.get(namespace).is_none());
}

#[test]
fn another_of_the_same_name_has_another_uid() {
    let cluster = housekept();
    let uid = || cluster.get(PATH).unwrap()["metadata"]["uid"].clone();
    cluster.put(config_map("1"));
    let first = uid();
    cluster.put(config_map("2"));
    assert_eq!(uid(), first);
    cluster.delete(PATH);
    cluster.put(config_map("1"));
    assert_ne!(uid(), first);
}
