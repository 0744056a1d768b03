//! The operator: settings, log, HTTP, Lease, controllers, until SIGTERM. With the word `probe`: a question to an operator.
//!
//! In: flags and environment. Out: exit code 0 after SIGTERM with the Lease given back; 1 when the Lease was lost, so that
//! nothing is written by two at once, and the kubelet starts the process anew.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Parser;
use jiff::Timestamp;
use operator::connection::Files;
use operator::context::Context;
use operator::fence::{self, Tenure};
use operator::http::{self, Readiness};
use operator::kubernetes::Kubernetes;
use operator::lease::Candidate;
use operator::metrics::Metrics;
use operator::objects::Stores;
use operator::probe::{self, Probe};
use operator::processors::HttpReports;
use operator::report::{Chain, Reporter};
use operator::settings::Settings;
use operator::tenants::Tenants;
use operator::tenants::gather::Registry;
use operator::tenants::servers::{self, Servers};
use operator::{controllers, kubernetes, telemetry};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long looks that are under way may take after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        bail!("another TLS provider is installed already");
    }
    if let Some(probe) = Probe::of(std::env::args()) {
        return probe.ask(probe::PATIENCE).await;
    }
    let settings = Arc::new(Settings::parse());
    // Dropped last: what waits is sent before the process ends.
    let _traces = telemetry::start(&settings, &tokio::runtime::Handle::current())?;
    let tenants = Tenants::read(settings.tenants_file.as_deref())?;
    let (metrics, readiness, stop) = (Metrics::new(), Readiness::default(), CancellationToken::new());
    let client =
        kubernetes::client::client(&metrics).await.context("failed to find the way to the apiserver")?;
    tokio::spawn(stop_on_signal(stop.clone()));
    let listener = http::listen(settings.listen).await?;
    let server = tokio::spawn(http::serve(listener, metrics.clone(), readiness.clone()));
    let mut candidate =
        Candidate::new(client.clone(), &settings.namespace, &settings.identity, settings.lease_duration);
    let since = tokio::select! {
        since = candidate.acquire(|| readiness.reached()) => since,
        () = stop.cancelled() => return Ok(()),
    };
    metrics.lead(true);
    let tenure = candidate.tenure();
    let mut base = context(client.clone(), &settings, &metrics, &tenure)?;
    let scopes = settings.scopes();
    let stores: Vec<_> = scopes.iter().map(|_| Stores::new()).collect();
    let servers = servers::of_tenants(&tenants, &settings)
        .into_iter()
        .map(|(tenant, servers)| (tenant, fence::servers(servers, &tenure)))
        .collect();
    base.registry =
        Registry::new(tenants, stores.iter().map(|(stores, _)| stores.clone()).collect(), servers);
    let work = scopes.iter().zip(stores).map(|(namespace, (stores, writers))| {
        let ctx = Arc::new(Context { stores, ..base.clone() });
        controllers::run(
            client.clone(),
            namespace.as_deref(),
            (ctx, writers),
            readiness.clone(),
            stop.clone(),
        )
    });
    info!(version = env!("CARGO_PKG_VERSION"), "operator started");
    tokio::select! {
        _ = futures::future::join_all(work) => {}
        lost = candidate.hold(since) => {
            metrics.lead(false);
            error!(error = %Chain(&lost), "lost the lease");
            bail!(lost);
        }
        () = patience(stop.clone()) => error!("looks under way were cut off"),
        served = server => return Ok(served??),
    }
    candidate.release().await?;
    Ok(())
}

fn context(
    client: kube::Client,
    settings: &Arc<Settings>,
    metrics: &Metrics,
    tenure: &Tenure,
) -> anyhow::Result<Context> {
    let kubernetes = Kubernetes::new(fence::client(client, tenure), metrics.clone());
    let Servers { settings, topics, tables } = fence::servers(Servers::new(Arc::clone(settings)), tenure);
    Ok(Context {
        reporter: Arc::new(Reporter::new(kubernetes.clone(), metrics.clone(), &settings.identity)),
        kubernetes,
        stores: Stores::new().0,
        registry: Registry::default(),
        settings,
        topics,
        tables,
        reports: Arc::new(HttpReports::new().context("failed to make the HTTP client")?),
        metrics: metrics.clone(),
        retries: Arc::default(),
        memories: Arc::default(),
        files: Files::Folder,
        clock: Timestamp::now,
    })
}

async fn stop_on_signal(stop: CancellationToken) {
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            info!("stopping");
            stop.cancel();
        }
        (Err(error), _) | (_, Err(error)) => error!(%error, "failed to listen for signals"),
    }
}

async fn patience(stop: CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(PATIENCE).await;
}
