//! Workload: which events a topic holds, and what a mover must make of them.
//!
//! In: how many fields, flat or nested, how many rejected, how compressed. Out: the EventSchema, the columns of the table, a name for
//! people. The schema is `e2e/bench/schema.yaml`; the events are made in [`generator`].
//! Not here: topics and tables themselves.

pub mod generator;
mod value;

#[cfg(test)]
mod tests;

use std::fmt;

use anyhow::{Context, Result, anyhow};
use crds::columns::{Column, table_columns};
use crds::event_schema::EventSchemaSpec;
use crds::schema::Schema;
use serde::Serialize;

/// The type of every event.
pub const EVENT: &str = "purchase";
const SCHEMA: &str = include_str!("../../bench/schema.yaml");

/// How large an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
pub enum Size {
    /// About 500 bytes, 15 fields.
    Small,
    /// About 1,600 bytes, 38 fields.
    Large,
}

/// How the fields of an event lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
pub enum Shape {
    /// All in one object: `order_id`.
    Flat,
    /// In objects of their own: `order.id`. The columns are the same.
    Nested,
}

/// How the producer compresses its batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Compression {
    /// As most do.
    Lz4,
    /// Not at all.
    None,
}

/// Which events a topic holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Workload {
    /// How large they are.
    pub size: Size,
    /// How their fields lie.
    pub shape: Shape,
    /// How many in a hundred must be rejected.
    pub rejected: u64,
    /// How they are compressed.
    pub compression: Compression,
}

impl Size {
    /// Number of fields, beside the envelope's three.
    #[must_use]
    pub fn fields(self) -> usize {
        match self {
            Self::Small => 15,
            Self::Large => 38,
        }
    }

    fn bytes(self) -> &'static str {
        match self {
            Self::Small => "500",
            Self::Large => "1,600",
        }
    }
}

impl Compression {
    /// The producer's word for it.
    #[must_use]
    pub fn codec(self) -> &'static str {
        match self {
            Self::Lz4 => "lz4",
            Self::None => "none",
        }
    }
}

impl Workload {
    /// The one that all contenders run.
    pub const MAIN: Self =
        Self { size: Size::Small, shape: Shape::Flat, rejected: 1, compression: Compression::Lz4 };

    /// The others: the main one with one thing changed, and both larger ones.
    pub const OTHERS: [Self; 6] = [
        Self { shape: Shape::Nested, ..Self::MAIN },
        Self { size: Size::Large, ..Self::MAIN },
        Self { size: Size::Large, shape: Shape::Nested, ..Self::MAIN },
        Self { rejected: 0, ..Self::MAIN },
        Self { rejected: 50, ..Self::MAIN },
        Self { compression: Compression::None, ..Self::MAIN },
    ];

    /// The schema of the events, as a team would write it.
    pub fn schema(&self) -> Result<EventSchemaSpec> {
        let mut spec: EventSchemaSpec =
            serde_yaml::from_str(SCHEMA).context("reading e2e/bench/schema.yaml")?;
        spec.fields.truncate(self.size.fields());
        if self.shape == Shape::Flat {
            for field in &mut spec.fields {
                field.name = field.name.replace('.', "_");
            }
        }
        Ok(spec)
    }

    /// The schema, understood.
    pub fn understood(&self) -> Result<Schema> {
        Schema::parse(EVENT, 1, &self.schema()?)
            .map_err(|problems| anyhow!("e2e/bench/schema.yaml: {problems:?}"))
    }

    /// The columns of the table, the same for all shapes.
    pub fn columns(&self) -> Result<Vec<Column>> {
        table_columns(&[self.understood()?])
            .map_err(|problems| anyhow!("e2e/bench/schema.yaml: {problems:?}"))
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = match self.shape {
            Shape::Flat => "flat",
            Shape::Nested => "nested",
        };
        let (bytes, fields, codec) = (self.size.bytes(), self.size.fields(), self.compression.codec());
        write!(formatter, "{bytes} bytes, {fields} fields, {shape}, {} % rejected, {codec}", self.rejected)
    }
}
