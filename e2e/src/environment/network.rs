//! The network of the environment: the bridge with the node's address, the routes, and the firewall rules of the pods.
//!
//! In: the addresses of `settings`. Out: a network in which pods reach each other and this machine and nothing else.
//! Nothing dials the node's address before the kernel says that it is local: without the bridge it would leave the machine.
//! `remove` takes away what this room, the CNI plugins and the Service proxy made, and nothing of anybody else.

mod firewall;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::commands::{is_installed, run, system};
use super::settings::{ADDRESS, BRIDGE, POD_GATEWAY, PODS, SERVICES};

pub(super) use firewall::ensure_no_other_kubernetes;

/// Makes the bridge, the routes and the rules; what is there already stays.
pub(super) fn ensure() -> Result<()> {
    if ip(&["link", "show", "dev", BRIDGE]).is_err() {
        ip(&["link", "add", BRIDGE, "type", "bridge"]).context("failed to make the bridge")?;
    }
    ip(&["address", "replace", &format!("{ADDRESS}/32"), "dev", BRIDGE])
        .context("failed to set the address")?;
    ip(&["link", "set", BRIDGE, "up"]).context("failed to switch the bridge on")?;
    let route = ip(&["route", "get", ADDRESS]).context("failed to ask for the route")?;
    ensure!(
        route.starts_with("local "),
        "{ADDRESS} is not local to this machine although {BRIDGE} has it: nothing may dial it ({route})"
    );
    // What no pod and no Service answers ends at the bridge, which has no cable, instead of leaving the machine.
    for network in [PODS, SERVICES] {
        let listed = ip(&["-4", "route", "show", "exact", network]).context("failed to list routes")?;
        if let Some(route) = route_of_another(&listed) {
            bail!(
                "{network} is needed for pods or Services, and this machine has a route for it: {route}; remove that first"
            );
        }
        if listed.trim().is_empty() {
            ip(&["route", "add", network, "dev", BRIDGE, "src", ADDRESS]).context("failed to set a route")?;
        }
    }
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("failed to switch forwarding on")?;
    firewall::ensure()
}

/// The first of the listed routes that does not go to our bridge.
fn route_of_another(listed: &str) -> Option<&str> {
    let ours = format!(" dev {BRIDGE} ");
    listed.lines().map(str::trim_end).find(|line| !line.is_empty() && !format!("{line} ").contains(&ours))
}

/// What there is of ours: interfaces and firewall chains or rules, for `down` and its last look.
pub(super) fn remains(chains_are_ours: bool) -> Result<Vec<String>> {
    let interfaces = interfaces()?.into_iter().map(|name| format!("interface {name}"));
    Ok(interfaces.chain(firewall::remains(chains_are_ours)?).collect())
}

/// Removes interfaces, routes and firewall rules.
pub(super) fn remove(chains_are_ours: bool) -> Result<()> {
    remove_interfaces()?;
    firewall::remove(chains_are_ours)
}

/// The end of a pod's cable goes with the pod's network namespace, which the kernel takes down a moment after its last process:
/// an interface may vanish between the look and the removal.
fn remove_interfaces() -> Result<()> {
    let from = Instant::now();
    loop {
        let names = interfaces()?;
        let outcomes: Vec<Result<String>> = names.iter().map(|name| ip(&["link", "delete", name])).collect();
        if names.is_empty() {
            return Ok(());
        }
        if from.elapsed() > Duration::from_secs(5) {
            return outcomes
                .into_iter()
                .collect::<Result<Vec<_>>>()
                .map(drop)
                .context("failed to remove an interface");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The bridge, and the host's ends of the pods' cables, which carry the gateway's address.
fn interfaces() -> Result<Vec<String>> {
    if !is_installed("ip") {
        return Ok(vec![]);
    }
    let addresses = ip(&["-o", "-4", "address", "show"]).context("failed to list addresses")?;
    let mut names: Vec<String> = addresses
        .lines()
        .filter(|line| line.contains(&format!(" {POD_GATEWAY}/32 ")))
        .filter_map(|line| line.split_whitespace().nth(1))
        .filter(|name| name.starts_with("veth"))
        .map(str::to_owned)
        .collect();
    if ip(&["link", "show", "dev", BRIDGE]).is_ok() {
        names.push(BRIDGE.to_owned());
    }
    Ok(names)
}

fn ip(arguments: &[&str]) -> Result<String> {
    run(system("ip").args(arguments))
}

#[cfg(test)]
mod tests;
