//! Times from text and back: RFC 3339 as apps send it, days, and seconds or milliseconds since 1970.
//!
//! In: text. Out: a [`Moment`] in UTC, or whether the text is no time or a time that nothing here can hold.
//! Not here: the range of a column's type (check), and any clock.

use super::number::POWERS_OF_TEN;

/// Why a text is not a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeFault {
    /// It is not written like a time.
    NotATime,
    /// It is written like a time, but there is no such day or hour, or its year has not four digits.
    NoSuchTime,
}

/// A moment in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Whole seconds since 1970, rounded down.
    pub(crate) seconds: i64,
    /// Billionths of a second after that.
    pub(crate) nanoseconds: u32,
}

/// Seconds of a day.
const DAY: i64 = 86_400;

/// 1900-01-01T00:00:00Z: no column holds an earlier time.
pub(crate) const FIRST_SECOND: i64 = -2_208_988_800;

/// 2299-12-31T23:59:59Z: no column holds a later time.
pub(crate) const LAST_SECOND: i64 = 10_413_791_999;

impl Moment {
    /// Units of `10^-precision` seconds since 1970, rounded down; `None` beyond 64 bits.
    pub(crate) fn ticks(self, precision: u8) -> Option<i64> {
        let unit = POWERS_OF_TEN[usize::from(precision)];
        let fraction = i64::from(self.nanoseconds) / POWERS_OF_TEN[9 - usize::from(precision)];
        self.seconds.checked_mul(unit)?.checked_add(fraction)
    }

    /// Reads seconds or milliseconds since 1970 with any fraction: what could be seconds from 1900 to 2299 is seconds.
    pub(crate) fn since_epoch(number: &str) -> Result<Self, TimeFault> {
        const NANO: i128 = 1_000_000_000;
        if number.len() < 16
            && let Ok(whole) = number.parse::<i64>()
        {
            let is_seconds = (FIRST_SECOND..=LAST_SECOND).contains(&whole);
            let milliseconds = if is_seconds { whole * 1000 } else { whole };
            return Ok(Self::of_ticks(milliseconds, 3));
        }
        let nanoseconds = super::number::decimal_cut(number, 9).map_err(|_| TimeFault::NoSuchTime)?;
        let seconds = nanoseconds.div_euclid(NANO);
        let is_seconds = (i128::from(FIRST_SECOND)..=i128::from(LAST_SECOND)).contains(&seconds);
        let nanoseconds = if is_seconds { nanoseconds } else { nanoseconds.div_euclid(1000) };
        Ok(Self {
            seconds: i64::try_from(nanoseconds.div_euclid(NANO)).map_err(|_| TimeFault::NoSuchTime)?,
            nanoseconds: nanoseconds.rem_euclid(NANO) as u32,
        })
    }

    /// Reads RFC 3339: `2026-01-31T12:00:00.5+02:00`. With `zone_needed` false, a time without a zone is UTC.
    pub(crate) fn parse(text: &str, zone_needed: bool) -> Result<Self, TimeFault> {
        let (day, rest) = leading_day(text)?;
        let bytes = rest.as_bytes();
        let [b'T' | b't' | b' ', h1, h2, b':', m1, m2, b':', s1, s2, after @ ..] = bytes else {
            return Err(TimeFault::NotATime);
        };
        let (hour, minute, second) = (two(*h1, *h2)?, two(*m1, *m2)?, two(*s1, *s2)?);
        let (nanoseconds, after) = fraction(after)?;
        let offset = match after {
            [b'Z' | b'z'] => 0,
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
                let (hours, minutes) = (two(*h1, *h2)?, two(*m1, *m2)?);
                if hours > 23 || minutes > 59 {
                    return Err(TimeFault::NoSuchTime);
                }
                let seconds = hours * 3600 + minutes * 60;
                if *sign == b'-' { -seconds } else { seconds }
            }
            [] if !zone_needed => 0,
            _ => return Err(TimeFault::NotATime),
        };
        let day = day.ok_or(TimeFault::NoSuchTime)?;
        if hour > 23 || minute > 59 || second > 59 {
            return Err(TimeFault::NoSuchTime);
        }
        let seconds = day * DAY + hour * 3600 + minute * 60 + second - offset;
        Ok(Self { seconds, nanoseconds })
    }

    /// Appends RFC 3339 in UTC with `precision` digits after the second.
    pub(crate) fn write(self, precision: u8, out: &mut Vec<u8>) {
        write_day(self.seconds.div_euclid(DAY), out);
        let second = self.seconds.rem_euclid(DAY);
        for (separator, number) in [(b'T', second / 3600), (b':', second / 60 % 60), (b':', second % 60)] {
            out.push(separator);
            write_digits(number, 2, out);
        }
        if precision > 0 {
            out.push(b'.');
            let fraction = i64::from(self.nanoseconds) / POWERS_OF_TEN[9 - usize::from(precision)];
            write_digits(fraction, usize::from(precision), out);
        }
        out.push(b'Z');
    }

    /// The moment of a number of ticks.
    pub(crate) fn of_ticks(ticks: i64, precision: u8) -> Self {
        let unit = POWERS_OF_TEN[usize::from(precision)];
        let fraction = ticks.rem_euclid(unit) * POWERS_OF_TEN[9 - usize::from(precision)];
        Self { seconds: ticks.div_euclid(unit), nanoseconds: fraction as u32 }
    }
}

/// Reads `2026-01-31` as days since 1970.
pub(crate) fn parse_day(text: &str) -> Result<i64, TimeFault> {
    match leading_day(text)? {
        (Some(day), "") => Ok(day),
        (None, "") => Err(TimeFault::NoSuchTime),
        (_, _) => Err(TimeFault::NotATime),
    }
}

/// Appends a day as `2026-01-31`.
pub(crate) fn write_day(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(days);
    write_digits(year, 4, out);
    out.push(b'-');
    write_digits(month, 2, out);
    out.push(b'-');
    write_digits(day, 2, out);
}

/// Reads the day before the rest of the text; no day when its year has not four digits or its month not that many days.
fn leading_day(text: &str) -> Result<(Option<i64>, &str), TimeFault> {
    if let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, ..] = text.as_bytes() {
        let (century, year) = (two(*y1, *y2)?, two(*y3, *y4)?);
        let day = days(century * 100 + year, two(*m1, *m2)?, two(*d1, *d2)?);
        return Ok((day, &text[10..]));
    }
    // A sign or more digits are years of ISO 8601's extended form: a time, but none that a column holds.
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let n_digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    match &unsigned.as_bytes()[n_digits..] {
        [b'-', m1, m2, b'-', d1, d2, ..] if n_digits >= 4 => {
            two(*m1, *m2)?;
            two(*d1, *d2)?;
            Ok((None, &unsigned[n_digits + 6..]))
        }
        _ => Err(TimeFault::NotATime),
    }
}

fn two(tens: u8, ones: u8) -> Result<i64, TimeFault> {
    if tens.is_ascii_digit() && ones.is_ascii_digit() {
        Ok(i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
    } else {
        Err(TimeFault::NotATime)
    }
}

/// Reads `.5` as billionths; digits behind the ninth are cut.
fn fraction(text: &[u8]) -> Result<(u32, &[u8]), TimeFault> {
    let [b'.', digits @ ..] = text else { return Ok((0, text)) };
    let n_digits = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
    if n_digits == 0 {
        return Err(TimeFault::NotATime);
    }
    let n_kept = n_digits.min(9);
    let kept = digits[..n_kept].iter().fold(0, |kept, digit| kept * 10 + i64::from(digit - b'0'));
    let nanoseconds = (kept * POWERS_OF_TEN[9 - n_kept]) as u32;
    Ok((nanoseconds, &digits[n_digits..]))
}

/// Days since 1970 of a date of the Gregorian calendar; `None` when there is no such date.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    const LENGTHS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let index = usize::try_from(month - 1).ok()?;
    let length = *LENGTHS.get(index)? + i64::from(is_leap && month == 2);
    if day < 1 || day > length {
        return None;
    }
    // Years begin in March here, so that the leap day is the last of its year (Hinnant, "chrono-compatible date algorithms").
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// Year, month and day of a number of days since 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn write_digits(number: i64, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut rest = number.unsigned_abs();
    for place in digits.iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let n_needed = digits.iter().position(|digit| *digit != b'0').map_or(1, |first| 20 - first);
    out.extend_from_slice(&digits[20 - n_needed.max(width)..]);
}
