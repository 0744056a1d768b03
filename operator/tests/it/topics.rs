//! What every gateway to Kafka keeps, real or twin: one story of one topic, from creation to deletion.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crds::conditions::Reason;
use operator::kafka::topic::{ConfigChange, Topic, TopicChange, diff};
use operator::kafka::{KafkaError, Topics};

/// Consumer groups, as a processor makes them.
pub(crate) trait Groups {
    /// Makes a group that has a position in the topic and no member.
    async fn make(&self, group: &str, topic: &str);
    /// Lists all groups.
    async fn list(&self) -> Vec<String>;
}

/// Runs the story on topics whose names begin with the prefix; leaves nothing behind.
pub(crate) async fn contract(topics: &dyn Topics, groups: &impl Groups, prefix: &str) {
    let topic = Topic {
        name: format!("{prefix}.ios"),
        partitions: 2,
        replicas: 1,
        config: BTreeMap::from([("retention.ms".to_owned(), "3600000".to_owned())]),
    };
    creates(topics, &topic).await;
    let grown = grows(topics, &topic).await;
    repairs(topics, &grown).await;
    refuses(topics, prefix).await;
    reads_lags(topics, groups, &grown).await;
    deletes_groups(topics, groups, &topic.name).await;
    deletes(topics, &topic).await;
}

async fn describe(topics: &dyn Topics, name: &str) -> Option<Topic> {
    topics.describe(&[name.to_owned(), format!("{name}.never")]).await.unwrap().pop()
}

/// Metadata spreads from broker to broker, and from the controller to the one broker that there is: a reconcile looks again,
/// and so does this. Returns the last answer, as expected or not.
async fn seen<T>(look: impl AsyncFn() -> T, is_as_expected: impl Fn(&T) -> bool) -> T {
    const AT_MOST: Duration = Duration::from_secs(30);
    let begun = Instant::now();
    loop {
        let answer = look().await;
        if is_as_expected(&answer) || begun.elapsed() > AT_MOST {
            return answer;
        }
        tokio::task::yield_now().await;
    }
}

async fn described(
    topics: &dyn Topics,
    name: &str,
    is_as_expected: impl Fn(Option<&Topic>) -> bool,
) -> Option<Topic> {
    seen(async || describe(topics, name).await, |topic| is_as_expected(topic.as_ref())).await
}

async fn creates(topics: &dyn Topics, topic: &Topic) {
    let cluster = seen(async || topics.cluster().await, Option::is_some).await;
    assert!(cluster.as_ref().is_some_and(|id| !id.is_empty()), "{cluster:?}");
    assert_eq!(seen(async || topics.cluster().await, Option::is_some).await, cluster);
    assert_eq!(describe(topics, &topic.name).await, None, "asking for a topic must not make it");
    assert_eq!(describe(topics, &topic.name).await, None, "asking for a topic must not make it");
    topics.check_creation(topic).await.unwrap();
    assert_eq!(describe(topics, &topic.name).await, None, "checking a creation must not make the topic");
    let create = TopicChange::Create(topic.clone());
    topics.apply(&create).await.unwrap();
    let id = seen(async || topics.topic_id(&topic.name).await, Option::is_some).await;
    assert!(id.as_ref().is_some_and(|id| !id.is_empty()), "{id:?}");
    assert_eq!(seen(async || topics.topic_id(&topic.name).await, Option::is_some).await, id);
    assert_eq!(topics.topic_id("never").await, None);
    let exists = topics.check_creation(topic).await.unwrap_err();
    assert!(exists.is_transient(), "a topic that is there would not be created: {exists}");
    assert_eq!(described(topics, &topic.name, |there| there.is_some()).await.as_ref(), Some(topic));
    topics.apply(&create).await.expect("creating what is there as wanted is no error");
    let other =
        Topic { config: BTreeMap::from([("retention.ms".to_owned(), "1".to_owned())]), ..topic.clone() };
    let error = topics.apply(&TopicChange::Create(other)).await.unwrap_err();
    assert!(error.is_transient(), "the next look finds the difference: {error}");
}

async fn grows(topics: &dyn Topics, topic: &Topic) -> Topic {
    let wanted = Topic { partitions: 3, ..topic.clone() };
    for change in diff(std::slice::from_ref(&wanted), std::slice::from_ref(topic)).unwrap() {
        topics.apply(&change).await.unwrap();
        let again = topics.apply(&change).await.unwrap_err();
        assert!(again.is_transient(), "{again}");
    }
    let there =
        described(topics, &topic.name, |there| there.is_some_and(|there| there.partitions == 3)).await;
    assert_eq!(there.as_ref(), Some(&wanted));
    wanted
}

async fn repairs(topics: &dyn Topics, topic: &Topic) {
    let set = |key: &str, to: &str| TopicChange::AlterConfig {
        name: topic.name.clone(),
        changes: vec![ConfigChange { key: key.into(), from: None, to: to.into() }],
    };
    topics.apply(&set("max.message.bytes", "500000")).await.unwrap();
    topics.apply(&set("retention.ms", "1000")).await.unwrap();
    let is_drifted =
        |there: Option<&Topic>| there.is_some_and(|there| there.config["retention.ms"] == "1000");
    let drifted = described(topics, &topic.name, is_drifted).await.unwrap();
    let changes = diff(std::slice::from_ref(topic), &[drifted]).unwrap();
    assert_eq!(changes.len(), 1);
    topics.apply(&changes[0]).await.unwrap();
    let is_repaired =
        |there: Option<&Topic>| there.is_some_and(|there| there.config["retention.ms"] == "3600000");
    let repaired = described(topics, &topic.name, is_repaired).await.unwrap();
    assert_eq!(diff(std::slice::from_ref(topic), std::slice::from_ref(&repaired)), Ok(vec![]));
    assert_eq!(
        repaired.config.get("max.message.bytes").map(String::as_str),
        Some("500000"),
        "a foreign setting stays"
    );
}

async fn refuses(topics: &dyn Topics, prefix: &str) {
    let many = Topic { name: format!("{prefix}.many"), partitions: 1, replicas: 99, config: BTreeMap::new() };
    assert_eq!(topics.check_creation(&many).await.unwrap_err().reason(), Reason::KafkaRejected);
    let error = topics.apply(&TopicChange::Create(many.clone())).await.unwrap_err();
    assert_eq!((error.reason(), error.is_transient()), (Reason::KafkaRejected, false));
    assert!(matches!(error, KafkaError::Rejected { .. }));
    let name = many.name;
    let error = topics.apply(&TopicChange::AddPartitions { name, from: 1, to: 2 }).await.unwrap_err();
    assert_eq!((error.reason(), error.is_transient()), (Reason::KafkaRejected, true));
}

/// What a lag is with records, `real.rs` shows: a twin has none.
async fn reads_lags(topics: &dyn Topics, groups: &impl Groups, topic: &Topic) {
    let group = format!("{}.reader", topic.name);
    assert_eq!(topics.lag(topic, &group).await.unwrap(), 0, "a group that nobody made");
    groups.make(&group, &topic.name).await;
    assert_eq!(topics.lag(topic, &group).await.unwrap(), 0, "nothing was sent");
    topics.apply(&TopicChange::DeleteGroups { group: group.clone() }).await.unwrap();
}

async fn deletes_groups(topics: &dyn Topics, groups: &impl Groups, topic: &str) {
    let group = format!("tributary.{topic}");
    let others = [format!("{group}-two"), format!("other.{group}")];
    for name in [group.clone(), format!("{group}.rule")].iter().chain(&others) {
        groups.make(name, topic).await;
    }
    let delete = TopicChange::DeleteGroups { group: group.clone() };
    topics.apply(&delete).await.unwrap();
    let left: Vec<_> = groups.list().await.into_iter().filter(|name| name.contains(&group)).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(others.iter().all(|other| left.contains(other)), "{left:?}");
    topics.apply(&delete).await.expect("deleting what is gone is no error");
    for other in others {
        topics.apply(&TopicChange::DeleteGroups { group: other }).await.unwrap();
    }
}

async fn deletes(topics: &dyn Topics, topic: &Topic) {
    let delete = TopicChange::Delete { name: topic.name.clone() };
    topics.apply(&delete).await.unwrap();
    assert_eq!(described(topics, &topic.name, |there| there.is_none()).await, None);
    topics.apply(&delete).await.expect("deleting what is gone is no error");
}
