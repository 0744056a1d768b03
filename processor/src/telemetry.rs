//! Telemetry: log lines as JSON, one a happening, and no panic text; and spans, where a collector takes them.
//!
//! In: a filter, and the way to the collector. Out: lines on standard output; each of the two has a filter of its own.
//! A panic's text may quote what was being read, so only its place is logged.
//! Not here: which happening deserves which level; nothing about a single event stands above DEBUG, and no event has a span.

use traces::{LEFT_OUT_OF_LOGS, Traces};
use tracing::Dispatch;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, registry};

/// Begins to log, and to trace where there is a way to a collector.
///
/// # Errors
/// When the filter cannot be read.
pub fn begin(filter: &str, traces: Option<&Traces>) -> Result<(), ParseError> {
    subscriber(filter, traces)?.init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a panic; please report it");
    }));
    Ok(())
}

/// Returns the subscriber of the log and, where they are sent, of the spans. Where not, the log's filter is that of everything, so that
/// a span costs nothing.
pub(crate) fn subscriber(filter: &str, traces: Option<&Traces>) -> Result<Dispatch, ParseError> {
    let filter = EnvFilter::builder().parse(format!("{filter},{LEFT_OUT_OF_LOGS}"))?;
    let lines = fmt::layer().json().flatten_event(true).with_target(true);
    Ok(match traces {
        None => registry().with(lines).with(filter).into(),
        Some(traces) => registry().with(lines.with_filter(filter)).with(traces.layer()).into(),
    })
}
