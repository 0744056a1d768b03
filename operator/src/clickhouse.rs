//! ClickHouse: the gateway to tables.
//!
//! In: [`table::TableChange`]s. Out: tables as they are, and one error type that says whether waiting helps.
//! The real one is [`client::ClientTables`]; [`memory::MemoryTables`] is its twin for tests, and one contract test holds both.
//! Not here: which tables are wanted; the pipeline's plan knows.

pub mod mark;
pub mod table;

pub mod diff;

pub mod ddl;
pub mod engine;
mod verdict;

pub mod client;
pub mod memory;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use crds::conditions::Reason;

use mark::Mark;
use table::{ActualTable, TableChange, TableName};

/// Tables of the one ClickHouse that this operator works with.
#[async_trait]
pub trait Tables: Send + Sync {
    /// Returns the table; none when it, or its database, is not there.
    async fn describe(&self, name: &TableName) -> Result<Option<ActualTable>, ClickHouseError>;

    /// Returns the marks of all tables, in no order: who claims which topic.
    async fn marks(&self) -> Result<Vec<Mark>, ClickHouseError>;

    /// Makes a change. Creating what is there and dropping what is gone are no errors: describe again after a creation.
    async fn apply(&self, change: &TableChange) -> Result<(), ClickHouseError>;
}

/// How to reach ClickHouse: asked for anew on each use, so that a rotated password heals by itself.
#[derive(Clone, PartialEq, Eq)]
pub struct ClickHouseConnection {
    /// HTTP interface, `http(s)://host:port`.
    pub url: String,
    /// User.
    pub user: String,
    /// Password.
    pub password: String,
    /// Certificates of the authorities that sign the server's, PEM; none: the public ones.
    pub authorities: Option<Arc<str>>,
}

/// Reads the connection; the real one reads the files of the connection folder.
pub type ReadClickHouseConnection = dyn Fn() -> Result<ClickHouseConnection, std::io::Error> + Send + Sync;

impl fmt::Debug for ClickHouseConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ClickHouseConnection")
            .field("url", &self.url)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// What stands behind an error.
pub type Cause = Box<dyn Error + Send + Sync>;

/// A question or a change that ClickHouse did not answer well. `action` is what was tried: `create table `shop.ios``.
#[derive(Debug, thiserror::Error)]
pub enum ClickHouseError {
    /// The connection Secret cannot be read.
    #[error(
        "failed to read the connection to ClickHouse; check the files `clickhouse-user`, `clickhouse-password` and, if it is there, `clickhouse-ca.crt` of the operator's connection Secret"
    )]
    Connection {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// ClickHouse does not answer.
    #[error(
        "failed to {action}: ClickHouse does not answer; check that it runs and that clickhouse.url names its HTTP interface"
    )]
    Unreachable {
        /// What was tried.
        action: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// ClickHouse refuses user or password.
    #[error(
        "failed to {action}: ClickHouse refuses user or password; check `clickhouse-user` and `clickhouse-password` of the operator's connection Secret"
    )]
    AuthFailed {
        /// What was tried.
        action: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// ClickHouse cannot do it now, and can later.
    #[error("failed to {action}: ClickHouse cannot do it yet")]
    NotYet {
        /// What was tried.
        action: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// ClickHouse refuses what was asked.
    #[error("failed to {action}: ClickHouse refuses it; {remedy}")]
    Rejected {
        /// What was tried.
        action: String,
        /// What to do.
        remedy: &'static str,
        /// Why.
        #[source]
        source: Cause,
    },
}

impl ClickHouseError {
    /// Returns the reason for condition, Event and metric.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Connection { .. } => Reason::SecretKeyMissing,
            Self::Unreachable { .. } => Reason::ClickHouseUnreachable,
            Self::AuthFailed { .. } => Reason::ClickHouseAuthFailed,
            Self::NotYet { .. } | Self::Rejected { .. } => Reason::ClickHouseRejected,
        }
    }

    /// Returns whether waiting alone may help. What is not transient waits for a person, who may change the spec, ClickHouse or
    /// the Secret: try again on change and at the resync.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::NotYet { .. } => true,
            Self::Connection { .. } | Self::AuthFailed { .. } | Self::Rejected { .. } => false,
        }
    }
}
