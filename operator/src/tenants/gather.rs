//! Gather: what a look must know of a namespace and of its tenant's other namespaces.
//!
//! In: the apiserver, one namespace by `get`, and the stores of all scopes. Out: a [`Standing`], and the tenant's pipelines.
//! Nothing is read where there are no tenants. Namespaces are not watched: a change of labels is seen at the resync, and of
//! the tenant's other namespaces as their own looks last saw them.
//! Not here: any decision.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crds::conditions::{ConditionType, Reason};

use super::quota::Counted;
use super::servers::Servers;
use super::{Namespace, Standing, Tenants};
use crate::context::Context;
use crate::fault::{Cure, Fault};
use crate::kubernetes::ApplyError;
use crate::objects::Stores;

/// Who may do what, and what is known of namespaces.
#[derive(Clone, Default)]
pub struct Registry {
    /// The tenants.
    pub tenants: Arc<Tenants>,
    /// The stores of all scopes: the only look beyond a namespace, and only to count.
    pub scopes: Arc<Vec<Stores>>,
    /// The servers of tenants that have their own, by the tenant's name.
    pub servers: Arc<BTreeMap<String, Servers>>,
    seen: Arc<Mutex<BTreeMap<String, Namespace>>>,
}

impl Registry {
    /// Makes a registry in which no namespace was seen yet.
    pub fn new(tenants: Tenants, scopes: Vec<Stores>, servers: BTreeMap<String, Servers>) -> Self {
        let (tenants, scopes, servers) = (Arc::new(tenants), Arc::new(scopes), Arc::new(servers));
        Self { tenants, scopes, servers, seen: Arc::default() }
    }
}

/// Finds what a namespace may do.
pub async fn standing(ctx: &Context, namespace: &str) -> Result<Result<Standing, Fault>, ApplyError> {
    if ctx.registry.tenants.is_empty() {
        return Ok(Ok(Standing::of_a_single_team(ctx.settings.allow_adopt)));
    }
    Ok(match look_up(ctx, namespace).await? {
        Ok(found) => ctx.registry.tenants.standing(namespace, &found),
        Err(fault) => Err(fault),
    })
}

/// Counts the pipelines of a namespace's tenant, over all its namespaces, where a cap asks for them.
pub async fn fellows(ctx: &Context, standing: &Standing) -> Result<Result<Vec<Counted>, Fault>, ApplyError> {
    let caps = &standing.caps;
    if caps.pipelines.is_none() && caps.partitions_in_total.is_none() {
        return Ok(Ok(Vec::new()));
    }
    let mut pipelines = Vec::new();
    for scope in ctx.registry.scopes.iter() {
        if futures::FutureExt::now_or_never(scope.wait_until_listed()).is_none() {
            return Ok(Err(waits("the pipelines of the tenant's other namespaces are not all listed yet")));
        }
        pipelines.extend(scope.each_pipeline(|it| (it.metadata.namespace.clone(), Counted::of(it))));
    }
    let mut fellows = Vec::new();
    for (name, counted) in pipelines {
        let name = name.unwrap_or_default();
        let seen = ctx.registry.seen.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        let namespace = match seen {
            Some(namespace) => namespace,
            None => match look_up(ctx, &name).await? {
                Ok(namespace) => namespace,
                // It is going, and what stands in it goes with it.
                Err(_) => continue,
            },
        };
        let tenant = ctx.registry.tenants.tenant_of(&name, &namespace);
        if tenant.map(|tenant| &tenant.name) == standing.tenant.as_ref() {
            fellows.push(counted);
        }
    }
    Ok(Ok(fellows))
}

async fn look_up(ctx: &Context, name: &str) -> Result<Result<Namespace, Fault>, ApplyError> {
    let found = match ctx.kubernetes.namespace(name).await {
        Ok(found) => found,
        Err(error) if error.is_forbidden() => {
            return Ok(Err(waits(&format!(
                "the operator may not read namespace `{name}`, which `tenants` needs; the platform team grants it `get` on namespaces"
            ))));
        }
        Err(error) => return Err(error),
    };
    let Some(metadata) = found else {
        return Ok(Err(waits(&format!("namespace `{name}` is not there"))));
    };
    let namespace = Namespace { uid: metadata.uid, labels: metadata.labels.unwrap_or_default() };
    let mut seen = ctx.registry.seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.insert(name.to_owned(), namespace.clone());
    Ok(Ok(namespace))
}

fn waits(message: &str) -> Fault {
    Fault::new(ConditionType::Ready, Reason::DependencyNotReady, Cure::Retry, message)
}
