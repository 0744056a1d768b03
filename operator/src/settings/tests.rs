//! Flags as a platform team types them.

use super::*;

const LEAST: [&str; 7] = [
    "operator",
    "--kafka-bootstrap",
    "kafka:9092",
    "--clickhouse-url",
    "http://clickhouse:8123",
    "--processor-image",
    "tributary/processor:dev",
];

fn parse(more: &[&str]) -> Result<Settings, clap::Error> {
    Settings::try_parse_from(LEAST.iter().chain(more))
}

#[test]
fn least_settings_get_their_defaults() {
    let settings = parse(&[]).unwrap();
    assert_eq!(settings.resync, Duration::from_secs(60));
    assert_eq!(settings.lease_duration, Duration::from_secs(15));
    assert_eq!(settings.processor_image_pull_policy, "IfNotPresent");
    assert!(settings.watch_namespaces.is_empty());
    assert_eq!(settings.egress(), EgressConfig::default());
}

#[test]
fn kafka_properties_are_key_value_pairs() {
    let settings =
        parse(&["--kafka-properties", "security.protocol=SASL_SSL", "--kafka-properties", "a=b=c"]).unwrap();
    assert_eq!(
        settings.kafka_properties(),
        BTreeMap::from([("security.protocol".into(), "SASL_SSL".into()), ("a".into(), "b=c".into())])
    );
    assert!(parse(&["--kafka-properties", "nothing"]).is_err());
}

#[test]
fn networks_are_in_cidr_form() {
    let settings = parse(&["--forwarding-allowed-network", "10.0.0.0/8,fd00::/8"]).unwrap();
    assert_eq!(settings.forwarding_allowed_networks, ["10.0.0.0/8", "fd00::/8"]);
    for wrong in ["10.0.0.0", "10.0.0.0/33", "name/8", "::/129"] {
        assert!(parse(&["--forwarding-allowed-network", wrong]).is_err(), "{wrong}");
    }
}

#[test]
fn pull_secrets_of_processors_may_be_several() {
    assert!(parse(&[]).unwrap().processor_image_pull_secrets.is_empty());
    let settings =
        parse(&["--processor-image-pull-secret", "registry", "--processor-image-pull-secret", "mirror"]);
    assert_eq!(settings.unwrap().processor_image_pull_secrets, ["registry", "mirror"]);
}

#[test]
fn durations_have_a_unit_and_a_floor() {
    assert_eq!(parse(&["--resync", "5m"]).unwrap().resync, Duration::from_secs(300));
    assert!(parse(&["--resync", "5"]).is_err());
    assert!(parse(&["--resync", "10ms"]).is_err());
}

#[test]
fn nothing_is_traced_unless_a_collector_is_named() {
    assert_eq!(parse(&[]).unwrap().collector(), None);
    assert_eq!(parse(&["--traces-share", "0.5"]).unwrap().collector(), None);
    let settings = parse(&["--traces-endpoint", "http://collector:4318", "--traces-share", "0.5"]).unwrap();
    let collector = settings.collector().unwrap();
    assert_eq!(collector.variables()[0].1, "http://collector:4318");
    for wrong in [["--traces-endpoint", "collector:4318"], ["--traces-share", "2"]] {
        assert!(parse(&wrong).is_err(), "{wrong:?}");
    }
}
