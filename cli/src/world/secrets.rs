//! Secrets: those among the files are looked at as the operator would; all others are taken to be right.
//!
//! In: a Secret as it is written. Out: its values. No value is ever printed.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use serde_json::Value;

/// Reads the values of a Secret: `data` in base64, and `stringData` over it.
pub(crate) fn read(secret: &Value) -> BTreeMap<String, Vec<u8>> {
    let mut values = BTreeMap::new();
    for (key, value) in secret["data"].as_object().into_iter().flatten() {
        let bytes: Result<ByteString, _> = serde_json::from_value(value.clone());
        values.extend(bytes.ok().map(|bytes| (key.clone(), bytes.0)));
    }
    for (key, value) in secret["stringData"].as_object().into_iter().flatten() {
        values.extend(value.as_str().map(|text| (key.clone(), text.as_bytes().to_vec())));
    }
    values
}
