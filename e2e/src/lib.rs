//! The real thing: what brings up Kubernetes, Kafka and ClickHouse on one machine, and what proves Tributary on them.

pub mod environment;
