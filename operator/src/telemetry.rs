//! Telemetry: the log lines of this binary.
//!
//! In: filter and form from the settings. Out: one global subscriber on standard output.
//! Not here: metrics; they are declared in `metrics.rs` and served by `http.rs`.

use tracing_subscriber::EnvFilter;

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
    Start(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Starts the log.
pub fn start(settings: &Settings) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(directives(&settings.log))
        .map_err(|source| TelemetryError::ReadFilter { filter: settings.log.clone(), source })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    match settings.log_format {
        LogFormat::Json => {
            builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        }
        LogFormat::Text => builder.try_init(),
    }
    .map_err(TelemetryError::Start)
}

/// Kafka that is away is told once, in a condition; librdkafka would tell it hundreds of times a minute.
fn directives(filter: &str) -> String {
    if filter.contains("rdkafka") {
        filter.to_owned()
    } else {
        format!("{filter},librdkafka=off,rdkafka=off")
    }
}
