//! Why an event is rejected: a closed list, one word for dead-letter header, metric label and docs.
//!
//! In: nothing. Out: [`RejectionReason`].
//! Not here: the check that finds it; that is the processor's.

use std::fmt;

/// Why a record did not become a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum RejectionReason {
    /// The record has no bytes.
    EmptyRecord,
    /// The record is not UTF-8.
    InvalidUtf8,
    /// The record is not JSON.
    BrokenJson,
    /// The record is JSON but not an object.
    NotAnObject,
    /// No path of the envelope holds an event type.
    EventTypeMissing,
    /// No schema of the pipeline describes the event type.
    UnknownEventType,
    /// A required field is missing or null.
    FieldMissing,
    /// A value has another type than the schema says.
    WrongType,
    /// A number is below the minimum or above the maximum, or a number, decimal or time does not fit its type.
    OutOfRange,
    /// A string or array is shorter than the schema says.
    TooShort,
    /// A string or array is longer than the schema says.
    TooLong,
    /// A value is not among those that the schema lists.
    NotInEnum,
    /// A string does not match the schema's pattern.
    PatternMismatch,
    /// A field that the schema does not name, where the schema says `unknownFields: Reject`.
    UnknownField,
    /// A field is given twice, by its name or by aliases.
    DuplicateField,
    /// A rule between fields does not hold.
    RuleViolated,
    /// Objects or arrays are nested deeper than 32 levels.
    TooDeep,
    /// ClickHouse refuses this one row.
    RowRefused,
    /// The record ended the processor three times.
    PoisonRecord,
    /// The destination of a forwarding rule refuses this event for good.
    DestinationRejected,
}

impl RejectionReason {
    /// Every reason, in the order of the checks.
    pub const ALL: [Self; 20] = [
        Self::EmptyRecord,
        Self::InvalidUtf8,
        Self::BrokenJson,
        Self::NotAnObject,
        Self::EventTypeMissing,
        Self::UnknownEventType,
        Self::FieldMissing,
        Self::WrongType,
        Self::OutOfRange,
        Self::TooShort,
        Self::TooLong,
        Self::NotInEnum,
        Self::PatternMismatch,
        Self::UnknownField,
        Self::DuplicateField,
        Self::RuleViolated,
        Self::TooDeep,
        Self::RowRefused,
        Self::PoisonRecord,
        Self::DestinationRejected,
    ];
}

impl fmt::Display for RejectionReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}
