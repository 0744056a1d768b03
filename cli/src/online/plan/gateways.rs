//! Gateways: Kafka and ClickHouse as they are, and changes that are noted and not made.
//!
//! In: the operator's own gateways, or nobody where none is reached. Out: what they answer; who does not answer is an error, as it is for the
//! operator, and then nothing is planned of what follows from it.
//! Not here: addresses.

use std::sync::Arc;

use async_trait::async_trait;
use operator::clickhouse::client::ClientTables;
use operator::clickhouse::mark::Mark;
use operator::clickhouse::memory::created;
use operator::clickhouse::table::{ActualTable, TableChange, TableName};
use operator::clickhouse::{ClickHouseConnection, ClickHouseError, Tables};
use operator::kafka::admin::AdminTopics;
use operator::kafka::topic::{Topic, TopicChange};
use operator::kafka::{KafkaConnection, KafkaError, Topics};
use operator::report::Chain;

use super::book::Book;
use crate::online::reach::Addresses;

/// Kafka and ClickHouse.
pub(super) type Gateways = (Arc<dyn Topics>, Arc<dyn Tables>);

/// Opens both at some addresses.
pub(super) type Open = dyn Fn(&Addresses, Option<Arc<str>>) -> Gateways;

/// Kafka as it is.
pub(super) struct SeenTopics {
    /// Who is asked, or why nobody is.
    pub(super) live: Result<Arc<dyn Topics>, String>,
    /// Whether Kafka is asked in the operator's name, so that what it refuses it refuses the operator.
    pub(super) as_operator: bool,
    /// Where changes are noted.
    pub(super) book: Arc<Book>,
}

/// ClickHouse as it is.
pub(super) struct SeenTables {
    /// Who is asked, or why nobody is.
    pub(super) live: Result<Arc<dyn Tables>, String>,
    /// Where changes are noted.
    pub(super) book: Arc<Book>,
}

/// Opens the real Kafka and the real ClickHouse; nobody is asked yet.
pub(super) fn open(addresses: &Addresses, authorities: Option<Arc<str>>) -> Gateways {
    let Addresses { kafka, kafka_properties, clickhouse_url, clickhouse_user, clickhouse_password } =
        addresses.clone();
    let kafka = KafkaConnection { bootstrap: kafka, properties: kafka_properties };
    let clickhouse = ClickHouseConnection {
        url: clickhouse_url,
        user: clickhouse_user,
        password: clickhouse_password,
        authorities,
    };
    let topics = AdminTopics::new(Box::new(move || Ok(kafka.clone())));
    let tables = ClientTables::new(Box::new(move || Ok(clickhouse.clone())));
    (Arc::new(topics), Arc::new(tables))
}

impl SeenTopics {
    fn live(&self, action: &str) -> Result<&dyn Topics, KafkaError> {
        let unreached =
            |why: &String| KafkaError::Unreachable { action: action.to_owned(), source: why.clone().into() };
        self.live.as_ref().map(AsRef::as_ref).map_err(unreached)
    }
}

impl SeenTables {
    fn live(&self, action: String) -> Result<&dyn Tables, ClickHouseError> {
        let unreached = |why: &String| ClickHouseError::Unreachable { action, source: why.clone().into() };
        self.live.as_ref().map(AsRef::as_ref).map_err(unreached)
    }
}

#[async_trait]
impl Topics for SeenTopics {
    async fn describe(&self, names: &[String]) -> Result<Vec<Topic>, KafkaError> {
        self.live("describe topics")?.describe(names).await
    }

    async fn cluster(&self) -> Option<String> {
        self.live.as_ref().ok()?.cluster().await
    }

    async fn topic_id(&self, name: &str) -> Option<String> {
        self.live.as_ref().ok()?.topic_id(name).await
    }

    async fn check_creation(&self, topic: &Topic) -> Result<(), KafkaError> {
        match self.live("ask for a topic")?.check_creation(topic).await {
            // Another user may not make what the operator may.
            Err(error) if !self.as_operator && !error.is_transient() => {
                let said = Chain(&error).to_string();
                let what = format!("whether Kafka would make topic `{}`: {said}", topic.name);
                self.book.open().unlooked.insert(what);
                Ok(())
            }
            answer => answer,
        }
    }

    async fn lag(&self, topic: &Topic, group: &str) -> Result<i64, KafkaError> {
        self.live("read a lag")?.lag(topic, group).await.inspect_err(|error| {
            let said = Chain(error).to_string();
            self.book.open().unlooked.insert(format!("how many processors the lag asks for: {said}"));
        })
    }

    async fn apply(&self, change: &TopicChange) -> Result<(), KafkaError> {
        self.book.open().topics.push(change.clone());
        Ok(())
    }
}

#[async_trait]
impl Tables for SeenTables {
    async fn describe(&self, name: &TableName) -> Result<Option<ActualTable>, ClickHouseError> {
        let made = self.book.open().table.iter().find_map(|change| {
            let TableChange::CreateTable(table) = change else { return None };
            (table.full_name() == *name).then(|| created(table))
        });
        if made.is_some() {
            return Ok(made);
        }
        let found = self.live(format!("describe table `{name}`"))?.describe(name).await?;
        self.book.open().found.clone_from(&found);
        Ok(found)
    }

    async fn marks(&self) -> Result<Vec<Mark>, ClickHouseError> {
        self.live("list marks".to_owned())?.marks().await
    }

    async fn apply(&self, change: &TableChange) -> Result<(), ClickHouseError> {
        self.book.open().table.push(change.clone());
        Ok(())
    }
}
