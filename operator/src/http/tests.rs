//! What the kubelet and Prometheus are answered.

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;

async fn get(router: &Router, path: &str) -> (StatusCode, String) {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_process_is_alive_at_once_and_ready_when_it_does_its_work() {
    let readiness = Readiness::default();
    let router = router(Metrics::new(), readiness.clone());
    assert_eq!(get(&router, "/livez").await.0, StatusCode::OK);
    assert_eq!(get(&router, "/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    readiness.reached();
    assert_eq!(get(&router, "/readyz").await.0, StatusCode::OK);
}

#[tokio::test]
async fn metrics_carry_help_and_the_prefix() {
    let (status, text) = get(&router(Metrics::new(), Readiness::default()), "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        text.contains("# HELP tributary_operator_leader 1 while this process holds the Lease."),
        "{text}"
    );
}
