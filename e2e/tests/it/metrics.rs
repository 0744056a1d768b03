//! What a platform team watches, on the real thing: `/metrics` of operator and processor, and `helm test`.
//!
//! In: a stream with a rule, and a schema that nobody can accept, so that every metric has something to show. Out: the programs show
//! exactly what `docs/reference/metrics.md` says. The queries of alerts and dashboards are held against that page by the operator's
//! unit tests (`operator/src/chart/monitoring.rs`), so each of them asks for what a real program shows.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use crds::exposition::{self, Metric};
use crds::{AnalyticsPipeline, EventSchema, ForwardingRule};
use e2e::install;
use e2e::trial::{PATIENCE, Trial, with_namespace};
use e2e::wait;

use crate::written;

const BROKEN: &str = "
apiVersion: tributary.dev/v1alpha1
kind: EventSchema
metadata: {name: broken}
spec:
  fields:
  - {name: price, type: 'Decimal(5, 9)'}
";

/// The stream `clicks`, copied into the topic of another.
async fn apply(trial: &Trial) -> Result<()> {
    let copies = written::CLICKS.replace("name: clicks", "name: copies");
    trial.apply_text(&copies).await?;
    trial.ready::<AnalyticsPipeline>("copies").await?;
    let rule = format!(
        "
apiVersion: tributary.dev/v1alpha1
kind: ForwardingRule
metadata: {{name: copy}}
spec:
  pipeline: {{name: clicks}}
  destination: {{type: Kafka, kafka: {{topic: {}}}}}
",
        trial.topic("copies")
    );
    trial.apply_text(&rule).await?;
    trial.apply_text(written::CLICKS).await?;
    trial.apply_text(BROKEN).await?;
    trial.ready::<ForwardingRule>("copy").await?;
    trial.reason::<EventSchema>("broken", "Ready", "SpecInvalid").await?;
    Ok(())
}

/// Every metric that the operator and the processors of `clicks` show.
async fn shown(trial: &Trial) -> Result<BTreeSet<Metric>> {
    let mut pods = trial.cluster.operator_pods().await?;
    pods.extend(trial.cluster.processors(&trial.namespace, "clicks").await?);
    let mut metrics = BTreeSet::new();
    for pod in &pods {
        metrics.extend(exposition::read(&trial.cluster.metrics(pod).await?));
    }
    Ok(metrics)
}

#[test]
fn operator_and_processor_show_what_the_page_of_metrics_says() {
    with_namespace("metrics", async |trial| {
        apply(&trial).await?;
        written::send_clicks(&trial, 0..1_000).await?;
        trial.stored("clicks", 1_000, PATIENCE).await?;
        let page = fs::read_to_string(install::repository().join("docs/reference/metrics.md"))
            .context("reading the page of metrics")?;
        let documented: BTreeSet<Metric> = exposition::read_page(&page).into_iter().collect();
        // A lag is measured, and a problem counted, a moment after it can be seen elsewhere.
        let difference = || async {
            let shown = shown(&trial).await?;
            Ok(shown.symmetric_difference(&documented).cloned().collect::<Vec<_>>())
        };
        wait::until_equal(
            "metrics that only the page or only a program has",
            PATIENCE,
            Vec::new(),
            difference,
        )
        .await
    });
}

#[test]
fn helm_test_finds_an_operator_that_does_its_work() {
    with_namespace("helm-test", async |trial| install::test(&trial.cluster, &trial.connections).await);
}
