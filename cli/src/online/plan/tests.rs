//! Golden cases of plans against what is there: folders of `cases/plan-online/`, each with what was applied before and what is planned.
//!
//! In: `before.yaml`, which the operator's own looks have made real in the twins of the apiserver, Kafka and ClickHouse; `case.yaml`, what is
//! otherwise than usual; `after.yaml`. Out: `plan.txt`, the plan with its exit code; `UPDATE=1 cargo test -p cli plans` writes it anew.
//! Whatever the case: no request of a plan writes. Not here: the real servers; `e2e/tests/it/plan_online.rs` asks those.

mod twin;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clap::Parser;
use serde::Deserialize;
use serde_json::Value;

use super::*;
use crate::arguments::{Arguments, Command};
use crate::cases::{Golden, repository, sorted};
use twin::Twin;

/// What is otherwise than usual.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    /// Flags of the command.
    flags: String,
    /// What the user may not do: `list deployments tributary-system`.
    forbidden: Vec<String>,
    /// Kafka does not answer.
    kafka_is_away: bool,
    /// ClickHouse does not answer.
    clickhouse_is_away: bool,
    /// What somebody else has changed since, by path: merge patches.
    drift: BTreeMap<String, Value>,
    /// Topics that somebody else has made.
    topics: Vec<String>,
}

#[test]
fn plans_against_what_is_there_are_as_they_are_written() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut golden = Golden::default();
    for folder in sorted(&repository().join("cli/cases/plan-online")) {
        golden.compare(&folder.join("plan.txt"), &runtime.block_on(played(&folder)));
    }
    golden.conclude();
}

/// Makes what was applied before real, and plans.
async fn played(folder: &Path) -> String {
    let case: Case = match fs::read_to_string(folder.join("case.yaml")) {
        Ok(text) => serde_yaml::from_str(&text).unwrap(),
        Err(_) => Case::default(),
    };
    let twin = Twin::new();
    let text = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default();
    twin.settle(&text("before.yaml")).await;
    case.topics.iter().for_each(|topic| twin.put_topic(topic));
    case.drift.iter().for_each(|(path, patch)| twin.drift(path, patch));
    twin.forbid(&case.forbidden);
    let away = (case.kafka_is_away, case.clickhouse_is_away);
    let arguments = arguments(&case.flags);
    let cluster = twin.cluster();
    let before = twin.everything();
    let report =
        plan(&cluster, &arguments, &mut text("after.yaml").as_bytes(), &twin.open(away)).await.unwrap();
    assert_eq!(twin.everything(), before, "a plan writes nothing");
    assert_eq!(twin.writes(), Vec::<String>::new(), "every request that is no read is a dry run");
    let mut out = Vec::new();
    report.tell(&arguments, &mut out).unwrap();
    format!("{}(exit code {})\n", String::from_utf8(out).unwrap(), report.exit(&arguments).code())
}

/// Understands flags of `plan --online`, the files on standard input.
fn arguments(flags: &str) -> PlanArguments {
    let words = ["kubectl-tributary", "plan", "--online", "-f", "-"];
    let parsed = Arguments::parse_from(words.into_iter().chain(flags.split_whitespace()));
    let Command::Plan(arguments) = parsed.command else { panic!("this is `plan`") };
    arguments
}

#[test]
fn no_secret_is_in_a_plan_in_any_form() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let text = fs::read_to_string(repository().join("cli/cases/plan/first/stream.yaml")).unwrap();
    let twin = Twin::new();
    let report = runtime.block_on(async {
        plan(&twin.cluster(), &arguments(""), &mut text.as_bytes(), &twin.open((false, false))).await
    });
    let json = serde_json::to_string(&report.unwrap()).unwrap();
    assert!(json.contains("Secret shop/ios-processor"));
    for secret in [twin::PASSWORD.to_owned(), twin::encoded(twin::PASSWORD)] {
        assert!(!json.contains(&secret), "`{secret}` is in {json}");
    }
}
