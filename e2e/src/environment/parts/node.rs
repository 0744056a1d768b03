//! The one node: containerd, the kubelet, the Service proxy and the DNS server.
//!
//! containerd has its own root, state, socket and network folder: the machine's own containerd, if any, is not touched.

use anyhow::Result;

use super::super::commands::find_program;
use super::super::health::Health;
use super::super::settings::{ADDRESS, NODE, Settings};
use super::{Part, SHORT, Stage, flags};

pub(super) fn containerd(settings: &Settings) -> Result<Part> {
    let ctr = find_program(settings, "ctr")?.display().to_string();
    let socket = settings.containerd_socket().display().to_string();
    Ok(Part {
        name: "containerd",
        program: find_program(settings, "containerd")?,
        arguments: flags(settings, &[("config", "@configuration/containerd.toml")]),
        files: vec![settings.configuration("containerd.toml")],
        address: socket.clone(),
        health: Health::Program(vec![ctr, "--address".to_owned(), socket, "version".to_owned()]),
        stage: Stage::Ground,
        grace: SHORT,
    })
}

pub(super) fn kubelet(settings: &Settings) -> Part {
    let arguments = flags(
        settings,
        &[
            ("config", "@configuration/kubelet.yaml"),
            ("kubeconfig", "@configuration/node.kubeconfig"),
            ("hostname-override", NODE),
            ("node-ip", ADDRESS),
            ("root-dir", "@kubelet"),
            ("cert-dir", "@kubelet/certificates"),
        ],
    );
    Part {
        name: "kubelet",
        program: settings.program("kubelet"),
        arguments,
        files: vec![settings.configuration("kubelet.yaml"), settings.state.join("certificates/kubelet.crt")],
        address: format!("{ADDRESS}:10250"),
        health: Health::Http { address: "127.0.0.1:10248".to_owned(), path: "/healthz" },
        stage: Stage::Cluster,
        grace: SHORT,
    }
}

pub(super) fn proxy(settings: &Settings) -> Part {
    Part {
        name: "kube-proxy",
        program: settings.program("kube-proxy"),
        arguments: flags(settings, &[("config", "@configuration/kube-proxy.yaml")]),
        files: vec![settings.configuration("kube-proxy.yaml"), settings.state.join("certificates/ca.crt")],
        address: "127.0.0.1:10256".to_owned(),
        health: Health::Http { address: "127.0.0.1:10256".to_owned(), path: "/livez" },
        stage: Stage::Cluster,
        grace: SHORT,
    }
}

pub(super) fn dns(settings: &Settings) -> Part {
    Part {
        name: "dns",
        program: settings.program("coredns"),
        arguments: vec!["-conf".to_owned(), settings.configuration("Corefile").display().to_string()],
        files: vec![settings.configuration("Corefile"), settings.state.join("certificates/ca.crt")],
        address: format!("{ADDRESS}:53"),
        health: Health::Http { address: "127.0.0.1:18181".to_owned(), path: "/ready" },
        stage: Stage::Cluster,
        grace: SHORT,
    }
}
