//! Verdict: what an answer of ClickHouse means, in one `match` on the server's code.
//!
//! In: an error of the client. Out: repeat, stop and say so, or look for the row; with a reason and a message.
//! The server's text may hold values of events, so only its code and the code's name are passed on.
//! Not here: what is done about it.

use std::time::Duration;

use clickhouse::error::Error;
use crds::conditions::Reason;

use crate::retry::Verdict;
use crate::sink::SinkError;

/// Judges the error of an insert.
pub(super) fn judge(error: Error) -> SinkError {
    let (verdict, reason, message) = if let Error::BadResponse(text) = &error {
        judge_text(text)
    } else if let Some(cause) = certificate_problem(&error) {
        (Verdict::Retry, Reason::ClickHouseUnreachable, untrusted(&cause))
    } else if matches!(error, Error::TimedOut | Error::Network(_)) {
        unreachable()
    } else if let Error::InvalidParams(cause) = &error {
        (Verdict::Stop, Reason::ClickHouseUnreachable, cause.to_string())
    } else {
        let message =
            "the answer of ClickHouse cannot be understood; is this address really a ClickHouse HTTP port?";
        (Verdict::Stop, Reason::ClickHouseRejected, message.to_owned())
    };
    // The text of a refusal is not kept as a cause: it may quote what it refuses.
    let source: Option<Box<dyn std::error::Error + Send + Sync>> =
        if matches!(error, Error::Network(_)) { Some(Box::new(error)) } else { None };
    SinkError { verdict, reason, message, source }
}

/// Judges the error of a question: no row can be at fault.
pub(super) fn judge_question(error: Error) -> SinkError {
    let judged = judge(error);
    if judged.verdict == Verdict::RowRefused {
        SinkError { verdict: Verdict::Stop, ..judged }
    } else {
        judged
    }
}

/// Builds the error of a server that did not answer.
pub(super) fn silent(what: &str, waited: Duration) -> SinkError {
    SinkError {
        verdict: Verdict::Retry,
        reason: Reason::ClickHouseUnreachable,
        message: format!("{what} within {} s", waited.as_secs()),
        source: None,
    }
}

fn unreachable() -> (Verdict, Reason, String) {
    let message = "ClickHouse does not answer; check its address, and whether it runs";
    (Verdict::Retry, Reason::ClickHouseUnreachable, message.to_owned())
}

/// Finds what is wrong with the server's certificate, behind whatever the client has wrapped around it.
fn certificate_problem(error: &Error) -> Option<String> {
    let first: &(dyn std::error::Error + 'static) = error;
    let mut causes = std::iter::successors(Some(first), |cause| cause.source());
    // The outer texts repeat the inner ones.
    causes.find_map(|cause| {
        cause.to_string().split_once("invalid peer certificate: ").map(|(_, it)| it.to_owned())
    })
}

fn untrusted(cause: &str) -> String {
    format!(
        "the certificate of ClickHouse is not trusted ({cause}): `clickhouse-ca.crt` of the connection Secret must hold the authority that signed it, and the address a name that it is for"
    )
}

fn judge_text(text: &str) -> (Verdict, Reason, String) {
    let Some(code) = code(text) else {
        return match text.get(..3) {
            Some("401" | "403") => refused_login("HTTP 401 or 403"),
            Some("404" | "405" | "400") => (
                Verdict::Stop,
                Reason::ClickHouseRejected,
                "the address does not lead to a ClickHouse HTTP port; mend it".to_owned(),
            ),
            _ => unreachable(),
        };
    };
    let named = format!("code {code}{}", name(text).map_or(String::new(), |name| format!(", {name}")));
    match code {
        // UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED
        192..=194 | 516 => refused_login(&named),
        // One value: parse errors, overflows, null in a column without null, constraints, unknown enum elements.
        6 | 26 | 27 | 38 | 41 | 69 | 72 | 117 | 128 | 131 | 321 | 349 | 376 | 407 | 441 | 467 | 469 | 675
        | 676 | 691 => {
            (Verdict::RowRefused, Reason::ClickHouseRejected, format!("ClickHouse refuses a row ({named})"))
        }
        // What is missing: columns (8, 10, 16, 20, 47), types (50, 53), tables (60), databases (81), settings (115), rights (164, 497),
        // and a view on the table that throws (395).
        8 | 10 | 16 | 20 | 47 | 50 | 53 | 60 | 62 | 81 | 115 | 164 | 395 | 497 => (
            Verdict::Stop,
            Reason::ClickHouseRejected,
            format!("ClickHouse refuses the insert ({named}): {}", remedy(code)),
        ),
        // TOO_MANY_PARTS, MEMORY_LIMIT, NOT_ENOUGH_SPACE, TABLE_IS_READ_ONLY, KEEPER, TIMEOUT …, and every code not known here: it is
        // better to try again, aloud, than to set a row aside that is not at fault.
        _ => (
            Verdict::Retry,
            Reason::ClickHouseRejected,
            format!("ClickHouse does not take the insert now ({named}); its log names the cause"),
        ),
    }
}

fn refused_login(named: &str) -> (Verdict, Reason, String) {
    let message = format!(
        "ClickHouse refuses user or password ({named}): mend the connection Secret; it is read again by itself"
    );
    (Verdict::Stop, Reason::ClickHouseAuthFailed, message)
}

fn remedy(code: u32) -> &'static str {
    match code {
        60 | 81 => "the table is missing; the operator makes it again",
        164 | 497 => "grant this user INSERT and SELECT on the table",
        395 => "a materialized view on the table throws; mend or drop it",
        8 | 10 | 16 | 20 | 47 => "a column of the stream is missing in the table; the operator adds it",
        _ => "its log names the cause",
    }
}

/// Finds the code in `Code: 60. DB::Exception: …`.
fn code(text: &str) -> Option<u32> {
    let rest = text.split_once("Code: ")?.1;
    let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// Finds the code's name, the last word in capitals between brackets.
fn name(text: &str) -> Option<&str> {
    text.rsplit('(').filter_map(|rest| rest.split_once(')')).map(|(inside, _)| inside).find(|inside| {
        inside.len() > 2 && inside.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> (Verdict, Reason) {
        let judged = judge(Error::BadResponse(text.to_owned()));
        (judged.verdict, judged.reason)
    }

    #[test]
    fn each_class_of_answer_has_its_verdict() {
        let cases = [
            (
                "Code: 516. DB::Exception: tributary: Authentication failed. (AUTHENTICATION_FAILED)",
                Verdict::Stop,
                Reason::ClickHouseAuthFailed,
            ),
            (
                "Code: 60. DB::Exception: Table shop.ios does not exist. (UNKNOWN_TABLE)",
                Verdict::Stop,
                Reason::ClickHouseRejected,
            ),
            (
                "Code: 16. DB::Exception: No such column amount. (NO_SUCH_COLUMN_IN_TABLE)",
                Verdict::Stop,
                Reason::ClickHouseRejected,
            ),
            (
                "Code: 252. DB::Exception: Too many parts. (TOO_MANY_PARTS)",
                Verdict::Retry,
                Reason::ClickHouseRejected,
            ),
            (
                "Code: 241. DB::Exception: Memory limit. (MEMORY_LIMIT_EXCEEDED)",
                Verdict::Retry,
                Reason::ClickHouseRejected,
            ),
            (
                "Code: 6. DB::Exception: Cannot parse 'zz'. (CANNOT_PARSE_TEXT)",
                Verdict::RowRefused,
                Reason::ClickHouseRejected,
            ),
            (
                "Code: 117. DB::Exception: bad. (INCORRECT_DATA)",
                Verdict::RowRefused,
                Reason::ClickHouseRejected,
            ),
            ("Code: 99999", Verdict::Retry, Reason::ClickHouseRejected),
            ("503 Service Unavailable", Verdict::Retry, Reason::ClickHouseUnreachable),
            ("401 Unauthorized", Verdict::Stop, Reason::ClickHouseAuthFailed),
        ];
        for (text, verdict, reason) in cases {
            assert_eq!(judged(text), (verdict, reason), "{text}");
        }
    }

    #[test]
    fn a_value_in_the_servers_text_is_not_passed_on() {
        let judged = judge(Error::BadResponse(
            "Code: 6. DB::Exception: Cannot parse string 'secret@example.com' (at row 3): (CANNOT_PARSE_TEXT) (version 26.7)".into(),
        ));
        let shown = crate::flow::chain(&judged);
        assert!(!shown.contains("secret"), "{shown}");
        assert!(shown.contains("CANNOT_PARSE_TEXT"), "{shown}");
    }

    #[test]
    fn a_certificate_that_is_not_trusted_is_told_from_a_server_that_is_away() {
        let network = |text: &str| judge(Error::Network(std::io::Error::other(text.to_owned()).into()));
        let judged = network("invalid peer certificate: UnknownIssuer");
        assert_eq!((judged.verdict, judged.reason), (Verdict::Retry, Reason::ClickHouseUnreachable));
        assert!(judged.message.contains("(UnknownIssuer)"), "{}", judged.message);
        assert!(judged.message.contains("clickhouse-ca.crt"), "{}", judged.message);
        assert!(network("connection refused").message.contains("does not answer"));
    }

    #[test]
    fn a_question_never_blames_a_row() {
        assert_eq!(judge_question(Error::BadResponse("Code: 6. x".into())).verdict, Verdict::Stop);
    }
}
