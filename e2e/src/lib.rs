//! The real thing: what brings up Kubernetes, Kafka and ClickHouse on one machine, and what proves Tributary on them.

pub mod environment;

#[cfg(feature = "proof")]
pub mod demo;
#[cfg(feature = "proof")]
pub mod generator;
#[cfg(feature = "proof")]
pub mod receiver;
#[cfg(feature = "proof")]
pub mod trial;

#[cfg(feature = "proof")]
pub mod clickhouse;
#[cfg(feature = "proof")]
pub mod cluster;
#[cfg(feature = "proof")]
pub mod connections;
#[cfg(feature = "proof")]
pub mod host;
#[cfg(feature = "proof")]
pub mod install;
#[cfg(feature = "proof")]
pub mod kafka;
#[cfg(feature = "proof")]
pub mod wait;
