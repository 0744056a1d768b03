//! Tests of [`super`]: an apiserver that counts what reaches it.

use std::sync::Mutex;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use tower::service_fn;

use super::*;

/// Returns a client over an apiserver that has one ConfigMap and shows nobody a Secret, what reaches that apiserver, and the book.
fn client_over(overlay: Overlay) -> (Client, Arc<Mutex<Vec<Method>>>, Arc<Book>) {
    let (reached, book) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Book::default()));
    let log = Arc::clone(&reached);
    let live = service_fn(move |request: Request<Body>| {
        log.lock().unwrap().push(request.method().clone());
        let path = request.uri().path().to_owned();
        let found = match path.as_str() {
            "/api/v1/namespaces/shop/configmaps/ios" => {
                answer(StatusCode::OK, &json!({"metadata": {"name": "ios"}, "data": {"a": "1"}}))
            }
            path if path.contains("secrets") => answer(StatusCode::FORBIDDEN, &failure(403, "ios")),
            _ => answer(StatusCode::NOT_FOUND, &failure(404, "other")),
        };
        async move { Ok::<_, tower::BoxError>(found) }
    });
    let client = super::client(Client::new(live, "shop"), Arc::new(overlay), Arc::clone(&book));
    (client, reached, book)
}

#[tokio::test]
async fn no_write_reaches_the_apiserver_and_each_is_noted() {
    let (client, reached, book) = client_over(Overlay::default());
    let maps: Api<ConfigMap> = Api::namespaced(client, "shop");
    maps.get("ios").await.unwrap();
    let patch = Patch::Apply(json!({"data": {"a": "2"}}));
    let patched = maps.patch("ios", &PatchParams::apply("x").force(), &patch).await.unwrap();
    assert_eq!(patched.data.unwrap()["a"], "2", "the answer is what the apiserver would have");
    maps.delete("ios", &DeleteParams::default()).await.unwrap();
    maps.create(&PostParams::default(), &ConfigMap::default()).await.unwrap();
    assert_eq!(*reached.lock().unwrap(), [Method::GET]);
    let writes = book.open().writes.clone();
    assert_eq!(writes.len(), 3);
    assert_eq!(writes[0].before.as_ref().unwrap()["data"]["a"], "1");
    assert!(writes[1].sent.is_none(), "deleted");
}

#[tokio::test]
async fn what_may_not_be_read_is_said_with_verb_and_resource() {
    let key = ("/api/v1/namespaces/shop/secrets/key".to_owned(), BTreeSet::from(["k".to_owned()]));
    let (client, _, book) = client_over(Overlay { keys: BTreeMap::from([key]), ..Overlay::default() });
    let secrets: Api<Secret> = Api::namespaced(client, "shop");
    assert_eq!(secrets.get_opt("ios-processor").await.unwrap(), None);
    assert!(secrets.get("key").await.unwrap().data.unwrap().contains_key("k"), "the look goes on");
    let notes = book.open();
    assert!(notes.hidden.contains("/api/v1/namespaces/shop/secrets/ios-processor"));
    assert_eq!(notes.unlooked.len(), 2);
    for said in &notes.unlooked {
        assert!(said.contains("you may not `get` secrets in namespace `shop`"), "{said}");
    }
}

#[tokio::test]
async fn what_the_files_put_there_is_there() {
    let path = "/api/v1/namespaces/shop/configmaps/ios".to_owned();
    let object = json!({"metadata": {"name": "ios"}, "data": {"a": "3"}});
    let overlay = Overlay { objects: BTreeMap::from([(path, object)]), ..Overlay::default() };
    let (client, reached, _) = client_over(overlay);
    let map = Api::<ConfigMap>::namespaced(client, "shop").get("ios").await.unwrap();
    assert_eq!(map.data.unwrap()["a"], "3");
    assert!(reached.lock().unwrap().is_empty());
}
