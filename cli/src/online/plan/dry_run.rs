//! Dry run: what the apiserver would make of an object, with defaults, rules and whatever else judges objects in that cluster.
//!
//! In: an object as it is written, and as it is there. Out: the object as it would be, or why it is refused, or that nobody could be asked.
//! Every request says `dryRun=All`: the apiserver goes the whole way and keeps nothing.
//! Not here: what the operator makes of it.

use anyhow::{Context, Result, bail};
use crds::admission::judge::Refusal;
use http::Method;
use kube::Client;
use kube::core::Status;
use serde_json::Value;

use super::merge;
use super::objects::{path, plural};
use crate::world::object::{Header, as_applied};

/// What keeps a request from being carried out.
const DRY_RUN: &str = "dryRun=All&fieldValidation=Strict";

/// How objects are applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    /// As `kubectl apply` does.
    ClientSide,
    /// As `kubectl apply --server-side` does, in this name.
    ServerSide(String),
}

/// What the apiserver says.
#[derive(Debug)]
pub(super) enum Answer {
    /// The object as it would be.
    Taken(Value),
    /// Why it is refused.
    Refused(Vec<Refusal>),
    /// Why it could not be asked.
    Unasked(String),
}

/// Asks the apiserver.
pub(super) async fn ask(
    client: &Client,
    header: &Header,
    mode: &Mode,
    (written, live): (&Value, Option<&Value>),
) -> Result<Answer> {
    let mut wanted = as_applied(written);
    wanted["metadata"]["namespace"] = header.name.namespace.clone().into();
    let at = path(header.kind, &header.name);
    let (method, path, form, body) = match (mode, live) {
        (Mode::ServerSide(manager), _) => {
            let query = format!("{at}?{DRY_RUN}&fieldManager={manager}");
            (Method::PATCH, query, "application/apply-patch+yaml", wanted)
        }
        (Mode::ClientSide, Some(live)) => {
            let patch = merge::patch(&merge::former(live), live, &wanted);
            (Method::PATCH, format!("{at}?{DRY_RUN}"), "application/merge-patch+json", patch)
        }
        (Mode::ClientSide, None) => {
            let all = at.rsplit_once('/').map_or(at.as_str(), |(all, _)| all);
            (Method::POST, format!("{all}?{DRY_RUN}"), "application/json", wanted)
        }
    };
    let request = http::Request::builder().method(&method).uri(path).header("content-type", form);
    let request = request.body(serde_json::to_vec(&body)?)?;
    match client.request::<Value>(request).await {
        Ok(object) => Ok(Answer::Taken(object)),
        Err(kube::Error::Api(status)) => judge(header, &method, &status),
        Err(error) => {
            Err(error).with_context(|| format!("failed to ask the apiserver about {}", header.label()))
        }
    }
}

fn judge(header: &Header, method: &Method, status: &Status) -> Result<Answer> {
    let (plural, namespace) = (plural(header.kind), &header.name.namespace);
    let details = status.details.as_ref();
    // Rights and whatever else refuses have the same code; only rights speak of what a user cannot do.
    let is_right = status.message.contains(" cannot ") && status.message.contains(" resource ");
    match status.code {
        403 if is_right => {
            let verb = if *method == Method::POST { "create" } else { "patch" };
            Ok(Answer::Unasked(format!("you may not `{verb}` {plural} in namespace `{namespace}`")))
        }
        400 | 403 | 404 | 409 | 422 => {
            let causes = details.into_iter().flat_map(|details| &details.causes);
            // Of the object as a whole it says `<nil>`.
            let refusal = |path: &str, message: &str| Refusal {
                path: path.replace("<nil>", ""),
                message: message.to_owned(),
            };
            let mut refusals: Vec<Refusal> =
                causes.map(|cause| refusal(&cause.field, &cause.message)).collect();
            if refusals.is_empty() {
                refusals.push(Refusal { path: String::new(), message: status.message.clone() });
            }
            Ok(Answer::Refused(refusals))
        }
        _ => bail!("the apiserver does not say what it would make of {}: {}", header.label(), status.message),
    }
}

/// Returns the code of an answer of the apiserver that is an error.
pub(super) fn code(error: &kube::Error) -> Option<u16> {
    if let kube::Error::Api(status) = error { Some(status.code) } else { None }
}

/// Says what went wrong; of an answer of the apiserver, its own words: they name the right that is missing.
pub(super) fn told(error: &anyhow::Error) -> String {
    match error.downcast_ref::<kube::Error>() {
        Some(kube::Error::Api(status)) => status.message.clone(),
        Some(_) | None => format!("{error:#}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::world::object::{Kind, Name};

    fn judged(status: Value) -> Result<Answer> {
        let name = Name { namespace: "shop".into(), name: "tap".into() };
        let header = Header { kind: Kind::EventSchema, name };
        judge(&header, &Method::PATCH, &serde_json::from_value(status)?)
    }

    #[test]
    fn a_right_that_is_missing_is_told_with_verb_and_resource() {
        let message = "eventschemas.tributary.dev \"tap\" is forbidden: User \"ada\" cannot patch resource \"eventschemas\"";
        let Answer::Unasked(why) = judged(json!({"code": 403, "message": message})).unwrap() else {
            panic!("nobody has judged the object");
        };
        assert_eq!(why, "you may not `patch` eventschemas in namespace `shop`");
    }

    #[test]
    fn each_cause_of_a_refusal_is_told_with_its_field() {
        let causes = json!([{"field": "spec.fields[0].name", "message": "must be short"}, {"field": "<nil>", "message": "is wrong"}]);
        let status = json!({"code": 422, "message": "invalid", "details": {"causes": causes}});
        let Answer::Refused(refusals) = judged(status).unwrap() else { panic!("it is refused") };
        let told: Vec<_> = refusals.iter().map(|it| (it.path.as_str(), it.message.as_str())).collect();
        assert_eq!(told, [("spec.fields[0].name", "must be short"), ("", "is wrong")]);
    }

    #[test]
    fn what_a_policy_refuses_is_a_refusal_and_an_apiserver_in_trouble_is_none() {
        let policy = json!({"code": 403, "message": "admission webhook denied the request: name a team"});
        assert!(matches!(judged(policy), Ok(Answer::Refused(_))));
        assert!(judged(json!({"code": 500, "message": "etcd is away"})).is_err());
    }
}
