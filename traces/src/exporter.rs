//! Exporter: the way from an ended span to the collector, of which nothing ever waits.
//!
//! In: a [`Collector`]. Out: a layer for the subscriber, and requests from a thread of its own.
//! The queue is bounded, and a full one drops spans. A collector that is away costs its spans and nothing else: they are counted, and the
//! log says so once in a while. When the process ends, what waits is sent within [`PATIENCE`], or not at all.
//! The clients are the ones that are there anyway: requests run on the process's runtime, so that the thread needs none.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter as Export,
};
use tokio::runtime::Handle;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::registry::LookupSpan;

use crate::{Collector, TARGET};

/// Spans that wait at most, about a megabyte.
const QUEUE: usize = 2048;
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long the end of the process waits for the collector.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often the log says that spans are lost.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// There is no client.
    #[error("failed to make the HTTP client of the collector")]
    Client(#[source] reqwest::Error),
    /// There is no exporter.
    #[error("failed to make the exporter of spans")]
    Exporter(#[source] ExporterBuildError),
}

/// Spans on their way; dropping it sends what waits.
pub struct Traces {
    provider: SdkTracerProvider,
    lost: Arc<Lost>,
}

/// Spans that nobody will see.
#[derive(Debug, Default)]
struct Lost {
    n: AtomicU64,
    told: Mutex<Option<Instant>>,
}

impl Traces {
    /// Begins to send spans, with requests on this runtime.
    ///
    /// # Errors
    /// When there is no client, because the machine lacks what TLS needs.
    pub fn begin(collector: &Collector, runtime: &Handle) -> Result<Self, TracesError> {
        let client = OnRuntime { client: client(collector)?, runtime: runtime.clone() };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(collector.endpoint.traces())
            .with_timeout(TIMEOUT)
            .build()
            .map_err(TracesError::Exporter)?;
        let lost = Arc::<Lost>::default();
        let queue = BatchConfigBuilder::default().with_max_queue_size(QUEUE).build();
        let processor = BatchSpanProcessor::builder(Forgiving { exporter, lost: Arc::clone(&lost) })
            .with_batch_config(queue);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor.build())
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(collector.share.0))))
            .with_resource(resource())
            .build();
        Ok(Self { provider, lost })
    }

    /// Returns the layer that takes spans of [`TARGET`], whatever other layers are filtered by.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: tracing::Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let is_ours = FilterFn::new(|metadata| metadata.is_span() && metadata.target() == TARGET);
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("tributary"))
            .with_context_activation(false)
            .with_location(false)
            .with_target(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(is_ours.with_max_level_hint(LevelFilter::INFO))
    }

    /// Returns how many spans no collector has taken, beside those that found the queue full.
    pub fn n_lost(&self) -> u64 {
        self.lost.n.load(Ordering::Relaxed)
    }

    /// Sends what waits, and waits for the answer.
    pub fn flush(&self) {
        if let Err(error) = self.provider.force_flush() {
            tracing::warn!(%error, "failed to send the spans that wait");
        }
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown_with_timeout(PATIENCE) {
            tracing::warn!(%error, "the last spans are lost: the collector did not take them in time");
        }
    }
}

/// Who speaks: what `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say, and the release.
fn resource() -> Resource {
    Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))).build()
}

fn client(collector: &Collector) -> Result<reqwest::Client, TracesError> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("Tributary/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(TIMEOUT);
    // The certificates of all authorities are some hundred kilobytes, which http has no use for.
    let builder = if collector.endpoint.is_encrypted() { builder } else { builder.tls_certs_only([]) };
    builder.build().map_err(TracesError::Client)
}

/// A client whose requests run where there is a runtime, as the thread that asks has none.
#[derive(Debug)]
struct OnRuntime {
    client: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}

/// An exporter whose failures are counted, and told now and then instead of each time.
#[derive(Debug)]
struct Forgiving<E> {
    exporter: E,
    lost: Arc<Lost>,
}

impl<E: Export> Export for Forgiving<E> {
    async fn export(&self, spans: Vec<SpanData>) -> OTelSdkResult {
        let n_spans = u64::try_from(spans.len()).unwrap_or(u64::MAX);
        if let Err(error) = self.exporter.export(spans).await {
            self.lost.lose(n_spans, &error);
        }
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl Lost {
    fn lose(&self, n_spans: u64, error: &OTelSdkError) {
        let n_lost = self.n.fetch_add(n_spans, Ordering::Relaxed) + n_spans;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            *told = Some(Instant::now());
            tracing::warn!(
                n_lost,
                %error,
                "spans are lost, and nothing else: the collector does not take them; check `monitoring.traces.endpoint` of the Helm values"
            );
        }
    }
}
