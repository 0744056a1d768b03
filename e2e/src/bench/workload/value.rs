//! Values of an event's fields, made for their types.
//!
//! In: a [`Field`] of the schema, random numbers. Out: JSON that the field accepts. Strings have no characters that JSON escapes, so that
//! every mover may borrow them.
//! Not here: names and nesting.

use std::fmt::{Result as Written, Write as _};

use anyhow::{Result, bail};
use crds::columns::ScalarType;
use crds::schema::field::{Field, FieldType};

use crate::generator::random::Random;

const WORDS: [&str; 8] =
    ["lantern", "harbour", "meadow", "iPhone17,3", "Pixel 12 Pro", "iOS 26.1", "Android 17", "granite"];

/// Makes the values of one field.
#[derive(Debug, Clone)]
pub(super) enum Maker {
    /// `"order-00012345"`
    Id(String),
    /// `"7.12.1"`
    Version,
    /// One of eight words and a number.
    Word,
    /// An address.
    Url,
    /// An address with a long tail.
    LongUrl,
    /// The line that a browser says of itself.
    Agent,
    /// One of the schema's own list.
    Choice(Vec<String>),
    Uuid,
    /// A decimal of two places, from 0.01.
    Cents,
    /// A whole number from 1 to 100.
    Whole,
    /// A number between 0 and 1.
    Fraction,
    /// A moment of one day.
    Time,
    Flag,
    /// Three whole numbers.
    Numbers,
}

impl Maker {
    /// Picks the maker of a field.
    pub(super) fn of(field: &Field) -> Result<Self> {
        let text = |longest: Option<u32>| match longest {
            Some(64) => Self::Id(field.path.first().cloned().unwrap_or_default()),
            Some(32) => Self::Version,
            Some(512) => Self::Agent,
            Some(4096) => Self::LongUrl,
            Some(_) => Self::Url,
            None => Self::Word,
        };
        Ok(match field.field_type {
            FieldType::Scalar(ScalarType::String) if !field.constraints.allowed.is_empty() => {
                Self::Choice(field.constraints.allowed.clone())
            }
            FieldType::Scalar(ScalarType::String) => text(field.constraints.max_length),
            FieldType::Scalar(ScalarType::Uuid) => Self::Uuid,
            FieldType::Scalar(ScalarType::Decimal { scale: 2, .. }) => Self::Cents,
            FieldType::Scalar(ScalarType::UInt8 | ScalarType::UInt16 | ScalarType::UInt32) => Self::Whole,
            FieldType::Scalar(ScalarType::Float64) => Self::Fraction,
            FieldType::Scalar(ScalarType::DateTime64 { precision: 3 }) => Self::Time,
            FieldType::Scalar(ScalarType::Bool) => Self::Flag,
            FieldType::Array(ScalarType::Int32) => Self::Numbers,
            FieldType::Scalar(_) | FieldType::Array(_) | FieldType::Json => {
                bail!("the generator makes no values of type {} (field {})", field.field_type, field.name())
            }
        })
    }

    /// Writes a value and returns it, where it is an amount, in cents.
    pub(super) fn write(&self, random: &mut Random, out: &mut String) -> Result<u64, std::fmt::Error> {
        if let Self::Cents = self {
            let cents = 1 + random.below(1_000_000);
            write!(out, "{}.{:02}", cents / 100, cents % 100)?;
            return Ok(cents);
        }
        self.write_other(random, out)?;
        Ok(0)
    }

    fn write_other(&self, random: &mut Random, out: &mut String) -> Written {
        let number = random.next();
        match self {
            Self::Cents | Self::Whole => write!(out, "{}", 1 + number % 100),
            Self::Id(prefix) => write!(out, "\"{prefix}-{:08}\"", number % 100_000_000),
            Self::Version => write!(out, "\"{}.{}.{}\"", 1 + number % 9, number / 16 % 30, number / 512 % 10),
            Self::Word => write!(out, "\"{} {}\"", WORDS[(number % 8) as usize], number / 8 % 40),
            Self::Url => write!(out, "\"https://shop.example.com/p/{:08x}\"", number >> 32),
            Self::LongUrl => write!(
                out,
                "\"https://news.example.com/letters/of/january/{}/{number:016x}?source=newsletter&medium=email&device=phone&campaign={}&content={}&keyword={}&visitor={}\"",
                WORDS[(number % 3) as usize],
                number % 500,
                number / 512 % 100,
                WORDS[(number / 65_536 % 3) as usize],
                random.uuid()
            ),
            Self::Agent => write!(
                out,
                "\"Mozilla/5.0 (Linux; Android 17; Pixel 12) AppleWebKit/{}.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Mobile Safari/537.36 ShopApp/7.12.1 (build 71201; release)\"",
                500 + number % 40,
                120 + number / 64 % 20
            ),
            Self::Choice(choices) => {
                write!(out, "\"{}\"", choices[(number % choices.len() as u64) as usize])
            }
            Self::Uuid => write!(out, "\"{}\"", random.uuid()),
            Self::Fraction => write!(out, "0.{:06}", 1 + number % 999_998),
            Self::Time => write!(
                out,
                "\"2026-01-30T{:02}:{:02}:{:02}.{:03}Z\"",
                number % 24,
                number / 32 % 60,
                number / 2_048 % 60,
                number / 131_072 % 1_000
            ),
            Self::Flag => write!(out, "{}", number.is_multiple_of(2)),
            Self::Numbers => {
                write!(out, "[{},{},{}]", number % 1_000, number / 1_024 % 1_000, number / 1_048_576 % 1_000)
            }
        }
    }
}
