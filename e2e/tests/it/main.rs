//! The end-to-end tests: each on the real cluster, in a namespace of its own, against the real Kafka and ClickHouse.
//!
//! In: the variables of `environment.env`. Out: a failure that carries conditions, Events and logs. `e2e/README.md` says
//! what each shows. Tests that break what all share run alone; the others run beside each other.

mod admission;
mod clients;
mod deletion;
mod drift;
mod evolution;
mod faults;
mod forwarding;
mod host;
mod keda;
mod kubectl;
mod leader;
mod load;
mod metrics;
mod mistakes;
mod operator;
mod order;
mod outage;
mod partitions;
mod plan_online;
mod rebalance;
mod release;
mod samples;
mod scaling;
mod secrets;
mod strangers;
mod streams;
mod suspend;
mod written;
