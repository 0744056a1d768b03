//! The way to the apiserver, with a count of what is asked on it.
//!
//! In: the pod's ServiceAccount, or a kubeconfig. Out: a client; the metric of its requests follows by itself.
//! Not here: what is asked.

use kube::client::ClientBuilder;
use kube::{Client, Config};
use tower::util::MapRequestLayer;

use crate::metrics::Metrics;

/// Finds the way to the apiserver.
///
/// # Errors
/// When neither a ServiceAccount nor a kubeconfig says where it is, or what they say cannot be used.
pub async fn client(metrics: &Metrics) -> anyhow::Result<Client> {
    let metrics = metrics.clone();
    let count = move |request: http::Request<kube::client::Body>| {
        metrics.asked(verb(request.method(), request.uri().query().unwrap_or_default()));
        request
    };
    Ok(ClientBuilder::try_from(Config::infer().await?)?.with_layer(&MapRequestLayer::new(count)).build())
}

/// The verb, as RBAC names it, as far as method and query tell: a list is a `get` here.
fn verb(method: &http::Method, query: &str) -> &'static str {
    match method.as_str() {
        "GET" if query.split('&').any(|part| part == "watch=true") => "watch",
        "GET" => "get",
        "PATCH" => "patch",
        "POST" => "create",
        "PUT" => "update",
        "DELETE" => "delete",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::verb;

    #[test]
    fn a_watch_is_told_from_a_list() {
        assert_eq!(verb(&http::Method::GET, "limit=500&watchful=true"), "get");
        assert_eq!(verb(&http::Method::GET, "timeoutSeconds=290&watch=true"), "watch");
        assert_eq!(verb(&http::Method::POST, ""), "create");
    }
}
