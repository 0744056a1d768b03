//! Fault: why a record is rejected, as small as a number until somebody reads it.
//!
//! In: what decode and check find. Out: [`Rejected`], with a message that names the field, the rule and the remedy.
//! Deliberately without the value: dead-letter headers, logs and metrics are read by more people than the events.

use crds::columns::ScalarType;
use crds::rejection::RejectionReason;
use crds::schema::field::FieldType;

use super::plan::{FieldPlan, Plan};
use crate::decode::scanner::MAXIMUM_DEPTH;
use crate::decode::text::{MAXIMUM_BYTES, Span, Texts};
use crate::record::Rejected;

/// Longest name of an unknown field in a message, in characters.
const NAME_LENGTH: usize = 64;

/// What stands where something else should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Null,
    Bool,
    Whole,
    Fraction,
    Text,
    Array,
    Object,
}

impl std::fmt::Display for Found {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Whole => "a whole number",
            Self::Fraction => "a number with a point or exponent",
            Self::Text => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}

/// What one field breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breach {
    Missing,
    WrongType {
        found: Found,
    },
    /// An element of the array has another type.
    WrongElement {
        found: Found,
    },
    /// The type cannot hold it.
    BeyondType,
    /// Digits after the last place of a decimal, or a time of day for a Date.
    TooFine,
    NoSuchTime,
    BelowMinimum,
    AboveMaximum,
    TooShort,
    TooLong,
    NotInEnum,
    PatternMismatch,
    Duplicate,
    /// A number inside a JSON value that ClickHouse's JSON refuses.
    JsonNumber,
    /// A path inside a JSON value is given twice.
    JsonTwice,
}

impl Breach {
    /// The same breach, told of an element of an array.
    pub(crate) fn of_element(self) -> Self {
        if let Self::WrongType { found } = self { Self::WrongElement { found } } else { self }
    }

    fn reason(self) -> RejectionReason {
        match self {
            Self::Missing => RejectionReason::FieldMissing,
            Self::WrongType { .. } | Self::WrongElement { .. } => RejectionReason::WrongType,
            Self::BeyondType
            | Self::TooFine
            | Self::NoSuchTime
            | Self::BelowMinimum
            | Self::AboveMaximum
            | Self::JsonNumber => RejectionReason::OutOfRange,
            Self::TooShort => RejectionReason::TooShort,
            Self::TooLong => RejectionReason::TooLong,
            Self::NotInEnum => RejectionReason::NotInEnum,
            Self::PatternMismatch => RejectionReason::PatternMismatch,
            Self::Duplicate | Self::JsonTwice => RejectionReason::DuplicateField,
        }
    }
}

/// What a record as a whole breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordFault {
    Empty,
    TooLarge,
    InvalidUtf8,
    BrokenJson { at: u32, expected: &'static str },
    NotAnObject,
    TooDeep,
    EventTypeMissing,
    UnknownEventType,
}

/// Why a record is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is no event that can be looked into.
    Record(RecordFault),
    /// The value of a slot.
    Field {
        slot: u16,
        breach: Breach,
    },
    /// An object that holds fields is something else.
    ObjectExpected {
        node: u16,
    },
    /// An object that holds fields is given twice.
    ObjectTwice {
        node: u16,
    },
    UnknownField {
        node: u16,
        key: Span,
    },
    /// A number in an unknown field that ClickHouse's JSON refuses.
    UnknownNumber {
        node: u16,
        key: Span,
    },
    /// Two unknown fields have one path.
    UnknownTwice {
        node: u16,
        key: Span,
    },
    /// A rule between fields; `answered` when it said no rather than nothing.
    Rule {
        index: u16,
        answered: bool,
    },
}

impl Fault {
    /// Writes the rejection. `texts` are those of the event that has the fault.
    #[cold]
    #[inline(never)]
    pub(crate) fn explain(self, plan: &Plan, texts: Texts<'_>) -> Rejected {
        let (reason, field, message) = match self {
            Self::Record(fault) => fault.explain(plan),
            Self::Field { slot, breach } => {
                let name = plan.slots.get(usize::from(slot)).cloned().unwrap_or_default();
                let message = match plan.fields.get(usize::from(slot)) {
                    Some(field) => field_message(field, breach),
                    None => envelope_message(&name, breach),
                };
                (breach.reason(), name, message)
            }
            Self::ObjectExpected { node } => {
                let path = plan.path(node);
                let message = format!(
                    "field `{path}` must be an object that holds the fields below it; send an object"
                );
                (RejectionReason::WrongType, path, message)
            }
            Self::ObjectTwice { node } => {
                let path = plan.path(node);
                let message = format!("field `{path}` is given twice; send one object");
                (RejectionReason::DuplicateField, path, message)
            }
            Self::UnknownField { node, key } => {
                let name = unknown_name(plan, node, texts.get(key));
                let schema = plan.name.split_once('@').map_or("", |(schema, _)| schema);
                let message = format!(
                    "EventSchema `{schema}` does not name field `{name}` and says `unknownFields: Reject`; \
                     leave the field out, or add it to the schema"
                );
                (RejectionReason::UnknownField, name, message)
            }
            Self::UnknownNumber { node, key } => {
                let name = unknown_name(plan, node, texts.get(key));
                let message = format!("field `{name}`, which no schema names, {NUMBER_RULE}");
                (RejectionReason::OutOfRange, name, message)
            }
            Self::UnknownTwice { node, key } => {
                let name = unknown_name(plan, node, texts.get(key));
                let message = format!("field `{name}`, which no schema names, {PATH_RULE}");
                (RejectionReason::DuplicateField, name, message)
            }
            Self::Rule { index, answered } => {
                (RejectionReason::RuleViolated, String::new(), rule_message(plan, index, answered))
            }
        };
        Rejected { reason, field, schema: plan.name.clone(), message }
    }
}

/// What ClickHouse's JSON asks of numbers, for a message.
const NUMBER_RULE: &str = "holds a number beyond 64 bits; send that number as a string";

/// What ClickHouse's JSON asks of paths, for a message.
const PATH_RULE: &str = "gives one path twice (`a.b` and `b` in `a` are one); send each once";

impl RecordFault {
    fn explain(self, plan: &Plan) -> (RejectionReason, String, String) {
        let (reason, message) = match self {
            Self::Empty => {
                (RejectionReason::EmptyRecord, "the record has no bytes; send a JSON object".to_owned())
            }
            Self::TooLarge => (
                RejectionReason::TooLong,
                format!("the record is longer than {MAXIMUM_BYTES} bytes; send smaller events"),
            ),
            Self::InvalidUtf8 => (
                RejectionReason::InvalidUtf8,
                "the record is not UTF-8; encode the event as UTF-8".to_owned(),
            ),
            Self::BrokenJson { at, expected } => (
                RejectionReason::BrokenJson,
                format!(
                    "the record is not JSON: byte {at} should be {expected}; write events with a JSON library"
                ),
            ),
            Self::NotAnObject => (
                RejectionReason::NotAnObject,
                "the record is JSON but not an object; send one object a record".to_owned(),
            ),
            Self::TooDeep => (
                RejectionReason::TooDeep,
                format!(
                    "the record nests objects and arrays deeper than {MAXIMUM_DEPTH} levels; send it flatter"
                ),
            ),
            Self::EventTypeMissing => {
                let message = format!("the event type is missing; send it as {}", plan.event_paths());
                return (RejectionReason::EventTypeMissing, plan.event_path().to_owned(), message);
            }
            Self::UnknownEventType => {
                let message = "no EventSchema of the pipeline describes the event type; correct the type, or add a schema for it, \
                     or set `unknownEvents` of the pipeline to Store or Drop";
                return (RejectionReason::UnknownEventType, plan.event_path().to_owned(), message.to_owned());
            }
        };
        (reason, String::new(), message)
    }
}

fn field_message(field: &FieldPlan, breach: Breach) -> String {
    let (name, type_name) = (&field.name, field.field_type);
    match breach {
        Breach::Missing => {
            format!("field `{name}` is required but missing or null; send it, or make it optional")
        }
        Breach::WrongType { found } => format!(
            "field `{name}` must be {}, but is {found}; send it so{}",
            field.wanted(),
            field.coerce_remedy(found)
        ),
        Breach::WrongElement { found } => format!(
            "field `{name}` must be {}, but an element is {found}; send it so{}",
            field.wanted(),
            field.coerce_remedy(found)
        ),
        Breach::BeyondType => format!(
            "field `{name}` is beyond what {type_name} holds ({}); send a value within, or use a wider type",
            field.range()
        ),
        Breach::TooFine
            if matches!(
                field.field_type,
                FieldType::Scalar(ScalarType::Date) | FieldType::Array(ScalarType::Date)
            ) =>
        {
            format!(
                "field `{name}` holds a time of day, which {type_name} does not keep; send the day, or use DateTime"
            )
        }
        Breach::TooFine => {
            format!(
                "field `{name}` holds more digits than {type_name} keeps; round it before sending, or use a finer type"
            )
        }
        Breach::NoSuchTime => {
            format!(
                "field `{name}` holds a time that does not exist or whose year has not four digits; send a time such as 2026-01-31T12:00:00Z"
            )
        }
        Breach::BelowMinimum | Breach::AboveMaximum => bound_message(field, breach),
        Breach::TooShort | Breach::TooLong => length_message(field, breach),
        Breach::NotInEnum => {
            format!("field `{name}` is none of {}; send one of them, or extend `enum`", field.allowed())
        }
        Breach::PatternMismatch => format!(
            "field `{name}` does not match `pattern: {}`; send what matches, or change the pattern",
            field.constraints.pattern.as_deref().unwrap_or_default()
        ),
        Breach::Duplicate => format!("field `{name}` is given twice{}; send it once", field.alias_list()),
        Breach::JsonNumber => format!("field `{name}` {NUMBER_RULE}"),
        Breach::JsonTwice => format!("field `{name}` {PATH_RULE}"),
    }
}

fn bound_message(field: &FieldPlan, breach: Breach) -> String {
    let name = &field.name;
    if breach == Breach::BelowMinimum {
        let minimum = field.bound(field.constraints.minimum);
        format!("field `{name}` is below `minimum: {minimum}`; send {minimum} or more, or lower `minimum`")
    } else {
        let maximum = field.bound(field.constraints.maximum);
        format!("field `{name}` is above `maximum: {maximum}`; send {maximum} or less, or raise `maximum`")
    }
}

fn length_message(field: &FieldPlan, breach: Breach) -> String {
    let name = &field.name;
    if breach == Breach::TooShort {
        let least = field.constraints.min_length.unwrap_or_default();
        format!("field `{name}` is shorter than `minLength: {least}`; send more of it, or lower `minLength`")
    } else {
        let most = field.constraints.max_length.unwrap_or_default();
        format!("field `{name}` is longer than `maxLength: {most}`; send less of it, or raise `maxLength`")
    }
}

fn envelope_message(name: &str, breach: Breach) -> String {
    match breach {
        Breach::Duplicate => format!("field `{name}` of the envelope is given twice; send it once"),
        Breach::WrongType { found } => format!(
            "field `{name}` of the envelope is {found}; send a string for type and id, and for the time a time such as \
             2026-01-31T12:00:00Z, or seconds or milliseconds since 1970"
        ),
        Breach::Missing
        | Breach::WrongElement { .. }
        | Breach::BeyondType
        | Breach::TooFine
        | Breach::NoSuchTime
        | Breach::BelowMinimum
        | Breach::AboveMaximum
        | Breach::TooShort
        | Breach::TooLong
        | Breach::NotInEnum
        | Breach::PatternMismatch
        | Breach::JsonNumber
        | Breach::JsonTwice => format!(
            "field `{name}` of the envelope holds a time that does not exist or lies outside of the years 1900 to 2299; \
             send a time such as 2026-01-31T12:00:00Z"
        ),
    }
}

fn rule_message(plan: &Plan, index: u16, answered: bool) -> String {
    let message = plan.rules.get(usize::from(index)).map_or("", |rule| rule.message.as_str());
    let source = plan.rules.get(usize::from(index)).map_or("", |rule| rule.expression.source());
    if answered {
        format!("{message} (rule `{source}`); correct the event, or the rule")
    } else {
        format!(
            "{message} (rule `{source}` has no answer, as a field is missing or a calculation has no result); \
             correct the event, or guard fields with has()"
        )
    }
}

/// Path of an unknown field, without what makes headers and logs hard to read.
fn unknown_name(plan: &Plan, node: u16, key: &str) -> String {
    let parent = plan.path(node);
    let separator = if parent.is_empty() { "" } else { "." };
    let key: String = key.chars().filter(|character| !character.is_control()).take(NAME_LENGTH).collect();
    format!("{parent}{separator}{key}")
}
