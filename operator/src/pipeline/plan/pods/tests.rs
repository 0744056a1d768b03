//! Pods that follow the lag, through the whole control plane; and what bounds them.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::*;
use crate::controllers::Pace;
use crate::pipeline::reconcile;
use crate::tenants::file::Caps;
use crate::testing::{Fixture, noon};

const OBJECTS: &str = "
apiVersion: tributary.dev/v1alpha1
kind: EventSchema
metadata: {name: purchase, namespace: shop}
spec: {fields: [{name: a, type: String}]}
---
apiVersion: tributary.dev/v1alpha1
kind: AnalyticsPipeline
metadata: {name: ios, namespace: shop}
spec: {schemas: [{name: purchase}], processor: {autoscaling: {max: 3, targetLag: 100, scaleInAfter: 60s}}}
";
const GROUP: &str = "tributary.shop.ios";

fn after(seconds: i64) -> Timestamp {
    noon() + SignedDuration::from_secs(seconds)
}

fn pods_of(fixture: &Fixture) -> Value {
    let path = "/apis/apps/v1/namespaces/shop/deployments/ios-processor";
    fixture.cluster.get(path).unwrap()["spec"]["replicas"].clone()
}

fn condition(fixture: &Fixture) -> String {
    let conditions = fixture.conditions("analyticspipelines", "ios");
    conditions.into_iter().find(|text| text.starts_with("ScalingActive=")).unwrap_or_default()
}

fn scalings(fixture: &Fixture) -> Vec<String> {
    fixture.cluster.events().into_iter().filter(|event| event.contains("Scaled")).collect()
}

fn warnings(fixture: &Fixture) -> usize {
    fixture.cluster.events().iter().filter(|event| *event == "Warning KafkaRejected ios").count()
}

async fn settled(objects: &str) -> Fixture {
    let mut fixture = Fixture::of(objects);
    fixture.settle().await;
    fixture
}

#[tokio::test(start_paused = true)]
async fn pods_come_and_go_with_the_lag_and_each_change_is_told_once() {
    let mut fixture = settled(OBJECTS).await;
    assert_eq!(pods_of(&fixture), 1);
    assert_eq!(condition(&fixture), "ScalingActive=True Succeeded: 1 to 3 processor pods follow the lag");
    /// Lag, time of the look, and the pods after it.
    type Look = (i64, fn() -> Timestamp, i32);
    let looks: [Look; 6] = [
        (950, || after(60), 2),
        (950, || after(90), 3),
        (0, || after(120), 3),
        (0, || after(180), 2),
        (0, || after(190), 2),
        (0, || after(250), 1),
    ];
    for (lag, clock, pods) in looks {
        fixture.topics.set_lag(GROUP, Ok(lag));
        fixture.ctx.clock = clock;
        fixture.settle().await;
        assert_eq!(pods_of(&fixture), pods, "{} with lag {lag}", clock());
    }
    let wanted =
        ["Normal ScaledOut ios", "Normal ScaledOut ios", "Normal ScaledIn ios", "Normal ScaledIn ios"];
    assert_eq!(scalings(&fixture), wanted);
    assert_eq!(
        condition(&fixture),
        "ScalingActive=True ScaledIn: scaled in from 2 to 1 processor pods, as the lag asked for at most 1 in the last 60 s"
    );
    assert!(fixture.ready("analyticspipelines", "ios").starts_with("Ready=True Succeeded"));
}

#[tokio::test(start_paused = true)]
async fn a_settled_stream_is_looked_at_a_few_times_a_minute_and_not_written_to() {
    let mut fixture = settled(OBJECTS).await;
    let look = reconcile(&fixture.ctx, &fixture.guarded_pipeline("shop", "ios").0.unwrap()).await.unwrap();
    assert_eq!(look.pace, Pace::Scaling);
    let writes = fixture.cluster.writes();
    for lag in [0, 99, 40] {
        fixture.topics.set_lag(GROUP, Ok(lag));
        fixture.look_at_all().await;
    }
    // The next process remembers nothing.
    fixture.ctx.memories = std::sync::Arc::default();
    fixture.look_at_all().await;
    assert_eq!(fixture.cluster.writes(), writes);
}

#[tokio::test(start_paused = true)]
async fn a_suspended_stream_has_no_pods_whatever_waits_and_goes_on_with_enough() {
    let suspended = OBJECTS.replace("{schemas:", "{suspend: true, schemas:");
    let mut fixture = settled(&suspended).await;
    fixture.topics.set_lag(GROUP, Ok(100_000));
    fixture.settle().await;
    assert_eq!(pods_of(&fixture), 0);
    assert!(condition(&fixture).starts_with("ScalingActive=True Suspended"), "{}", condition(&fixture));
    assert_eq!(scalings(&fixture), [""; 0]);
    fixture.put(OBJECTS);
    fixture.settle().await;
    assert_eq!(pods_of(&fixture), 3);
    assert!(condition(&fixture).contains("scaled out from 0 to 3 processor pods"), "{}", condition(&fixture));
}

#[tokio::test(start_paused = true)]
async fn a_lag_that_cannot_be_read_is_told_and_changes_no_pods() {
    let mut fixture = settled(OBJECTS).await;
    fixture.topics.set_lag(GROUP, Ok(150));
    fixture.ctx.clock = || after(60);
    fixture.settle().await;
    fixture.topics.set_lag(GROUP, Err("group authorization failed"));
    fixture.ctx.clock = || after(6000);
    fixture.settle().await;
    assert_eq!(pods_of(&fixture), 2);
    let told = condition(&fixture);
    assert!(told.starts_with("ScalingActive=False KafkaRejected") && told.contains(GROUP), "{told}");
    let ready = fixture.ready("analyticspipelines", "ios");
    assert!(ready.starts_with("Ready=True Succeeded"), "events flow, but {ready}");
    assert_eq!(warnings(&fixture), 1);
    fixture.settle().await;
    assert_eq!(warnings(&fixture), 1, "told again");
    fixture.topics.set_lag(GROUP, Ok(150));
    fixture.settle().await;
    assert!(condition(&fixture).starts_with("ScalingActive=True Succeeded"), "{}", condition(&fixture));
}

#[tokio::test(start_paused = true)]
async fn a_number_that_is_fixed_again_holds_and_leaves_no_condition() {
    let mut fixture = settled(OBJECTS).await;
    fixture.put(&OBJECTS.replace("autoscaling: {max: 3, targetLag: 100, scaleInAfter: 60s}", "replicas: 2"));
    fixture.topics.set_lag(GROUP, Ok(100_000));
    fixture.settle().await;
    assert_eq!((pods_of(&fixture), condition(&fixture)), (Value::from(2), String::new()));
}

#[tokio::test(start_paused = true)]
async fn bounds_that_cannot_hold_are_told_with_the_remedy() {
    for (bounds, words) in [
        ("min: 4, max: 3", "`min`: 4 must be at least 1, and at most `max`, 3"),
        ("min: 0, max: 3", "`min`: 0 must be at least 1"),
        ("max: 7", "`max`: 7 is above `spec.kafka.partitions`, 6"),
        (
            "max: 3, scaleInAfter: 2h",
            "`spec.processor.autoscaling.scaleInAfter`: `2h` must be between 10s and 60m",
        ),
    ] {
        let from = "max: 3, targetLag: 100, scaleInAfter: 60s";
        let fixture = settled(&OBJECTS.replace(from, bounds)).await;
        let ready = fixture.ready("analyticspipelines", "ios");
        assert!(ready.starts_with("Ready=False SpecInvalid") && ready.contains(words), "{bounds}: {ready}");
    }
}

#[tokio::test(start_paused = true)]
async fn more_pods_than_the_tenant_may_have_are_refused() {
    let tenants = "[{name: shop, namespaces: {names: [shop]}, caps: {replicas: 2}}]";
    let mut fixture = Fixture::with_tenants(tenants, OBJECTS);
    fixture.put("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}");
    fixture.settle().await;
    let ready = fixture.ready("analyticspipelines", "ios");
    let words = "`spec.processor.autoscaling.max`: 3 is above 2";
    assert!(ready.starts_with("Ready=False QuotaExceeded") && ready.contains(words), "{ready}");
}

#[test]
fn the_least_bound_holds_whoever_sets_it() {
    let autoscaling = Autoscaling { min: 2, max: 9, target_lag: 100, scale_in_after: "1m".into() };
    // (partitions, cap, least, greatest, who)
    for (partitions, cap, min, max, who) in [
        (12, None, 2, 9, "`spec.processor.autoscaling.max`"),
        (6, None, 2, 6, "the topic's 6 partitions"),
        (6, Some(12), 2, 6, "the topic's 6 partitions"),
        (6, Some(4), 2, 4, "`caps.replicas` of tenant `shop`"),
        (6, Some(1), 1, 1, "`caps.replicas` of tenant `shop`"),
        (1, None, 1, 1, "the topic's 1 partitions"),
    ] {
        let caps = Caps { replicas: cap, ..Caps::default() };
        let standing = Standing { tenant: Some("shop".into()), caps, ..Standing::default() };
        let rule = rule(&autoscaling, Duration::from_secs(60), (partitions, &standing));
        assert_eq!((rule.min, rule.max, rule.limit.as_str()), (min, max, who), "{partitions}, {cap:?}");
    }
}
