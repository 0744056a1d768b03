//! Argo CD: what it shows of an object, by the script that `manifests/argocd/health.yaml` gives it.
//!
//! In: an object as the apiserver holds it. Out: health and message. The engine is Lua 5.1, whose language Argo CD's speaks, with no
//! library but the base one; Argo CD opens few more.
//! Not here: Argo CD itself.

use std::fs;

use mlua::{Lua, LuaOptions, StdLib};
use serde_json::Value;

use super::repository;

/// Returns health and message of an object.
pub(crate) fn health(object: &Value) -> (String, String) {
    let text = fs::read_to_string(repository().join("manifests/argocd/health.yaml")).unwrap();
    let patch: Value = serde_yaml::from_str(&text).unwrap();
    let key = format!("resource.customizations.health.tributary.dev_{}", object["kind"].as_str().unwrap());
    let script = patch["data"][&key].as_str().unwrap_or_else(|| panic!("no script {key}"));
    let lua = Lua::new_with(StdLib::NONE, LuaOptions::default()).unwrap();
    lua.globals().set("obj", value(&lua, object)).unwrap();
    let answer: mlua::Table = lua.load(script).eval().unwrap();
    (answer.get("status").unwrap(), answer.get("message").unwrap())
}

fn value(lua: &Lua, json: &Value) -> mlua::Value {
    match json {
        Value::Null => mlua::Value::Nil,
        Value::Bool(is) => mlua::Value::Boolean(*is),
        Value::Number(number) => mlua::Value::Number(number.as_f64().unwrap()),
        Value::String(text) => mlua::Value::String(lua.create_string(text).unwrap()),
        Value::Array(items) => {
            let items = items.iter().map(|item| value(lua, item));
            mlua::Value::Table(lua.create_sequence_from(items).unwrap())
        }
        Value::Object(members) => {
            let members = members.iter().map(|(key, member)| (key.as_str(), value(lua, member)));
            mlua::Value::Table(lua.create_table_from(members).unwrap())
        }
    }
}
