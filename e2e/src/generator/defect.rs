//! The ways in which an event is spoiled, each with the one reason that must be found.
//!
//! In: a good event. Out: the bytes that an app with that fault would send, and their [`Fate`].
//! Every defect breaks exactly one rule, so that the order of the processor's checks does not matter.

use crds::rejection::RejectionReason;
use serde_json::json;

use super::fact::EventType;
use super::shape::{self, Object, name};
use super::{App, Fate};

/// One way to spoil an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Defect {
    /// A purchase without an order.
    MissingField,
    /// A path that is a number.
    WrongType,
    /// A negative amount.
    OutOfRange,
    /// A currency that nobody listed.
    BadEnum,
    /// A path of 300 characters.
    TooLong,
    /// A country of one letter.
    TooShort,
    /// An event type that no schema describes.
    UnknownEventType,
    /// No event type at all.
    EventTypeMissing,
    /// A field that nobody declared, where that is refused.
    UnknownField,
    /// The user under two names.
    DuplicateField,
    /// An order number of another form.
    PatternMismatch,
    /// A large purchase that is not in USD.
    RuleViolated,
    /// JSON that ends in the middle.
    BrokenJson,
    /// A byte that is not UTF-8.
    InvalidUtf8,
    /// An array instead of an object.
    NotAnObject,
    /// An amount that the Decimal cannot hold.
    DecimalOverflow,
    /// A time in the year 99999.
    FarFuture,
    /// Forty levels of nesting.
    TooDeep,
    /// A record without bytes.
    EmptyRecord,
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::MissingField,
        Self::WrongType,
        Self::OutOfRange,
        Self::BadEnum,
        Self::TooLong,
        Self::TooShort,
        Self::UnknownEventType,
        Self::EventTypeMissing,
        Self::UnknownField,
        Self::DuplicateField,
        Self::PatternMismatch,
        Self::RuleViolated,
        Self::BrokenJson,
        Self::InvalidUtf8,
        Self::NotAnObject,
        Self::DecimalOverflow,
        Self::FarFuture,
        Self::TooDeep,
        Self::EmptyRecord,
    ];

    /// The type of event that can have this defect; none when any can.
    pub(crate) fn event_type(self) -> Option<EventType> {
        match self {
            Self::MissingField
            | Self::OutOfRange
            | Self::BadEnum
            | Self::PatternMismatch
            | Self::RuleViolated => Some(EventType::Purchase),
            Self::DecimalOverflow | Self::FarFuture | Self::TooDeep => Some(EventType::Purchase),
            Self::WrongType | Self::TooLong => Some(EventType::PageView),
            Self::TooShort | Self::UnknownField => Some(EventType::SignUp),
            Self::UnknownEventType | Self::EventTypeMissing | Self::DuplicateField | Self::BrokenJson => None,
            Self::InvalidUtf8 | Self::NotAnObject | Self::EmptyRecord => None,
        }
    }

    /// The reason that must be found.
    #[must_use]
    pub fn reason(self) -> RejectionReason {
        match self {
            Self::MissingField => RejectionReason::FieldMissing,
            Self::WrongType => RejectionReason::WrongType,
            Self::OutOfRange | Self::DecimalOverflow | Self::FarFuture => RejectionReason::OutOfRange,
            Self::BadEnum => RejectionReason::NotInEnum,
            Self::TooLong => RejectionReason::TooLong,
            Self::TooShort => RejectionReason::TooShort,
            Self::UnknownEventType => RejectionReason::UnknownEventType,
            Self::EventTypeMissing => RejectionReason::EventTypeMissing,
            Self::UnknownField => RejectionReason::UnknownField,
            Self::DuplicateField => RejectionReason::DuplicateField,
            Self::PatternMismatch => RejectionReason::PatternMismatch,
            Self::RuleViolated => RejectionReason::RuleViolated,
            Self::BrokenJson => RejectionReason::BrokenJson,
            Self::InvalidUtf8 => RejectionReason::InvalidUtf8,
            Self::NotAnObject => RejectionReason::NotAnObject,
            Self::TooDeep => RejectionReason::TooDeep,
            Self::EmptyRecord => RejectionReason::EmptyRecord,
        }
    }

    /// Spoils an event of an app.
    pub(crate) fn spoil(self, app: App, mut object: Object) -> (Vec<u8>, Fate) {
        let fate = match (self, app) {
            (Self::UnknownEventType, App::Android) => Fate::Filtered,
            _ => Fate::DeadLettered(self.reason()),
        };
        self.change(app, &mut object);
        let mut bytes = shape::bytes(object);
        match self {
            Self::BrokenJson => bytes.truncate(bytes.len() * 2 / 3),
            Self::InvalidUtf8 => {
                let after_brace = br#""note":"caf"#.iter().copied().chain([0xe9]).chain(*br#"","#);
                bytes.splice(1..1, after_brace);
            }
            Self::NotAnObject => bytes = [b"[", bytes.as_slice(), b"]"].concat(),
            Self::EmptyRecord => bytes.clear(),
            Self::MissingField
            | Self::WrongType
            | Self::OutOfRange
            | Self::BadEnum
            | Self::TooLong
            | Self::TooShort => {}
            Self::UnknownEventType | Self::EventTypeMissing | Self::UnknownField | Self::DuplicateField => {}
            Self::PatternMismatch
            | Self::RuleViolated
            | Self::DecimalOverflow
            | Self::FarFuture
            | Self::TooDeep => {}
        }
        (bytes, fate)
    }

    fn change(self, app: App, object: &mut Object) {
        let mut set = |field: &'static str, value: serde_json::Value| {
            object.insert(name(app, field).to_owned(), value);
        };
        match self {
            Self::MissingField => {
                object.remove(name(app, "order_id"));
            }
            Self::WrongType => set("path", json!(404)),
            Self::OutOfRange => set("amount", json!(-5)),
            Self::BadEnum => set("currency", json!("XBT")),
            Self::TooLong => set("path", json!("/search/".to_owned() + &"very-".repeat(60))),
            Self::TooShort => set("country", json!("D")),
            Self::UnknownEventType => set("event", json!("battery_low")),
            Self::EventTypeMissing => {
                object.remove(name(app, "event"));
            }
            Self::UnknownField => set("shoe_size", json!(43)),
            Self::DuplicateField => {
                let other = if app == App::Ios { "uid" } else { "user_id" };
                object.insert(other.to_owned(), json!("u-99999"));
            }
            Self::PatternMismatch => set("order_id", json!("order number 7")),
            Self::RuleViolated => {
                set("amount", json!(12_000));
                set("currency", json!("EUR"));
            }
            Self::DecimalOverflow => set("amount", json!(u64::MAX)),
            Self::FarFuture if app == App::Ios => set("bought_at", json!("99999-01-01T00:00:00Z")),
            Self::FarFuture => set("bought_at", json!(3_093_527_980_800_000_i64)),
            Self::TooDeep => {
                let deep = (0..40).fold(json!(1), |inner, _| json!({ "in": inner }));
                object.insert("debug".to_owned(), deep);
            }
            Self::BrokenJson | Self::InvalidUtf8 | Self::NotAnObject | Self::EmptyRecord => {}
        }
    }
}
