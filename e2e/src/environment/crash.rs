//! `crash`: kills what brings the environment up, and what runs in it, and shows that `down` leaves the machine as it was.
//!
//! In: a machine; an environment that is up on it is taken down first, with its data, for the node's address can be had only once.
//! Out: a line a crash and an environment that is up afterwards, or what was left. It kills only processes that it started.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::before::{self, Before, Owner};
use super::commands::say;
use super::programs::spell;
use super::settings::Settings;
use super::{check, down, parts, process};

/// How it is seen that `up` has come so far.
type Sign = fn(&Settings) -> bool;

/// When `up` is killed.
const MOMENTS: [(&str, Sign); 4] = [
    ("has written down the machine", before::is_remembered),
    ("has started Kafka", |settings| process::find(settings, "kafka").is_some()),
    ("has started the API server", |settings| process::find(settings, "kube-apiserver").is_some()),
    ("has started the kubelet", |settings| process::find(settings, "kubelet").is_some()),
];

/// Crashes at every moment, takes down what is left, and brings the environment up in the end.
///
/// # Errors
/// When anything is left after a crash, or `up` does not work after one.
pub fn crash(settings: &Settings) -> Result<()> {
    let from = Instant::now();
    if before::owner(settings)? == Owner::Us {
        say("an environment is up: it is taken down first, with its data");
    }
    down::down(settings)?;
    let machine = before::look()?;
    for (moment, is_reached) in MOMENTS {
        say(format!("== `up` is killed once it {moment}"));
        kill_up(settings, is_reached).with_context(|| format!("waiting until `up` {moment}"))?;
        restored(settings, &machine).with_context(|| format!("after `up` was killed once it {moment}"))?;
    }
    say("== every part is killed while pods run");
    bring_up()?;
    check::start_pods(settings)?;
    kill_parts(settings)?;
    restored(settings, &machine).context("after every part was killed")?;
    say("== and up again");
    bring_up()?;
    say(format!(
        "{} crashes, and each left nothing that `down` does not remove ({})",
        MOMENTS.len() + 1,
        spell(from.elapsed())
    ));
    Ok(())
}

/// `down` says itself when anything of ours is left; what it restores is compared here.
fn restored(settings: &Settings, machine: &Before) -> Result<()> {
    down::down(settings)?;
    let now = before::look()?;
    ensure!(now == *machine, "the machine is not as it was: it was {machine:?} and is {now:?}");
    Ok(())
}

/// As a process of its own, so that the parts are nobody's children when it ends.
fn up() -> Result<Child> {
    let program = std::env::current_exe().context("failed to find this program")?;
    Command::new(program).arg("up").spawn().context("failed to start `up`")
}

fn bring_up() -> Result<()> {
    let status = up()?.wait().context("failed to wait for `up`")?;
    ensure!(status.success(), "`up` failed: see above");
    Ok(())
}

fn kill_up(settings: &Settings, is_reached: Sign) -> Result<()> {
    let mut up = up()?;
    while !is_reached(settings) {
        if let Some(status) = up.try_wait().context("failed to look at `up`")? {
            bail!("it ended before that with {status}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    up.kill().context("failed to kill `up`")?;
    up.wait().context("failed to wait for `up`").map(drop)
}

fn kill_parts(settings: &Settings) -> Result<()> {
    for part in parts::all(settings)? {
        let process =
            process::find(settings, part.name).with_context(|| format!("{} does not run", part.name))?;
        kill(Pid::from_raw(process.pid), Signal::SIGKILL)
            .with_context(|| format!("failed to kill {}", part.name))?;
    }
    Ok(())
}
