//! Whose a folder is: only one with the record is ours.

use super::*;

#[test]
fn a_folder_is_ours_only_with_the_record() {
    let folder = std::env::temp_dir().join(format!("tributary-before-{}", std::process::id()));
    assert_eq!(owner_of(&folder).unwrap(), Owner::Nobody);
    std::fs::create_dir_all(&folder).unwrap();
    assert_eq!(owner_of(&folder).unwrap(), Owner::Nobody);
    std::fs::write(folder.join(FRESH), "").unwrap();
    assert_eq!(owner_of(&folder).unwrap(), Owner::Nobody);
    std::fs::write(folder.join("letters"), "").unwrap();
    assert_eq!(owner_of(&folder).unwrap(), Owner::Strangers);
    std::fs::write(folder.join(RECORD), "{}").unwrap();
    assert_eq!(owner_of(&folder).unwrap(), Owner::Us);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn reads_the_record_of_an_older_version() {
    let text = "{\"kernel\":{\"kernel/panic\":\"1\"},\"absent\":[\"/var/lib/cni\"]}";
    let before: Before = serde_json::from_str(text).unwrap();
    assert!(before.handed_down.is_empty());
}
