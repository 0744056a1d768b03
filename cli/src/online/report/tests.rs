//! A report as a whole: an apiserver that answers from a table of paths, a pod's log that says too much, and librdkafka's own broker.
//! Not here: processors and ClickHouse; `e2e/tests/it/kubectl.rs` has the real ones.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

use clap::Parser as _;
use rdkafka::mocking::MockCluster;
use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::exit::Exit;

const STREAM: &str = include_str!("../../../cases/online/stream.yaml");
const GROUP: &str = "/apis/tributary.dev/v1alpha1/namespaces/shop";
const CORE: &str = "/api/v1/namespaces/shop";
const POD: &str = "ios-processor-5d4f-abcde";
/// What stands in the Secret of the processors.
const SECRETS: [(&str, &str); 4] = [
    ("clickhouse-user", "writer-of-shop"),
    ("clickhouse-password", "hunter2-of-clickhouse"),
    ("kafka.sasl.username", "reader-of-shop"),
    ("kafka.sasl.password", "hunter2-of-kafka"),
];
/// Values of properties, and what only the destination of a rule may know.
const VALUES: [&str; 5] = ["EUR", "USD", "gold-member", "t0ken", "sesame"];

/// What the apiserver has, by path.
fn objects(bootstrap: &str) -> BTreeMap<String, String> {
    let list = |items: Value| json!({ "metadata": {}, "items": items }).to_string();
    let stream =
        STREAM.replace("kafka:9092", bootstrap).replace("http://clickhouse:8123", "http://127.0.0.1:9");
    let schema: Value = serde_yaml::from_str::<Value>(STREAM).unwrap()["schemas"][0]["spec"].clone();
    let secret: BTreeMap<&str, k8s_openapi::ByteString> =
        SECRETS.map(|(key, value)| (key, k8s_openapi::ByteString(value.as_bytes().to_vec()))).into();
    let rule = json!({ "metadata": { "name": "spenders" }, "spec": {
        "pipeline": { "name": "ios" }, "events": ["purchase"], "when": "event.plan == 'gold-member'",
        "destination": { "type": "Webhook", "webhook": { "url": "https://hooks.example.com/in/t0ken?key=t0ken", "secretRef": { "name": "hook", "key": "key" } } },
    } });
    let log = "login of writer-of-shop with hunter2-of-clickhouse refused\n\
               `currency` is \"EUR\"\n\
               the flow began\n";
    let event = json!({ "metadata": { "name": "ios.1" }, "involvedObject": { "kind": "AnalyticsPipeline", "name": "ios" },
        "type": "Warning", "reason": "KafkaAuthFailed", "message": "Kafka refuses `hunter2-of-kafka`", "count": 3 });
    let other = json!({ "metadata": { "name": "web.1" }, "involvedObject": { "kind": "AnalyticsPipeline", "name": "web" },
        "reason": "OfAnother", "message": "sesame" });
    let pipeline = json!({ "metadata": { "name": "ios", "annotations": { "note": "sesame" } },
        "spec": { "schemas": [{ "name": "purchase" }] } });
    let schemas = json!([
        { "metadata": { "name": "purchase" }, "spec": schema },
        { "metadata": { "name": "of-another" }, "spec": { "fields": [{ "name": "door", "type": "String", "enum": ["sesame"] }] } },
    ]);
    BTreeMap::from([
        (format!("{GROUP}/analyticspipelines/ios"), pipeline.to_string()),
        (format!("{GROUP}/eventschemas"), list(schemas)),
        (format!("{GROUP}/forwardingrules"), list(json!([rule]))),
        (
            format!("{CORE}/pods"),
            list(json!([{ "metadata": { "name": POD }, "status": { "phase": "Pending" } }])),
        ),
        (format!("{CORE}/pods/{POD}/log"), log.to_owned()),
        (format!("{CORE}/events"), list(json!([event, other]))),
        (
            format!("{CORE}/configmaps/ios-processor"),
            json!({ "metadata": { "name": "ios-processor" }, "data": { "stream.yaml": stream } }).to_string(),
        ),
        (
            format!("{CORE}/secrets/ios-processor"),
            json!({ "metadata": { "name": "ios-processor" }, "data": secret }).to_string(),
        ),
    ])
}

/// Answers one question; whoever has another connects again.
fn answer(mut connection: TcpStream, objects: &BTreeMap<String, String>) -> std::io::Result<()> {
    let mut lines = BufReader::new(connection.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = first.split(' ').nth(1).and_then(|path| path.split('?').next()).unwrap_or_default();
    let is_previous = first.contains("previous=true");
    let missing =
        json!({ "kind": "Status", "status": "Failure", "message": "", "reason": "NotFound", "code": 404 });
    let (status, body) = match objects.get(path).filter(|_| !is_previous) {
        Some(body) => ("200 OK", body.clone()),
        None => ("404 Not Found", missing.to_string()),
    };
    let length = body.len();
    write!(connection, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

/// An apiserver, and a kubeconfig that leads to it.
fn apiserver(objects: BTreeMap<String, String>) -> PathBuf {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            drop(answer(connection, &objects));
        }
    });
    let path = std::env::temp_dir().join(format!("tributary-report-{}.kubeconfig", address.port()));
    let kubeconfig = json!({
        "clusters": [{ "name": "a", "cluster": { "server": format!("http://{address}") } }],
        "users": [{ "name": "a", "user": {} }],
        "contexts": [{ "name": "a", "context": { "cluster": "a", "user": "a", "namespace": "shop" } }],
        "current-context": "a",
    });
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    path
}

fn report(words: &[&str]) -> String {
    let cluster = MockCluster::new(1).unwrap();
    for topic in ["shop.ios", "shop.ios.dead-letters"] {
        cluster.create_topic(topic, 3, 1).unwrap();
    }
    let kubeconfig = apiserver(objects(&cluster.bootstrap_servers()));
    let path = kubeconfig.to_string_lossy().into_owned();
    let all = ["kubectl-tributary", "report", "ios", "--kubeconfig", &path];
    let arguments = Arguments::try_parse_from(all.iter().chain(words)).unwrap();
    let mut out = Vec::new();
    let exit = crate::run(&arguments, &mut std::io::empty(), &mut out).unwrap();
    std::fs::remove_file(kubeconfig).unwrap();
    assert_eq!(exit, Exit::Clean);
    String::from_utf8(out).unwrap()
}

/// Fails when something is in a report that nobody else may read.
fn is_fit_to_give_away(report: &str) {
    for hidden in SECRETS.map(|(_, value)| value).iter().chain(&VALUES) {
        assert!(!report.contains(hidden), "{hidden} is in the report:\n{report}");
    }
}

#[test]
fn a_report_tells_of_everything_and_holds_no_secret_and_no_value_of_a_property() {
    let text = report(&[]);
    is_fit_to_give_away(&text);
    let found: Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(found["schemas"].as_array().map(Vec::len), Some(1), "only those of the stream");
    assert_eq!(found["schemas"][0]["spec"]["fields"][2]["name"], "currency", "names stay");
    assert_eq!(found["events"].as_array().map(Vec::len), Some(1), "only those of the stream");
    assert_eq!(found["events"][0]["reason"], "KafkaAuthFailed");
    assert_eq!(found["pods"][0]["name"], POD);
    assert_eq!(found["logs"][POD][2], "the flow began");
    assert_eq!(found["stream"]["kafka"]["topic"], "shop.ios");
    assert_eq!(found["stream"]["kafka"]["properties"]["sasl.password"], "(set)");
    assert_eq!(found["status"]["partitions"].as_array().map(Vec::len), Some(3));
    assert!(text.contains("hooks.example.com"), "{text}");
    assert!(found["status"]["unasked"].to_string().contains("table"), "ClickHouse does not answer: {text}");
}

#[test]
fn a_report_that_goes_into_a_file_is_the_same_and_says_to_read_it_first() {
    let file = std::env::temp_dir().join(format!("tributary-report-{}.yaml", std::process::id()));
    let said = report(&["--output", &file.to_string_lossy()]);
    assert!(said.starts_with("wrote ") && said.contains("read it before you give it away"), "{said}");
    let written = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    is_fit_to_give_away(&written);
    assert!(written.contains("the flow began"), "{written}");
}
