//! Compare: whether what the apiserver holds already contains what is wanted.
//!
//! In: two JSON trees. Out: yes or no. Pure.
//! The apiserver adds defaults, and others may add list elements of their own (server-side apply leaves them theirs); so
//! every wanted field must be there and equal, more may stand beside it. Lists of named elements are matched by their key.
//! Quantities are compared as numbers, because the apiserver rewrites `1024Mi` as `1Gi`.
//! What is no longer wanted cannot be seen in this way, so the wanted tree carries its own hash: another tree is another hash.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::labels;

/// Keys by which elements of a list are told apart, as the apiserver merges them.
pub const KEYS: [&str; 4] = ["name", "mountPath", "containerPort", "uid"];

/// Returns whether `actual` contains `wanted`.
pub fn contains(actual: &Value, wanted: &Value) -> bool {
    match (actual, wanted) {
        (Value::Object(actual), Value::Object(wanted)) => {
            wanted.iter().all(|(key, wanted)| field_contains(key, actual.get(key), wanted))
        }
        (Value::Array(actual), Value::Array(wanted)) => list_contains(actual, wanted),
        _ => actual == wanted,
    }
}

/// Notes the hash of a wanted tree in the tree's annotations.
pub fn sign(wanted: &mut Value) {
    // Maps are sorted: the same tree is the same text.
    let hash = Sha256::new_with_prefix(wanted.to_string());
    wanted["metadata"]["annotations"][labels::APPLIED] = json!(labels::digits(hash));
}

fn field_contains(key: &str, actual: Option<&Value>, wanted: &Value) -> bool {
    match (actual, wanted) {
        // An empty map and an absent one are the same to the apiserver; so are false and an absent field.
        (None, Value::Object(wanted)) => wanted.is_empty(),
        (None, Value::Bool(wanted)) => !wanted,
        (None, Value::Array(wanted)) => wanted.is_empty(),
        (None, _) => wanted.is_null(),
        (Some(Value::Object(actual)), Value::Object(wanted)) if matches!(key, "requests" | "limits") => {
            quantities_equal(actual, wanted)
        }
        (Some(actual), wanted) => contains(actual, wanted),
    }
}

fn list_contains(actual: &[Value], wanted: &[Value]) -> bool {
    let Some(key) = KEYS
        .into_iter()
        .find(|key| !wanted.is_empty() && wanted.iter().all(|element| element.get(key).is_some()))
    else {
        return actual.len() == wanted.len()
            && actual.iter().zip(wanted).all(|(actual, wanted)| contains(actual, wanted));
    };
    wanted.iter().all(|wanted| {
        actual.iter().any(|actual| actual.get(key) == wanted.get(key) && contains(actual, wanted))
    })
}

fn quantities_equal(actual: &Map<String, Value>, wanted: &Map<String, Value>) -> bool {
    actual.len() == wanted.len()
        && wanted.iter().all(|(key, wanted)| {
            let Some(actual) = actual.get(key) else { return false };
            actual == wanted
                || matches!((quantity(actual), quantity(wanted)), (Some(actual), Some(wanted)) if (actual - wanted).abs() <= wanted.abs() * 1e-9)
        })
}

/// Reads a quantity as Kubernetes writes it: `50m`, `1.5`, `256Mi`, `1G`, `1e3`.
fn quantity(value: &Value) -> Option<f64> {
    let text = value.as_str()?;
    let digits =
        text.find(|letter: char| !letter.is_ascii_digit() && !"+-.".contains(letter)).unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        "Pi" => 1_125_899_906_842_624.0,
        _ => return text.parse().ok(),
    };
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests;
