//! Schema: an EventSchema that has been understood.
//!
//! In: an [`EventSchemaSpec`]. Out: [`Schema`], complete and checked, or *all* of its [`Problems`] at once.
//! Not here: events. The processor's `check` applies what stands here.

pub mod evolution;
pub mod field;
pub mod problems;
