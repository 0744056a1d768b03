//! Telemetry: the log lines of this binary, and its spans where a collector takes them.
//!
//! In: filter and form from the settings, and the collector. Out: one global subscriber: lines on standard output, and spans on their way.
//! Each of the two has a filter of its own. A collector that cannot be used costs the spans and a line, not the operator.
//! Not here: metrics; they are declared in `metrics.rs` and served by `http.rs`.

use tokio::runtime::Handle;
use traces::{LEFT_OUT_OF_LOGS, Traces};
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, registry};

use crate::report::Chain;
use crate::settings::{LogFormat, Settings};

/// The filter of the log lines cannot be read, or a subscriber is there already.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("failed to read the log filter `{filter}`")]
    ReadFilter {
        /// As it was given.
        filter: String,
        /// Why.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Another subscriber is there.
    #[error("failed to start the log")]
    Start(#[source] tracing_subscriber::util::TryInitError),
}

/// Starts log and spans; dropping what it returns sends the last spans.
pub fn start(settings: &Settings, runtime: &Handle) -> Result<Option<Traces>, TelemetryError> {
    let traces = settings.collector().map(|collector| Traces::begin(&collector, runtime)).transpose();
    let (traces, failure) = traces.map_or_else(|error| (None, Some(error)), |traces| (traces, None));
    subscriber(settings, traces.as_ref())?.try_init().map_err(TelemetryError::Start)?;
    if let Some(error) = failure {
        tracing::warn!(error = %Chain(&error), "nothing is traced");
    }
    Ok(traces)
}

/// Returns the subscriber of the log and, where they are sent, of the spans. Where not, the log's filter is that of everything, so that
/// a span costs nothing.
pub fn subscriber(settings: &Settings, traces: Option<&Traces>) -> Result<Dispatch, TelemetryError> {
    let filter = EnvFilter::try_new(directives(&settings.log))
        .map_err(|source| TelemetryError::ReadFilter { filter: settings.log.clone(), source })?;
    let lines = fmt::layer();
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match settings.log_format {
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
        LogFormat::Text => lines.boxed(),
    };
    Ok(match traces {
        None => registry().with(lines).with(filter).into(),
        Some(traces) => registry().with(lines.with_filter(filter)).with(traces.layer()).into(),
    })
}

/// Kafka that is away is told once, in a condition; librdkafka would tell it hundreds of times a minute.
fn directives(filter: &str) -> String {
    if filter.contains("rdkafka") {
        format!("{filter},{LEFT_OUT_OF_LOGS}")
    } else {
        format!("{filter},librdkafka=off,rdkafka=off,{LEFT_OUT_OF_LOGS}")
    }
}
