//! Controllers: three loops of one shape over one scope (all namespaces, or one).
//!
//! In: watches of the three kinds and of what pipelines own. Out: looks, one at a time for each object, until `stop`.
//!
//! ```text
//! watch ──▶ store ──▶ wakes, news ──▶ queue of its kind ──▶ reconcile ──▶ look ──▶ when to look again
//! ```
//!
//! A store is filled before anybody is woken, and nobody is woken before all three stores are listed: a look never takes
//! "not seen yet" for "not there". A kind that fails to be watched is tried again with growing distance.

pub mod look;
mod news;
mod unreadable;
pub mod wakes;

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::{Stream, StreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::controller::{Action, Config, Error as ControllerError, ReconcileRequest, applier};
use kube::runtime::reflector::{ObjectRef, Store, store::Writer};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::context::Context;
use crate::http::Readiness;
use crate::kubernetes::{ApplyError, Child, labels};
use crate::objects::{Key, Writers};
use crate::report::Chain;
use crate::{event_schema, forwarding_rule, pipeline};
pub use look::{Look, Pace};
use news::News;

/// Looks under way at once, for each kind.
const CONCURRENCY: u16 = 16;

/// A look under way.
type Looking<'a> = Pin<Box<dyn Future<Output = Result<Look, ApplyError>> + Send + 'a>>;

/// The queues of the three kinds.
#[derive(Clone)]
struct Queues {
    schemas: UnboundedSender<Key>,
    pipelines: UnboundedSender<Key>,
    rules: UnboundedSender<Key>,
}

impl Queues {
    fn wake(&self, keys: impl IntoIterator<Item = Key>) {
        for key in keys {
            let queue = match key.kind {
                event_schema::KIND => &self.schemas,
                pipeline::KIND => &self.pipelines,
                _ => &self.rules,
            };
            // The other end is gone only when the process ends.
            if queue.unbounded_send(key).is_err() {
                debug!("nobody is woken any more");
            }
        }
    }
}

/// Runs the three controllers of one scope until `stop`; what is under way then is finished.
pub async fn run(
    client: Client,
    namespace: Option<&str>,
    (ctx, writers): (Arc<Context>, Writers),
    readiness: Readiness,
    stop: CancellationToken,
) {
    let (schemas, schema_queue) = unbounded();
    let (pipelines, pipeline_queue) = unbounded();
    let (rules, rule_queue) = unbounded();
    let queues = Queues { schemas, pipelines, rules };
    let watches = watch_all(&client, namespace, (&ctx, writers), queues);
    let looks = async {
        if ctx.stores.wait_until_listed().await.is_err() {
            return;
        }
        readiness.reached();
        tokio::join!(
            look_at(&ctx, &ctx.stores.schemas, (schema_queue, &stop), |ctx, it| Box::pin(
                event_schema::reconcile(ctx, it)
            )),
            look_at(&ctx, &ctx.stores.pipelines, (pipeline_queue, &stop), |ctx, it| Box::pin(
                pipeline::reconcile(ctx, it)
            )),
            look_at(&ctx, &ctx.stores.rules, (rule_queue, &stop), |ctx, it| Box::pin(
                forwarding_rule::reconcile(ctx, it)
            )),
        );
    };
    tokio::select! {
        () = watches => {}
        () = looks => {}
        () = stopped_unlisted(&ctx, &stop) => {}
    }
}

/// Ends when `stop` comes before the kinds were ever listed; else the looks end by themselves.
async fn stopped_unlisted(ctx: &Context, stop: &CancellationToken) {
    stop.cancelled().await;
    if futures::FutureExt::now_or_never(ctx.stores.wait_until_listed()).is_some() {
        std::future::pending::<()>().await;
    }
}

async fn watch_all(
    client: &Client,
    namespace: Option<&str>,
    (ctx, writers): (&Arc<Context>, Writers),
    queues: Queues,
) {
    let stores = &ctx.stores;
    tokio::join!(
        watch_kind(api(client, namespace), (&stores.schemas, writers.schemas), (ctx, &queues), |it| {
            wakes::by_schema(stores, it)
        }),
        watch_kind(api(client, namespace), (&stores.pipelines, writers.pipelines), (ctx, &queues), |it| {
            wakes::by_pipeline(stores, it)
        }),
        watch_kind(api(client, namespace), (&stores.rules, writers.rules), (ctx, &queues), wakes::by_rule),
        watch_children::<Deployment>(client, namespace, &queues),
        watch_children::<PartialObjectMeta<ConfigMap>>(client, namespace, &queues),
        watch_children::<PartialObjectMeta<ServiceAccount>>(client, namespace, &queues),
    );
}

fn api<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// Watches one of the three kinds: fills its store, then wakes whom it concerns.
async fn watch_kind<K>(
    api: Api<DeserializeGuard<K>>,
    (store, writer): (&Store<DeserializeGuard<K>>, Writer<DeserializeGuard<K>>),
    (ctx, queues): (&Context, &Queues),
    wakes: impl Fn(&DeserializeGuard<K>) -> Vec<Key>,
) where
    K: Child + Send + Sync + 'static,
{
    let events = watch(api, watcher::Config::default()).default_backoff().reflect(writer);
    let mut events = std::pin::pin!(events);
    let mut news = News::default();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Apply(object)) => {
                queues.wake(news.changed(&key_of(&object), object.meta(), wakes(&object)));
            }
            Ok(Event::Delete(object)) => {
                let key = key_of(&object);
                queues.wake(news.went(&key, wakes(&object)));
                forget(ctx, &key);
            }
            // The store takes a list over as a whole, so that only now all of it can be looked at.
            Ok(Event::InitDone) => {
                let listed = store.state();
                for object in &listed {
                    queues.wake(news.changed(&key_of(object), object.meta(), wakes(object)));
                }
                for (key, woken) in news.missing(&listed.iter().map(|object| key_of(object)).collect()) {
                    queues.wake(woken);
                    forget(ctx, &key);
                }
            }
            Ok(Event::Init | Event::InitApply(_)) => {}
            Err(error) => warn!(
                kind = %K::kind(&()),
                error = %Chain(&error),
                "failed to watch; are the CustomResourceDefinitions of tributary.dev installed?"
            ),
        }
    }
}

/// Watches one kind of what pipelines own; the label keeps what others own out of memory.
async fn watch_children<K>(client: &Client, namespace: Option<&str>, queues: &Queues)
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + 'static,
{
    let config = watcher::Config::default().labels(labels::OWNED_SELECTOR);
    let events = watch(api::<K>(client, namespace), config).default_backoff();
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Apply(object) | Event::Delete(object)) => queues.wake(wakes::by_child(object.meta())),
            // Every pipeline is looked at after a start anyway, and sees what it owns.
            Ok(Event::Init | Event::InitApply(_) | Event::InitDone) => {}
            Err(error) => warn!(kind = %K::kind(&()), error = %Chain(&error), "failed to watch"),
        }
    }
}

fn forget(ctx: &Context, key: &Key) {
    ctx.reporter.forget(key);
    ctx.retries.succeeded(key);
    ctx.memories.forget(key);
}

/// Looks at every object that is woken, one look at a time for each.
async fn look_at<K>(
    ctx: &Arc<Context>,
    store: &Store<DeserializeGuard<K>>,
    (queue, stop): (UnboundedReceiver<Key>, &CancellationToken),
    reconcile: for<'a> fn(&'a Context, &'a K) -> Looking<'a>,
) where
    K: Child + Send + Sync + 'static,
    K::DynamicType: Debug + Eq + Hash + Clone + Unpin,
{
    let requests = queue.take_until(stop.clone().cancelled_owned()).map(|key| {
        let reference = ObjectRef::<DeserializeGuard<K>>::new(&key.name).within(&key.namespace);
        Ok::<_, Infallible>(ReconcileRequest::from(reference))
    });
    let looks = applier(
        move |guard: Arc<DeserializeGuard<K>>, ctx: Arc<Context>| {
            Box::pin(async move { look_once(&ctx, &guard, reconcile).await })
        },
        |guard, error, ctx| retry(&guard, error, &ctx),
        Arc::clone(ctx),
        store.clone(),
        requests,
        Config::default().concurrency(CONCURRENCY),
    );
    drain(looks).await;
}

async fn look_once<K: Child>(
    ctx: &Context,
    guard: &DeserializeGuard<K>,
    reconcile: for<'a> fn(&'a Context, &'a K) -> Looking<'a>,
) -> Result<Action, ApplyError> {
    let started = Instant::now();
    let key = key_of(guard);
    let Key { kind, namespace, name } = &key;
    let span = traces::span!("reconcile", kind, namespace, name, ready = tracing::field::Empty);
    let looking = async {
        match &guard.0 {
            Ok(object) => reconcile(ctx, object).await,
            Err(invalid) => unreadable::reconcile(ctx, &key, guard, invalid).await,
        }
    };
    let looked = traces::within(span.clone(), looking, |it| it.as_ref().err().map(ApplyError::reason)).await;
    let look = looked?;
    span.record("ready", look.is_ready).record("reason", look.reason.as_str());
    if look.pace == Pace::OnChange {
        ctx.metrics.forget(&key);
    } else {
        ctx.metrics.looked_at(&key, look.reason, look.is_ready, started.elapsed());
    }
    let next = look.next(&key, &ctx.retries, ctx.settings.resync);
    Ok(next.map_or_else(Action::await_change, Action::requeue))
}

/// Decides when to look again after the apiserver failed.
fn retry<K: Child>(guard: &DeserializeGuard<K>, error: &ApplyError, ctx: &Context) -> Action {
    let key = key_of(guard);
    // The object changed or went since it was read: the watch tells, and the wait is for the case that it does not.
    if error.is_conflict() || error.is_gone() {
        debug!(object = %key, error = %Chain(error), "object changed in between");
        return Action::requeue(std::time::Duration::from_secs(1));
    }
    error!(object = %key, error = %Chain(error), "failed to look at object");
    ctx.metrics.failed(key.kind);
    Action::requeue(ctx.retries.failed(&key))
}

fn key_of<K: Child>(guard: &DeserializeGuard<K>) -> Key {
    let kind = match K::kind(&()).as_ref() {
        event_schema::KIND => event_schema::KIND,
        pipeline::KIND => pipeline::KIND,
        _ => forwarding_rule::KIND,
    };
    Key::of(kind, guard)
}

async fn drain<K, E>(
    looks: impl Stream<Item = Result<(ObjectRef<K>, Action), ControllerError<ApplyError, E>>>,
) where
    K: Resource,
    E: std::error::Error + 'static,
{
    let mut looks = std::pin::pin!(looks);
    while let Some(look) = looks.next().await {
        match look {
            // Failures of a look are told where it is decided when to try again; an object that went needs none.
            Ok(_) | Err(ControllerError::ReconcilerFailed(..) | ControllerError::ObjectNotFound(_)) => {}
            Err(error) => error!(error = %Chain(&error), "the queue of looks failed"),
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod traced;
