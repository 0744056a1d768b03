//! Durations and sizes: what is read, and what is refused with a remedy.

use std::time::Duration;

use super::*;

#[test]
fn reads_durations_and_sums_of_durations() {
    let cases = [
        ("500ms", 500),
        ("30s", 30_000),
        ("5m", 300_000),
        ("72h", 259_200_000),
        ("365d", 31_536_000_000),
        ("1h30m", 5_400_000),
        ("1m500ms", 60_500),
        ("0s", 0),
    ];
    for (text, milliseconds) in cases {
        assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
    }
}

#[test]
fn refuses_what_is_not_a_duration() {
    for text in ["", "5", "s", "5 m", "5min", "-5m", "1.5h", "5m ", "h5", "5M", "٣s"] {
        assert_eq!(parse_duration(text), Err(QuantityError::NotADuration(text.into())), "{text}");
    }
    for text in ["99999999999999999999s", "999999999999999999d"] {
        assert_eq!(parse_duration(text), Err(QuantityError::TooLarge(text.into())), "{text}");
    }
}

#[test]
fn reads_sizes() {
    let cases = [
        ("0", 0),
        ("1024", 1024),
        ("64Ki", 65_536),
        ("16Mi", 16_777_216),
        ("1Gi", 1 << 30),
        ("2M", 2_000_000),
    ];
    for (text, bytes) in cases {
        assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
    }
}

#[test]
fn refuses_what_is_not_a_size() {
    for text in ["", "Mi", "16MB", "1.5Gi", "-1", "16 Mi", "16mi"] {
        assert_eq!(parse_bytes(text), Err(QuantityError::NotBytes(text.into())), "{text}");
    }
    assert_eq!(parse_bytes("99999999999Ti"), Err(QuantityError::TooLarge("99999999999Ti".into())));
}

#[test]
fn a_refusal_says_what_to_write_instead() {
    let text = parse_duration("five minutes").unwrap_err().to_string();
    assert!(text.contains("five minutes") && text.contains("1h30m"), "{text}");
}
