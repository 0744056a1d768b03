//! Kafka's twin for tests: topics and groups in memory, which can be told to fail.
//!
//! In: [`TopicChange`]s. Out: what Kafka would answer, as far as the contract test in `tests/it` holds both to it.
//! Not here: records, positions, brokers' defaults.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::topic::{Topic, TopicChange, diff};
use super::verdict::judge_code;
use super::{KafkaError, Topics};

/// Kafka in memory, with one broker.
#[derive(Debug, Default)]
pub struct MemoryTopics {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    topics: BTreeMap<String, Topic>,
    hidden: BTreeSet<String>,
    moved_to: Option<String>,
    groups: BTreeSet<String>,
    lags: BTreeMap<String, Result<i64, &'static str>>,
    /// Topics that were made so far: each has a number of its own.
    n_made: u64,
    ids: BTreeMap<String, String>,
    /// How many more questions for an id come too early.
    n_early: usize,
    faults: VecDeque<KafkaError>,
    applied: Vec<TopicChange>,
}

impl MemoryTopics {
    /// Starts without topics.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the next call fail; several wait in line.
    pub fn fail_next(&self, error: KafkaError) {
        self.state().faults.push_back(error);
    }

    /// Puts a topic there, as somebody else would; one of the same name is replaced.
    pub fn insert(&self, topic: Topic) {
        self.state().put(topic);
    }

    /// Changes a topic that is there, as somebody else would; it stays the same topic.
    pub fn alter(&self, topic: Topic) {
        self.state().topics.insert(topic.name.clone(), topic);
    }

    /// Leaves a topic out of every description until [`Self::show_all`], as a broker does that has not heard of it.
    pub fn hide(&self, name: &str) {
        self.state().hidden.insert(name.to_owned());
    }

    /// Leaves no topic out any more.
    pub fn show_all(&self) {
        self.state().hidden.clear();
    }

    /// Lets the next question for an id come too early, as at a broker that has not heard of the topic.
    pub fn withhold_next_id(&self) {
        self.state().n_early += 1;
    }

    /// Answers as another cluster from now on.
    pub fn move_to(&self, cluster: &str) {
        self.state().moved_to = Some(cluster.to_owned());
    }

    /// Puts a consumer group there, as a processor would.
    pub fn insert_group(&self, group: &str) {
        self.state().groups.insert(group.to_owned());
    }

    /// Lets a group have so many records before it, or says why nobody may know. A group that was never told of has none.
    pub fn set_lag(&self, group: &str, lag: Result<i64, &'static str>) {
        self.state().lags.insert(group.to_owned(), lag);
    }

    /// Returns the topic, if it is there.
    pub fn get(&self, name: &str) -> Option<Topic> {
        self.state().topics.get(name).cloned()
    }

    /// Returns all topics, by name.
    pub fn all(&self) -> Vec<Topic> {
        self.state().topics.values().cloned().collect()
    }

    /// Returns the id of the topic, if it is there.
    pub fn id(&self, name: &str) -> Option<String> {
        self.state().ids.get(name).cloned()
    }

    /// Takes a topic away, as somebody else would.
    pub fn remove(&self, name: &str) {
        let mut state = self.state();
        state.topics.remove(name);
        state.ids.remove(name);
    }

    /// Returns the consumer groups.
    pub fn groups(&self) -> Vec<String> {
        self.state().groups.iter().cloned().collect()
    }

    /// Returns the changes that were made, in order, and forgets them.
    pub fn take_applied(&self) -> Vec<TopicChange> {
        std::mem::take(&mut self.state().applied)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Topics for MemoryTopics {
    async fn describe(&self, names: &[String]) -> Result<Vec<Topic>, KafkaError> {
        let mut state = self.state();
        match state.faults.pop_front() {
            Some(fault) => Err(fault),
            None => {
                let names = names.iter().filter(|name| !state.hidden.contains(*name));
                Ok(names.filter_map(|name| state.topics.get(name).cloned()).collect())
            }
        }
    }

    async fn cluster(&self) -> Option<String> {
        let moved = self.state().moved_to.clone();
        Some(moved.unwrap_or_else(|| "memory".into()))
    }

    async fn topic_id(&self, name: &str) -> Option<String> {
        let mut state = self.state();
        if let Some(left) = state.n_early.checked_sub(1) {
            state.n_early = left;
            return None;
        }
        state.ids.get(name).cloned()
    }

    async fn check_creation(&self, topic: &Topic) -> Result<(), KafkaError> {
        let mut state = self.state();
        match state.faults.pop_front() {
            Some(fault) => Err(fault),
            None if state.topics.contains_key(&topic.name) => Err(KafkaError::NotYet {
                action: format!("create topic `{}`", topic.name),
                source: "the topic exists".into(),
            }),
            None => check_shape(topic),
        }
    }

    async fn lag(&self, _: &Topic, group: &str) -> Result<i64, KafkaError> {
        let lag = self.state().lags.get(group).copied().unwrap_or(Ok(0));
        lag.map_err(|source| KafkaError::Rejected {
            action: format!("read the lag of consumer group `{group}`"),
            remedy: "check the rights",
            source: source.into(),
        })
    }

    async fn apply(&self, change: &TopicChange) -> Result<(), KafkaError> {
        let mut state = self.state();
        if let Some(fault) = state.faults.pop_front() {
            return Err(fault);
        }
        state.apply(change)?;
        state.applied.push(change.clone());
        Ok(())
    }
}

impl State {
    fn apply(&mut self, change: &TopicChange) -> Result<(), KafkaError> {
        match change {
            TopicChange::Create(topic) => self.create(topic),
            TopicChange::AddPartitions { name, to, .. } => {
                let topic = self.topic(name)?;
                if *to <= topic.partitions {
                    return Err(KafkaError::NotYet {
                        action: format!("add partitions to topic `{name}`"),
                        source: "it has as many partitions".into(),
                    });
                }
                topic.partitions = *to;
                Ok(())
            }
            TopicChange::AlterConfig { name, changes } => {
                let topic = self.topic(name)?;
                topic.config.extend(changes.iter().map(|change| (change.key.clone(), change.to.clone())));
                Ok(())
            }
            TopicChange::Delete { name } => {
                self.topics.remove(name);
                self.ids.remove(name);
                Ok(())
            }
            TopicChange::DeleteGroups { group } => {
                let below = format!("{group}.");
                self.groups.retain(|there| there != group && !there.starts_with(&below));
                Ok(())
            }
        }
    }

    /// Puts a topic there that never was there before.
    fn put(&mut self, topic: Topic) {
        self.n_made += 1;
        self.ids.insert(topic.name.clone(), format!("topic-{}", self.n_made));
        self.topics.insert(topic.name.clone(), topic);
    }

    fn create(&mut self, topic: &Topic) -> Result<(), KafkaError> {
        check_shape(topic)?;
        match self.topics.get(&topic.name) {
            None => {
                self.put(topic.clone());
                Ok(())
            }
            Some(there) => match diff(std::slice::from_ref(topic), std::slice::from_ref(there)) {
                Ok(changes) if changes.is_empty() => Ok(()),
                Ok(_) | Err(_) => Err(KafkaError::NotYet {
                    action: format!("create topic `{}`", topic.name),
                    source: "the topic exists with other settings".into(),
                }),
            },
        }
    }

    fn topic(&mut self, name: &str) -> Result<&mut Topic, KafkaError> {
        self.topics.get_mut(name).ok_or_else(|| KafkaError::NotYet {
            action: format!("change topic `{name}`"),
            source: "the topic does not exist".into(),
        })
    }
}

fn check_shape(topic: &Topic) -> Result<(), KafkaError> {
    let action = format!("create topic `{}`", topic.name);
    match (topic.replicas, topic.partitions) {
        (1, 1..) => Ok(()),
        (1, _) => Err(judge_code(&action, Code::InvalidPartitions)),
        _ => Err(judge_code(&action, Code::InvalidReplicationFactor)),
    }
}
