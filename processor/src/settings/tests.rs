//! What a processor makes of its files.

use std::fs;

use super::*;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tributary-settings-{}-{name}", std::process::id()));
    fs::create_dir_all(folder.join("config")).expect("a folder for files");
    fs::create_dir_all(folder.join("connection")).expect("a folder for secrets");
    folder
}

#[test]
fn secrets_are_files_without_their_last_line_break() {
    let root = folder("secrets");
    fs::write(root.join("connection/clickhouse-user"), "tributary\n").expect("written");
    fs::write(root.join("connection/clickhouse-password"), "pass word").expect("written");
    fs::write(root.join("connection/clickhouse-ca.crt"), "-----BEGIN\n").expect("written");
    fs::write(root.join("connection/kafka.sasl.password"), "secret\r\n").expect("written");
    fs::write(root.join("connection/other"), "not ours").expect("written");
    let secrets = Files::new(&root).secrets().expect("readable");
    assert_eq!(secrets.clickhouse.user, "tributary");
    assert_eq!(secrets.clickhouse.password, "pass word");
    assert_eq!(secrets.clickhouse.authorities.as_deref(), Some("-----BEGIN"));
    assert_eq!(secrets.kafka, BTreeMap::from([("sasl.password".to_owned(), "secret".to_owned())]));
    assert!(!format!("{secrets:?}").contains("secret\""), "no secret is shown");
    fs::remove_dir_all(root).expect("removed");
}

#[test]
fn a_missing_folder_of_secrets_means_no_secrets() {
    assert_eq!(Files::new(Path::new("/nonexistent")).secrets().expect("nothing to read"), Secrets::default());
}

#[test]
fn a_config_of_another_version_is_refused() {
    let root = folder("version");
    let config = crate::flow::tests::config();
    let text = serde_yaml::to_string(&StreamConfig { version: 2, ..config }).expect("writable");
    fs::write(root.join("config/stream.yaml"), text).expect("written");
    let refused = Files::new(&root).stream_config();
    assert!(matches!(refused, Err(SettingsError::Version { found: 2 })));
    fs::remove_dir_all(root).expect("removed");
}

#[test]
fn the_hash_of_the_rules_changes_with_schemas_and_not_with_batches() {
    let config = crate::flow::tests::config();
    let mut larger_batches = config.clone();
    larger_batches.batch.max_rows += 1;
    let mut another_window = config.clone();
    another_window.deduplication_window_seconds = Some(5);
    let hash = rules_hash(&config, None);
    assert_eq!(hash, rules_hash(&larger_batches, None));
    assert_ne!(hash, rules_hash(&another_window, None));
    assert_ne!(hash, rules_hash(&config, Some(b"key")));
}
