//! What must be on the machine before anything is built: root, Debian, the tools, Debian's packages.
//!
//! In: the machine. Out: nothing, or all that is missing at once, a line each with its remedy. Debian packages of the node are
//! installed when they are missing, without letting their services start: the environment runs their programs itself.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::commands::{self, find_program, say};
use super::settings::Settings;

/// Tools that a person installs: program, what it is for, remedy.
const TOOLS: [(&str, &str, &str); 7] = [
    ("go", "builds Kubernetes, helm and the DNS server", "install Go 1.26 or later and put `go` on the PATH"),
    ("java", "runs Kafka", "apt-get install openjdk-17-jre-headless"),
    ("mvn", "fetches Kafka's jars", "apt-get install maven"),
    ("npm", "fetches the ClickHouse engine", "install Node 20 with npm and put `npm` on the PATH"),
    ("git", "is asked by Go's tools", "apt-get install git"),
    ("cc", "builds the pause program", "apt-get install gcc libc6-dev"),
    ("cargo", "builds the operator and the processor", "install Rust and put `cargo` on the PATH"),
];

/// Debian packages and a file that shows that what they bring is there, from whatever source.
const PACKAGES: [(&str, &[&str]); 6] = [
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

/// Checks everything and installs the packages that are missing.
pub(super) fn ensure(settings: &Settings) -> Result<()> {
    let mut missing = Vec::new();
    if !nix::unistd::geteuid().is_root() {
        missing.push(
            "it needs root, for network interfaces and containers: run it as root or with sudo".to_owned(),
        );
    }
    if !Path::new("/etc/debian_version").exists() {
        missing.push(
            "it needs Debian 12 (or a relative): the node's programs come from Debian's packages".to_owned(),
        );
    }
    for (tool, purpose, remedy) in TOOLS {
        if find_program(settings, tool).is_err() {
            missing.push(format!("`{tool}`, which {purpose}, is not installed: {remedy}"));
        }
    }
    if let Err(error) = java_is_17_or_later(settings) {
        missing.push(format!("{error:#}: apt-get install openjdk-17-jre-headless"));
    }
    if !missing.is_empty() {
        bail!("the machine is not ready:\n  - {}", missing.join("\n  - "));
    }
    install_packages()
}

fn java_is_17_or_later(settings: &Settings) -> Result<()> {
    let Ok(java) = find_program(settings, "java") else { return Ok(()) };
    let version = commands::run(Command::new(java).arg("--version"))?;
    let major =
        version.split_whitespace().nth(1).and_then(|number| number.split('.').next()?.parse::<u32>().ok());
    match major {
        Some(17..) => Ok(()),
        Some(_) | None => {
            bail!("Kafka needs Java 17 or later, found {}", version.lines().next().unwrap_or("nothing"))
        }
    }
}

fn install_packages() -> Result<()> {
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|(_, files)| !files.iter().any(|file| Path::new(file).exists()))
        .map(|(package, _)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    say(format!("installing Debian packages: {}", missing.join(" ")));
    let policy_is_ours = forbid_service_starts()?;
    let outcome = apt(&["update", "-qq"]).and_then(|()| {
        apt(&[&["install", "-y", "-qq", "--no-install-recommends"], missing.as_slice()].concat())
    });
    if policy_is_ours {
        std::fs::remove_file(POLICY).with_context(|| format!("failed to remove {POLICY}"))?;
    }
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
fn forbid_service_starts() -> Result<bool> {
    if Path::new(POLICY).exists() {
        return Ok(false);
    }
    std::fs::write(POLICY, "#!/bin/sh\nexit 101\n").with_context(|| format!("failed to write {POLICY}"))?;
    std::fs::set_permissions(POLICY, Permissions::from_mode(0o755))
        .with_context(|| format!("failed to make {POLICY} executable"))?;
    Ok(true)
}
