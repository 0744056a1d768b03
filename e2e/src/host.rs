//! The host's view of our own processes: which they are, and what these have used.
//!
//! In: the uid of a pod and the name of its program, or the leader of a session. Out: pids, found by the pod's control group or the
//! session and never by name alone; CPU time and memory as the kernel counts them. On a cluster whose nodes are other machines it finds
//! nothing.

use nix::unistd::{Pid, SysconfVar, sysconf};

/// What processes have used since they began.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Processes.
    pub n_processes: usize,
    /// Seconds of CPU, in user and kernel mode, those of ended children included.
    pub cpu_seconds: f64,
    /// The largest resident memory of one process so far, bytes.
    pub peak_memory: u64,
    /// The largest resident memory of each process so far, summed, bytes.
    pub peak_memory_in_all: u64,
    /// The largest resident memory of one process now, bytes.
    pub memory: u64,
}

/// The processes of a program in a pod.
#[must_use]
pub fn processes(pod_uid: &str, program: &str) -> Vec<Pid> {
    let group = format!("pod{pod_uid}");
    let is_ours = |pid: &i32| read(*pid, "cgroup").contains(&group) && read(*pid, "comm").trim() == program;
    all().filter(is_ours).map(Pid::from_raw).collect()
}

/// The processes of a session, by its leader. Those that have ended and are not waited for yet are among them.
#[must_use]
pub fn session(leader: Pid) -> Vec<Pid> {
    let session = leader.as_raw().to_string();
    let is_ours = |pid: &i32| words(&read(*pid, "stat")).get(SESSION).is_some_and(|word| *word == session);
    all().filter(is_ours).map(Pid::from_raw).collect()
}

/// Whether a process has ended, all its threads with it.
#[must_use]
pub fn has_ended(pid: Pid) -> bool {
    let stat = read(pid.as_raw(), "stat");
    let n_threads = || std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    words(&stat).first().is_none_or(|state| matches!(*state, "Z" | "X") && n_threads() <= 1)
}

/// Lets the peak of a process's memory begin anew.
pub fn forget_peak(pid: Pid) -> std::io::Result<()> {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5")
}

fn all() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
}

/// Words of `stat` after the name in parentheses, which may hold blanks.
const SESSION: usize = 3;
/// User and kernel time, and the same of children that were waited for.
const TIMES: std::ops::Range<usize> = 11..15;

fn words(stat: &str) -> Vec<&str> {
    stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect()
}

/// What processes have used; one that has ended counts for nothing.
#[must_use]
pub fn usage(processes: &[Pid]) -> Usage {
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100) as f64;
    let mut usage = Usage { n_processes: processes.len(), ..Usage::default() };
    for pid in processes {
        let stat = read(pid.as_raw(), "stat");
        let words = words(&stat);
        let times = words.get(TIMES).unwrap_or_default();
        usage.cpu_seconds += times.iter().filter_map(|time| time.parse::<f64>().ok()).sum::<f64>() / ticks;
        let status = read(pid.as_raw(), "status");
        usage.peak_memory = usage.peak_memory.max(kibibytes(&status, "VmHWM:"));
        usage.peak_memory_in_all += kibibytes(&status, "VmHWM:");
        usage.memory = usage.memory.max(kibibytes(&status, "VmRSS:"));
    }
    usage
}

fn kibibytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or_default() * 1024
}

fn read(pid: i32, file: &str) -> String {
    // A process that ended meanwhile has no files.
    std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::usage;
    use nix::unistd::Pid;

    #[test]
    fn this_process_uses_memory_and_a_missing_one_nothing() {
        let own = usage(&[Pid::this()]);
        assert!(own.memory > 1 << 20 && own.peak_memory >= own.memory);
        assert_eq!(usage(&[Pid::from_raw(i32::MAX)]).memory, 0);
    }
}
