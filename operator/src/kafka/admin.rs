//! Kafka through librdkafka: the real gateway.
//!
//! In: [`TopicChange`]s and the connection, read anew on each call. Out: topics as the brokers hold them.
//! A consumer without a group asks for metadata, because only a consumer asks without making a topic by asking; an admin
//! client does the rest. Both are kept between calls, and given up after any failure: a new password gets a new client, and
//! the log queue of an admin client, which nobody reads, does not grow while Kafka is away. No call takes longer than 10 s.
//! Settings: librdkafka's incremental alteration is not within reach of safe code, and the older call replaces all that
//! stands on a topic. So what stands there is read first and sent along; what somebody else sets in between is lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigResource, ConfigSource, NewPartitions, NewTopic,
    ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};

use super::lag;
use super::topic::{ConfigChange, Topic, TopicChange, diff};
use super::topic_id::topic_id;
use super::verdict::{code, is_refusal, judge, judge_code};
use super::{KafkaConnection, KafkaError, ReadKafkaConnection, Topics};

pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait for the id of the cluster or of a topic, which come with any metadata.
const CLUSTER_TIMEOUT: Duration = Duration::from_secs(2);
/// How often, and with what pause, an alteration is looked for: the broker that answers learns of it a moment later.
const ALTERED_LOOKS: usize = 5;
const ALTERED_PAUSE: Duration = Duration::from_millis(200);
/// How long a broker may take to carry out what it has accepted.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);

/// The topics of a real Kafka.
pub struct AdminTopics {
    connection: Box<ReadKafkaConnection>,
    clients: Mutex<Option<Arc<Clients>>>,
}

/// The two clients of one connection.
struct Clients {
    connection: KafkaConnection,
    admin: AdminClient<DefaultClientContext>,
    metadata: BaseConsumer,
}

impl AdminTopics {
    /// Makes the gateway; nothing is read and nobody is asked before the first call.
    pub fn new(connection: Box<ReadKafkaConnection>) -> Self {
        Self { connection, clients: Mutex::new(None) }
    }

    fn clients(&self, action: &str) -> Result<Arc<Clients>, KafkaError> {
        let connection = (self.connection)().map_err(|source| KafkaError::Connection { source })?;
        let mut kept = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(clients) = kept.as_ref().filter(|clients| clients.connection == connection) {
            return Ok(Arc::clone(clients));
        }
        let clients = Arc::new(Clients::connect(connection).map_err(|error| judge(action, error))?);
        *kept = Some(Arc::clone(&clients));
        Ok(clients)
    }

    /// Gives the clients up when the outcome is a failure, and looks whether a refusal was behind it.
    async fn conclude<T>(
        &self,
        clients: Arc<Clients>,
        outcome: Result<T, KafkaError>,
    ) -> Result<T, KafkaError> {
        let error = match outcome {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Letting clients go waits for their threads.
        let refusal = blocking(move || clients.seen_refusal()).await;
        match (error, refusal) {
            (KafkaError::Unreachable { action, .. }, Ok(Some(code))) => Err(judge_code(&action, code)),
            (error, _) => Err(error),
        }
    }
}

#[async_trait]
impl Topics for AdminTopics {
    async fn describe(&self, names: &[String]) -> Result<Vec<Topic>, KafkaError> {
        let clients = self.clients("describe topics")?;
        let outcome = describe(&clients, names).await;
        self.conclude(clients, outcome).await
    }

    async fn cluster(&self) -> Option<String> {
        let clients = self.clients("ask for the cluster's id").ok()?;
        blocking(move || clients.metadata.client().fetch_cluster_id(CLUSTER_TIMEOUT)).await.ok()?
    }

    async fn topic_id(&self, name: &str) -> Option<String> {
        let clients = self.clients("ask for a topic's id").ok()?;
        let name = name.to_owned();
        blocking(move || topic_id(clients.admin.inner(), &name, CLUSTER_TIMEOUT)).await.ok()?.ok()?
    }

    async fn check_creation(&self, topic: &Topic) -> Result<(), KafkaError> {
        let action = format!("create topic `{}`", topic.name);
        let clients = self.clients(&action)?;
        let outcome = clients.check_creation(&action, topic).await;
        self.conclude(clients, outcome).await
    }

    async fn lag(&self, topic: &Topic, group: &str) -> Result<i64, KafkaError> {
        let action = format!("read the lag of consumer group `{group}`");
        let clients = self.clients(&action)?;
        let (config, topic, group) = (config(&clients.connection), topic.clone(), group.to_owned());
        let asked = blocking(move || lag::lag(config, &topic, &group)).await;
        let outcome = asked.and_then(|lag| lag.map_err(|error| judge(&action, error)));
        self.conclude(clients, outcome).await
    }

    async fn apply(&self, change: &TopicChange) -> Result<(), KafkaError> {
        let action = change.action();
        let clients = self.clients(&action)?;
        let outcome = match change {
            TopicChange::Create(topic) => clients.create(&action, topic).await,
            TopicChange::AddPartitions { name, to, .. } => clients.add_partitions(&action, name, *to).await,
            TopicChange::AlterConfig { name, changes } => clients.alter(&action, name, changes).await,
            TopicChange::Delete { name } => clients.delete(&action, name).await,
            TopicChange::DeleteGroups { group } => delete_groups(&clients, &action, group).await,
        };
        self.conclude(clients, outcome).await
    }
}

fn config(connection: &KafkaConnection) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (key, value) in &connection.properties {
        config.set(key, value);
    }
    config.set("bootstrap.servers", &connection.bootstrap).set("client.id", "tributary-operator");
    config
}

impl Clients {
    fn connect(connection: KafkaConnection) -> Result<Self, ClientError> {
        let config = config(&connection);
        Ok(Self { admin: config.create()?, metadata: config.create()?, connection })
    }

    /// Returns the code of a refused password or certificate among what the metadata client has met.
    fn seen_refusal(&self) -> Option<Code> {
        // A log line in between comes back as nothing, so nothing is not yet the end.
        const MOST_EVENTS: usize = 500;
        let errors = (0..MOST_EVENTS).filter_map(|_| self.metadata.poll(Duration::ZERO)?.err());
        errors.filter_map(|error| code(&error)).find(|code| is_refusal(*code))
    }

    /// Returns partitions and replicas of a topic; none when it does not exist.
    fn shape(&self, name: &str) -> Result<Option<(i32, i32)>, KafkaError> {
        let action = format!("describe topic `{name}`");
        let metadata =
            self.metadata.fetch_metadata(Some(name), TIMEOUT).map_err(|error| judge(&action, error))?;
        let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
            return Ok(None);
        };
        match (topic.error().map(Code::from), topic.partitions()) {
            (Some(Code::UnknownTopicOrPartition | Code::UnknownTopic), _) => Ok(None),
            (_, [first, ..]) => Ok(Some((count(topic.partitions().len()), count(first.replicas().len())))),
            (code, []) => Err(judge_code(&action, code.unwrap_or(Code::LeaderNotAvailable))),
        }
    }

    /// Returns the settings that stand on the topics themselves, by topic.
    async fn configs(
        &self,
        names: &[String],
    ) -> Result<BTreeMap<String, BTreeMap<String, String>>, KafkaError> {
        let mut configs = BTreeMap::new();
        for name in names {
            let action = format!("describe topic `{name}`");
            let resources = [ResourceSpecifier::Topic(name)];
            let answers = self
                .admin
                .describe_configs(&resources, &options())
                .await
                .map_err(|error| judge(&action, error))?;
            let resource: ConfigResource =
                only(answers, &action)?.map_err(|code| judge_code(&action, code))?;
            let set = resource.entries.into_iter().filter(|entry| entry.source == ConfigSource::DynamicTopic);
            configs.insert(name.clone(), set.filter_map(|entry| Some((entry.name, entry.value?))).collect());
        }
        Ok(configs)
    }

    async fn check_creation(&self, action: &str, topic: &Topic) -> Result<(), KafkaError> {
        let (new, options) = (new_topic(topic), options().validate_only(true));
        let answers =
            self.admin.create_topics([&new], &options).await.map_err(|error| judge(action, error))?;
        only(answers, action)?.map(drop).map_err(|(_, code)| judge_code(action, code))
    }

    async fn create(self: &Arc<Self>, action: &str, topic: &Topic) -> Result<(), KafkaError> {
        let new = new_topic(topic);
        let answers =
            self.admin.create_topics([&new], &options()).await.map_err(|error| judge(action, error))?;
        match only(answers, action)? {
            Ok(_) => Ok(()),
            Err((_, Code::TopicAlreadyExists)) => {
                let actual = describe(self, std::slice::from_ref(&topic.name)).await?;
                match diff(std::slice::from_ref(topic), &actual) {
                    Ok(changes) if changes.is_empty() => Ok(()),
                    Ok(_) | Err(_) => Err(judge_code(action, Code::TopicAlreadyExists)),
                }
            }
            Err((_, code)) => Err(judge_code(action, code)),
        }
    }

    async fn add_partitions(&self, action: &str, name: &str, to: i32) -> Result<(), KafkaError> {
        let partitions = NewPartitions::new(name, usize::try_from(to).unwrap_or_default());
        let answers = self
            .admin
            .create_partitions([&partitions], &options())
            .await
            .map_err(|error| judge(action, error))?;
        match only(answers, action)? {
            Ok(_) => Ok(()),
            // Somebody was faster, or the metadata was old: the next look will tell.
            Err((_, code @ Code::InvalidPartitions)) => {
                Err(KafkaError::NotYet { action: action.to_owned(), source: Box::new(code) })
            }
            Err((_, code)) => Err(judge_code(action, code)),
        }
    }

    async fn alter(&self, action: &str, name: &str, changes: &[ConfigChange]) -> Result<(), KafkaError> {
        let names = [name.to_owned()];
        let mut config = self.configs(&names).await?.remove(name).unwrap_or_default();
        config.extend(changes.iter().map(|change| (change.key.clone(), change.to.clone())));
        let mut alter = AlterConfig::new(ResourceSpecifier::Topic(name));
        for (key, value) in &config {
            alter = alter.set(key, value);
        }
        let answers =
            self.admin.alter_configs([&alter], &options()).await.map_err(|error| judge(action, error))?;
        only(answers, action)?.map(drop).map_err(|(_, code)| judge_code(action, code))?;
        self.check_altered(action, name, changes).await
    }

    /// Looks whether an alteration holds: the client leaves out what a broker says of a single topic, also that it refuses.
    async fn check_altered(
        &self,
        action: &str,
        name: &str,
        changes: &[ConfigChange],
    ) -> Result<(), KafkaError> {
        let names = [name.to_owned()];
        for _ in 0..ALTERED_LOOKS {
            let there = self.configs(&names).await?.remove(name).unwrap_or_default();
            if changes.iter().all(|change| there.get(&change.key) == Some(&change.to)) {
                return Ok(());
            }
            tokio::time::sleep(ALTERED_PAUSE).await;
        }
        Err(judge_code(action, Code::InvalidConfig))
    }

    async fn delete(&self, action: &str, name: &str) -> Result<(), KafkaError> {
        let answers =
            self.admin.delete_topics(&[name], &options()).await.map_err(|error| judge(action, error))?;
        match only(answers, action)? {
            Ok(_) | Err((_, Code::UnknownTopicOrPartition | Code::UnknownTopic)) => Ok(()),
            Err((_, code)) => Err(judge_code(action, code)),
        }
    }
}

async fn describe(clients: &Arc<Clients>, names: &[String]) -> Result<Vec<Topic>, KafkaError> {
    let (asked, with) = (names.to_vec(), Arc::clone(clients));
    let shapes = blocking(move || {
        asked.into_iter().map(|name| Ok((with.shape(&name)?, name))).collect::<Result<Vec<_>, KafkaError>>()
    })
    .await??;
    let there: Vec<_> = shapes.into_iter().filter_map(|(shape, name)| Some((name, shape?))).collect();
    let names: Vec<_> = there.iter().map(|(name, _)| name.clone()).collect();
    let mut configs = clients.configs(&names).await?;
    let topics = there.into_iter().map(|(name, (partitions, replicas))| {
        let config = configs.remove(&name).unwrap_or_default();
        Topic { name, partitions, replicas, config }
    });
    Ok(topics.collect())
}

async fn delete_groups(clients: &Arc<Clients>, action: &str, group: &str) -> Result<(), KafkaError> {
    let (with, below, group) = (Arc::clone(clients), format!("{group}."), group.to_owned());
    let groups = blocking(move || {
        let all = with.metadata.fetch_group_list(None, TIMEOUT)?;
        let ours = all.groups().iter().map(|there| there.name().to_owned());
        Ok(ours.filter(|name| *name == group || name.starts_with(&below)).collect::<Vec<_>>())
    })
    .await?
    .map_err(|error: ClientError| judge(action, error))?;
    if groups.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = groups.iter().map(String::as_str).collect();
    let answers =
        clients.admin.delete_groups(&names, &options()).await.map_err(|error| judge(action, error))?;
    let failed = answers.into_iter().filter_map(Result::err).find(|(_, code)| *code != Code::GroupIdNotFound);
    failed.map_or(Ok(()), |(_, code)| Err(judge_code(action, code)))
}

fn new_topic(topic: &Topic) -> NewTopic<'_> {
    let new = NewTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(topic.replicas));
    topic.config.iter().fold(new, |new, (key, value)| new.set(key, value))
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(OPERATION_TIMEOUT))
}

/// Returns the answer to the one thing that was asked.
fn only<T>(answers: Vec<T>, action: &str) -> Result<T, KafkaError> {
    answers.into_iter().next().ok_or_else(|| judge_code(action, Code::Partial))
}

fn count(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// Runs what blocks where blocking is allowed.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, KafkaError> {
    tokio::task::spawn_blocking(work).await.map_err(|source| KafkaError::Unreachable {
        action: "wait for librdkafka".into(),
        source: Box::new(source),
    })
}
