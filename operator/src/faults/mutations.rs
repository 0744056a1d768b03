//! Mutations: every property of the three kinds, changed in every way that its schema suggests, and in some that it does not.
//!
//! In: the schema of a kind, and a good object of it. Out: named [`Mutation`]s, at least three a property.
//! Not here: whether the outcome is valid. The apiserver's twin judges that, and then the operator.

use std::fmt;

use serde_json::{Value, json};

/// A change of one property.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mutation {
    /// The object.
    pub(super) path: String,
    /// Its kind.
    kind: String,
    /// Where: a JSON pointer.
    pub(super) pointer: String,
    /// What stands there afterwards; absent: nothing.
    pub(super) value: Option<Value>,
}

impl fmt::Display for Mutation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, pointer, value, .. } = self;
        match value {
            None => write!(formatter, "{path} {pointer} removed"),
            Some(value) => {
                let text: String = value.to_string().chars().take(60).collect();
                write!(formatter, "{path} {pointer} = {text}")
            }
        }
    }
}

impl Mutation {
    /// Returns the object with the change; none where the place is not there.
    pub(super) fn of(&self, object: &Value) -> Option<Value> {
        let mut object = object.clone();
        let (parent, key) = self.pointer.rsplit_once('/')?;
        let parent = object.pointer_mut(parent)?;
        match (&self.value, parent) {
            (Some(value), Value::Object(parent)) => {
                parent.insert(key.to_owned(), value.clone());
            }
            (None, Value::Object(parent)) => {
                parent.remove(key)?;
            }
            (Some(value), Value::Array(parent)) => {
                *parent.get_mut(key.parse::<usize>().ok()?)? = value.clone()
            }
            (None, Value::Array(parent)) => {
                let index: usize = key.parse().ok()?;
                parent.get(index)?;
                parent.remove(index);
            }
            _ => return None,
        }
        Some(object)
    }

    /// Returns the property, `EventSchema/spec/fields/name`.
    pub(super) fn property(&self) -> String {
        let keys = self.pointer.split('/').filter(|key| key.parse::<usize>().is_err());
        self.kind.clone() + &keys.collect::<Vec<_>>().join("/")
    }
}

/// Returns the mutations of an object.
pub(super) fn mutations(path: &str, schema: &Value, object: &Value) -> Vec<Mutation> {
    let mut found = Vec::new();
    collect(&mut found, "/spec", (&schema["properties"]["spec"], &object["spec"]));
    let kind = object["kind"].as_str().unwrap_or_default();
    let with_object =
        |(pointer, value)| Mutation { path: path.to_owned(), kind: kind.to_owned(), pointer, value };
    found.into_iter().map(with_object).collect()
}

fn collect(found: &mut Vec<(String, Option<Value>)>, pointer: &str, (schema, value): (&Value, &Value)) {
    let name = pointer.rsplit('/').find(|key| key.parse::<usize>().is_err()).unwrap_or_default();
    let values = by_type(schema, value).into_iter().chain(by_name(name)).map(Some);
    for value in values.chain([None]) {
        let mutation = (pointer.to_owned(), value);
        if !found.contains(&mutation) {
            found.push(mutation);
        }
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        collect(found, &format!("{pointer}/{name}"), (inner, &value[name]));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        collect(found, &format!("{pointer}/{index}"), (&schema["items"], item));
    }
    if schema["additionalProperties"].is_object() {
        for (name, inner) in value.as_object().into_iter().flatten() {
            collect(found, &format!("{pointer}/{name}"), (&schema["additionalProperties"], inner));
        }
    }
}

/// What the schema suggests: bounds and what lies behind them, each word of a list, another type.
fn by_type(schema: &Value, value: &Value) -> Vec<Value> {
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().cloned().chain([json!("Nonsense"), json!("")]).collect();
    }
    match schema["type"].as_str() {
        Some("boolean") => vec![json!(true), json!(false), json!("yes")],
        Some("integer" | "number") => {
            let least = schema["minimum"].as_f64().map_or(-1, |least| least as i64);
            let mut values = vec![json!(least), json!(least - 1), json!(2), json!("many")];
            values.extend(schema["maximum"].as_f64().map(|greatest| json!(greatest as i64 + 1)));
            values
        }
        Some("array") => {
            let items = value.as_array().cloned().unwrap_or_default();
            let twice: Vec<Value> = items.iter().chain(items.first()).cloned().collect();
            let turned: Vec<Value> = items.iter().rev().cloned().collect();
            vec![json!([]), json!(twice), json!(turned), json!("no list")]
        }
        Some("object") => vec![json!({}), json!("no object"), json!({"unknown": 1})],
        _ => {
            let longest = schema["maxLength"].as_u64().unwrap_or(300);
            let too_long = "x".repeat(usize::try_from(longest).unwrap_or(300) + 1);
            ["", "x", "ä'`\\;--", &too_long].map(|text| json!(text)).to_vec()
        }
    }
}

/// What a property of this name may well be.
fn by_name(name: &str) -> Vec<Value> {
    let texts: &[&str] = match name {
        "retention" | "ttl" | "window" => &["1h", "7d", "48h", "3650d", "99999d", "0s", "soon"],
        "timeout" | "maxAge" | "scaleInAfter" => &["1s", "500ms", "2s", "1h", "0s", "soon"],
        "type" => &[
            "String",
            "Int64",
            "Float64",
            "Bool",
            "Decimal(10, 2)",
            "Array(String)",
            "DateTime64(3)",
            "Json",
            "Text",
        ],
        "when" | "rule" => &["event.n > 1", "true", "event.nothing > 1", "event.n >", "'text'"],
        "url" => &[
            "https://hooks.example.com/y",
            "http://hooks.example.com/",
            "https://169.254.169.254/",
            "https://10.0.0.1/",
            "ftp://x",
        ],
        "topic" => &["shop.web", "shop.nowhere", "other.topic", "shop.ios", "shop.ios.dead-letters"],
        "pattern" => &["^[A-Z]+$", "(", "^(a+)+$"],
        "memory" => &["512Mi", "1Gi", "1Ei", "1", "much"],
        "cpu" => &["100m", "1", "1000", "much"],
        "maxBytes" => &["1Mi", "32Mi", "1Gi", "0", "much"],
        "name" => &["purchase", "nowhere", "web", "ios", "n", "event_time", "extra", "a.b", "a-b"],
        "key" => &["key", "secret", "nowhere"],
        "event" | "events" | "eventAliases" => &["purchase", "bought", "refund"],
        "orderBy" => &["event", "event_time", "code", "n", "nowhere"],
        "default" => &["7", "A", "no number"],
        "enum" => &["A", "USD"],
        "compression.type" => &["lz4", "zstd", "nonsense"],
        "description" | "message" => &["what it means", "it's `quoted`"],
        _ => &[],
    };
    let lists: Vec<Value> = match name {
        "orderBy" => vec![json!(["event"]), json!(["code", "event_time"])],
        "events" | "eventAliases" => vec![json!(["purchase"]), json!(["refund", "bought"])],
        "config" => vec![
            json!({"retention.bytes": "1000000"}),
            json!({"cleanup.policy": "compact"}),
            json!({"min.insync.replicas": "2"}),
        ],
        "partitions" => vec![json!(7), json!(12), json!(1000)],
        "enum" => vec![json!(["A", "B", "C"]), json!(["A"])],
        _ => Vec::new(),
    };
    texts.iter().map(|text| json!(text)).chain(lists).collect()
}
