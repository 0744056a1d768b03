//! Reply: what the answer of a webhook means, in one match.
//!
//! In: status code and `Retry-After`. Out: a [`Reply`]: taken, repeat, park the rule, or set this event aside.
//! Not here: connections that fail before there is an answer; those are repeated or, when forbidden, parked.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The receiver has the event.
    Taken,
    /// The receiver is in trouble that will pass; it may say when.
    Retry(Option<Duration>),
    /// The receiver takes no event as things stand; the text says what to mend.
    Park(&'static str),
    /// The receiver will never take this event.
    Refused,
}

/// Says what an answer means.
pub fn classify(status: u16, retry_after: Option<&str>, now: Timestamp) -> Reply {
    match status {
        200..=299 => Reply::Taken,
        300..=399 => Reply::Park("redirects are not followed; put the address that it points to into `url`"),
        401 | 403 => Reply::Park(
            "the receiver does not accept the signature or the sender; check that it verifies with the secret of `secretRef`",
        ),
        404 | 405 => {
            Reply::Park("nothing takes events at this address; check the path of `url` and the receiver")
        }
        410 => Reply::Park("the receiver has closed this address; change `url` or delete the rule"),
        408 | 425 | 429 => Reply::Retry(retry_after.and_then(|text| parse(text, now))),
        400..=499 => Reply::Refused,
        _ => Reply::Retry(retry_after.and_then(|text| parse(text, now))),
    }
}

/// Reads `Retry-After`: seconds, or a date of which the past means now.
fn parse(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|letter| letter.is_ascii_digit()) {
        // More digits than a number holds mean a very long time.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
    }
    static DATES: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);
    let date = DATES.parse_timestamp(text).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-06T08:49:37Z".parse().expect("it is a time")
    }

    fn class(status: u16) -> &'static str {
        match classify(status, None, now()) {
            Reply::Taken => "taken",
            Reply::Retry(_) => "retry",
            Reply::Park(_) => "park",
            Reply::Refused => "refused",
        }
    }

    #[test]
    fn every_status_has_its_class() {
        for (class_of, statuses) in [
            ("taken", vec![200, 201, 202, 204, 206, 299]),
            ("park", vec![300, 301, 302, 303, 304, 307, 308, 401, 403, 404, 405, 410]),
            (
                "retry",
                vec![408, 425, 429, 500, 501, 502, 503, 504, 507, 511, 520, 599, 100, 101, 103, 600, 999],
            ),
            (
                "refused",
                vec![
                    400, 402, 406, 407, 409, 411, 412, 413, 414, 415, 417, 418, 421, 422, 424, 426, 428, 431,
                    451, 499,
                ],
            ),
        ] {
            for status in statuses {
                assert_eq!(class(status), class_of, "{status}");
            }
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_date() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("99999999999999999999999", Some(u64::from(u32::MAX))),
            ("Fri, 06 Nov 2026 08:50:37 GMT", Some(60)),
            ("Fri, 06 Nov 2026 07:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("2026-11-06T08:50:37Z", None),
        ] {
            for status in [429, 503] {
                let wanted = Reply::Retry(seconds.map(Duration::from_secs));
                assert_eq!(classify(status, Some(text), now()), wanted, "{status} {text}");
            }
        }
    }
}
