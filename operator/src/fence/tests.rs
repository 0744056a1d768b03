//! Two operators, one Lease: what the one that was paused still tries when it goes on.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use serde_json::json;

use super::*;
use crate::clickhouse::memory::MemoryTables;
use crate::kafka::memory::MemoryTopics;
use crate::lease::Candidate;
use crate::testing::cluster::FakeCluster;

const DURATION: Duration = Duration::from_secs(15);

fn candidate(cluster: &FakeCluster, identity: &str) -> Candidate {
    Candidate::new(cluster.client(), "tributary-system", identity, DURATION)
}

fn topic() -> Topic {
    Topic { name: "shop.ios".into(), partitions: 1, replicas: 1, config: std::collections::BTreeMap::new() }
}

async fn create(client: Client, name: &str) -> Result<ConfigMap, kube::Error> {
    let metadata = ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() };
    let object = ConfigMap { metadata, ..ConfigMap::default() };
    Api::namespaced(client, "shop").create(&PostParams::default(), &object).await
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_was_paused_past_its_lease_writes_nothing_when_it_goes_on_and_its_successor_does() {
    let cluster = FakeCluster::default();
    let (mut first, mut second) = (candidate(&cluster, "first"), candidate(&cluster, "second"));
    let (old, new) = (first.tenure(), second.tenure());
    first.acquire(|| {}).await;
    let topics = Fenced::new(Arc::new(MemoryTopics::new()), &old);
    let tables = Fenced::new(Arc::new(MemoryTables::new()), &old);
    let change = TopicChange::Create(topic());
    let create_database = TableChange::CreateDatabase { database: "shop".into() };
    create(client(cluster.client(), &old), "before").await.unwrap();
    topics.apply(&change).await.unwrap();
    tables.apply(&create_database).await.unwrap();

    // The first is stopped: nobody renews. The second takes over.
    second.acquire(|| {}).await;
    let error = create(client(cluster.client(), &old), "zombie").await.unwrap_err();
    assert!(format!("{error:?}").contains("NotHeld"), "{error:?}");
    assert!(matches!(topics.apply(&change).await, Err(KafkaError::NotYet { .. })));
    assert!(matches!(tables.apply(&create_database).await, Err(ClickHouseError::NotYet { .. })));
    // It may still look.
    let seen = Api::<ConfigMap>::namespaced(client(cluster.client(), &old), "shop").get_opt("before").await;
    assert!(seen.unwrap().is_some());
    assert_eq!(topics.describe(&["shop.ios".into()]).await.unwrap().len(), 1);

    create(client(cluster.client(), &new), "after").await.unwrap();
    let path = |name: &str| format!("/api/v1/namespaces/shop/configmaps/{name}");
    let is_there = |name: &str| cluster.get(&path(name)).is_some();
    assert_eq!(
        json!([is_there("before"), is_there("zombie"), is_there("after")]),
        json!([true, false, true])
    );
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_renewed_lets_writes_through_and_one_that_is_given_back_does_not() {
    let cluster = FakeCluster::default();
    let mut only = candidate(&cluster, "only");
    let tenure = only.tenure();
    assert_eq!(tenure.check(), Err(NotHeld));
    let since = only.acquire(|| {}).await;
    let held = tokio::time::timeout(DURATION * 3, only.hold(since)).await;
    assert!(held.is_err() && tenure.check().is_ok(), "it was renewed all the time");
    only.release().await.unwrap();
    assert_eq!(tenure.check(), Err(NotHeld));
}

#[tokio::test(start_paused = true)]
async fn the_fence_closes_before_anybody_else_can_take_the_lease() {
    let cluster = FakeCluster::default();
    let (mut first, mut second) = (candidate(&cluster, "first"), candidate(&cluster, "second"));
    let old = first.tenure();
    first.acquire(|| {}).await;
    second.acquire(|| assert!(old.check().is_err() || !is_held_by(&cluster, "second"))).await;
    assert_eq!(old.check(), Err(NotHeld));
}

fn is_held_by(cluster: &FakeCluster, identity: &str) -> bool {
    let path = "/apis/coordination.k8s.io/v1/namespaces/tributary-system/leases/tributary-operator";
    cluster.get(path).is_some_and(|lease| lease["spec"]["holderIdentity"] == identity)
}
