//! `kubectl tributary` against a running stream: what it says is what is there, and what it changes is changed once.
//!
//! It runs in this process, with the arguments of a person; nobody answers but the real apiserver, processors, Kafka and ClickHouse.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use cli::arguments::Arguments;
use cli::exit::Exit;
use crds::AnalyticsPipeline;
use e2e::trial::{PATIENCE, Trial, with_namespace};
use e2e::wait::{self, Seen};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

const TAPS: &str = "
apiVersion: tributary.dev/v1alpha1
kind: EventSchema
metadata: {name: tap}
spec:
  fields:
  - {name: n, type: Int64, required: true}
  - {name: button, type: String, enum: [left, right]}
---
apiVersion: tributary.dev/v1alpha1
kind: AnalyticsPipeline
metadata: {name: taps}
spec:
  schemas: [{name: tap}]
  unknownEvents: Drop
  kafka: {partitions: 2}
  processor: {batch: {maxAge: 200ms}}
";

/// Types a command; returns how it ended and what it printed.
pub(crate) async fn kubectl_tributary(
    trial: &Arc<Trial>,
    words: &str,
    input: &str,
) -> Result<(Exit, String)> {
    let words: Vec<String> = ["kubectl-tributary".to_owned()]
        .into_iter()
        .chain(words.split(' ').map(str::to_owned))
        .chain(
            ["--namespace", &trial.namespace, "--kubeconfig", &trial.connections.kubeconfig]
                .map(str::to_owned),
        )
        .collect();
    let input = input.to_owned();
    tokio::task::spawn_blocking(move || {
        let mut out = Vec::new();
        let arguments = Arguments::try_parse_from(&words)?;
        let exit = cli::run(&arguments, &mut input.as_bytes(), &mut out).with_context(|| words.join(" "))?;
        Ok((exit, String::from_utf8(out)?))
    })
    .await?
}

/// Types a command that must end well, or as is said; returns its one JSON object.
async fn asked(trial: &Arc<Trial>, words: &str, exit: Exit) -> Result<Value> {
    let (ended, text) = kubectl_tributary(trial, &format!("{words} --format json"), "").await?;
    ensure!(ended == exit, "{words} ended with {ended:?}: {text}");
    Ok(serde_json::from_str(&text)?)
}

async fn send(trial: &Arc<Trial>, events: &[Value]) -> Result<(Exit, Vec<Value>)> {
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    let (exit, text) = kubectl_tributary(trial, "send taps --filename -", &lines.join("\n")).await?;
    Ok((exit, text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?))
}

fn tap(n: i64, button: &str) -> Value {
    json!({ "event": "tap", "event_id": format!("tap-{n}"), "n": n, "button": button })
}

#[test]
fn events_are_sent_and_it_is_said_where_each_ended() {
    with_namespace("cli-send", async |trial| {
        trial.apply_text(TAPS).await?;
        trial.ready::<AnalyticsPipeline>("taps").await?;
        let (exit, told) =
            send(&trial, &[tap(1, "left"), tap(2, "up"), json!({ "event": "scroll" })]).await?;
        let ends: Vec<&str> = told.iter().filter_map(|told| told["outcome"].as_str()).collect();
        assert_eq!((exit, ends), (Exit::Findings, vec!["stored", "deadLettered", "leftOut"]));
        assert_eq!((&told[1]["reason"], &told[1]["field"]), (&json!("NotInEnum"), &json!("button")));

        let status = asked(&trial, "status taps", Exit::Clean).await?;
        assert_eq!(status["unasked"], json!([]), "everybody answers");
        assert_eq!((&status["table"]["rows"], &status["deadLetters"]["records"]), (&json!(1), &json!(1)));
        let counters = &status["processors"][0]["report"]["counters"];
        assert_eq!((&counters["read"], &counters["filtered"]), (&json!(3), &json!(1)));
        let (_, page) = kubectl_tributary(&trial, "status taps", "").await?;
        for words in
            ["Ready, Succeeded", "1 row, ", "NotInEnum", "3 read = 1 stored + 1 dead-lettered + 1 filtered"]
        {
            ensure!(page.contains(words), "`{words}` is missing of\n{page}");
        }

        let (_, tail) = kubectl_tributary(&trial, "tail taps --last 10 --no-follow", "").await?;
        let mut shown: Vec<Value> = tail.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        shown.sort_by_key(|shown| shown["outcome"].to_string());
        assert_eq!(shown.len(), 3);
        assert_eq!(shown[2]["row"]["button"], "left");
        let (_, tail) = kubectl_tributary(&trial, "tail taps --rejected --last 10 --limit 1", "").await?;
        let rejected: Value = serde_json::from_str(&tail)?;
        assert_eq!((&rejected["reason"], &rejected["record"]["button"]), (&json!("NotInEnum"), &json!("up")));
        Ok(())
    });
}

#[test]
fn dead_letters_are_sent_again_once_and_only_those_that_the_schema_of_today_accepts() {
    with_namespace("cli-replay", async |trial| {
        trial.apply_text(TAPS).await?;
        trial.ready::<AnalyticsPipeline>("taps").await?;
        let events: Vec<Value> =
            (0..40).map(|n| tap(n, ["left", "up", "down", "right"][n as usize % 4])).collect();
        send(&trial, &events).await?;
        let list = asked(&trial, "dead-letters taps list", Exit::Clean).await?;
        assert_eq!((&list["letters"], &list["byReason"]["NotInEnum"]), (&json!(20), &json!(20)));
        let dry = asked(&trial, "dead-letters taps replay --dry-run", Exit::Findings).await?;
        assert_eq!(
            dry["fates"],
            json!([{ "fate": { "stillRejected": { "reason": "NotInEnum", "field": "button" } }, "letters": 20 }])
        );
        let nothing = asked(&trial, "dead-letters taps replay", Exit::Findings).await?;
        assert_eq!(nothing["sent"], json!([]), "what is still rejected is not sent");

        // The schema learns one of the two words.
        trial.apply_text(&TAPS.replace("[left, right]", "[left, right, up]")).await?;
        wait::object(&trial.api::<AnalyticsPipeline>(), "taps", "at tap@2", PATIENCE, |pipeline| {
            pipeline.status.as_ref().is_some_and(|status| status.schemas == ["tap@2"])
        })
        .await?;
        trial.ready::<AnalyticsPipeline>("taps").await?;
        let dry = asked(&trial, "dead-letters taps replay --dry-run", Exit::Findings).await?;
        assert_eq!(dry["fates"][0], json!({ "fate": "sent", "letters": 10 }));
        assert_eq!(rows(&trial).await?, 20, "a dry run sends nothing");

        // Two people at once: one of them may be fenced, and then changes nothing.
        let (one, two) = (trial.clone(), trial.clone());
        let (one, two) = tokio::join!(
            tokio::spawn(async move { kubectl_tributary(&one, "dead-letters taps replay", "").await }),
            tokio::spawn(async move { kubectl_tributary(&two, "dead-letters taps replay", "").await }),
        );
        ensure!(one?.is_ok() || two?.is_ok(), "one of two replays comes through");
        let again = asked(&trial, "dead-letters taps replay", Exit::Findings).await?;
        assert_eq!(again["sent"], json!([]), "nothing is sent twice");
        assert_eq!(again["fates"][0], json!({ "fate": "alreadySent", "letters": 10 }));
        stored(&trial, 30).await?;
        assert_eq!(
            trial
                .clickhouse
                .number(&format!("SELECT uniqExact(n) AS n FROM {}", trial.table("taps")))
                .await?,
            30
        );

        let audit = wait::until("an audit of 30 rows", PATIENCE, || async {
            let audit = asked(&trial, "audit taps", Exit::Clean).await?;
            let is_whole = audit["all"]["stored"] == 30;
            Ok(if is_whole { Seen::Done(audit) } else { Seen::NotYet(audit["all"].to_string()) })
        })
        .await?;
        assert_eq!(audit["all"]["deadLettered"], 20, "a letter that was sent again stays one");

        // The mark with which each transaction ends is passed too.
        wait::until("nothing to be behind", PATIENCE, || async {
            let partitions = asked(&trial, "status taps", Exit::Clean).await?["partitions"].clone();
            let is_behind = |partition: &Value| partition["acknowledged"] != partition["end"];
            let is_behind = partitions.as_array().context("partitions")?.iter().any(is_behind);
            Ok(if is_behind { Seen::NotYet(partitions.to_string()) } else { Seen::Done(()) })
        })
        .await
    });
}

#[test]
fn dead_letters_are_deleted_when_somebody_says_yes_and_only_those_that_are_meant() {
    with_namespace("cli-purge", async |trial| {
        trial.apply_text(TAPS).await?;
        trial.ready::<AnalyticsPipeline>("taps").await?;
        let events: Vec<Value> = (0..9).map(|n| tap(n, ["left", "up", "down"][n as usize % 3])).collect();
        send(&trial, &events).await?;
        let letters = async || -> Result<Value> {
            Ok(asked(&trial, "dead-letters taps list", Exit::Clean).await?["letters"].clone())
        };
        for (words, said, n_left) in [
            ("purge", "6 records of topic ", 6),
            ("purge --older-than 1h", "0 records of topic ", 6),
            ("purge --older-than 1h --yes", "deleted 0 records of topic ", 6),
            ("purge --yes", "deleted 6 records of topic ", 0),
            ("purge --yes", "deleted 0 records of topic ", 0),
        ] {
            let (exit, told) = kubectl_tributary(&trial, &format!("dead-letters taps {words}"), "").await?;
            ensure!(exit == Exit::Clean && told.starts_with(said), "{words}: {exit:?}, {told}");
            ensure!(words.contains("--yes") || told.contains("--yes deletes them"), "{words}: {told}");
            assert_eq!(letters().await?, json!(n_left), "after {words}");
        }
        stored(&trial, 3).await?;
        // The topic goes on: what is rejected later is a letter again.
        send(&trial, &[tap(9, "up")]).await?;
        assert_eq!(letters().await?, json!(1));
        Ok(())
    });
}

const RULE: &str = "
apiVersion: tributary.dev/v1alpha1
kind: ForwardingRule
metadata: {name: lefts}
spec:
  pipeline: {name: taps}
  events: [tap]
  when: event.button == 'left'
  destination: {type: Webhook, webhook: {url: 'https://hooks.example.com/in/t0ken?key=t0ken', secretRef: {name: hook, key: key}}}
";

#[test]
fn a_report_tells_of_everything_and_holds_no_secret_and_no_value_of_a_property() {
    with_namespace("cli-report", async |trial| {
        trial.apply_text(&format!("{TAPS}---{RULE}")).await?;
        trial.ready::<AnalyticsPipeline>("taps").await?;
        send(
            &trial,
            &[tap(424_242, "left"), tap(1, "sesame-street"), json!({ "event": "scroll", "n": "quux" })],
        )
        .await?;
        let (exit, report) = kubectl_tributary(&trial, "report taps", "").await?;
        assert_eq!(exit, Exit::Clean);
        let found: Value = serde_yaml::from_str(&report)?;
        for member in ["status", "schemas", "stream", "pods", "events", "logs"] {
            ensure!(
                !found[member].is_null() && found[member] != json!([]),
                "{member} is missing of\n{report}"
            );
        }
        for words in ["NotInEnum", "took up a partition", "hooks.example.com"] {
            ensure!(report.contains(words), "`{words}` is missing of\n{report}");
        }

        for value in ["424242", "sesame-street", "quux", "t0ken", "tap-1", "right"] {
            ensure!(!report.contains(value), "{value} is in the report:\n{report}");
        }
        let secret = trial.api::<Secret>().get("taps-processor").await?;
        let secrets: Vec<String> = secret
            .data
            .context("it holds the connection")?
            .into_values()
            .map(|bytes| String::from_utf8_lossy(&bytes.0).trim().to_owned())
            .filter(|value| !value.is_empty())
            .collect();
        ensure!(secrets.len() >= 2, "user and password");
        for value in secrets {
            ensure!(!report.contains(&value), "a secret is in the report");
        }

        let file = std::env::temp_dir().join(format!("{}.report.yaml", trial.namespace));
        let (_, told) =
            kubectl_tributary(&trial, &format!("report taps --output {}", file.display()), "").await?;
        ensure!(told.starts_with("wrote ") && told.contains("read it before you give it away"), "{told}");
        let written = std::fs::read_to_string(&file)?;
        std::fs::remove_file(&file)?;
        ensure!(written.contains("NotInEnum") && !written.contains("sesame-street"), "{written}");
        Ok(())
    });
}

#[test]
fn an_audit_finds_what_somebody_took_away_and_what_somebody_added() {
    with_namespace("cli-audit", async |trial| {
        trial.apply_text(TAPS).await?;
        trial.ready::<AnalyticsPipeline>("taps").await?;
        let mut events: Vec<Value> = (0..100).map(|n| tap(n, "left")).collect();
        events.extend([tap(100, "up"), json!({ "event": "scroll" })]);
        send(&trial, &events).await?;
        let audit = asked(&trial, "audit taps", Exit::Clean).await?;
        let all = &audit["all"];
        assert_eq!(
            (&all["settled"], &all["stored"], &all["deadLettered"], &all["filtered"]),
            (&json!(102), &json!(100), &json!(1), &json!(1))
        );

        let table = trial.table("taps");
        trial.clickhouse.execute(&format!("INSERT INTO {table} SELECT * FROM {table} WHERE n = 7")).await?;
        trial
            .clickhouse
            .execute(&format!("ALTER TABLE {table} DELETE WHERE n IN (3, 4) SETTINGS mutations_sync = 1"))
            .await?;
        let audit = asked(&trial, "audit taps", Exit::Findings).await?;
        assert_eq!((&audit["all"]["lost"], &audit["all"]["doubled"]), (&json!(2), &json!(1)));
        assert_eq!(audit["wrong"].as_array().map(Vec::len), Some(3), "each is named: {}", audit["wrong"]);
        Ok(())
    });
}

#[test]
fn a_stream_is_suspended_and_resumed() {
    with_namespace("cli-suspend", async |trial| {
        trial.apply_text(TAPS).await?;
        trial.ready::<AnalyticsPipeline>("taps").await?;
        kubectl_tributary(&trial, "suspend taps", "").await?;
        trial.reason::<AnalyticsPipeline>("taps", "Ready", "Suspended").await?;
        let (exit, told) =
            kubectl_tributary(&trial, "send taps --filename - --timeout 1s", &tap(1, "left").to_string())
                .await?;
        ensure!(exit == Exit::Findings && told.contains("waiting"), "nobody settles it: {told}");
        kubectl_tributary(&trial, "resume taps", "").await?;
        stored(&trial, 1).await
    });
}

async fn rows(trial: &Trial) -> Result<u64> {
    Ok(trial.clickhouse.count(&trial.table("taps")).await?.rows)
}

async fn stored(trial: &Trial, wanted: u64) -> Result<()> {
    wait::until(&format!("{wanted} rows"), PATIENCE, || async {
        let n = rows(trial).await?;
        Ok(if n == wanted { Seen::Done(()) } else { Seen::NotYet(format!("{n} rows")) })
    })
    .await
}
