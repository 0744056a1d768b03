//! Whom a pid file names: never a stranger.

use std::io::Read;

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

#[test]
fn says_whether_a_process_ended_when_asked_or_had_to_be_killed() {
    let cases = [("-", 60_000, Ending::Orderly), ("''", 10, Ending::Killed)];
    for (trap, grace, ending) in cases {
        let script = format!("trap {trap} TERM; echo; read line");
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It has set its trap once it says something.
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let (_, started) = stat(pid).unwrap();
        assert_eq!(end(&[(pid, started)], Duration::from_millis(grace)), ending, "{script}");
        child.wait().unwrap();
    }
}
