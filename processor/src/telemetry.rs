//! Telemetry: log lines as JSON, one a happening, and no panic text.
//!
//! In: a filter. Out: lines on standard output.
//! A panic's text may quote what was being read, so only its place is logged.
//! Not here: which happening deserves which level; nothing about a single event stands above DEBUG.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Begins to log.
///
/// # Errors
/// When the filter cannot be read.
pub fn begin(filter: &str) -> Result<(), ParseError> {
    let filter = EnvFilter::builder().parse(filter)?;
    tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(filter).with_target(true).init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a panic; please report it");
    }));
    Ok(())
}
