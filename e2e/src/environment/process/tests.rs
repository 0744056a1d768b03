//! Whom a pid file names: never a stranger.

use super::*;

fn own(started: u64) -> Recorded {
    Recorded { pid: i32::try_from(std::process::id()).unwrap(), started, fingerprint: String::new() }
}

#[test]
fn knows_a_process_by_its_pid_and_its_start_time() {
    let pid = i32::try_from(std::process::id()).unwrap();
    let (_, started) = stat(pid).unwrap();
    assert!(own(started).is_alive());
}

#[test]
fn takes_a_process_with_another_start_time_for_a_stranger() {
    let pid = i32::try_from(std::process::id()).unwrap();
    let (_, started) = stat(pid).unwrap();
    assert!(!own(started + 1).is_alive());
}
