//! Fence: a process that does not hold the Lease any more writes nothing, not even when it was paused in the middle of a look.
//!
//! In: how long the Lease holds at least, said by each renewal; every write to the apiserver, to Kafka and to ClickHouse. Out: the
//! write, or [`NotHeld`]. Reads pass.
//! A process that was stopped (a frozen node, a paused machine) goes on where it stopped, and its looks may be quicker than the
//! task that finds the Lease lost. So each write asks the clock first. What lies between the question and the arrival cannot be
//! fenced here; there, a write names the version it was decided on, or is one that changes nothing when it is repeated.
//! Not here: the Lease itself.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use http::{Method, Request};
use kube::Client;
use kube::client::Body;
use tokio::time::Instant;

use crate::clickhouse::mark::Mark;
use crate::clickhouse::table::{ActualTable, TableChange, TableName};
use crate::clickhouse::{ClickHouseError, Tables};
use crate::kafka::topic::{Topic, TopicChange};
use crate::kafka::{KafkaError, Topics};
use crate::tenants::servers::Servers;

/// The Lease is not held, so nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this operator does not hold the lease any more, and leaves it to the one that does")]
pub struct NotHeld;

/// How long the Lease holds at least.
#[derive(Debug, Clone, Default)]
pub struct Tenure(Arc<Mutex<Option<Instant>>>);

impl Tenure {
    /// Notes that the Lease holds until then.
    pub fn renew(&self, until: Instant) {
        *self.end_of() = Some(until);
    }

    /// Notes that the Lease is lost or given back.
    pub fn end(&self) {
        *self.end_of() = None;
    }

    /// Returns an error unless the Lease is held now.
    pub fn check(&self) -> Result<(), NotHeld> {
        if self.end_of().is_some_and(|end| Instant::now() < end) { Ok(()) } else { Err(NotHeld) }
    }

    fn end_of(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a client of the apiserver whose writes pass only while the Lease is held.
pub fn client(behind: Client, tenure: &Tenure) -> Client {
    let namespace = behind.default_namespace().to_owned();
    let tenure = tenure.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (behind, tenure) = (behind.clone(), tenure.clone());
        async move {
            if request.method() != Method::GET {
                tenure.check()?;
            }
            behind.send(request).await.map_err(tower::BoxError::from)
        }
    });
    Client::new(service, namespace)
}

/// Returns the same servers, changed only while the Lease is held.
pub fn servers(servers: Servers, tenure: &Tenure) -> Servers {
    let Servers { settings, topics, tables } = servers;
    let (topics, tables) = (Fenced::new(topics, tenure), Fenced::new(tables, tenure));
    Servers { settings, topics: Arc::new(topics), tables: Arc::new(tables) }
}

/// Topics or tables that are changed only while the Lease is held.
struct Fenced<G: ?Sized> {
    behind: Arc<G>,
    tenure: Tenure,
}

impl<G: ?Sized> Fenced<G> {
    fn new(behind: Arc<G>, tenure: &Tenure) -> Self {
        Self { behind, tenure: tenure.clone() }
    }
}

#[async_trait]
impl<G: Topics + ?Sized> Topics for Fenced<G> {
    async fn describe(&self, names: &[String]) -> Result<Vec<Topic>, KafkaError> {
        self.behind.describe(names).await
    }

    async fn cluster(&self) -> Option<String> {
        self.behind.cluster().await
    }

    async fn topic_id(&self, name: &str) -> Option<String> {
        self.behind.topic_id(name).await
    }

    async fn lag(&self, topic: &Topic, group: &str) -> Result<i64, KafkaError> {
        self.behind.lag(topic, group).await
    }

    async fn check_creation(&self, topic: &Topic) -> Result<(), KafkaError> {
        self.behind.check_creation(topic).await
    }

    async fn apply(&self, change: &TopicChange) -> Result<(), KafkaError> {
        let action = || format!("change `{}`", change.subject());
        self.tenure.check().map_err(|error| KafkaError::NotYet { action: action(), source: error.into() })?;
        self.behind.apply(change).await
    }
}

#[async_trait]
impl<G: Tables + ?Sized> Tables for Fenced<G> {
    async fn describe(&self, name: &TableName) -> Result<Option<ActualTable>, ClickHouseError> {
        self.behind.describe(name).await
    }

    async fn marks(&self) -> Result<Vec<Mark>, ClickHouseError> {
        self.behind.marks().await
    }

    async fn apply(&self, change: &TableChange) -> Result<(), ClickHouseError> {
        let not_held = |error: NotHeld| {
            let action = change.action();
            ClickHouseError::NotYet { action, source: error.into() }
        };
        self.tenure.check().map_err(not_held)?;
        self.behind.apply(change).await
    }
}

#[cfg(test)]
mod tests;
