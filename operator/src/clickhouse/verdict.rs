//! What ClickHouse's error codes mean: one match, so that a new code is looked at in one place. Pure but for a log line.
//!
//! In: an error of the client and what was tried. Out: a [`ClickHouseError`] with class and remedy.
//! The client gives the server's text; its code stands in front: `Code: 516. DB::Exception: …`. A text without a code is a
//! proxy's, and as good as no answer.
//! What goes by itself is told with code and name only: the server's text holds numbers that differ each time (bytes in use,
//! seconds that passed), and a condition would change with every look. The log has the text.
//! Not here: errors of inserts; the processor judges those.

use clickhouse::error::Error as ClientError;

use super::ClickHouseError;

/// Judges an error of the client.
#[expect(clippy::wildcard_enum_match_arm, reason = "every other one is about the form of question or answer")]
pub(super) fn judge(action: String, error: ClientError) -> ClickHouseError {
    match error {
        ClientError::BadResponse(text) => judge_text(action, &text),
        ClientError::Network(_) | ClientError::TimedOut => {
            ClickHouseError::Unreachable { action, source: Box::new(error) }
        }
        other => ClickHouseError::Rejected {
            action,
            remedy: "check clickhouse.url in the Helm values: it must be ClickHouse's HTTP interface",
            source: Box::new(other),
        },
    }
}

/// Judges the text of an answer that is no success.
pub(super) fn judge_text(action: String, text: &str) -> ClickHouseError {
    let Some(code) = code(text) else {
        tracing::debug!(action, text = shortened(text), "an answer that is not ClickHouse's");
        let source = "the answer is not ClickHouse's; is there a proxy before it?".into();
        return ClickHouseError::Unreachable { action, source };
    };
    let not_yet = |action: String| {
        tracing::info!(action, text = shortened(text), "ClickHouse cannot do it yet");
        let source = format!("code {code}{}", name(text).map_or(String::new(), |name| format!(", {name}")));
        ClickHouseError::NotYet { action, source: source.into() }
    };
    let remedy = match code {
        // UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED.
        192..=194 | 516 => return ClickHouseError::AuthFailed { action, source: shortened(text).into() },
        // TIMEOUT_EXCEEDED, TOO_MANY_SIMULTANEOUS_QUERIES, SOCKET_TIMEOUT, NETWORK_ERROR, NO_ZOOKEEPER, ABORTED,
        // MEMORY_LIMIT_EXCEEDED, TABLE_IS_READ_ONLY, NOT_ENOUGH_SPACE, ALL_CONNECTION_TRIES_FAILED,
        // ALL_REPLICAS_ARE_STALE, QUERY_WAS_CANCELLED, DEADLOCK_AVOIDED, CANNOT_ASSIGN_ALTER, KEEPER_EXCEPTION.
        159 | 202 | 209 | 210 | 225 | 236 | 241 | 242 | 243 | 279 | 369 | 394 | 473 | 517 | 999 => {
            return not_yet(action);
        }
        // ACCESS_DENIED.
        497 => {
            "grant the operator's ClickHouse user SHOW, CREATE DATABASE, CREATE TABLE, ALTER TABLE and DROP TABLE on the streams' databases"
        }
        // UNKNOWN_DATABASE, UNKNOWN_TABLE: dropped in between; the next look makes them anew.
        60 | 81 => return not_yet(action),
        _ => "check spec.clickhouse and the schemas against what the server says",
    };
    ClickHouseError::Rejected { action, remedy, source: shortened(text).into() }
}

fn code(text: &str) -> Option<u32> {
    let (_, after) = text.split_once("Code: ")?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Finds the code's name, the last word in capitals between brackets.
fn name(text: &str) -> Option<&str> {
    text.rsplit('(').filter_map(|rest| rest.split_once(')')).map(|(inside, _)| inside).find(|inside| {
        inside.len() > 2 && inside.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    })
}

/// A page of a proxy, or a statement that the server repeats, has no place in a condition.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 500;
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests;
