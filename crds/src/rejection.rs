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

impl RejectionReason {
    /// Says what is wrong with the record.
    #[must_use]
    pub fn cause(self) -> &'static str {
        match self {
            Self::EmptyRecord => "The record has no bytes.",
            Self::InvalidUtf8 => "The record is not UTF-8.",
            Self::BrokenJson => "The record is not JSON.",
            Self::NotAnObject => "The record is JSON but not an object.",
            Self::EventTypeMissing => "No path of `spec.envelope.event` holds an event type.",
            Self::UnknownEventType => "No schema of the pipeline describes the event type.",
            Self::FieldMissing => "A required field is missing or null.",
            Self::WrongType => "A value has another type than the schema says.",
            Self::OutOfRange => {
                "A number is below `minimum` or above `maximum`, or a number, decimal or time does not fit its type."
            }
            Self::TooShort => "A string or an array is shorter than `minLength`.",
            Self::TooLong => "A string or an array is longer than `maxLength`.",
            Self::NotInEnum => "A value is not in `enum`.",
            Self::PatternMismatch => "A string does not match `pattern`.",
            Self::UnknownField => {
                "The event has a field that the schema does not name, and the schema says `unknownFields: Reject`."
            }
            Self::DuplicateField => "A field is given twice, by its name or by aliases.",
            Self::RuleViolated => "A rule between fields does not hold.",
            Self::TooDeep => "Objects or arrays are nested deeper than 32 levels.",
            Self::RowRefused => "ClickHouse refuses this one row.",
            Self::PoisonRecord => "The record ended the processor three times.",
            Self::DestinationRejected => {
                "The destination of a forwarding rule refuses this event for good. The event is stored all the same."
            }
        }
    }

    /// Says what to do so that the next one is accepted.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::EmptyRecord => {
                "Have the app send the event as the record's value; tombstones have no meaning here."
            }
            Self::InvalidUtf8 => {
                "Have the app encode strings as UTF-8; cut strings at characters, not at bytes."
            }
            Self::BrokenJson => {
                "Have the app send one JSON object a record; look for cut-off or joined records."
            }
            Self::NotAnObject => "Send one event a record, not a list of events.",
            Self::EventTypeMissing => {
                "Send the type, or add the path under which the app sends it to `spec.envelope.event`."
            }
            Self::UnknownEventType => {
                "Apply an EventSchema and name it in the pipeline, add the name to `eventAliases`, or set `unknownEvents`."
            }
            Self::FieldMissing => {
                "Send the field, add the app's name for it to `aliases`, or make it optional."
            }
            Self::WrongType => {
                "Send the schema's type, or set `coerce: true` where the conversion loses nothing."
            }
            Self::OutOfRange => "Mend the value, or widen the bound or the type in the schema.",
            Self::TooShort => "Mend the value, or lower `minLength`.",
            Self::TooLong => "Shorten the value in the app, or raise `maxLength`.",
            Self::NotInEnum => "Send a listed value, or add the new one to `enum`.",
            Self::PatternMismatch => "Mend the value, or the pattern.",
            Self::UnknownField => "Add the field to the schema, or set `unknownFields: Capture`.",
            Self::DuplicateField => {
                "Send the field once; remove the alias that two sources share in one event."
            }
            Self::RuleViolated => {
                "Mend the event, or the rule; the header `tributary-message` holds the rule's own words."
            }
            Self::TooDeep => "Send a flatter event, or the deep part as a string.",
            Self::RowRefused => {
                "Read the header `tributary-message`; mostly a value that fits the schema but not the column."
            }
            Self::PoisonRecord => {
                "Report it with the record's position; the original bytes are in the dead letter."
            }
            Self::DestinationRejected => {
                "Read the header `tributary-message`, mend the receiver, and send the dead letter again."
            }
        }
    }
}

#[cfg(test)]
mod tests;
