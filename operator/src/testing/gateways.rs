//! The twins of Kafka and ClickHouse behind a [`Fuse`], with a book of what was created and deleted, and of what never may be.
//!
//! In: calls of the operator. Out: the twins' answers; every change goes through the fuse, a question does not.
//! Whatever the operator believes, a thing is made or altered only while a pipeline that claims it is there in truth, and
//! deleted only while one that claims it is being deleted with its data.
//! Only what took effect is in the book: creating what is there and dropping what is gone are no errors, and no events.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use crds::AnalyticsPipeline;
use crds::analytics_pipeline::DeletionPolicy;
use kube::ResourceExt;

use super::cluster::FakeCluster;
use super::fuse::Fuse;
use crate::clickhouse::mark::Mark;
use crate::clickhouse::memory::MemoryTables;
use crate::clickhouse::table::{ActualTable, TableChange, TableName};
use crate::clickhouse::{ClickHouseError, Tables};
use crate::kafka::memory::MemoryTopics;
use crate::kafka::topic::{Topic, TopicChange};
use crate::kafka::{KafkaError, Topics};
use crate::pipeline::claims;

/// What was created and deleted, `create topic shop.ios` each.
pub(crate) type Book = Arc<Mutex<Vec<String>>>;

/// What stands between the operator and the twins.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) cluster: FakeCluster,
    pub(crate) fuse: Fuse,
    pub(crate) book: Book,
    pub(crate) violations: Book,
}

impl Gate {
    fn note(&self, what: &str, name: &str, (before, after): (bool, bool)) {
        let verb = match (before, after) {
            (false, true) => "create",
            (true, false) => "delete",
            (true, true) | (false, false) => return,
        };
        self.book.lock().unwrap().push(format!("{verb} {what} {name}"));
    }

    /// Looks whether a change is one that may be made now.
    fn check(&self, change: &str, is_deletion: bool, is_claimed_by: impl Fn(&AnalyticsPipeline) -> bool) {
        let pipelines = self.cluster.all("analyticspipelines");
        let mut pipelines = pipelines.into_iter().filter_map(|it| serde_json::from_value(it).ok());
        let is_right = pipelines.any(|pipeline: AnalyticsPipeline| {
            let is_going = pipeline.metadata.deletion_timestamp.is_some();
            let with_data = pipeline.spec.deletion_policy == DeletionPolicy::Delete;
            is_claimed_by(&pipeline) && if is_deletion { is_going && with_data } else { !is_going }
        });
        if !is_right {
            self.violations.lock().unwrap().push(format!("{change}: no pipeline that is there asks for it"));
        }
    }
}

/// Kafka's twin behind a gate.
pub(crate) struct GatedTopics(pub(crate) Arc<MemoryTopics>, pub(crate) Gate);

/// ClickHouse's twin behind a gate.
pub(crate) struct GatedTables(pub(crate) Arc<MemoryTables>, pub(crate) Gate);

#[async_trait]
impl Topics for GatedTopics {
    async fn describe(&self, names: &[String]) -> Result<Vec<Topic>, KafkaError> {
        self.0.describe(names).await
    }

    async fn cluster(&self) -> Option<String> {
        self.0.cluster().await
    }

    async fn topic_id(&self, name: &str) -> Option<String> {
        self.0.topic_id(name).await
    }

    async fn lag(&self, topic: &Topic, group: &str) -> Result<i64, KafkaError> {
        self.0.lag(topic, group).await
    }

    async fn check_creation(&self, topic: &Topic) -> Result<(), KafkaError> {
        self.0.check_creation(topic).await
    }

    async fn apply(&self, change: &TopicChange) -> Result<(), KafkaError> {
        let verb = match change {
            TopicChange::Create(_) => "create topic",
            TopicChange::AddPartitions { .. } => "add partitions to topic",
            TopicChange::AlterConfig { .. } => "alter topic",
            TopicChange::Delete { .. } => "delete topic",
            TopicChange::DeleteGroups { .. } => "delete groups",
        };
        let name = change.subject();
        let what = format!("{verb} {name}");
        let strike = self.1.fuse.strike(&what).await;
        let is_deletion = matches!(change, TopicChange::Delete { .. } | TopicChange::DeleteGroups { .. });
        self.1.check(&what, is_deletion, |pipeline| {
            claims::topics(pipeline).iter().any(|topic| topic == name) || claims::group(pipeline) == name
        });
        let is_there = || self.0.get(name).is_some() || self.0.groups().iter().any(|it| it == name);
        let before = is_there();
        let answer = self.0.apply(change).await;
        self.1.note("topic or group", name, (before, is_there()));
        strike.done().await;
        answer
    }
}

#[async_trait]
impl Tables for GatedTables {
    async fn describe(&self, name: &TableName) -> Result<Option<ActualTable>, ClickHouseError> {
        self.0.describe(name).await
    }

    async fn marks(&self) -> Result<Vec<Mark>, ClickHouseError> {
        self.0.marks().await
    }

    async fn apply(&self, change: &TableChange) -> Result<(), ClickHouseError> {
        let strike = self.1.fuse.strike(&change.action()).await;
        let is_deletion = matches!(change, TableChange::DropTable { .. });
        let is_database = matches!(change, TableChange::CreateDatabase { .. });
        self.1.check(&change.action(), is_deletion, |pipeline| {
            let (namespace, name) = (pipeline.namespace().unwrap_or_default(), pipeline.name_any());
            is_database || change.subject() == format!("{namespace}.{name}")
        });
        let name = match change {
            TableChange::CreateTable(table) => Some(table.full_name()),
            TableChange::DropTable { table } => Some(table.clone()),
            TableChange::CreateDatabase { .. }
            | TableChange::AddColumn { .. }
            | TableChange::ModifyColumn { .. }
            | TableChange::CommentColumn { .. }
            | TableChange::ModifyTtl { .. }
            | TableChange::ModifySetting { .. }
            | TableChange::ModifyComment { .. } => None,
        };
        let is_there = || name.as_ref().is_some_and(|name| self.0.get(name).is_some());
        let before = is_there();
        let answer = self.0.apply(change).await;
        self.1.note("table", &change.subject(), (before, is_there()));
        strike.done().await;
        answer
    }
}
