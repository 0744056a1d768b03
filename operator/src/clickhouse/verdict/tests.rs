//! Texts as ClickHouse 26.7 gives them.

use crds::conditions::Reason;

use super::*;

fn judged(text: &str) -> ClickHouseError {
    judge("create table `a.b`".into(), ClientError::BadResponse(text.into()))
}

#[test]
fn each_class_has_its_reason_and_says_whether_waiting_helps() {
    let expected = [
        ("Code: 516. DB::Exception: tributary: Authentication failed", Reason::ClickHouseAuthFailed, false),
        ("Code: 193. DB::Exception: Wrong password", Reason::ClickHouseAuthFailed, false),
        ("Code: 241. DB::Exception: Memory limit exceeded", Reason::ClickHouseRejected, true),
        ("Code: 81. DB::Exception: Database a does not exist.", Reason::ClickHouseRejected, true),
        ("Code: 497. DB::Exception: Not enough privileges", Reason::ClickHouseRejected, false),
        ("Code: 62. DB::Exception: Syntax error", Reason::ClickHouseRejected, false),
        ("502 Bad Gateway", Reason::ClickHouseUnreachable, true),
    ];
    for (text, reason, transient) in expected {
        let error = judged(text);
        assert_eq!((error.reason(), error.is_transient()), (reason, transient), "{text}");
        assert!(error.to_string().starts_with("failed to create table `a.b`: ClickHouse "), "{error}");
    }
}

#[test]
fn no_answer_is_unreachable_and_a_wrong_form_is_refused() {
    let error = judge("ask".into(), ClientError::TimedOut);
    assert_eq!((error.reason(), error.is_transient()), (Reason::ClickHouseUnreachable, true));
    let error = judge("ask".into(), ClientError::NotEnoughData);
    assert_eq!((error.reason(), error.is_transient()), (Reason::ClickHouseRejected, false));
}

#[test]
fn a_long_text_is_cut_between_characters() {
    let error = judged(&format!("Code: 62. {}", "é".repeat(10_000)));
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(cause.ends_with("é…") && cause.chars().count() == 501, "{}", cause.len());
}

#[test]
fn what_goes_by_itself_reads_the_same_each_time() {
    let cause = |text: &str| std::error::Error::source(&judged(text)).unwrap().to_string();
    let out_of_memory = |bytes: u32| {
        cause(&format!(
            "Code: 241. DB::Exception: would use {bytes} B. (MEMORY_LIMIT_EXCEEDED) (version 26.7.1)"
        ))
    };
    assert_eq!(out_of_memory(1), "code 241, MEMORY_LIMIT_EXCEEDED");
    assert_eq!(out_of_memory(1), out_of_memory(2));
    assert_eq!(cause("502 Bad Gateway, request 1"), cause("502 Bad Gateway, request 2"));
}
