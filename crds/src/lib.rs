//! The language of Tributary: what teams write, what it means, and what the processor is told.
//!
//! In: YAML as a user typed it, decoded into [`EventSchema`], [`AnalyticsPipeline`], [`ForwardingRule`].
//! Out: the understood form ([`schema::Schema`], [`columns`]), the contract operator → processor
//! ([`stream_config::StreamConfig`]), its answer ([`processor_report::ProcessorReport`]), and the generated files.
//! Not here: any IO, any clock, any client. `cargo tree -p crds` shows no tokio.
//!
//! Rooms in reading order: the three kinds, then what they share, then what they mean, then what is passed on.

pub mod analytics_pipeline;
pub mod event_schema;
pub mod forwarding_rule;

pub mod admission;
pub mod definition;

pub mod conditions;
pub mod quantities;
pub mod shared;

pub mod columns;
pub mod expression;
pub mod schema;

pub mod destination_url;
pub mod network;
pub mod processor_report;
pub mod rejection;
pub mod signing_secret;
pub mod stream_config;

pub mod exposition;
pub mod generated;

pub use analytics_pipeline::{AnalyticsPipeline, AnalyticsPipelineSpec};
pub use event_schema::{EventSchema, EventSchemaSpec};
pub use forwarding_rule::{ForwardingRule, ForwardingRuleSpec};
