//! The connection folder, as a mounted Secret looks.

use super::*;

#[tokio::test]
async fn only_the_files_of_the_connection_are_read() {
    let folder = std::env::temp_dir().join(format!("tributary-connection-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("..data")).unwrap();
    std::fs::write(folder.join("clickhouse-user"), "tributary").unwrap();
    std::fs::write(folder.join("kafka.sasl.password"), "p").unwrap();
    std::fs::write(folder.join("notes.txt"), "x").unwrap();
    let files = read(&folder).await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(files.keys().collect::<Vec<_>>(), ["clickhouse-user", "kafka.sasl.password"]);
}

#[tokio::test]
async fn a_missing_folder_is_the_platform_teams_to_mend() {
    let fault = read(Path::new("/does/not/exist")).await.unwrap_err().fault();
    assert_eq!(fault.reason, Reason::SecretNotFound);
    assert_eq!(fault.cure, Cure::Retry);
    assert!(fault.message.contains("connection.secretName"), "{}", fault.message);
}
