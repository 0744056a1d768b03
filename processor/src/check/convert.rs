//! Convert: a JSON value into the type of its field, or why it is none.
//!
//! In: a [`Cell`] and a [`Target`]. Out: a [`Value`], exact: what the type cannot hold is refused, never rounded or wrapped.
//! Two things are cut on purpose, as every app sends more of them than a column keeps: digits of a second behind the type's
//! precision, and the float nearest to a decimal text.
//! Not here: constraints of the schema (rules), and whether the value must be there (check).

use crds::columns::ScalarType;
use crds::schema::literal::integer_bounds;

use super::fault::Breach;
use super::value::Value;
use crate::decode::number::{self, NumberFault};
use crate::decode::scanner::Cell;
use crate::decode::text::Texts;
use crate::decode::time::{self, FIRST_SECOND, LAST_SECOND, Moment, TimeFault};

/// What a value becomes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    scalar: ScalarType,
    coerce: bool,
    /// Least and greatest integer, or the greatest decimal.
    bounds: (i128, i128),
}

impl Target {
    /// A type, and whether values of other JSON types are converted to it.
    pub(crate) fn new(scalar: ScalarType, coerce: bool) -> Self {
        let bounds = match scalar {
            ScalarType::Decimal { precision, .. } => {
                let greatest = number::power_of_ten(precision.min(38)) - 1;
                (-greatest, greatest)
            }
            other => integer_bounds(other).unwrap_or_default(),
        };
        Self { scalar, coerce, bounds }
    }

    /// Converts a value that is there.
    #[inline]
    pub(crate) fn convert(&self, cell: Cell, texts: Texts<'_>) -> Result<Value, Breach> {
        match (self.scalar, cell) {
            (ScalarType::String, Cell::Text(span)) => Ok(Value::Text(span)),
            (ScalarType::String, Cell::Number { span, .. } | Cell::Bool { span, .. }) if self.coerce => {
                Ok(Value::Text(span))
            }
            (ScalarType::Bool, Cell::Bool { value, .. }) => Ok(Value::Bool(value)),
            (ScalarType::String, _) => Err(wrong_type(cell)),
            (_, Cell::Number { span, whole }) => self.of_number(texts.get(span), whole).ok_or(wrong_type(cell))?,
            (_, Cell::Text(span)) => self.of_text(texts.get(span)).ok_or(wrong_type(cell))?,
            _ => Err(wrong_type(cell)),
        }
    }

    /// `None` when a number never stands for the type.
    fn of_number(&self, text: &str, whole: bool) -> Option<Result<Value, Breach>> {
        match self.scalar {
            ScalarType::Bool => match text {
                "0" if self.coerce => Some(Ok(Value::Bool(false))),
                "1" if self.coerce => Some(Ok(Value::Bool(true))),
                _ => None,
            },
            ScalarType::Float32 | ScalarType::Float64 => Some(self.float(text)),
            ScalarType::Decimal { scale, .. } => Some(self.decimal(text, scale)),
            ScalarType::Date | ScalarType::DateTime | ScalarType::DateTime64 { .. } => {
                self.coerce.then(|| self.moment(Moment::since_epoch(text)))
            }
            ScalarType::Uuid | ScalarType::String => None,
            _ => self.integer(text, whole),
        }
    }

    /// `None` when the text does not stand for the type.
    fn of_text(&self, text: &str) -> Option<Result<Value, Breach>> {
        match self.scalar {
            ScalarType::Bool => match text {
                "true" if self.coerce => Some(Ok(Value::Bool(true))),
                "false" if self.coerce => Some(Ok(Value::Bool(false))),
                _ => None,
            },
            ScalarType::Uuid => uuid(text, self.coerce).map(|uuid| Ok(Value::Uuid(uuid))),
            ScalarType::Date | ScalarType::DateTime | ScalarType::DateTime64 { .. } => self.time_of_text(text),
            _ if self.coerce => number::is_number(text).and_then(|whole| self.of_number(text, whole)),
            _ => None,
        }
    }

    fn integer(&self, text: &str, whole: bool) -> Option<Result<Value, Breach>> {
        let (least, greatest) = self.bounds;
        let number = if whole {
            number::integer(text)
        } else if self.coerce {
            match number::decimal(text, 0) {
                Ok(number) => Some(number),
                Err(NumberFault::TooLarge) => None,
                Err(NumberFault::TooFine) => return None,
            }
        } else {
            return None;
        };
        let fitting = number.filter(|number| (least..=greatest).contains(number));
        Some(fitting.map(Value::Integer).ok_or(Breach::BeyondType))
    }

    fn float(&self, text: &str) -> Result<Value, Breach> {
        let number = number::float(text).ok_or(Breach::BeyondType)?;
        if self.scalar == ScalarType::Float32 && (number as f32).is_infinite() {
            return Err(Breach::BeyondType);
        }
        Ok(Value::Float(number))
    }

    fn decimal(&self, text: &str, scale: u8) -> Result<Value, Breach> {
        let number = number::decimal(text, scale).map_err(|fault| match fault {
            NumberFault::TooLarge => Breach::BeyondType,
            NumberFault::TooFine => Breach::TooFine,
        })?;
        let (least, greatest) = self.bounds;
        if (least..=greatest).contains(&number) { Ok(Value::Decimal(number)) } else { Err(Breach::BeyondType) }
    }

    fn time_of_text(&self, text: &str) -> Option<Result<Value, Breach>> {
        if self.scalar == ScalarType::Date {
            match time::parse_day(text) {
                Ok(day) => return Some(u16::try_from(day).map(Value::Day).map_err(|_| Breach::BeyondType)),
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
        match self.scalar {
            ScalarType::Date => {
                const DAY: i64 = 86_400;
                if moment.seconds.rem_euclid(DAY) != 0 || moment.nanoseconds != 0 {
                    return Err(Breach::TooFine);
                }
                u16::try_from(moment.seconds.div_euclid(DAY)).map(Value::Day).map_err(|_| Breach::BeyondType)
            }
            ScalarType::DateTime64 { precision } => {
                if !(FIRST_SECOND..=LAST_SECOND).contains(&moment.seconds) {
                    return Err(Breach::BeyondType);
                }
                moment.ticks(precision).map(Value::Time).ok_or(Breach::BeyondType)
            }
            _ => u32::try_from(moment.seconds)
                .map(|seconds| Value::Time(i64::from(seconds)))
                .map_err(|_| Breach::BeyondType),
        }
    }
}

/// The breach that a value has another JSON type, or another form, than the field.
pub(crate) fn wrong_type(cell: Cell) -> Breach {
    Breach::WrongType {
        found: match cell {
            Cell::Missing => "null",
            Cell::Bool { .. } => "true or false",
            Cell::Number { whole: true, .. } => "a whole number",
            Cell::Number { whole: false, .. } => "a number with a point or exponent",
            Cell::Text(_) => "a string",
            Cell::Array(_) => "an array",
            Cell::Object(_) => "an object",
        },
    }
}

/// Reads the 36 characters of a UUID; 32 without hyphens when `bare` is allowed.
fn uuid(text: &str, bare: bool) -> Option<u128> {
    let bytes = text.as_bytes();
    let is_bare = bytes.len() == 32 && bare;
    if bytes.len() != 36 && !is_bare {
        return None;
    }
    let mut number: u128 = 0;
    for (index, byte) in bytes.iter().enumerate() {
        if !is_bare && matches!(index, 8 | 13 | 18 | 23) {
            if *byte != b'-' {
                return None;
            }
            continue;
        }
        let digit = char::from(*byte).to_digit(16)?;
        number = number << 4 | u128::from(digit);
    }
    Some(number)
}
