//! Convert: a JSON value into the type of its field, or why it is none.
//!
//! In: a [`Cell`] and a [`Target`]. Out: a [`Value`], exact: what the type cannot hold is refused, never rounded or wrapped.
//! Two things are cut on purpose, as every app sends more of them than a column keeps: digits of a second behind the type's
//! precision, and the float nearest to a decimal text.
//! Not here: constraints of the schema (rules), and whether the value must be there (check).

use crds::columns::ScalarType;
use crds::schema::literal::integer_bounds;
use wide::u8x16;

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

    /// Converts a value that is there. What most fields are is decided here, the rest behind a call.
    #[inline(always)]
    pub(crate) fn convert(&self, cell: Cell, texts: Texts<'_>, value: &mut Value) -> Result<(), Breach> {
        *value = match (self.kind, cell) {
            (Kind::Text, Cell::Text(span)) => {
                *value = Value::Text(span);
                return Ok(());
            }
            (Kind::Integer { least, greatest }, Cell::Whole(span)) => {
                integer_within(number::integer(texts.get(span)), least, greatest)?
            }
            (Kind::Float { is_single }, Cell::Whole(span) | Cell::Fraction(span)) => {
                float(texts.get(span), is_single)?
            }
            (Kind::Decimal { scale, greatest }, Cell::Whole(span) | Cell::Fraction(span)) => {
                decimal(texts.get(span), scale, greatest)?
            }
            (_, cell) => self.convert_other(cell, texts)?,
        };
        Ok(())
    }

    fn convert_other(&self, cell: Cell, texts: Texts<'_>) -> Result<Value, Breach> {
        let converted = match (self.kind, cell) {
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
                Some(integer_within(self.integer(text, whole)?, least, greatest))
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

/// `number` is none when it is beyond 128 bits.
#[inline]
fn integer_within(number: Option<i128>, least: i128, greatest: i128) -> Result<Value, Breach> {
    match number {
        Some(number) if (least..=greatest).contains(&number) => Ok(Value::Integer(number)),
        _ => Err(Breach::BeyondType),
    }
}

#[inline]
fn float(text: &str, is_single: bool) -> Result<Value, Breach> {
    let number = number::float(text).ok_or(Breach::BeyondType)?;
    if is_single && (number as f32).is_infinite() {
        return Err(Breach::BeyondType);
    }
    Ok(Value::Float(number))
}

#[inline]
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
    let bytes = text.as_bytes();
    let mut digits = [0; 32];
    if let Some(bytes) = bytes.first_chunk::<36>().filter(|_| bytes.len() == 36) {
        if [8, 13, 18, 23].iter().any(|at| bytes[*at] != b'-') {
            return None;
        }
        digits[..8].copy_from_slice(&bytes[..8]);
        digits[8..12].copy_from_slice(&bytes[9..13]);
        digits[12..16].copy_from_slice(&bytes[14..18]);
        digits[16..20].copy_from_slice(&bytes[19..23]);
        digits[20..].copy_from_slice(&bytes[24..]);
    } else if bytes.len() == 32 && bare {
        digits.copy_from_slice(bytes);
    } else {
        return None;
    }
    let (upper, lower) = (digits.first_chunk::<16>()?, digits.last_chunk::<16>()?);
    Some(u128::from(hexadecimal(*upper)?) << 64 | u128::from(hexadecimal(*lower)?))
}

/// Reads sixteen hexadecimal digits at once.
#[inline]
fn hexadecimal(digits: [u8; 16]) -> Option<u64> {
    let text = u8x16::new(digits);
    let (digit, letter) = (text - u8x16::splat(b'0'), (text | u8x16::splat(0x20)) - u8x16::splat(b'a'));
    let is_digit = digit.simd_eq(digit.min(u8x16::splat(9)));
    let is_letter = letter.simd_eq(letter.min(u8x16::splat(5)));
    if (is_digit | is_letter).to_bitmask() != 0xffff {
        return None;
    }
    let halves = is_digit.bitselect(digit, letter + u8x16::splat(10)).to_array();
    let number = u128::from_be_bytes(halves);
    // Two digits become a byte, two bytes a pair, and so on.
    let pack = |number: u64| {
        let number = (number | number >> 4) & 0x00ff_00ff_00ff_00ff;
        let number = (number | number >> 8) & 0x0000_ffff_0000_ffff;
        (number | number >> 16) & 0xffff_ffff
    };
    Some(pack((number >> 64) as u64) << 32 | pack(number as u64))
}
