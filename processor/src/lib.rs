//! The data plane: one process a stream, Kafka to ClickHouse, exactly one row a stored event.
//!
//! ```text
//! Kafka ─ Message ─▶ Record ─ decode ─▶ Event ─ check ─▶ Accepted ─ map ─▶ Rows ─ Batch ─▶ insert ─▶ commit
//!                       └──────────── Rejected { reason } ─▶ Letter ─▶ dead-letter topic ─────────────┘
//! ```
//!
//! Every record ends in exactly one of stored, dead-lettered, filtered, deduplicated. Before a batch is inserted, its range is committed
//! as an intent beside the offset; whoever owns the partition next repeats exactly that range with the same token, which ClickHouse drops
//! when it has it. A position is acknowledged only when its rows are written and its dead letters delivered.
//!
//! Read `flow.rs` for the way with its IO, `line.rs` for the pure middle. The processor knows no Kubernetes.

pub mod settings;
pub mod stream;
pub mod telemetry;

pub mod position;
pub mod record;

pub mod source;

mod check;
pub mod columns;
mod decode;
pub mod line;
mod map;

pub mod batch;
pub mod deduplicate;
pub mod deliver;
pub mod flow;
pub mod intent;
pub mod learn;
pub mod retry;
pub mod sink;

pub mod forward;
mod produce;

pub mod http;
pub mod metrics;
pub mod report;
pub mod sparing;

#[cfg(test)]
mod cases;
