//! When a status is written, and how an error is shown.

use std::time::Duration;

use super::*;
use crate::testing::{Fixture, noon};

const PIPELINE: &str = "{apiVersion: tributary.dev/v1alpha1, kind: AnalyticsPipeline, metadata: {name: ios, namespace: shop}, spec: {schemas: [{name: purchase}]}}";

fn lag(lag: i64) -> AnalyticsPipelineStatus {
    AnalyticsPipelineStatus { lag: Some(lag), ..AnalyticsPipelineStatus::default() }
}

async fn report(
    fixture: &mut Fixture,
    before: &AnalyticsPipelineStatus,
    after: &AnalyticsPipelineStatus,
    second: u64,
) -> usize {
    let pipeline = fixture.guarded_pipeline("shop", "ios").0.unwrap();
    let now = noon() + Duration::from_secs(second);
    let key = Key::of("AnalyticsPipeline", &pipeline);
    fixture.ctx.reporter.report(&pipeline, &key, (Some(before), after), now).await.unwrap();
    fixture.sync();
    fixture.cluster.n_writes()
}

#[tokio::test]
async fn a_status_in_which_only_counters_changed_is_written_once_a_minute() {
    let mut fixture = Fixture::of(PIPELINE);
    assert_eq!(report(&mut fixture, &lag(1), &lag(2), 0).await, 0, "a restart costs no write");
    assert_eq!(report(&mut fixture, &lag(1), &lag(3), 59).await, 0);
    assert_eq!(report(&mut fixture, &lag(1), &lag(4), 60).await, 1);
    assert_eq!(report(&mut fixture, &lag(4), &lag(5), 61).await, 1);
    let other = AnalyticsPipelineStatus { topic: Some("shop.ios".into()), ..lag(6) };
    assert_eq!(report(&mut fixture, &lag(4), &other, 62).await, 2, "anything else is written at once");
    assert_eq!(report(&mut fixture, &other, &other, 300).await, 2);
}

#[test]
fn an_error_is_shown_with_its_causes_each_once() {
    #[derive(Debug, thiserror::Error)]
    #[error("failed to read the list")]
    struct Outer(#[source] Inner);
    #[derive(Debug, thiserror::Error)]
    #[error("connection refused")]
    struct Inner;
    assert_eq!(Chain(&Outer(Inner)).to_string(), "failed to read the list: connection refused");
}
