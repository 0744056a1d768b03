//! The shapes that the two apps give to the same facts.
//!
//! In: a [`Happening`]. Out: the JSON object that the app sends. Names and nesting are those that the aliases of
//! `manifests/samples/first-stream/2-schemas.yaml` and the envelopes of its pipelines speak of.

use serde_json::{Map, Value, json};

use super::App;
use super::fact::{EventType, Fact, Happening};

/// A JSON object before it becomes bytes.
pub(crate) type Object = Map<String, Value>;

/// Gives a happening the shape of an app.
pub(crate) fn object(app: App, happening: &Happening) -> Object {
    let value = match app {
        App::Ios => ios(happening),
        App::Android => android(happening),
    };
    match value {
        Value::Object(object) => object,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Object::new(),
    }
}

/// Writes an object as JSON.
pub(crate) fn bytes(object: Object) -> Vec<u8> {
    Value::Object(object).to_string().into_bytes()
}

/// How an app names a field of the canonical shape.
pub(crate) fn name(app: App, canonical: &'static str) -> &'static str {
    match (app, canonical) {
        (App::Ios, _) => canonical,
        (App::Android, "event") => "type",
        (App::Android, "order_id") => "orderId",
        (App::Android, "amount") => "total",
        (App::Android, "currency") => "cur",
        (App::Android, "bought_at") => "boughtAt",
        (App::Android, "user_id") => "uid",
        (App::Android, "path") => "screen",
        (App::Android, "duration_ms") => "durationMs",
        (App::Android, "country") => "countryCode",
        (App::Android, _) => canonical,
    }
}

fn ios(happening: &Happening) -> Value {
    let mut value = match &happening.fact {
        Fact::Purchase { order, cents, currency, items, coupon } => json!({
            "order_id": order,
            "amount": *cents as f64 / 100.0,
            "currency": currency,
            "items": items,
            "bought_at": rfc3339(happening.at),
            "coupon": coupon,
        }),
        Fact::PageView { path, milliseconds, session, battery } => json!({
            "path": path,
            "duration_ms": milliseconds,
            "session_id": session,
            "battery": *battery as f64 / 100.0,
        }),
        Fact::SignUp { method, email, country, age, newsletter } => json!({
            "method": method, "email": email, "country": country, "age": age, "newsletter": newsletter,
        }),
    };
    value["event"] = happening.event_type().canonical().into();
    value["event_id"] = happening.id.clone().into();
    value["event_time"] = rfc3339(happening.at).into();
    value["user_id"] = happening.user.clone().into();
    value["device"] = json!({ "os": "iOS" });
    value
}

fn android(happening: &Happening) -> Value {
    let mut value = match &happening.fact {
        Fact::Purchase { order, cents, currency, items, coupon } => json!({
            "orderId": order,
            "total": format!("{}.{:02}", cents / 100, cents % 100),
            "cur": currency,
            "skus": items,
            "boughtAt": happening.at / 1_000,
            "coupon": coupon,
        }),
        Fact::PageView { path, milliseconds, session, battery } => json!({
            "screen": path, "durationMs": milliseconds, "sessionId": session, "battery": battery,
        }),
        Fact::SignUp { method, email, country, age, newsletter } => json!({
            "method": method,
            "email": email,
            "countryCode": country,
            "age": age,
            "consent": { "newsletter": newsletter },
        }),
    };
    value["type"] = match happening.event_type() {
        EventType::Purchase => "order_completed",
        EventType::PageView => "screen_shown",
        EventType::SignUp => "registered",
    }
    .into();
    value["meta"] = json!({ "id": happening.id, "ts": happening.at });
    value["uid"] = happening.user.clone().into();
    value["os"] = "Android".into();
    value
}

fn rfc3339(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(milliseconds)
        .map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}
