//! Chosen events leave: to a webhook, signed, each one and no other; and to another topic. A destination in trouble loses nothing.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use crds::{AnalyticsPipeline, ForwardingRule};
use e2e::environment::settings::ADDRESS;
use e2e::generator::App;
use e2e::kafka::Load;
use e2e::receiver::Receiver;
use e2e::trial::{PATIENCE, Trial, with_namespace};
use e2e::wait;
use serde_json::{Value, json};

/// The secret of the sample, with which its rule signs.
const SECRET: &str = "whsec_dHJpYnV0YXJ5LWRlbW8tc2VjcmV0LWRvLW5vdC11c2U=";

async fn receiver(secret: &str) -> Result<Receiver> {
    let listen: SocketAddr = format!("{ADDRESS}:0").parse()?;
    Receiver::start(listen, secret).await
}

/// Waits until a rule has seen every record and had an answer for each it chose: after that nothing more leaves.
async fn forwarded(trial: &Trial, pipeline: &str, rule: &str) -> Result<()> {
    let group = format!("{}.{rule}", trial.group(pipeline));
    let waiting = || async { trial.kafka.unacknowledged(&trial.topic(pipeline), &group).await };
    wait::until_equal("records that the rule has not acknowledged", PATIENCE, 0, waiting).await
}

/// The iOS stream of the sample, with its rule pointed at a receiver.
async fn apply_ios(trial: &Trial, receiver: &Receiver) -> Result<()> {
    let mut objects = trial.sample("first-stream")?;
    objects.retain(|object| object["metadata"]["name"] != "android");
    for object in &mut objects {
        if object["kind"] == "ForwardingRule" {
            let url = format!("http://{}/big-spenders", receiver.address);
            object["spec"]["destination"]["webhook"]["url"] = url.into();
        }
    }
    trial.apply(&objects).await?;
    trial.ready::<AnalyticsPipeline>("ios").await?;
    trial.ready::<ForwardingRule>("big-spenders").await?;
    Ok(())
}

#[test]
fn a_webhook_gets_each_matching_event_once_signed_and_no_other() {
    with_namespace("webhook", async |trial| {
        let receiver = receiver(SECRET).await?;
        apply_ios(&trial, &receiver).await?;
        let expected = trial.send(App::Ios, 5_000, true, Load::default()).await?;
        ensure!(expected.forwarded.len() > 10, "the load has too few big spenders");
        trial.stored("ios", expected.stored(), PATIENCE).await?;
        forwarded(&trial, "ios", "big-spenders").await?;
        assert_eq!(receiver.events(), expected.forwarded);
        assert_eq!(receiver.refusals(), Vec::<String>::new());
        assert_eq!(receiver.deliveries().len(), expected.forwarded.len(), "one delivery id an event");
        // A personal value leaves as it is stored: never plain.
        for body in receiver.deliveries().values() {
            ensure!(!body.to_string().contains("u-0"), "a plain user id left: {body}");
        }
        Ok(())
    });
}

#[test]
fn a_destination_in_trouble_gets_everything_later_and_keeps_nobody_waiting() {
    with_namespace("webhook-trouble", async |trial| {
        let receiver = receiver(SECRET).await?;
        receiver.trouble(Some(StatusCode::SERVICE_UNAVAILABLE));
        apply_ios(&trial, &receiver).await?;
        let expected = trial.send(App::Ios, 2_000, false, Load::default()).await?;
        trial.stored("ios", 2_000, Duration::from_secs(60)).await?;
        ensure!(receiver.requests() > 0, "the destination was never asked, so it kept nobody waiting");
        assert_eq!(receiver.events(), BTreeSet::new(), "it took nothing while the rows were stored");
        receiver.trouble(None);
        let arrived = || async { Ok(receiver.events()) };
        wait::until_equal("all events at last", Duration::from_secs(180), expected.forwarded.clone(), arrived)
            .await
    });
}

#[test]
fn a_destination_that_refuses_the_signature_is_named_in_a_condition_and_gets_all_once_it_accepts() {
    with_namespace("webhook-refuses", async |trial| {
        let other = receiver("whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldC1vdGhlcg==").await?;
        apply_ios(&trial, &other).await?;
        let expected = trial.send(App::Ios, 1_000, false, Load::default()).await?;
        let message = trial
            .reason::<ForwardingRule>("big-spenders", "DestinationReachable", "DestinationRejected")
            .await?;
        ensure!(message.contains("401"), "the message does not tell the answer: {message}");

        // The team mends it: the Secret is the destination's now.
        let mended = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "webhook", "namespace": trial.namespace },
            "stringData": { "secret": "whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldC1vdGhlcg==" } });
        trial.apply(&[mended]).await?;
        let arrived = || async { Ok(other.events()) };
        wait::until_equal("all events", Duration::from_secs(240), expected.forwarded.clone(), arrived)
            .await?;
        trial.ready::<ForwardingRule>("big-spenders").await?;
        Ok(())
    });
}

#[test]
fn a_topic_gets_each_matching_event_and_no_other() {
    with_namespace("to-topic", async |trial| {
        let objects = trial.sample("first-stream")?;
        let stream: Vec<Value> = objects
            .into_iter()
            .filter(|object| object["kind"] != "ForwardingRule" && object["metadata"]["name"] != "android")
            .collect();
        trial.apply(&stream).await?;
        let target = format!("{}.big", trial.namespace);
        trial.kafka.create_topic(&target, 2).await?;
        trial
            .apply_text(&format!(
                "
apiVersion: tributary.dev/v1alpha1
kind: ForwardingRule
metadata: {{name: big}}
spec:
  pipeline: {{name: ios}}
  events: [purchase]
  when: event.amount > 100.0
  start: Earliest
  destination: {{type: Kafka, kafka: {{topic: {target}}}}}
"
            ))
            .await?;
        trial.ready::<AnalyticsPipeline>("ios").await?;
        trial.ready::<ForwardingRule>("big").await?;
        let expected = trial.send(App::Ios, 5_000, true, Load::default()).await?;
        trial.stored("ios", expected.stored(), PATIENCE).await?;
        forwarded(&trial, "ios", "big").await?;
        assert_eq!(trial.kafka.records(&target).await?, expected.forwarded.len() as u64);
        let mut ids = BTreeSet::new();
        for kept in trial.kafka.read(&target).await? {
            let event: Value =
                serde_json::from_slice(&kept.value).context("the forwarded record is not JSON")?;
            ids.insert(event["event_id"].as_str().unwrap_or_default().to_owned());
        }
        assert_eq!(ids, expected.forwarded);
        trial.kafka.delete_topic(&target).await
    });
}
