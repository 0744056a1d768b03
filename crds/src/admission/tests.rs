//! Every case below `cases/admission/`, judged offline as the apiserver does it: defaults, structure, lists, CEL.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kube::core::cel::apply_defaults;
use serde_json::Value;

use super::case::Case;
use super::judge::Judge;
use crate::definition::definitions;

/// Returns every refusal as `path: message`, like the apiserver.
fn refusals(judge: &Judge, object: &Value, before: Option<&Value>) -> Vec<String> {
    judge.refusals(object, before).iter().map(ToString::to_string).collect()
}

fn judges() -> BTreeMap<String, Judge> {
    definitions()
        .iter()
        .map(|definition| (definition.spec.names.singular.clone().unwrap(), Judge::new(definition).unwrap()))
        .collect()
}

fn cases(kind: &str, verdict: &str) -> Vec<(PathBuf, Case)> {
    let folder =
        Path::new(env!("TRIBUTARY_REPOSITORY")).join("crds/cases/admission").join(kind).join(verdict);
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let case = Case::parse(&std::fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{path:?}: {error}"));
        (path, case)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn accepts_what_is_right() {
    for (kind, judge) in judges() {
        for (path, case) in cases(&kind, "accepts") {
            assert_eq!(case.message, None, "{path:?}");
            for (object, before) in [(case.before.as_ref(), None), (Some(&case.object), case.before.as_ref())]
            {
                let refusals = object.map(|object| refusals(&judge, object, before)).unwrap_or_default();
                assert!(refusals.is_empty(), "{path:?}: {refusals:#?}");
            }
        }
    }
}

#[test]
fn rejects_what_is_wrong_with_the_words_of_the_case() {
    let mut wrong = Vec::new();
    for (kind, judge) in judges() {
        for (path, case) in cases(&kind, "rejects") {
            let message =
                case.message.as_deref().unwrap_or_else(|| panic!("{path:?} begins without `# message: `"));
            if let Some(before) = &case.before {
                assert_eq!(refusals(&judge, before, None), Vec::<String>::new(), "{path:?}");
            }
            let refusals = refusals(&judge, &case.object, case.before.as_ref());
            if !refusals.iter().any(|refusal| refusal.contains(message)) {
                wrong.push(format!("{path:?}: `{message}` is not in {refusals:#?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_a_case_that_it_alone_explains() {
    let mut unproven = BTreeSet::new();
    for (kind, judge) in judges() {
        let mut messages = BTreeSet::new();
        rule_messages(judge.schema(), &mut messages);
        for (_, case) in cases(&kind, "rejects") {
            for refusal in refusals(&judge, &case.object, case.before.as_ref()) {
                messages.retain(|message| !refusal.ends_with(message.as_str()));
            }
        }
        unproven.extend(messages);
    }
    assert!(unproven.is_empty(), "no case for {unproven:#?}");
}

fn rule_messages(schema: &Value, messages: &mut BTreeSet<String>) {
    let rules = schema["x-kubernetes-validations"].as_array();
    messages.extend(rules.into_iter().flatten().map(|rule| rule["message"].as_str().unwrap().to_owned()));
    schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .for_each(|(_, inner)| rule_messages(inner, messages));
    schema.get("items").into_iter().for_each(|inner| rule_messages(inner, messages));
}

#[test]
fn what_the_apiserver_accepts_is_read_as_its_kind() {
    for (path, case) in cases("eventschema", "accepts") {
        assert!(serde_json::from_value::<crate::EventSchema>(case.object).is_ok(), "{path:?}");
    }
    for (path, case) in cases("analyticspipeline", "accepts") {
        assert!(serde_json::from_value::<crate::AnalyticsPipeline>(case.object).is_ok(), "{path:?}");
    }
    for (path, case) in cases("forwardingrule", "accepts") {
        assert!(serde_json::from_value::<crate::ForwardingRule>(case.object).is_ok(), "{path:?}");
    }
}

#[test]
fn the_defaults_of_the_definition_are_those_of_the_types() {
    let judges = judges();
    let least = &cases("analyticspipeline", "accepts")
        .into_iter()
        .find(|(path, _)| path.ends_with("the-least.yaml"))
        .unwrap()
        .1;
    let completed = apply_defaults(judges["analyticspipeline"].schema(), &least.object);
    let by_schema: crate::AnalyticsPipeline = serde_json::from_value(completed).unwrap();
    let by_types: crate::AnalyticsPipeline = serde_json::from_value(least.object.clone()).unwrap();
    assert_eq!(by_schema.spec, by_types.spec);
}

#[test]
fn a_file_with_three_documents_is_no_case() {
    assert!(Case::parse("a: 1\n---\na: 2\n---\na: 3\n").is_err());
    assert!(Case::parse("a: [\n").is_err());
}
