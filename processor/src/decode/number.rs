//! Numbers from their text, exactly: no digit passes through a float unless the field is one.
//!
//! In: the text of a number by JSON's grammar. Out: integers, scaled decimals, floats, or why the type cannot hold it.
//! Not here: which type a field has, and whether a string may stand for a number.

use super::scanner::{Cell, Scanner};

/// Why a number cannot be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberFault {
    /// It is larger than the type holds.
    TooLarge,
    /// It has digits behind the last place that the type keeps.
    TooFine,
}

/// Largest power of ten in an `i128`.
const MAXIMUM_POWER: i64 = 38;

/// Returns the whole number that `text` writes with sign and digits only; `None` when it is beyond 128 bits.
pub(crate) fn integer(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let magnitude = if digits.len() <= 18 {
        let short = digits.bytes().fold(0_u64, |value, digit| value * 10 + u64::from(digit - b'0'));
        i128::from(short)
    } else {
        digits.parse::<i128>().ok()?
    };
    Some(if digits.len() < text.len() { -magnitude } else { magnitude })
}

/// Returns `text × 10^scale`, which must be whole.
pub(crate) fn decimal(text: &str, scale: u8) -> Result<i128, NumberFault> {
    if let Some(short) = Short::of(text)
        && let Some(n_zeros) = scale.checked_sub(short.n_fraction)
    {
        // With 18 digits and up to 38 zeros it may be beyond 128 bits.
        let magnitude =
            i128::from(short.digits).checked_mul(power_of_ten(n_zeros)).ok_or(NumberFault::TooLarge)?;
        return Ok(if short.negative { -magnitude } else { magnitude });
    }
    Parts::of(text).scaled(scale, false)
}

/// Returns `text × 10^scale` without what stands behind the last place.
pub(crate) fn decimal_cut(text: &str, scale: u8) -> Result<i128, NumberFault> {
    Parts::of(text).scaled(scale, true)
}

/// Returns the nearest float, `None` when that is infinite.
pub(crate) fn float(text: &str) -> Option<f64> {
    // Both parts are floats without loss here, so that one division rounds once, as it must (Clinger).
    if let Some(short) = Short::of(text)
        && short.digits < 1 << 53
    {
        let magnitude = short.digits as f64 / POWERS_OF_TEN[usize::from(short.n_fraction)] as f64;
        return Some(if short.negative { -magnitude } else { magnitude });
    }
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// Whether `text` is a number by JSON's grammar, and whether it has neither point nor exponent.
pub(crate) fn is_number(text: &str) -> Option<bool> {
    let mut arena = String::new();
    let mut scanner = Scanner::new(text, &mut arena);
    if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return None;
    }
    let cell = scanner.cell(None).ok().filter(|_| scanner.at() == text.len())?;
    match cell {
        Cell::Whole(_) => Some(true),
        Cell::Fraction(_) => Some(false),
        Cell::Missing | Cell::True(_) | Cell::False(_) | Cell::Text(_) | Cell::Array(_) | Cell::Object(_) => {
            None
        }
    }
}

/// `10^power`, for powers up to 38.
#[inline]
pub(crate) fn power_of_ten(power: u8) -> i128 {
    match POWERS_OF_TEN.get(usize::from(power)) {
        Some(small) => i128::from(*small),
        None => 10_i128.pow(u32::from(power)),
    }
}

/// The powers of ten that 64 bits hold with a sign.
pub(crate) const POWERS_OF_TEN: [i64; 19] = {
    let mut powers = [1; 19];
    let mut power = 1;
    while power < powers.len() {
        powers[power] = powers[power - 1] * 10;
        power += 1;
    }
    powers
};

/// A number of at most 18 digits and no exponent: most numbers, read in one go.
struct Short {
    negative: bool,
    digits: u64,
    /// How many of the digits stand behind the point.
    n_fraction: u8,
}

impl Short {
    #[inline]
    fn of(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let negative = bytes.first() == Some(&b'-');
        let unsigned = &bytes[usize::from(negative)..];
        if unsigned.len() > 18 {
            return None;
        }
        let mut digits = 0;
        let mut point = None;
        for (index, byte) in unsigned.iter().enumerate() {
            match byte {
                b'0'..=b'9' => digits = digits * 10 + u64::from(byte - b'0'),
                b'.' => point = Some(index),
                _ => return None,
            }
        }
        let n_fraction = point.map_or(0, |point| unsigned.len() - point - 1) as u8;
        Some(Self { negative, digits, n_fraction })
    }
}

/// A number taken apart: `± whole.fraction × 10^exponent`.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = match digits.find(['e', 'E']) {
            Some(at) => (&digits[..at], exponent(&digits[at + 1..])),
            None => (digits, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        Self { negative: digits.len() < text.len(), whole, fraction, exponent }
    }

    fn scaled(&self, scale: u8, cut: bool) -> Result<i128, NumberFault> {
        let fraction = self.fraction.trim_end_matches('0');
        // Zeros at the end of a whole number carry no digit either, so that 1e-2 of 100 is 1.
        let whole = if fraction.is_empty() { self.whole.trim_end_matches('0') } else { self.whole };
        let dropped_zeros = (self.whole.len() - whole.len()) as i64;
        let n_digits = (whole.len() + fraction.len()) as i64;
        let shift = i64::from(scale) + self.exponent + dropped_zeros - fraction.len() as i64;
        let n_kept = if shift >= 0 { n_digits } else { (n_digits + shift).max(0) };
        let is_zero = whole.bytes().chain(fraction.bytes()).all(|digit| digit == b'0');
        if n_kept < n_digits && !cut && !is_zero {
            return Err(NumberFault::TooFine);
        }
        let mut magnitude: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()).take(n_kept as usize) {
            magnitude = magnitude
                .checked_mul(10)
                .and_then(|value| value.checked_add(i128::from(digit - b'0')))
                .ok_or(NumberFault::TooLarge)?;
        }
        if shift > 0 && magnitude != 0 {
            if shift > MAXIMUM_POWER {
                return Err(NumberFault::TooLarge);
            }
            magnitude = magnitude.checked_mul(power_of_ten(shift as u8)).ok_or(NumberFault::TooLarge)?;
        }
        Ok(if self.negative { -magnitude } else { magnitude })
    }
}

/// The exponent; beyond any type it stays there, so that no length of digits overflows.
fn exponent(text: &str) -> i64 {
    const BEYOND: i64 = 1 << 40;
    let digits = text.trim_start_matches(['+', '-']);
    let value = digits.bytes().fold(0_i64, |value, digit| (value * 10 + i64::from(digit - b'0')).min(BEYOND));
    if text.starts_with('-') { -value } else { value }
}
