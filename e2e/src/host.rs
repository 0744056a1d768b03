//! The host's view of our own pods: which processes they are, and what these have used.
//!
//! In: the uid of a pod and the name of its program. Out: pids, found by the pod's control group and never by name alone; CPU time and
//! memory as the kernel counts them. On a cluster whose nodes are other machines it finds nothing.

use nix::unistd::{Pid, SysconfVar, sysconf};

/// What processes have used since they began.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Processes.
    pub n_processes: usize,
    /// Seconds of CPU, in user and kernel mode.
    pub cpu_seconds: f64,
    /// The largest resident memory of one process so far, bytes.
    pub peak_memory: u64,
    /// The largest resident memory of one process now, bytes.
    pub memory: u64,
}

/// The processes of a program in a pod.
#[must_use]
pub fn processes(pod_uid: &str, program: &str) -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let group = format!("pod{pod_uid}");
    let is_ours = |pid: &i32| read(*pid, "cgroup").contains(&group) && read(*pid, "comm").trim() == program;
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(is_ours)
        .map(Pid::from_raw)
        .collect()
}

/// What processes have used; one that has ended counts for nothing.
#[must_use]
pub fn usage(processes: &[Pid]) -> Usage {
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100) as f64;
    let mut usage = Usage { n_processes: processes.len(), ..Usage::default() };
    for pid in processes {
        let stat = read(pid.as_raw(), "stat");
        // The name in parentheses may hold blanks; after it, user and kernel time are the 12th and 13th words.
        let words: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let time =
            |place: usize| words.get(place).and_then(|word| word.parse::<f64>().ok()).unwrap_or_default();
        usage.cpu_seconds += (time(11) + time(12)) / ticks;
        let status = read(pid.as_raw(), "status");
        usage.peak_memory = usage.peak_memory.max(kibibytes(&status, "VmHWM:"));
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
