//! Takeovers: what a team may try to reach another one's topic, table, Secret or pipeline. None succeeds.
//!
//! In: the attempts of [`attempts`], each a named row: what it prepares, what it applies, and what it must be told. The
//! intruder may as much as a tenant ever may (`allowAdopt`), and knows all names. Out: after every attempt, all that the
//! victims have is as it was, and nothing that the intruder reads names what it did not name itself.

mod attempts;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::clickhouse::mark::Mark;
use crate::clickhouse::table::{ActualTable, TableName};
use crate::kafka::topic::Topic;
use crate::testing::Fixture;
use attempts::{ATTEMPTS, Attempt, Before};

/// `victim` and `acme` are attacked; `mal` may adopt, `eve` may not; namespace `acme` tries to look like the prefix `acme.`.
const TENANTS: &str = "
- {name: victims, namespaces: {names: [victim], matchLabels: {team: victims}}}
- {name: prefixed, namespaces: {matchLabels: {team: prefixed}}, topicPrefix: 'acme.', databasePrefix: acme_}
- {name: intruder, namespaces: {names: [mal], matchLabels: {team: mal}}, allowAdopt: true, caps: {pipelines: 4, partitions: 10}}
- {name: bystander, namespaces: {names: [eve, acme, acme-eu, victim-treasure, victim-], matchLabels: {team: eve}}}
";

const VICTIMS: [(&str, &str, &str); 3] =
    [("victim", "treasure", "victims"), ("toys", "treasure", "victims"), ("eu", "treasure", "prefixed")];

/// Words that only the victims use.
const SECRETS: [&str; 5] = ["victim", "toys", "treasure", "crown", "prefixed"];

pub(crate) fn namespace(name: &str, uid: &str, team: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Namespace, metadata: {{name: '{name}', uid: {uid}, labels: {{team: {team}}}}}}}"
    )
}

fn schema(namespace: &str) -> String {
    format!(
        "{{apiVersion: tributary.dev/v1alpha1, kind: EventSchema, metadata: {{name: purchase, namespace: '{namespace}'}}, spec: {{fields: [{{name: a, type: String}}]}}}}"
    )
}

fn pipeline(namespace: &str, name: &str, spec: &str) -> String {
    let uid = format!("uid-{namespace}-{name}");
    json!({
        "apiVersion": "tributary.dev/v1alpha1", "kind": "AnalyticsPipeline",
        "metadata": {"name": name, "namespace": namespace, "uid": uid},
    })
    .to_string()
    .trim_end_matches('}')
    .to_owned()
        + &format!("}}, \"spec\": {{\"schemas\": [{{\"name\": \"purchase\"}}], {spec}}}}}")
}

/// A world with three victims, settled, and two namespaces of others.
async fn world() -> Fixture {
    let mut fixture = Fixture::with_tenants(TENANTS, "");
    for (place, name, team) in VICTIMS {
        fixture.put(&namespace(place, &format!("first-{place}"), team));
        fixture.put(&schema(place));
        fixture.put(&pipeline(place, name, ""));
        fixture.put(&format!("{{apiVersion: v1, kind: Secret, metadata: {{name: crown, namespace: {place}}}, stringData: {{key: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=}}}}"));
    }
    for place in ["mal", "eve", "acme", "acme-eu", "victim-treasure", "victim-"] {
        fixture.put(&namespace(place, &format!("first-{place}"), "none"));
        fixture.put(&schema(place));
    }
    fixture.settle().await;
    for (place, name, _) in VICTIMS {
        let path = format!("/apis/tributary.dev/v1alpha1/namespaces/{place}/analyticspipelines/{name}");
        let status = fixture.cluster.get(&path).unwrap()["status"].clone();
        assert_eq!(status["conditions"][0]["status"], "True", "{status}");
    }
    fixture
}

/// All that the victims have: topics, tables, objects.
type Treasure = (Vec<Option<Topic>>, Vec<Option<ActualTable>>, BTreeMap<String, Value>);

fn treasure(fixture: &Fixture, attempt: &Attempt) -> Treasure {
    let topics = ["victim.treasure", "toys.treasure", "acme.eu.treasure"];
    let topics = topics.iter().flat_map(|name| [(*name).to_owned(), format!("{name}.dead-letters")]);
    let tables = ["victim", "toys", "acme_eu"]
        .map(|database| TableName { database: database.into(), table: "treasure".into() });
    let mut objects = BTreeMap::new();
    for plural in
        ["analyticspipelines", "eventschemas", "deployments", "configmaps", "secrets", "serviceaccounts"]
    {
        for object in fixture.cluster.all(plural) {
            let (place, name) = (&object["metadata"]["namespace"], &object["metadata"]["name"]);
            let is_victims = VICTIMS.iter().any(|(namespace, ..)| place == namespace)
                && name.as_str().is_some_and(|name| name.starts_with("treasure") || name == "crown");
            let is_intruders = place == attempt.namespace
                && name.as_str().is_some_and(|name| name.starts_with(attempt.name));
            if is_victims && !is_intruders {
                objects.insert(crate::testing::cluster::path_of(&object), object["spec"].clone());
            }
        }
    }
    (
        topics.map(|name| fixture.topics.get(&name)).collect(),
        tables.iter().map(|name| fixture.tables.get(name)).collect(),
        objects,
    )
}

/// Takes a victim's namespace away with all in it, as its deletion does; topic and table stay.
fn remove_namespace(fixture: &mut Fixture, name: &str) {
    for plural in
        ["analyticspipelines", "eventschemas", "deployments", "configmaps", "secrets", "serviceaccounts"]
    {
        for object in fixture.cluster.all(plural) {
            if object["metadata"]["namespace"] == name {
                fixture.cluster.remove(&crate::testing::cluster::path_of(&object));
            }
        }
    }
    fixture.sync();
}

fn prepare(fixture: &mut Fixture, before: &Before) {
    match before {
        Before::Nothing => {}
        Before::NamespaceMadeAgain(name, team) => {
            remove_namespace(fixture, name);
            fixture.put(&namespace(name, "second", team));
            fixture.put(&schema(name));
        }
        Before::Topic(name, config) => fixture.topics.insert(Topic {
            name: (*name).into(),
            partitions: 6,
            replicas: 1,
            config: config.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        }),
        Before::Table(name, spoil) => {
            let treasure = TableName { database: "victim".into(), table: "treasure".into() };
            let mut table = fixture.tables.get(&treasure).unwrap();
            table.comment = String::new();
            spoil(&mut table);
            let (database, table_name) = name.split_once('.').unwrap();
            fixture.tables.insert(TableName { database: database.into(), table: table_name.into() }, table);
        }
        Before::Object(yaml) => fixture.put(yaml),
        Before::Retained(name) => {
            prepare(fixture, &Before::Table(name, |_| {}));
            prepare(fixture, &Before::Topic(name, &[("retention.ms", "1000")]));
            let (database, table) = name.split_once('.').unwrap();
            let at = TableName { database: database.into(), table: table.into() };
            let mark = Mark {
                pipeline: format!("mal/{table}"),
                id: "gone".into(),
                epoch: 1,
                topic: (*name).into(),
                topic_id: None,
                cluster: None,
                namespace: Some("first-mal".into()),
                tenant: Some("intruder".into()),
            };
            let table = ActualTable { comment: mark.comment(), ..fixture.tables.get(&at).unwrap() };
            fixture.tables.insert(at, table);
        }
    }
}

fn is_about(object: &Value, attempt: &Attempt) -> bool {
    object["metadata"]["namespace"] == attempt.namespace && object["metadata"]["name"] == attempt.name
}

/// Returns what the intruder's object is told, and all that it can read.
fn told(fixture: &Fixture, attempt: &Attempt) -> (String, String) {
    let kinds = ["analyticspipelines", "forwardingrules"];
    let object = kinds.iter().flat_map(|kind| fixture.cluster.all(kind)).find(|it| is_about(it, attempt));
    let status = object.unwrap_or_default()["status"].clone();
    let ready = &status["conditions"][0];
    (
        format!(
            "{}: {}",
            ready["reason"].as_str().unwrap_or("none"),
            ready["message"].as_str().unwrap_or("")
        ),
        status.to_string(),
    )
}

#[tokio::test(start_paused = true)]
async fn no_attempt_to_take_another_teams_things_succeeds() {
    let mut wrong = Vec::new();
    for attempt in ATTEMPTS {
        let mut fixture = world().await;
        for before in attempt.before {
            prepare(&mut fixture, before);
        }
        let before = treasure(&fixture, attempt);
        let yaml = match attempt.spec {
            spec if spec.starts_with("apiVersion") || spec.starts_with('{') => spec.to_owned(),
            spec => pipeline(attempt.namespace, attempt.name, spec),
        };
        fixture.put(&yaml);
        fixture.settle().await;
        let (ready, all) = told(&fixture, attempt);
        let mut complain = |what: &str| wrong.push(format!("{}: {what}: {ready}", attempt.title));
        if !ready.starts_with(&format!("{}: ", attempt.expected)) {
            complain(&format!("expected {}", attempt.expected));
        }
        if treasure(&fixture, attempt) != before {
            complain("the victims' things were touched");
        }
        if matches!(attempt.expected, "SpecInvalid" | "NamespaceNotAllowed")
            && all.contains("Tributary did not make it")
        {
            complain("it was told what exists");
        }
        let said = |word: &&&str| {
            all.contains(**word) && !yaml.contains(**word) && !attempt.namespace.contains(**word)
        };
        if let Some(word) = SECRETS.iter().find(said) {
            complain(&format!("`{word}` was leaked"));
        }
        // And it takes nothing with it when it goes.
        let path = format!(
            "/apis/tributary.dev/v1alpha1/namespaces/{}/analyticspipelines/{}",
            attempt.namespace, attempt.name
        );
        if let Some(mut going) = fixture.cluster.get(&path) {
            going["spec"]["deletionPolicy"] = json!("Delete");
            going["metadata"]["finalizers"] = json!(["tributary.dev/data"]);
            going["metadata"]["deletionTimestamp"] = json!("2026-01-02T12:00:00Z");
            fixture.cluster.edit(&path, |it| *it = going);
            fixture.sync();
            for _ in 0..3 {
                fixture.look_at_all().await;
            }
            let (topics, tables, _) = treasure(&fixture, attempt);
            if (topics, tables) != (before.0, before.1) {
                complain("its deletion took the victims' things");
            }
        }
    }
    assert!(ATTEMPTS.len() >= 60, "{} attempts", ATTEMPTS.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), ATTEMPTS.len(), wrong.join("\n"));
    println!("{} takeover attempts, none succeeded", ATTEMPTS.len());
}
