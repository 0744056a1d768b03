//! Names: from the keys that apps send to the names that a schema may have.
//!
//! In: keys and event types as they are sent. Out: names that the CRD takes, or none; what was sent stays as an alias.

use crds::columns::{ENVELOPE, EXTRA};
use crds::shared::OBJECT_NAME_LENGTH;

/// Longest name of a field.
const LONGEST: usize = 63;
/// Longest alias.
const LONGEST_ALIAS: usize = 128;

/// Returns the name of a field for a path of keys; none where neither a name nor an alias can say it.
pub(super) fn field(path: &[&str]) -> Option<String> {
    let can_be_sent = |key: &&str| {
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_$-".contains(&byte))
    };
    if !path.iter().all(can_be_sent) || path.join(".").len() > LONGEST_ALIAS {
        return None;
    }
    let name = path.iter().map(|key| snake(key, '_')).collect::<Vec<_>>().join(".");
    let is_taken = ENVELOPE.contains(&name.as_str()) || name == EXTRA;
    let name = if is_taken { format!("app_{name}") } else { name };
    (name.len() <= LONGEST).then_some(name)
}

/// Returns the name of the object for an event type.
pub(super) fn object(event: &str) -> String {
    let name = snake(event, '-');
    let name: String = name.chars().take(OBJECT_NAME_LENGTH).collect();
    name.trim_matches('-').to_owned()
}

/// `userId` is `user_id`, `HTTPCode` is `http_code`; begins with a letter.
fn snake(key: &str, between: char) -> String {
    let letters: Vec<char> = key.chars().collect();
    let mut name = String::new();
    for (index, letter) in letters.iter().enumerate() {
        if !letter.is_ascii_alphanumeric() {
            if !name.is_empty() && !name.ends_with(between) {
                name.push(between);
            }
            continue;
        }
        let before = index.checked_sub(1).and_then(|before| letters.get(before));
        let after = letters.get(index + 1);
        let begins_word = letter.is_ascii_uppercase()
            && (before.is_some_and(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
                || (before.is_some_and(char::is_ascii_uppercase)
                    && after.is_some_and(char::is_ascii_lowercase)));
        if begins_word && !name.is_empty() && !name.ends_with(between) {
            name.push(between);
        }
        name.push(letter.to_ascii_lowercase());
    }
    let name = name.trim_end_matches(between);
    if name.starts_with(|letter: char| letter.is_ascii_lowercase()) {
        name.to_owned()
    } else {
        format!("n{between}{name}").trim_end_matches(between).to_owned()
    }
}
