//! HTTP: four pages for Prometheus, kubelet and the operator.
//!
//! In: GET. Out: `/metrics`, `/livez` (the process answers), `/readyz` (the data path works, or why not), `/status` (the report).
//! Not here: anything that changes something.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;

use crate::metrics::Metrics;
use crate::report::Health;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone)]
struct Pages {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

/// Serves the pages until the process ends.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>, health: Arc<Health>) -> std::io::Result<()> {
    let router = Router::new()
        .route("/metrics", get(numbers))
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/status", get(status))
        .with_state(Pages { metrics, health });
    axum::serve(listener, router).await
}

async fn numbers(State(pages): State<Pages>) -> Response {
    match pages.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn ready(State(pages): State<Pages>) -> Response {
    let report = pages.health.report(Instant::now());
    match report.reason {
        None => "ok".into_response(),
        Some(reason) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}: {}\n", report.message)).into_response()
        }
    }
}

async fn status(State(pages): State<Pages>) -> Response {
    Json(pages.health.report(Instant::now())).into_response()
}
