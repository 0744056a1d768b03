//! Waiting with an end: for a condition of an object, or for anything that can be asked again and again.
//!
//! In: what is waited for, in words, a limit, and the question. Out: the answer, or an error that says what was waited for,
//! how long, and what was seen last. No wait is without a limit, and none is a bare sleep.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::runtime::wait::{Condition as Predicate, await_condition};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crds::{AnalyticsPipeline, EventSchema, ForwardingRule};

const INTERVAL: Duration = Duration::from_millis(200);

/// What a question found.
#[derive(Debug)]
pub enum Seen<T> {
    /// What was waited for.
    Done(T),
    /// Something else, in words.
    NotYet(String),
}

/// Asks until the answer is there. An error counts as not yet: what is away may come back.
pub async fn until<T, F, Fut>(what: &str, limit: Duration, mut question: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Seen<T>>>,
{
    let begun = Instant::now();
    loop {
        let last = match question().await {
            Ok(Seen::Done(answer)) => return Ok(answer),
            Ok(Seen::NotYet(seen)) => seen,
            Err(error) => format!("{error:#}"),
        };
        if begun.elapsed() > limit {
            bail!("waited {} s for {what}; last seen: {last}", limit.as_secs());
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Asks until a value is the expected one.
pub async fn until_equal<T, F, Fut>(what: &str, limit: Duration, expected: T, mut question: F) -> Result<()>
where
    T: PartialEq + Debug,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let what = format!("{what} to be {expected:?}");
    until(&what, limit, || {
        let answer = question();
        let expected = &expected;
        async move {
            let seen = answer.await?;
            Ok(if seen == *expected { Seen::Done(()) } else { Seen::NotYet(format!("{seen:?}")) })
        }
    })
    .await
}

/// An object whose status follows Tributary's rules.
pub trait Reported: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static {
    /// Conditions of the status.
    fn conditions(&self) -> &[Condition];
    /// Generation that the status speaks of.
    fn observed_generation(&self) -> Option<i64>;

    /// The condition of a type, when it speaks of the object as it is now.
    fn condition(&self, type_name: &str) -> Option<&Condition> {
        let current = self.observed_generation() == self.meta().generation;
        self.conditions().iter().find(|condition| current && condition.type_ == type_name)
    }

    /// Whether a condition has a status and a reason, for the object as it is now.
    fn says(&self, type_name: &str, status: &str, reason: &str) -> bool {
        self.condition(type_name)
            .is_some_and(|condition| condition.status == status && condition.reason == reason)
    }

    /// Whether all is as the spec says, for the object as it is now.
    fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|condition| condition.status == "True")
    }

    /// The conditions in one line, for people.
    fn summary(&self) -> String {
        let conditions: Vec<String> = self
            .conditions()
            .iter()
            .map(|found| format!("{}={} {}: {}", found.type_, found.status, found.reason, found.message))
            .collect();
        if conditions.is_empty() { "no conditions yet".to_owned() } else { conditions.join("; ") }
    }
}

macro_rules! reported {
    ($($kind:ty),*) => {$(
        impl Reported for $kind {
            fn conditions(&self) -> &[Condition] {
                self.status.as_ref().map_or(&[], |status| &status.conditions)
            }

            fn observed_generation(&self) -> Option<i64> {
                self.status.as_ref().and_then(|status| status.observed_generation)
            }
        }
    )*};
}

reported!(AnalyticsPipeline, EventSchema, ForwardingRule);

/// Watches an object until it is as wanted.
pub async fn object<K: Reported>(
    api: &Api<K>,
    name: &str,
    what: &str,
    limit: Duration,
    wanted: impl Fn(&K) -> bool,
) -> Result<K> {
    let predicate = |found: Option<&K>| found.is_some_and(&wanted);
    if let Ok(found) = tokio::time::timeout(limit, await_condition(api.clone(), name, predicate)).await {
        return found.with_context(|| format!("watching {name} for {what}"))?.context("the object vanished");
    }
    let kind = K::kind(&());
    match api.get_opt(name).await? {
        Some(found) => {
            bail!("waited {} s for {kind} {name} to be {what}; it says: {}", limit.as_secs(), found.summary())
        }
        None => bail!("waited {} s for {kind} {name} to be {what}; it does not exist", limit.as_secs()),
    }
}

/// Watches an object until it is ready, for the spec as it is now.
pub async fn ready<K: Reported>(api: &Api<K>, name: &str, limit: Duration) -> Result<K> {
    object(api, name, "Ready", limit, K::is_ready).await
}

/// Watches an object until it does not exist.
pub async fn gone<K>(api: &Api<K>, name: &str, limit: Duration) -> Result<()>
where
    K: Resource + ResourceExt + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let absent = |found: Option<&K>| found.is_none();
    tokio::time::timeout(limit, await_condition(api.clone(), name, absent))
        .await
        .with_context(|| format!("waited {} s for {name} to be deleted", limit.as_secs()))??;
    Ok(())
}

/// Watches any object until a predicate of kube's holds.
pub async fn holds<K>(
    api: &Api<K>,
    name: &str,
    what: &str,
    limit: Duration,
    wanted: impl Predicate<K>,
) -> Result<()>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    tokio::time::timeout(limit, await_condition(api.clone(), name, wanted))
        .await
        .with_context(|| format!("waited {} s for {name} to be {what}", limit.as_secs()))??;
    Ok(())
}
