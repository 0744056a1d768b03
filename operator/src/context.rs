//! Context: all that a controller reaches outside itself: apiserver, Kafka, ClickHouse, processors, clock.
//!
//! In: settings and gateways, made once in `main.rs`. Out: one value that every reconcile gets.
//! Kafka and ClickHouse are read and changed through here, so that a failure becomes the same [`Fault`] everywhere, and each change
//! is a span.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crds::conditions::ConditionType;
use jiff::Timestamp;

use crate::clickhouse::mark::Mark;
use crate::clickhouse::table::{ActualTable, TableChange, TableName};
use crate::clickhouse::{ClickHouseError, Tables};
use crate::connection::{self, Files, Given};
use crate::fault::{Cure, Fault};
use crate::kafka::topic::{Topic, TopicChange};
use crate::kafka::{KafkaError, Topics};
use crate::kubernetes::Kubernetes;
use crate::metrics::Metrics;
use crate::objects::Stores;
use crate::pipeline::scaling::memories::Memories;
use crate::processors::Reports;
use crate::report::{Chain, Reporter};
use crate::retries::Retries;
use crate::settings::Settings;
use crate::tenants::Standing;
use crate::tenants::gather::Registry;
use crate::tenants::servers::Servers;

/// How long to wait before a topic that ought to be there is called missing: brokers learn of a new topic one after another.
const SECOND_LOOK: Duration = Duration::from_secs(2);

/// All that a controller reaches outside itself.
#[derive(Clone)]
pub struct Context {
    /// What the platform team decides.
    pub settings: Arc<Settings>,
    /// The apiserver.
    pub kubernetes: Kubernetes,
    /// The three kinds, as the watches last showed them.
    pub stores: Stores,
    /// Who may do what.
    pub registry: Registry,
    /// Kafka.
    pub topics: Arc<dyn Topics>,
    /// ClickHouse.
    pub tables: Arc<dyn Tables>,
    /// What processors say of themselves.
    pub reports: Arc<dyn Reports>,
    /// Tells what became of objects.
    pub reporter: Arc<Reporter>,
    /// Counts.
    pub metrics: Metrics,
    /// How often objects failed in a row.
    pub retries: Arc<Retries>,
    /// What is remembered of streams whose pods follow their lag.
    pub memories: Arc<Memories>,
    /// Where the files of the connection are.
    pub files: Files,
    /// The time.
    pub clock: fn() -> Timestamp,
}

impl Context {
    /// Returns the context of a namespace: where its tenant has a Kafka or a ClickHouse of its own, these are asked.
    #[must_use]
    pub fn of(&self, standing: &Result<Standing, Fault>) -> Self {
        let tenant = standing.as_ref().ok().and_then(|standing| standing.tenant.as_ref());
        match tenant.and_then(|tenant| self.registry.servers.get(tenant)).cloned() {
            Some(Servers { settings, topics, tables }) => Self { settings, topics, tables, ..self.clone() },
            None => self.clone(),
        }
    }

    /// Reads topics; those that do not exist are left out.
    pub async fn describe_topics(&self, names: &[String]) -> Result<Vec<Topic>, Fault> {
        self.topics.describe(names).await.map_err(|error| kafka_fault(&error))
    }

    /// Reads topics of which one was just found missing though it ought to be there.
    pub async fn describe_topics_again(&self, names: &[String]) -> Result<Vec<Topic>, Fault> {
        tokio::time::sleep(SECOND_LOOK).await;
        self.describe_topics(names).await
    }

    /// Reads the id of a topic that was just made; none when Kafka does not say it by a second look, or has none.
    pub async fn new_topic_id(&self, name: &str) -> Option<String> {
        if let Some(id) = self.topics.topic_id(name).await {
            return Some(id);
        }
        tokio::time::sleep(SECOND_LOOK).await;
        self.topics.topic_id(name).await
    }

    /// Returns whether a topic exists.
    pub async fn has_topic(&self, name: &str) -> Result<bool, Fault> {
        let found = self.topics.describe(&[name.to_owned()]).await.map_err(|error| kafka_fault(&error))?;
        Ok(!found.is_empty())
    }

    /// Reads a table.
    pub async fn describe_table(&self, name: &TableName) -> Result<Option<ActualTable>, Fault> {
        self.tables.describe(name).await.map_err(|error| clickhouse_fault(&error))
    }

    /// Reads the marks of all tables, whosever they are.
    pub async fn marks(&self) -> Result<Vec<Mark>, Fault> {
        self.tables.marks().await.map_err(|error| clickhouse_fault(&error))
    }

    /// Changes a topic.
    pub async fn change_topic(&self, change: &TopicChange) -> Result<(), Fault> {
        let span = traces::span!("change topic", action = change.action());
        let failure = |changed: &Result<_, KafkaError>| changed.as_ref().err().map(KafkaError::reason);
        let changed = traces::within(span, self.topics.apply(change), failure).await;
        changed.map_err(|error| kafka_fault(&error))
    }

    /// Changes a table.
    pub async fn change_table(&self, change: &TableChange) -> Result<(), Fault> {
        let span = traces::span!("change table", action = change.action());
        let failure =
            |changed: &Result<_, ClickHouseError>| changed.as_ref().err().map(ClickHouseError::reason);
        let changed = traces::within(span, self.tables.apply(change), failure).await;
        changed.map_err(|error| clickhouse_fault(&error))
    }

    /// Reads the files of the connection.
    pub async fn connection(&self) -> Result<BTreeMap<String, Vec<u8>>, Fault> {
        match &self.files {
            Files::Folder => {
                connection::read(&self.settings.connection_dir).await.map_err(|error| error.fault())
            }
            Files::Given(Given(files)) => Ok(files.as_ref().clone()),
        }
    }
}

/// Returns what the users see when Kafka fails. Only what Kafka refuses may be theirs to mend; all else is somebody's who
/// never sees the object, and goes by itself once mended.
pub fn kafka_fault(error: &KafkaError) -> Fault {
    let cure = if matches!(error, KafkaError::Rejected { .. }) { Cure::Change } else { Cure::Retry };
    Fault::new(ConditionType::TopicReady, error.reason(), cure, Chain(error).to_string())
}

/// Returns what the users see when ClickHouse fails; see [`kafka_fault`].
pub fn clickhouse_fault(error: &ClickHouseError) -> Fault {
    let cure = if matches!(error, ClickHouseError::Rejected { .. }) { Cure::Change } else { Cure::Retry };
    Fault::new(ConditionType::TableReady, error.reason(), cure, Chain(error).to_string())
}
