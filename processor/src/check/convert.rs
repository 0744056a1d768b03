//! Convert: a JSON value into the type of its field, or why it is none.
//!
//! In: a [`Cell`] and a [`Target`]. Out: a [`Value`], exact: what the type cannot hold is refused, never rounded or wrapped.
//! Two things are cut on purpose, as every app sends more of them than a column keeps: digits of a second behind the type's
//! precision, and the float nearest to a decimal text.
//! Not here: constraints of the schema (rules), and whether the value must be there (check).

use crds::columns::ScalarType;
use crds::schema::literal::integer_bounds;

use super::fault::{Breach, Found};
use super::value::Value;
use crate::decode::number::{self, NumberFault};
use crate::decode::scanner::Cell;
use crate::decode::text::Texts;
use crate::decode::time::{self, FIRST_SECOND, LAST_SECOND, Moment, TimeFault};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What a value becomes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    kind: Kind,
    coerce: bool,
}

/// A type, as far as conversion tells types apart.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Bool,
    Integer { least: i128, greatest: i128 },
    Float { is_single: bool },
    Decimal { scale: u8, greatest: i128 },
    Day,
    Seconds,
    Ticks { precision: u8 },
    Uuid,
}

impl Target {
    /// A type, and whether values of other JSON types are converted to it.
    pub(crate) fn new(scalar: ScalarType, coerce: bool) -> Self {
        let kind = match scalar {
            ScalarType::String => Kind::Text,
            ScalarType::Bool => Kind::Bool,
            ScalarType::Float32 | ScalarType::Float64 => {
                Kind::Float { is_single: scalar == ScalarType::Float32 }
            }
            ScalarType::Decimal { precision, scale } => {
                Kind::Decimal { scale, greatest: number::power_of_ten(precision.min(38)) - 1 }
            }
            ScalarType::Date => Kind::Day,
            ScalarType::DateTime => Kind::Seconds,
            ScalarType::DateTime64 { precision } => Kind::Ticks { precision },
            ScalarType::Uuid => Kind::Uuid,
            ScalarType::Int8
            | ScalarType::Int16
            | ScalarType::Int32
            | ScalarType::Int64
            | ScalarType::UInt8
            | ScalarType::UInt16
            | ScalarType::UInt32
            | ScalarType::UInt64 => {
                let (least, greatest) = integer_bounds(scalar).unwrap_or_default();
                Kind::Integer { least, greatest }
            }
        };
        Self { kind, coerce }
    }

    /// Converts a value that is there.
    #[inline]
    pub(crate) fn convert(&self, cell: Cell, texts: Texts<'_>) -> Result<Value, Breach> {
        let converted = match (self.kind, cell) {
            (Kind::Text, Cell::Text(span)) => return Ok(Value::Text(span)),
            (Kind::Text, Cell::Whole(span) | Cell::Fraction(span) | Cell::True(span) | Cell::False(span))
                if self.coerce =>
            {
                return Ok(Value::Text(span));
            }
            (Kind::Bool, Cell::True(_)) => return Ok(Value::Bool(true)),
            (Kind::Bool, Cell::False(_)) => return Ok(Value::Bool(false)),
            (_, Cell::Whole(span)) => self.of_number(texts.get(span), true),
            (_, Cell::Fraction(span)) => self.of_number(texts.get(span), false),
            (_, Cell::Text(span)) => self.of_text(texts.get(span)),
            (_, Cell::Missing | Cell::True(_) | Cell::False(_) | Cell::Array(_) | Cell::Object(_)) => None,
        };
        converted.unwrap_or_else(|| Err(wrong_type(cell)))
    }

    /// `None` when a number never stands for the type.
    fn of_number(&self, text: &str, whole: bool) -> Option<Result<Value, Breach>> {
        match self.kind {
            Kind::Bool => match text {
                "0" if self.coerce => Some(Ok(Value::Bool(false))),
                "1" if self.coerce => Some(Ok(Value::Bool(true))),
                _ => None,
            },
            Kind::Integer { least, greatest } => {
                let number = self.integer(text, whole)?;
                let fitting = number.filter(|number| (least..=greatest).contains(number));
                Some(fitting.map(Value::Integer).ok_or(Breach::BeyondType))
            }
            Kind::Float { is_single } => Some(float(text, is_single)),
            Kind::Decimal { scale, greatest } => Some(decimal(text, scale, greatest)),
            Kind::Day | Kind::Seconds | Kind::Ticks { .. } => {
                self.coerce.then(|| self.moment(Moment::since_epoch(text)))
            }
            Kind::Uuid | Kind::Text => None,
        }
    }

    /// `None` when the text does not stand for the type.
    fn of_text(&self, text: &str) -> Option<Result<Value, Breach>> {
        match self.kind {
            Kind::Bool => match text {
                "true" if self.coerce => Some(Ok(Value::Bool(true))),
                "false" if self.coerce => Some(Ok(Value::Bool(false))),
                _ => None,
            },
            Kind::Uuid => uuid(text, self.coerce).map(|uuid| Ok(Value::Uuid(uuid))),
            Kind::Day | Kind::Seconds | Kind::Ticks { .. } => self.time_of_text(text),
            Kind::Integer { .. } | Kind::Float { .. } | Kind::Decimal { .. } if self.coerce => {
                number::is_number(text).and_then(|whole| self.of_number(text, whole))
            }
            Kind::Text | Kind::Integer { .. } | Kind::Float { .. } | Kind::Decimal { .. } => None,
        }
    }

    /// The outer `None` when the number is not whole, the inner one when it is beyond 128 bits.
    fn integer(&self, text: &str, whole: bool) -> Option<Option<i128>> {
        if whole {
            return Some(number::integer(text));
        }
        if !self.coerce {
            return None;
        }
        match number::decimal(text, 0) {
            Ok(number) => Some(Some(number)),
            Err(NumberFault::TooLarge) => Some(None),
            Err(NumberFault::TooFine) => None,
        }
    }

    fn time_of_text(&self, text: &str) -> Option<Result<Value, Breach>> {
        if matches!(self.kind, Kind::Day) {
            match time::parse_day(text) {
                Ok(day) => return Some(day_value(day)),
                Err(TimeFault::NoSuchTime) => return Some(Err(Breach::NoSuchTime)),
                Err(TimeFault::NotATime) if !self.coerce => return None,
                Err(TimeFault::NotATime) => {}
            }
        }
        match Moment::parse(text, !self.coerce) {
            Err(TimeFault::NotATime) if self.coerce => {
                number::is_number(text).map(|_| self.moment(Moment::since_epoch(text)))
            }
            Err(TimeFault::NotATime) => None,
            moment => Some(self.moment(moment)),
        }
    }

    fn moment(&self, moment: Result<Moment, TimeFault>) -> Result<Value, Breach> {
        let moment = moment.map_err(|_| Breach::NoSuchTime)?;
        match self.kind {
            Kind::Day if moment.seconds.rem_euclid(DAY) != 0 || moment.nanoseconds != 0 => {
                Err(Breach::TooFine)
            }
            Kind::Day => day_value(moment.seconds.div_euclid(DAY)),
            Kind::Ticks { precision } => {
                let is_within = (FIRST_SECOND..=LAST_SECOND).contains(&moment.seconds);
                let ticks = moment.ticks(precision).filter(|_| is_within);
                ticks.map(Value::Time).ok_or(Breach::BeyondType)
            }
            Kind::Seconds
            | Kind::Text
            | Kind::Bool
            | Kind::Integer { .. }
            | Kind::Float { .. }
            | Kind::Decimal { .. }
            | Kind::Uuid => {
                let seconds = u32::try_from(moment.seconds).map_err(|_| Breach::BeyondType)?;
                Ok(Value::Time(i64::from(seconds)))
            }
        }
    }
}

fn float(text: &str, is_single: bool) -> Result<Value, Breach> {
    let number = number::float(text).ok_or(Breach::BeyondType)?;
    if is_single && (number as f32).is_infinite() {
        return Err(Breach::BeyondType);
    }
    Ok(Value::Float(number))
}

fn decimal(text: &str, scale: u8, greatest: i128) -> Result<Value, Breach> {
    let number = number::decimal(text, scale).map_err(|fault| match fault {
        NumberFault::TooLarge => Breach::BeyondType,
        NumberFault::TooFine => Breach::TooFine,
    })?;
    if (-greatest..=greatest).contains(&number) {
        Ok(Value::Decimal(number))
    } else {
        Err(Breach::BeyondType)
    }
}

fn day_value(day: i64) -> Result<Value, Breach> {
    u16::try_from(day).map(Value::Day).map_err(|_| Breach::BeyondType)
}

/// The breach that a value has another JSON type, or another form, than the field.
pub(crate) fn wrong_type(cell: Cell) -> Breach {
    Breach::WrongType {
        found: match cell {
            Cell::Missing => Found::Null,
            Cell::True(_) | Cell::False(_) => Found::Bool,
            Cell::Whole(_) => Found::Whole,
            Cell::Fraction(_) => Found::Fraction,
            Cell::Text(_) => Found::Text,
            Cell::Array(_) => Found::Array,
            Cell::Object(_) => Found::Object,
        },
    }
}

/// Reads the 36 characters of a UUID; 32 without hyphens when `bare` is allowed.
fn uuid(text: &str, bare: bool) -> Option<u128> {
    /// Lengths of the groups between the hyphens.
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let bytes = text.as_bytes();
    if bytes.len() == 32 && bare {
        return hexadecimal(bytes, 0);
    }
    if bytes.len() != 36 {
        return None;
    }
    let mut number = 0;
    let mut at = 0;
    for length in GROUPS {
        if at > 0 && bytes[at - 1] != b'-' {
            return None;
        }
        number = hexadecimal(&bytes[at..at + length], number)?;
        at += length + 1;
    }
    Some(number)
}

/// Continues a number by hexadecimal digits.
#[inline]
fn hexadecimal(digits: &[u8], before: u128) -> Option<u128> {
    let mut number: u64 = 0;
    let (upper, lower) = digits.split_at(digits.len().saturating_sub(16));
    let before = if upper.is_empty() { before } else { hexadecimal(upper, before)? };
    let mut wrong = 0;
    for digit in lower {
        let value = DIGIT_VALUES[usize::from(*digit)];
        wrong |= value;
        number = number << 4 | u64::from(value & 15);
    }
    (wrong < 16).then(|| before << (4 * lower.len()) | u128::from(number))
}

/// Value of each byte as a hexadecimal digit; 255 for others.
const DIGIT_VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut value = 0;
    while value < 16 {
        let digit = b"0123456789abcdef"[value];
        values[digit as usize] = value as u8;
        values[digit.to_ascii_uppercase() as usize] = value as u8;
        value += 1;
    }
    values
};
