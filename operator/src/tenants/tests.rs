//! Who has a namespace, what the file of the tenants refuses, and what follows in a whole world in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::clickhouse::memory::MemoryTables;
use crate::clickhouse::table::TableName;
use crate::kafka::memory::MemoryTopics;
use crate::settings::Settings;
use crate::tenants::gather::Registry;
use crate::tenants::servers::Servers;
use crate::testing::Fixture;

const TENANTS: &str = "
- name: shop
  namespaces: {names: [shop], matchLabels: {team: shop}}
  topicPrefix: 'shop.'
  databasePrefix: shop_
  destinationHosts: [hooks.shop.example, '*.partner.example']
  caps: {pipelines: 2}
- name: games
  namespaces: {matchLabels: {team: games, tier: gold}}
";

fn namespace(name: &str, labels: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}, uid: 'uid-{name}', labels: {{{labels}}}}}}}"
    )
}

fn objects(namespace: &str, pipeline: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: tributary.dev/v1alpha1, kind: EventSchema, metadata: {{name: purchase, namespace: {namespace}}}, spec: {{fields: [{{name: a, type: String}}]}}}}
---
{{apiVersion: tributary.dev/v1alpha1, kind: AnalyticsPipeline, metadata: {{name: {pipeline}, namespace: {namespace}, uid: 'uid-{namespace}-{pipeline}'}}, spec: {{schemas: [{{name: purchase}}], {spec}}}}}"
    )
}

fn labels(pairs: &[(&str, &str)]) -> Namespace {
    let labels = pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    Namespace { uid: None, labels }
}

#[test]
fn a_namespace_is_its_tenants_by_name_first_and_by_all_labels_then() {
    let tenants = Tenants::parse(TENANTS).unwrap();
    let tenant =
        |name: &str, namespace: &Namespace| tenants.tenant_of(name, namespace).map(|it| it.name.clone());
    assert_eq!(tenant("shop", &labels(&[("team", "games"), ("tier", "gold")])), Some("shop".into()));
    assert_eq!(tenant("shop-eu", &labels(&[("team", "shop")])), Some("shop".into()));
    assert_eq!(
        tenant("dice", &labels(&[("team", "games"), ("tier", "gold"), ("x", "y")])),
        Some("games".into())
    );
    for nobodys in [labels(&[]), labels(&[("team", "games")]), labels(&[("team", "Shop")])] {
        assert_eq!(tenant("shop-1", &nobodys), None);
    }
    for near in ["Shop", "shop ", "sho", "shops", "shop.", ""] {
        assert_eq!(tenant(near, &Namespace::default()), None, "{near}");
    }
}

#[test]
fn a_file_that_could_be_misunderstood_is_refused() {
    let one = |rest: &str| format!("[{{name: a, namespaces: {{names: [a]}}, {rest}}}]");
    let refused = [
        ("[]".into(), "allow nobody"),
        ("[{name: a, namespaces: {}}]".into(), "has no namespaces"),
        ("[{name: '', namespaces: {names: [a]}}]".into(), "has no name"),
        ("[{name: a, namespaces: {names: [x]}}, {name: a, namespaces: {names: [y]}}]".into(), "twice"),
        (
            "[{name: a, namespaces: {names: [x]}}, {name: b, namespaces: {names: [x]}}]".into(),
            "named by `a` and `b`",
        ),
        (one("topicPrefix: abc"), "end with one of the three"),
        (one("kafka: {bootstrapServers: ''}"), "bootstrapServers is empty"),
        (one("kafka: {}"), "failed to understand"),
        (one("clickhouse: {url: 'bank:8443'}"), "must be `http(s)://host:port`"),
        ("[{name: ../a, namespaces: {names: [a]}, connectionSecret: a}]".into(), "lower-case letters"),
        (one("topicPrefix: 'a b.'"), "end with one of the three"),
        (one("databasePrefix: 'abc-'"), "end with `_`"),
        (one("databasePrefix: 'a`; DROP_'"), "end with `_`"),
        (one("destinationHosts: ['https://a.example/']"), "destination host"),
        (one("destinationHosts: ['*']"), "destination host"),
        (one("destinationHosts: ['a.*.example']"), "destination host"),
        (one("caps: {retention: soon}"), "understand"),
        (one("caps: {partitions: -1}"), "understand"),
        (one("caps: {partition: 1}"), "understand"),
        (one("allowAdoption: true"), "understand"),
        ("{}".into(), "understand"),
    ];
    for (text, words) in refused {
        let error = Tenants::parse(&text).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
    assert!(Tenants::parse(&one("caps: {retention: 7d}")).is_ok());
    assert!(Tenants::read(None).unwrap().is_empty());
}

#[test]
fn only_longer_prefixes_of_others_are_kept_from_a_tenant() {
    let tenant = |name: &str, prefix: &str| {
        format!("- {{name: {name}, namespaces: {{names: [{name}]}}, topicPrefix: '{prefix}'}}\n")
    };
    let text = tenant("a", "") + &tenant("b", "b.") + &tenant("c", "b.c.") + &tenant("d", "b.");
    let tenants = Tenants::parse(&text).unwrap();
    let reserved = |name: &str| tenants.standing(name, &Namespace::default()).unwrap().reserved;
    assert_eq!(reserved("a"), ["b.", "b.c.", "b."]);
    assert_eq!(reserved("b"), ["b.c."]);
    assert_eq!(reserved("c"), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_namespace_of_no_tenant_gets_nothing_and_is_told_whom_to_ask() {
    let mut fixture =
        Fixture::with_tenants(TENANTS.replace("[shop]", "[other]").as_str(), &namespace("shop", ""));
    fixture.put(&objects("shop", "ios", ""));
    fixture.settle().await;
    let ready = fixture.ready("analyticspipelines", "ios");
    assert!(
        ready.starts_with("Ready=False NamespaceNotAllowed") && ready.contains("Helm value `tenants`"),
        "{ready}"
    );
    assert!(!ready.contains("other"), "{ready}");
    assert!(fixture.topics.take_applied().is_empty() && fixture.tables.take_applied().is_empty());
    assert_eq!(fixture.kstatus("analyticspipelines", "ios"), "Failed");
    fixture.put(&namespace("shop", "team: shop"));
    fixture.settle().await;
    assert!(
        fixture.ready("analyticspipelines", "ios").starts_with("Ready=True"),
        "labels are seen at the next look"
    );
}

#[tokio::test(start_paused = true)]
async fn prefixes_stand_before_topics_database_and_everything_that_names_them() {
    let mut fixture = Fixture::with_tenants(TENANTS, &namespace("shop", ""));
    fixture.put(&objects("shop", "ios", "kafka: {topic: shop.apple}"));
    fixture.settle().await;
    assert!(fixture.ready("analyticspipelines", "ios").starts_with("Ready=True"));
    for topic in ["shop.shop.apple", "shop.shop.apple.dead-letters"] {
        assert!(fixture.topics.get(topic).is_some(), "{topic}");
    }
    let name = crate::clickhouse::table::TableName { database: "shop_shop".into(), table: "ios".into() };
    let mark = crate::clickhouse::mark::Mark::parse(&fixture.tables.get(&name).unwrap().comment).unwrap();
    assert_eq!((mark.topic.as_str(), mark.namespace.as_deref()), ("shop.shop.apple", Some("uid-shop")));
    let config = fixture.cluster.get("/api/v1/namespaces/shop/configmaps/ios-processor").unwrap();
    let config = config["data"]["stream.yaml"].as_str().unwrap().to_owned();
    for words in
        ["topic: shop.shop.apple\n", "deadLetterTopic: shop.shop.apple.dead-letters", "database: shop_shop\n"]
    {
        assert!(config.contains(words), "{words}: {config}");
    }
    let before = fixture.cluster.n_writes();
    fixture.look_at_all().await;
    assert_eq!(fixture.cluster.n_writes(), before, "settled");
}

#[tokio::test(start_paused = true)]
async fn a_prefix_that_changes_moves_nothing() {
    let mut fixture = Fixture::with_tenants(TENANTS, &namespace("shop", ""));
    fixture.put(&objects("shop", "ios", ""));
    fixture.settle().await;
    fixture.topics.take_applied();
    fixture.tables.take_applied();
    for changed in [
        TENANTS.replace("topicPrefix: 'shop.'", ""),
        TENANTS.replace("databasePrefix: shop_", "databasePrefix: s_"),
    ] {
        fixture.set_tenants(&changed);
        fixture.settle().await;
        let ready = fixture.ready("analyticspipelines", "ios");
        assert!(
            ready.starts_with("Ready=False OwnershipMismatch") && ready.contains("nothing moves by itself"),
            "{ready}"
        );
        assert!(fixture.topics.take_applied().is_empty() && fixture.tables.take_applied().is_empty());
    }
    fixture.set_tenants(TENANTS);
    fixture.settle().await;
    assert!(fixture.ready("analyticspipelines", "ios").starts_with("Ready=True"));
}

#[tokio::test(start_paused = true)]
async fn the_youngest_of_all_namespaces_of_a_tenant_is_over_and_what_runs_goes_on() {
    let mut fixture = Fixture::with_tenants(TENANTS, &namespace("shop", ""));
    for (name, pipeline) in [("shop-eu", "web"), ("shop-us", "web"), ("shop", "ios")] {
        fixture.put(&namespace(name, "team: shop"));
        fixture.put(&objects(name, pipeline, ""));
    }
    fixture.put(&namespace("dice", "team: games, tier: gold"));
    fixture.put(&objects("dice", "ios", ""));
    fixture.settle().await;
    let ready = fixture.ready("analyticspipelines", "ios");
    assert!(
        ready.starts_with("Ready=False QuotaExceeded") && ready.contains("2 older pipelines, and may have 2"),
        "{ready}"
    );
    assert!(!ready.contains("web") && !ready.contains("shop-eu"), "{ready}");
    assert!(fixture.topics.get("shop.shop.ios").is_none() && fixture.topics.get("dice.ios").is_some());
    fixture.set_tenants(&TENANTS.replace("pipelines: 2", "pipelines: 3"));
    fixture.settle().await;
    assert!(fixture.ready("analyticspipelines", "ios").starts_with("Ready=True"));
    fixture.set_tenants(&TENANTS.replace("pipelines: 2", "pipelines: 1"));
    fixture.settle().await;
    assert!(fixture.ready("analyticspipelines", "ios").starts_with("Ready=False QuotaExceeded"));
    let deployment = fixture.cluster.get("/apis/apps/v1/namespaces/shop/deployments/ios-processor").unwrap();
    assert_eq!(deployment["spec"]["replicas"], 1, "what runs goes on");
    assert!(fixture.topics.get("shop.shop.ios").is_some());
}

#[tokio::test(start_paused = true)]
async fn the_database_of_clickhouse_itself_is_nobodys() {
    let mut fixture = Fixture::of(&objects("system", "ios", ""));
    fixture.settle().await;
    assert!(fixture.tables.take_applied().is_empty() && fixture.topics.take_applied().is_empty());
}

#[tokio::test(start_paused = true)]
async fn rules_reach_only_the_hosts_of_their_tenant_and_topics_get_the_prefix() {
    let mut fixture = Fixture::with_tenants(TENANTS, &namespace("shop", ""));
    fixture.put(&objects("shop", "ios", ""));
    fixture.put("{apiVersion: v1, kind: Secret, metadata: {name: hook, namespace: shop}, stringData: {key: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=}}");
    let rule = |url: &str| {
        format!(
            "{{apiVersion: tributary.dev/v1alpha1, kind: ForwardingRule, metadata: {{name: r, namespace: shop}}, spec: {{pipeline: {{name: ios}}, destination: {{type: Webhook, webhook: {{url: '{url}', secretRef: {{name: hook, key: key}}}}}}}}}}"
        )
    };
    let mut verdicts = BTreeMap::new();
    for url in
        ["https://hooks.shop.example/x", "https://HOOKS.shop.example./x", "https://a.b.partner.example/"]
    {
        verdicts.insert(url, true);
    }
    for url in [
        "https://partner.example/",
        "https://evilpartner.example/",
        "https://hooks.shop.example.evil.example/",
        "https://evil.example/?hooks.shop.example",
        "https://evil.example/.partner.example",
        "https://xhooks.shop.example/",
        "https://93.184.216.34/",
        "https://hooks.shop.example%2eevil.example/",
        "https://hооks.shop.example/",
    ] {
        verdicts.insert(url, false);
    }
    for (url, is_allowed) in verdicts {
        fixture.put(&rule(url));
        fixture.settle().await;
        let ready = fixture.ready("forwardingrules", "r");
        assert_eq!(!ready.contains("DestinationForbidden"), is_allowed, "{url}: {ready}");
        assert!(
            is_allowed || ready.contains("not among the hosts") || ready.contains("cannot be read"),
            "{ready}"
        );
    }
    fixture.put("{apiVersion: tributary.dev/v1alpha1, kind: ForwardingRule, metadata: {name: r, namespace: shop}, spec: {pipeline: {name: ios}, destination: {type: Kafka, kafka: {topic: shop.copy}}}}");
    fixture.settle().await;
    assert!(
        fixture.ready("forwardingrules", "r").contains("topic `shop.copy` does not exist"),
        "{}",
        fixture.ready("forwardingrules", "r")
    );
    fixture.topics.insert(crate::kafka::topic::Topic {
        name: "shop.shop.copy".into(),
        partitions: 1,
        replicas: 1,
        config: BTreeMap::new(),
    });
    fixture.settle().await;
    let config = fixture.cluster.get("/api/v1/namespaces/shop/configmaps/ios-processor").unwrap();
    assert!(config["data"]["stream.yaml"].as_str().unwrap().contains("topic: shop.shop.copy"), "{config}");
}

#[tokio::test(start_paused = true)]
async fn a_tenant_with_a_kafka_and_a_clickhouse_of_its_own_has_everything_there_and_nothing_elsewhere() {
    let mut fixture = Fixture::of("");
    let (topics, tables) = (Arc::new(MemoryTopics::new()), Arc::new(MemoryTables::new()));
    let settings = Settings {
        kafka_bootstrap: "games:9092".into(),
        clickhouse_url: "http://games:8123".into(),
        ..fixture.ctx.settings.as_ref().clone()
    };
    let own = Servers {
        settings: Arc::new(settings),
        topics: Arc::clone(&topics) as _,
        tables: Arc::clone(&tables) as _,
    };
    let tenants = Tenants::parse(TENANTS).unwrap();
    let scopes = vec![fixture.ctx.stores.clone()];
    fixture.ctx.registry = Registry::new(tenants, scopes, BTreeMap::from([("games".to_owned(), own)]));
    fixture.put(&namespace("shop", "team: shop"));
    fixture.put(&namespace("dice", "team: games, tier: gold"));
    fixture.put(&objects("shop", "ios", ""));
    fixture.put(&objects("dice", "ios", "deletionPolicy: Delete"));
    fixture.settle().await;

    assert!(topics.get("dice.ios").is_some() && topics.get("shop.shop.ios").is_none());
    assert!(fixture.topics.get("dice.ios").is_none() && fixture.topics.get("shop.shop.ios").is_some());
    let table = |database: &str| TableName { database: database.into(), table: "ios".into() };
    assert!(tables.get(&table("dice")).is_some() && fixture.tables.get(&table("dice")).is_none());
    let config = |namespace: &str| {
        let path = format!("/api/v1/namespaces/{namespace}/configmaps/ios-processor");
        fixture.cluster.get(&path).unwrap()["data"]["stream.yaml"].as_str().unwrap().to_owned()
    };
    assert!(config("dice").contains("games:9092") && config("dice").contains("http://games:8123"));
    assert!(!config("shop").contains("games"));

    let path = "/apis/tributary.dev/v1alpha1/namespaces/dice/analyticspipelines/ios";
    fixture.cluster.edit(path, |it| it["metadata"]["deletionTimestamp"] = json!("2026-01-02T12:00:00Z"));
    fixture.settle().await;
    assert!(topics.get("dice.ios").is_none() && tables.get(&table("dice")).is_none());
    assert!(fixture.topics.get("shop.shop.ios").is_some());
}
