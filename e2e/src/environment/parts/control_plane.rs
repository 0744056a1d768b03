//! The control plane: etcd, the API server, the controllers and the scheduler.
//!
//! One of each, so none elects a leader. etcd listens on loopback only and does not wait for the disk: its content lives as
//! long as the state folder.

use anyhow::Result;

use super::super::commands::find_program;
use super::super::health::Health;
use super::super::settings::{ADDRESS, PODS, SERVICES, Settings};
use super::{Part, SHORT, Stage, flags};

const ETCD: &str = "127.0.0.1:12379";

pub(super) fn etcd(settings: &Settings) -> Result<Part> {
    let mut arguments = flags(
        settings,
        &[
            ("name", "tributary"),
            ("data-dir", "@etcd"),
            ("listen-client-urls", "http://127.0.0.1:12379"),
            ("advertise-client-urls", "http://127.0.0.1:12379"),
            ("listen-peer-urls", "http://127.0.0.1:12380"),
            ("initial-advertise-peer-urls", "http://127.0.0.1:12380"),
            ("initial-cluster", "tributary=http://127.0.0.1:12380"),
            ("auto-compaction-retention", "1"),
            ("log-level", "warn"),
            ("logger", "zap"),
        ],
    );
    arguments.push("--unsafe-no-fsync".to_owned());
    Ok(Part {
        name: "etcd",
        program: find_program(settings, "etcd")?,
        arguments,
        files: vec![],
        address: ETCD.to_owned(),
        health: Health::Http { address: ETCD.to_owned(), path: "/health" },
        stage: Stage::Ground,
        grace: SHORT,
    })
}

pub(super) fn apiserver(settings: &Settings) -> Part {
    let arguments = flags(
        settings,
        &[
            ("etcd-servers", "http://127.0.0.1:12379"),
            ("bind-address", ADDRESS),
            ("advertise-address", ADDRESS),
            ("secure-port", "6443"),
            ("service-cluster-ip-range", SERVICES),
            ("authorization-mode", "Node,RBAC"),
            // The last one asks whether an owner's finalizers may be set, as OpenShift and others do.
            ("enable-admission-plugins", "NodeRestriction,PodSecurity,OwnerReferencesPermissionEnforcement"),
            ("audit-policy-file", "@configuration/audit.yaml"),
            ("audit-log-path", "@logs/audit.jsonl"),
            ("audit-log-maxsize", "500"),
            ("audit-log-maxbackup", "1"),
            ("anonymous-auth", "false"),
            ("allow-privileged", "true"),
            ("cert-dir", "@apiserver"),
            ("client-ca-file", "@certificates/ca.crt"),
            ("tls-cert-file", "@certificates/apiserver.crt"),
            ("tls-private-key-file", "@certificates/apiserver.key"),
            ("kubelet-certificate-authority", "@certificates/ca.crt"),
            ("kubelet-client-certificate", "@certificates/apiserver-kubelet-client.crt"),
            ("kubelet-client-key", "@certificates/apiserver-kubelet-client.key"),
            ("kubelet-preferred-address-types", "InternalIP"),
            ("service-account-issuer", "https://kubernetes.default.svc.cluster.local"),
            ("service-account-key-file", "@certificates/service-accounts.pub"),
            ("service-account-signing-key-file", "@certificates/service-accounts.key"),
            ("profiling", "false"),
        ],
    );
    Part {
        name: "kube-apiserver",
        program: settings.program("kube-apiserver"),
        arguments,
        files: vec![settings.state.join("certificates/apiserver.crt"), settings.configuration("audit.yaml")],
        address: format!("{ADDRESS}:6443"),
        health: kubectl_raw(settings, &[], "/readyz"),
        stage: Stage::Api,
        grace: SHORT,
    }
}

pub(super) fn controller_manager(settings: &Settings) -> Part {
    let kubeconfig = "@configuration/kube-controller-manager.kubeconfig";
    let arguments = flags(
        settings,
        &[
            ("bind-address", "127.0.0.1"),
            ("tls-cert-file", "@certificates/apiserver.crt"),
            ("tls-private-key-file", "@certificates/apiserver.key"),
            ("client-ca-file", "@certificates/ca.crt"),
            ("authentication-skip-lookup", "true"),
            ("kubeconfig", kubeconfig),
            ("authentication-kubeconfig", kubeconfig),
            ("authorization-kubeconfig", kubeconfig),
            ("service-account-private-key-file", "@certificates/service-accounts.key"),
            ("root-ca-file", "@certificates/ca.crt"),
            ("cluster-signing-cert-file", "@certificates/ca.crt"),
            ("cluster-signing-key-file", "@certificates/ca.key"),
            ("use-service-account-credentials", "true"),
            ("cluster-cidr", PODS),
            // It makes the folder, by default one outside the state folder.
            ("flex-volume-plugin-dir", "@kubelet/plugins"),
            ("leader-elect", "false"),
            ("profiling", "false"),
        ],
    );
    Part {
        name: "kube-controller-manager",
        program: settings.program("kube-controller-manager"),
        arguments,
        files: vec![settings.state.join("certificates/ca.crt")],
        address: "127.0.0.1:10257".to_owned(),
        health: own_healthz(settings, "https://127.0.0.1:10257"),
        stage: Stage::Cluster,
        grace: SHORT,
    }
}

pub(super) fn scheduler(settings: &Settings) -> Part {
    let kubeconfig = "@configuration/kube-scheduler.kubeconfig";
    let arguments = flags(
        settings,
        &[
            ("bind-address", "127.0.0.1"),
            ("tls-cert-file", "@certificates/apiserver.crt"),
            ("tls-private-key-file", "@certificates/apiserver.key"),
            ("client-ca-file", "@certificates/ca.crt"),
            ("authentication-skip-lookup", "true"),
            ("kubeconfig", kubeconfig),
            ("authentication-kubeconfig", kubeconfig),
            ("authorization-kubeconfig", kubeconfig),
            ("leader-elect", "false"),
            ("profiling", "false"),
        ],
    );
    Part {
        name: "kube-scheduler",
        program: settings.program("kube-scheduler"),
        arguments,
        files: vec![settings.state.join("certificates/ca.crt")],
        address: "127.0.0.1:10259".to_owned(),
        health: own_healthz(settings, "https://127.0.0.1:10259"),
        stage: Stage::Cluster,
        grace: SHORT,
    }
}

/// The controllers and the scheduler answer over TLS, with the certificate of the API, which names loopback too.
fn own_healthz(settings: &Settings, server: &str) -> Health {
    kubectl_raw(settings, &["--server", server], "/healthz")
}

fn kubectl_raw(settings: &Settings, arguments: &[&str], path: &str) -> Health {
    let kubectl = settings.program("kubectl").display().to_string();
    let kubeconfig = settings.kubeconfig().display().to_string();
    let mut words = vec![kubectl, "--kubeconfig".to_owned(), kubeconfig, "--request-timeout=3s".to_owned()];
    words.extend(arguments.iter().map(|&word| word.to_owned()));
    words.extend(["get", "--raw", path].map(str::to_owned));
    Health::Program(words)
}
