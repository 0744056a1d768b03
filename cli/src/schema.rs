//! Schema: what can be said of EventSchemas alone.
//!
//! `check` judges a change by the rules of evolution; `infer` writes a first EventSchema from sample events.

pub mod check;
pub mod infer;
