//! What must be on the machine before anything is built: root, what `e2e/prerequisites` lists, Debian's packages of the node.
//!
//! In: the machine. Out: nothing, or an error after a line for each thing that is missing. Debian packages of the node are installed
//! when they are missing, without letting their services start: the environment runs their programs itself.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::commands::{self, say};
use super::process::MARK;
use super::settings::Settings;

/// Debian packages and a file that shows that what they bring is there, from whatever source.
const PACKAGES: [(&str, &[&str]); 7] = [
    ("ca-certificates", &["/etc/ssl/certs/ca-certificates.crt"]),
    ("etcd-server", &["/usr/bin/etcd", "/usr/local/bin/etcd"]),
    ("containerd", &["/usr/bin/containerd", "/usr/local/bin/containerd"]),
    ("runc", &["/usr/sbin/runc", "/usr/bin/runc", "/usr/local/sbin/runc"]),
    ("containernetworking-plugins", &["/usr/lib/cni/ptp", "/opt/cni/bin/ptp"]),
    ("iptables", &["/usr/sbin/iptables"]),
    ("iproute2", &["/usr/sbin/ip", "/usr/bin/ip", "/sbin/ip"]),
];

/// Services that the packages bring and that must not run beside ours.
const SERVICES: [(&str, &str); 2] = [("etcd-server", "etcd"), ("containerd", "containerd")];

const POLICY: &str = "/usr/sbin/policy-rc.d";

/// What is in it when it is ours: the comment tells it from anybody's that says the same.
const OUR_POLICY: &str = "#!/bin/sh\n# Of Tributary's environment, for as long as it installs packages; `make down` removes it, too.\nexit 101\n";

/// Refuses everybody but root, before anything else is tried.
pub(super) fn ensure_root() -> Result<()> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "the environment needs root, for network interfaces and containers: run it as root or with sudo"
    );
    Ok(())
}

/// Checks what a person installs, by the script that also `make` asks, and installs the packages that are missing.
pub(super) fn ensure(settings: &Settings) -> Result<()> {
    let script = settings.source("prerequisites");
    let status = Command::new(&script)
        .arg("environment")
        .env(MARK, &settings.state)
        .status()
        .with_context(|| format!("failed to start {}", script.display()))?;
    ensure!(status.success(), "the machine is not ready: see above");
    install_packages()
}

fn install_packages() -> Result<()> {
    allow_service_starts()?;
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|(_, files)| !files.iter().any(|file| Path::new(file).exists()))
        .map(|(package, _)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    say(format!("installing Debian packages: {}", missing.join(" ")));
    forbid_service_starts()?;
    let outcome = apt(&["update", "-qq"]).and_then(|()| {
        apt(&[&["install", "-y", "-qq", "--no-install-recommends"], missing.as_slice()].concat())
    });
    allow_service_starts()?;
    outcome.with_context(|| format!("failed to install: apt-get install {}", missing.join(" ")))?;
    if Path::new("/run/systemd/system").exists() {
        for (_, service) in SERVICES.iter().filter(|(package, _)| missing.contains(package)) {
            commands::run(commands::system("systemctl").args(["disable", "--now", service]))
                .with_context(|| format!("failed to keep the service {service} from starting"))?;
        }
    }
    Ok(())
}

fn apt(arguments: &[&str]) -> Result<()> {
    commands::run(commands::system("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
        .map(drop)
}

/// Debian asks this file before a package starts its service. Somebody else's policy is left as it is.
fn forbid_service_starts() -> Result<()> {
    if Path::new(POLICY).exists() {
        return Ok(());
    }
    std::fs::write(POLICY, OUR_POLICY).with_context(|| format!("failed to write {POLICY}"))?;
    std::fs::set_permissions(POLICY, Permissions::from_mode(0o755))
        .with_context(|| format!("failed to make {POLICY} executable"))
}

/// The policy that is ours, where an `up` was ended before it could take it away.
pub(super) fn policy_of_ours() -> Option<&'static str> {
    is_our_policy(Path::new(POLICY)).then_some(POLICY)
}

/// Removes the policy that is ours, if there is one; says whether there was.
pub(super) fn allow_service_starts() -> Result<bool> {
    let Some(policy) = policy_of_ours() else { return Ok(false) };
    std::fs::remove_file(policy).with_context(|| format!("failed to remove {policy}"))?;
    Ok(true)
}

fn is_our_policy(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text == OUR_POLICY)
}

#[cfg(test)]
mod tests;
