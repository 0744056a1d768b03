//! The control plane of Tributary: three controllers of one shape.
//!
//! ```text
//!  what a team writes            what it means            what must be              what was done
//!  ------------------            -------------            ------------              -------------
//!  AnalyticsPipeline  \          pipeline::Plan           topics, table,            conditions, Events,
//!  EventSchema         > gather ───────────────▶ build/   Deployment,     apply ──▶ metrics, log lines
//!  ForwardingRule     /  (IO in)    (pure)       diff     ConfigMap …    (IO out)      (report)
//!                                              (pure)
//! ```
//!
//! In: objects of `tributary.dev`, what the apiserver, Kafka and ClickHouse hold. Out: what the objects ask for.
//! Not here: events. The processor reads them, and knows only the StreamConfig that `pipeline/plan.rs` writes.

pub mod settings;
pub mod tenants;

pub mod context;
pub mod controllers;

pub mod event_schema;
pub mod forwarding_rule;
pub mod pipeline;

pub mod destination_url;
pub mod fault;
pub mod objects;
pub mod report;
pub mod retries;
pub mod status;

pub mod clickhouse;
pub mod connection;
pub mod kafka;
pub mod kubernetes;
pub mod processors;
pub mod secret;

pub mod fence;
pub mod http;
pub mod lease;
pub mod metrics;
pub mod probe;
pub mod telemetry;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod chart;
#[cfg(test)]
mod dockerfiles;
#[cfg(test)]
mod faults;
#[cfg(test)]
#[path = "../tests/it/hostile.rs"]
mod hostile;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod takeovers;
#[cfg(test)]
mod testing;
