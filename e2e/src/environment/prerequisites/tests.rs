//! Whose a policy is, and what the script says of a machine whose tools are too old.

use std::path::PathBuf;

use super::*;
use crate::environment::settings::Settings;

/// A folder of this test.
fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("tributary-prerequisites-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn a_policy_is_ours_only_with_our_words() {
    let folder = folder("policy");
    let path = folder.join("policy-rc.d");
    assert!(!is_our_policy(&path));
    std::fs::write(&path, "#!/bin/sh\nexit 101\n").unwrap();
    assert!(!is_our_policy(&path));
    std::fs::write(&path, OUR_POLICY).unwrap();
    assert!(is_our_policy(&path));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_script_names_each_tool_that_is_too_old_with_its_remedy() {
    let folder = folder("tools");
    // What Debian 12 brings.
    let tools = [
        ("cargo", "cargo 1.65.0"),
        ("go", "go version go1.19.8 linux/amd64"),
        ("java", "openjdk 11.0.20 2023-07-18"),
        ("npm", "9.2.0"),
    ];
    for (tool, says) in tools {
        let path = folder.join(tool);
        std::fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", folder.display());
    let script = Settings::from_environment().source("prerequisites");
    let output = Command::new(script).arg("environment").env("PATH", path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for expected in [
        " or newer, there is 1.65.0; install Rust",
        " or newer, there is 1.19.8; install Go",
        "missing: java 17 or newer, there is 11.0.20; install it: apt-get",
    ] {
        assert!(said.contains(expected), "{said}");
    }
    assert!(!said.contains("npm"), "{said}");
    std::fs::remove_dir_all(folder).unwrap();
}
