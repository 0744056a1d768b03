//! Values of the fixed structs and their bytes in a column.
//!
//! In: what serde decodes. Out: [`Cell`]: little-endian numbers, strings with their length, days and moments as numbers.
//! A moment or a UUID of another form becomes zero: the generator writes none.

use serde::Deserialize;
use uuid::Uuid;

use super::columns::{Cell, Column};

/// One of few strings.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Choice<'a>(pub(super) &'a str);

/// A number with two digits after the point.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Decimal(f64);

/// A moment as `2026-01-31T10:00:00.123Z`.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Moment<'a>(&'a str);

/// A UUID as text.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Id<'a>(&'a str);

impl Cell for &str {
    fn put(&self, column: &mut Column) {
        column.string(self);
    }

    fn put_nothing(column: &mut Column) {
        column.string("");
    }
}

impl Cell for Choice<'_> {
    fn put(&self, column: &mut Column) {
        column.choice(self.0);
    }

    fn put_nothing(column: &mut Column) {
        column.choice("");
    }
}

impl Cell for Decimal {
    fn put(&self, column: &mut Column) {
        ((self.0 * 100.0).round() as i64).put(column);
    }

    fn put_nothing(column: &mut Column) {
        i64::put_nothing(column);
    }
}

impl Cell for Moment<'_> {
    fn put(&self, column: &mut Column) {
        milliseconds(self.0.as_bytes()).unwrap_or_default().put(column);
    }

    fn put_nothing(column: &mut Column) {
        i64::put_nothing(column);
    }
}

impl Cell for Id<'_> {
    fn put(&self, column: &mut Column) {
        let (high, low) = Uuid::try_parse(self.0).unwrap_or_default().as_u64_pair();
        column.fixed(&high.to_le_bytes());
        column.fixed(&low.to_le_bytes());
    }

    fn put_nothing(column: &mut Column) {
        column.fixed(&[0; 16]);
    }
}

impl Cell for bool {
    fn put(&self, column: &mut Column) {
        column.fixed(&[u8::from(*self)]);
    }

    fn put_nothing(column: &mut Column) {
        column.fixed(&[0]);
    }
}

impl Cell for [i32; 3] {
    fn put(&self, column: &mut Column) {
        self.iter().for_each(|number| column.fixed(&number.to_le_bytes()));
        column.end_array();
    }

    fn put_nothing(column: &mut Column) {
        column.end_array();
    }
}

/// Writes numbers as they are. A function cannot implement a trait for several types.
macro_rules! number {
    ($($kind:ty),*) => {$(
        impl Cell for $kind {
            fn put(&self, column: &mut Column) {
                column.fixed(&self.to_le_bytes());
            }

            fn put_nothing(column: &mut Column) {
                column.fixed(&<$kind>::default().to_le_bytes());
            }
        }
    )*};
}

number!(u8, u16, u32, i32, i64, f64);

/// Milliseconds since 1970 of a moment of the one form that events have.
pub(super) fn milliseconds(text: &[u8]) -> Option<i64> {
    let digits = |from: usize, to: usize| {
        text.get(from..to)?.iter().try_fold(0_i64, |number, byte| {
            byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
        })
    };
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let seconds = (digits(11, 13)? * 60 + digits(14, 16)?) * 60 + digits(17, 19)?;
    // Days since 1970, with years that begin in March, so that the leap day is the last of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468;
    Some((days * 86_400 + seconds) * 1_000 + digits(20, 23)?)
}
