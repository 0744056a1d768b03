//! The processor: settings, telemetry, then the stream, until SIGTERM.
//!
//! In: the environment and the files that the operator mounts. Out: exit code 0 after a drain; anything else is a defect or a config
//! that cannot be used, and the log's last line says which.
//! Not here: any decision about records.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use processor::forward::rules::start_rules;
use processor::metrics::Metrics;
use processor::report::Health;
use processor::settings::Settings;
use processor::stream::{Told, run_stream};
use processor::{http, telemetry};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use traces::Traces;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let run = || -> anyhow::Result<()> {
        let settings = Settings::read()?;
        // Several libraries bring a TLS of their own choice; they must agree before the first of them is asked.
        let is_first = rustls::crypto::ring::default_provider().install_default().is_ok();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("no runtime")?;
        let begun = settings.collector.as_ref().map(|it| Traces::begin(it, runtime.handle())).transpose();
        // Dropped before the runtime: what waits is sent before the process ends.
        let (traces, failure) = begun.map_or_else(|error| (None, Some(error)), |traces| (traces, None));
        telemetry::begin(&settings.log, traces.as_ref()).context("`TRIBUTARY_LOG` is no filter")?;
        if let Some(error) = failure {
            tracing::warn!(error = format!("{:#}", anyhow::Error::from(error)), "nothing is traced");
        }
        if !is_first {
            tracing::debug!("a TLS provider was installed already");
        }
        runtime.block_on(processor(settings))
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without telemetry, a line of the same shape.
            let line = serde_json::json!({"level": "ERROR", "message": format!("{error:#}")});
            #[expect(clippy::print_stderr, reason = "the last word of a process that may have no log")]
            {
                eprintln!("{line}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn processor(settings: Settings) -> anyhow::Result<()> {
    let told = Told { metrics: Arc::new(Metrics::new()), health: Arc::new(Health::new(Instant::now())) };
    told.metrics.started(jiff::Timestamp::now().as_second());
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("cannot listen on {}", settings.listen))?;
    tokio::spawn(http::serve(listener, Arc::clone(&told.metrics), Arc::clone(&told.health)));

    let secrets = settings.files.secrets()?;
    let (sender, secrets) = watch::channel(secrets);
    tokio::spawn(settings.files.clone().watch(sender));

    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("draining");
        stop.send_replace(true);
        // Nothing is left to wait for, but those who listen must not hear that the sender is gone.
        std::future::pending::<()>().await;
    });

    // Forwarding rules run beside it, on threads and with clients of their own, and hear the same `stopped`.
    let rules = start_rules(&settings, secrets.clone(), stopped.clone(), &told);
    run_stream(&settings, secrets, stopped, &told).await?;
    rules.await.context("the forwarding rules ended with a defect")
}
