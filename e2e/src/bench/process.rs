//! Processes that the benchmark starts itself: each leads a session, so that whatever it starts is found, counted and ended with it.
//!
//! In: a program, its arguments and variables, a log. Out: a running [`Process`]; it ends with the value, however that ends. Should this
//! program be killed itself, `make down` finds what it has left by the environment's mark. It ends nothing that it did not start.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{environment, host};

const GRACE: Duration = Duration::from_secs(20);
const INTERVAL: Duration = Duration::from_millis(20);

/// What is to be started.
#[derive(Debug, Clone, Default)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables, beside those of this program.
    pub variables: Vec<(&'static str, String)>,
    /// File that its output is added to.
    pub log: PathBuf,
}

/// A running process and whatever it has started.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
    /// Nothing is left of it, and its pid may be somebody else's by now.
    is_gone: bool,
}

impl Process {
    /// Starts it.
    pub fn start(launch: &Launch) -> Result<Self> {
        let open = || File::options().create(true).append(true).open(&launch.log);
        let output = open().with_context(|| format!("opening {}", launch.log.display()))?;
        let errors = output.try_clone().context("sharing a log")?;
        let (mark, state) = environment::mark();
        let child = Command::new("setsid")
            .arg(&launch.program)
            .args(&launch.arguments)
            .env(mark, state)
            .envs(launch.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .with_context(|| format!("starting {}", launch.program.display()))?;
        Ok(Self { child, log: launch.log.clone(), is_gone: false })
    }

    /// The leader of the session.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The end of its output, for people.
    #[must_use]
    pub fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(4_000)..]).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// Whether the leader has ended. It stays where its CPU time can be read.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        host::has_ended(self.pid())
    }

    /// Asks the leader to end, and ends all that is left after a while.
    pub fn terminate(&mut self) {
        if self.is_gone {
            return;
        }
        send(self.pid(), Signal::SIGTERM);
        let begun = Instant::now();
        while !self.has_ended() && begun.elapsed() < GRACE {
            std::thread::sleep(INTERVAL);
        }
        self.kill();
    }

    /// Ends all of the session at once, as a node's failure does.
    pub fn kill(&mut self) {
        if self.is_gone {
            return;
        }
        loop {
            // One that was started a moment ago does not lead its session yet.
            let members = host::session(self.pid()).into_iter().chain([self.pid()]);
            let alive: Vec<Pid> = members.filter(|pid| !host::has_ended(*pid)).collect();
            if alive.is_empty() {
                break;
            }
            alive.into_iter().for_each(|pid| send(pid, Signal::SIGKILL));
            std::thread::sleep(INTERVAL);
        }
        // It has ended; this only takes it off the list.
        drop(self.child.wait());
        self.is_gone = true;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn send(pid: Pid, signal: Signal) {
    // It may end between the look and the signal.
    kill(pid, signal).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::{Launch, Process};
    use crate::host;

    #[test]
    fn whatever_a_process_starts_is_counted_and_ended_with_it() {
        let folder = std::env::temp_dir().join(format!("bench-process-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let work = "(sleep 1000 & exec sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; exec sleep 1000')";
        let launch = Launch {
            program: "sh".into(),
            arguments: vec!["-c".into(), work.into()],
            log: folder.join("log"),
            ..Launch::default()
        };
        let mut process = Process::start(&launch).unwrap();
        while !process.last_words().contains("done") {
            std::thread::yield_now();
        }
        let usage = host::usage(&host::session(process.pid()));
        assert!(usage.n_processes >= 2 && usage.cpu_seconds > 0.0, "{usage:?}");
        let members = host::session(process.pid());
        process.kill();
        assert!(members.into_iter().all(host::has_ended));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn one_that_was_started_a_moment_ago_is_ended_too() {
        let log = std::env::temp_dir().join(format!("bench-process-{}.log", std::process::id()));
        let launch = Launch {
            program: "sleep".into(),
            arguments: vec!["1000".into()],
            log: log.clone(),
            ..Launch::default()
        };
        for _ in 0..20 {
            let process = Process::start(&launch).unwrap();
            let pid = process.pid();
            drop(process);
            assert!(host::has_ended(pid));
        }
        std::fs::remove_file(&log).unwrap();
    }
}
