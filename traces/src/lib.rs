//! Traces: what operator and processor say to an OpenTelemetry collector, where the platform team names one.
//!
//! ```text
//! span! ─▶ layer of its own, with a filter of its own ─▶ bounded queue ─▶ a thread ─▶ POST /v1/traces
//! ```
//!
//! In: a [`Collector`], and spans. Out: the spans, as OTLP over HTTP. Without a collector nothing of it runs: no layer, no thread, and
//! [`span!`] makes nothing.
//! Spans have a target of their own, so that neither the filter of the log hides them nor they change a log line.
//! Not here: which steps have a span; `docs/reference/metrics.md` names them all.

mod collector;
mod exporter;
#[cfg(feature = "receiver")]
pub mod receiver;

use std::fmt::Display;

use tracing::{Instrument as _, Span};

pub use collector::{Collector, CollectorError, Endpoint, Share};
pub use exporter::{Traces, TracesError};
// For `span!`.
#[doc(hidden)]
pub use tracing;

/// Target of every span that is sent; that of no line of a log begins so.
pub const TARGET: &str = "tributary_spans";
/// What the filter of a log needs to leave these spans out.
pub const LEFT_OUT_OF_LOGS: &str = "tributary_spans=off";

/// Begins a step that is sent to the collector; its fields must be no secret and no value of an event.
#[macro_export]
macro_rules! span {
    (parent: $parent:expr, $name:literal $(, $($fields:tt)*)?) => {
        $crate::tracing::info_span!(
            target: $crate::TARGET,
            parent: $parent,
            $name,
            outcome = $crate::tracing::field::Empty,
            reason = $crate::tracing::field::Empty,
            otel.status_code = $crate::tracing::field::Empty,
            $($($fields)*)?
        )
    };
    ($name:literal $(, $($fields:tt)*)?) => {
        $crate::tracing::info_span!(
            target: $crate::TARGET,
            $name,
            outcome = $crate::tracing::field::Empty,
            reason = $crate::tracing::field::Empty,
            otel.status_code = $crate::tracing::field::Empty,
            $($($fields)*)?
        )
    };
}

/// Says how a step ended: done, or failed for a reason.
pub fn end(span: &Span, failure: Option<impl Display>) {
    match failure {
        None => {
            span.record("outcome", "done");
        }
        Some(reason) => {
            span.record("outcome", "failed");
            span.record("reason", tracing::field::display(reason));
            span.record("otel.status_code", "ERROR");
        }
    }
}

/// Does a step within its span, and says how it ended.
pub fn within<T, R: Display>(
    span: Span,
    step: impl Future<Output = T>,
    failure: impl FnOnce(&T) -> Option<R>,
) -> impl Future<Output = T> {
    // On the heap: a step that has steps of its own would else be twice as large with each of them.
    let step = Box::pin(step.instrument(span.clone()));
    async move {
        let result = step.await;
        end(&span, failure(&result));
        result
    }
}
