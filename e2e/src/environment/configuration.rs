//! Writes the configuration of the parts: plain files of the project with the paths and addresses filled in.
//!
//! In: the templates below `e2e/`, compiled into the program. Out: the folder `configuration`, the kubeconfigs, the folders
//! that the parts expect, and `environment.env` for everybody who uses the environment. It starts nothing.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::certificates;
use super::settings::{ADDRESS, CGROUP, CLICKHOUSE_PASSWORD, CLICKHOUSE_USER, NODE, PODS, Settings};

/// File name below `configuration`, and the template.
const TEMPLATES: [(&str, &str); 8] = [
    ("containerd.toml", include_str!("../../kubernetes/containerd.toml")),
    ("network/10-tributary.conflist", include_str!("../../kubernetes/network.conflist")),
    ("audit.yaml", include_str!("../../kubernetes/audit.yaml")),
    ("kubelet.yaml", include_str!("../../kubernetes/kubelet.yaml")),
    ("kube-proxy.yaml", include_str!("../../kubernetes/kube-proxy.yaml")),
    ("dns.yaml", include_str!("../../kubernetes/dns.yaml")),
    ("Corefile", include_str!("../../dns/Corefile")),
    ("server.properties", include_str!("../../kafka/server.properties")),
];

/// Folders below the state folder.
const FOLDERS: [&str; 10] = [
    "processes",
    "logs",
    "configuration/network",
    "containerd",
    "etcd",
    "kafka/temporary",
    "clickhouse",
    "kubelet/plugins",
    "apiserver",
    "pods",
];

/// Client certificates that get a kubeconfig below `configuration`.
const KUBECONFIGS: [&str; 5] = ["kube-controller-manager", "kube-scheduler", "kube-proxy", "dns", "node"];

/// Makes the folders, writes every configuration file and `environment.env`.
pub(super) fn write(settings: &Settings) -> Result<()> {
    for folder in FOLDERS {
        let path = settings.state.join(folder);
        std::fs::create_dir_all(&path).with_context(|| format!("failed to make {}", path.display()))?;
    }
    certificates::ensure(settings)?;
    let cni = cni_folder()?;
    for (name, template) in TEMPLATES {
        put(&settings.configuration(name), &fill(settings, &cni, template), 0o644)?;
    }
    put(&settings.configuration("resolv.conf"), &format!("nameserver {ADDRESS}\n"), 0o644)?;
    for name in KUBECONFIGS {
        let path = settings.configuration(&format!("{name}.kubeconfig"));
        put(&path, &certificates::kubeconfig(settings, name), 0o600)?;
    }
    put(&settings.kubeconfig(), &certificates::kubeconfig(settings, "admin"), 0o600)?;
    put(&settings.state.join("environment.env"), &variables(settings), 0o644)
}

/// The folder of the CNI plugins: Debian's, or the one of upstream packages.
fn cni_folder() -> Result<PathBuf> {
    ["/usr/lib/cni", "/opt/cni/bin"]
        .map(PathBuf::from)
        .into_iter()
        .find(|folder| folder.join("ptp").is_file())
        .context("the CNI plugin `ptp` is in neither /usr/lib/cni nor /opt/cni/bin: install containernetworking-plugins")
}

fn fill(settings: &Settings, cni: &Path, template: &str) -> String {
    template
        .replace("@STATE@", &settings.state.display().to_string())
        .replace("@CNI@", &cni.display().to_string())
        .replace("@ADDRESS@", ADDRESS)
        .replace("@PODS@", PODS)
        .replace("@NODE@", NODE)
        .replace("@CGROUP@", CGROUP)
}

fn variables(settings: &Settings) -> String {
    let lines = [
        ("KUBECONFIG", settings.kubeconfig().display().to_string()),
        ("KAFKA", format!("{ADDRESS}:9092")),
        ("CLICKHOUSE_URL", format!("http://{ADDRESS}:8123")),
        ("CLICKHOUSE_USER", CLICKHOUSE_USER.to_owned()),
        ("CLICKHOUSE_PASSWORD", CLICKHOUSE_PASSWORD.to_owned()),
        ("KUBECTL", settings.program("kubectl").display().to_string()),
        ("HELM", settings.program("helm").display().to_string()),
        ("TRIBUTARY_STATE", settings.state.display().to_string()),
        ("TRIBUTARY_CACHE", settings.cache.display().to_string()),
        ("CARGO_TARGET_DIR", settings.target.display().to_string()),
    ];
    lines.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
}

/// Writes the file only when its text differs, so that its time says when it changed.
fn put(path: &Path, text: &str, mode: u32) -> Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|before| before == text) {
        return Ok(());
    }
    std::fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))?;
    std::fs::set_permissions(path, Permissions::from_mode(mode))
        .with_context(|| format!("failed to protect {}", path.display()))
}
