//! What `helm test` is told of an operator that works, of one that does not yet, and of none.

use super::*;
use crate::http::{self, Readiness};
use crate::metrics::Metrics;

fn probe(url: &str) -> Probe {
    let arguments = ["operator", "probe", url];
    Probe::of(arguments.into_iter().map(str::to_owned)).unwrap()
}

#[test]
fn only_the_word_makes_a_probe() {
    assert_eq!(Probe::of(std::iter::once("operator".to_owned())), None);
    let arguments = ["operator", "--kafka-bootstrap=probe:9092"];
    assert_eq!(Probe::of(arguments.into_iter().map(str::to_owned)), None);
    assert_eq!(probe("http://a/readyz").url, "http://a/readyz");
}

#[tokio::test]
async fn an_operator_is_well_when_it_does_its_work() {
    // As the program does; another test may have done it.
    rustls::crypto::ring::default_provider().install_default().ok();
    let listener = http::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = format!("http://{}/readyz", listener.local_addr().unwrap());
    let readiness = Readiness::default();
    let server = tokio::spawn(http::serve(listener, Metrics::new(), readiness.clone()));
    let error = probe(&url).ask(Duration::ZERO).await.unwrap_err().to_string();
    assert!(error.contains("503") && error.contains("not ready"), "{error}");
    let patient = probe(&url);
    let asking = tokio::spawn(async move { patient.ask(PATIENCE).await });
    readiness.reached();
    asking.await.unwrap().unwrap();

    server.abort();
    // The port is free once the server is gone.
    assert!(server.await.unwrap_err().is_cancelled());
    let error = probe(&url).ask(Duration::ZERO).await.unwrap_err().to_string();
    assert!(error.contains("nobody answers"), "{error}");
}
