//! HTTP: `/livez`, `/readyz` and `/metrics`.
//!
//! In: the metrics and whether the process is up. Out: plain text.
//! A stand-by that waits for the Lease is ready: a rolling update of the operator must not wait for its predecessor's end.
//! Ready means that the kinds have been listed (leader), or that the apiserver answers about the Lease (stand-by).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::metrics::Metrics;

/// Whether the process does its work; shared between those who know and `/readyz`.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says that the process does its work.
    pub fn reached(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_reached(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The address cannot be listened at.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen at {address}")]
pub struct HttpError {
    address: SocketAddr,
    #[source]
    source: std::io::Error,
}

/// Takes the address, so that one that is taken already ends the process before it does anything.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, HttpError> {
    TcpListener::bind(address).await.map_err(|source| HttpError { address, source })
}

/// Serves as long as the process runs.
pub async fn serve(
    listener: TcpListener,
    metrics: Metrics,
    readiness: Readiness,
) -> Result<(), std::io::Error> {
    axum::serve(listener, router(metrics, readiness)).await
}

fn router(metrics: Metrics, readiness: Readiness) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(render))
        .with_state((metrics, readiness))
}

async fn ready(State((_, readiness)): State<(Metrics, Readiness)>) -> (StatusCode, &'static str) {
    if readiness.is_reached() {
        (StatusCode::OK, "ready\n")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "not ready: the apiserver has not yet listed the kinds of tributary.dev\n",
        )
    }
}

async fn render(State((metrics, _)): State<(Metrics, Readiness)>) -> Response {
    match metrics.render() {
        Ok(text) => {
            ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
                .into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("failed to render the metrics: {error}\n"))
            .into_response(),
    }
}

#[cfg(test)]
mod tests;
