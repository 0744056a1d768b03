//! The real thing: what brings up Kubernetes, Kafka and ClickHouse on one machine, what proves Tributary on them,
//! and what it costs there.

pub mod environment;

#[cfg(feature = "baselines")]
pub mod baseline;
#[cfg(feature = "proof")]
pub mod bench;
#[cfg(feature = "proof")]
pub mod demo;
#[cfg(feature = "proof")]
pub mod generator;
#[cfg(feature = "proof")]
pub mod guarded;
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
mod screen;
#[cfg(feature = "proof")]
pub mod wait;
