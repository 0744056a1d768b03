//! The network of the environment: the bridge with the node's address, the routes, and the firewall rules of the pods.
//!
//! In: the addresses of `settings`. Out: a network in which pods reach each other and this machine and nothing else.
//! Nothing dials the node's address before the kernel says that it is local: without the bridge it would leave the machine.
//! `remove` takes away what this room, the CNI plugins and the Service proxy made, and nothing of anybody else.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::commands::{run, run_with_input, system};
use super::settings::{ADDRESS, BRIDGE, POD_GATEWAY, PODS, SERVICES};

/// Marks the firewall rules of this room.
const COMMENT: &str = "tributary-environment";

/// Chains that belong to the Service proxy, the kubelet and the CNI plugins.
const CHAINS: [&str; 2] = ["KUBE-", "CNI-"];

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
        ip(&["route", "replace", network, "dev", BRIDGE, "src", ADDRESS]).context("failed to set a route")?;
    }
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("failed to switch forwarding on")?;
    ensure_rules()
}

/// Pods speak to pods; whatever would leave the machine is refused at once.
fn ensure_rules() -> Result<()> {
    let rules: [&[&str]; 2] =
        [&["-s", PODS, "-d", PODS, "-j", "ACCEPT"], &["-s", PODS, "!", "-d", PODS, "-j", "REJECT"]];
    for rule in rules {
        let rule = [&["FORWARD"], rule, &["-m", "comment", "--comment", COMMENT]].concat();
        if iptables(&[&["-C"], rule.as_slice()].concat()).is_err() {
            iptables(&[&["-I"], rule.as_slice()].concat()).context("failed to add a firewall rule")?;
        }
    }
    Ok(())
}

/// What there is of ours: interfaces and firewall chains or rules, for `down` and its last look.
pub(super) fn remains() -> Result<Vec<String>> {
    let mut found: Vec<String> = interfaces()?.into_iter().map(|name| format!("interface {name}")).collect();
    for program in ["iptables", "ip6tables"] {
        let tables = parse(&run(&mut system(&format!("{program}-save")))?);
        let (n_rules, n_chains) = tables
            .iter()
            .fold((0, 0), |(rules, chains), table| (rules + table.rules.len(), chains + table.chains.len()));
        if n_rules + n_chains > 0 {
            found.push(format!("{n_rules} {program} rules and {n_chains} chains"));
        }
    }
    Ok(found)
}

/// Removes interfaces, routes and firewall rules.
pub(super) fn remove() -> Result<()> {
    remove_interfaces()?;
    for program in ["iptables", "ip6tables"] {
        let tables = parse(&run(&mut system(&format!("{program}-save")))?);
        let script: String = tables.iter().filter_map(Table::removal).collect();
        if !script.is_empty() {
            run_with_input(system(&format!("{program}-restore")).args(["--noflush", "--wait=10"]), &script)
                .with_context(|| format!("failed to remove {program} rules"))?;
        }
    }
    Ok(())
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
    let addresses = ip(&["-o", "-4", "address", "show"]).context("failed to list addresses")?;
    let mut names: Vec<String> = addresses
        .lines()
        .filter(|line| line.contains(&format!(" {POD_GATEWAY}/32 ")))
        .filter_map(|line| line.split_whitespace().nth(1))
        .map(str::to_owned)
        .collect();
    if ip(&["link", "show", "dev", BRIDGE]).is_ok() {
        names.push(BRIDGE.to_owned());
    }
    Ok(names)
}

/// What one table of the firewall holds of ours.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    name: String,
    /// Our chains.
    chains: Vec<String>,
    /// Our rules in chains of others, as `iptables-save` writes them after `-A `.
    rules: Vec<String>,
}

impl Table {
    /// The input of `iptables-restore --noflush` that removes it.
    fn removal(&self) -> Option<String> {
        if self.chains.is_empty() && self.rules.is_empty() {
            return None;
        }
        let rules = self.rules.iter().map(|rule| format!("-D {rule}\n"));
        let flushes = self.chains.iter().map(|chain| format!("-F {chain}\n"));
        let removals = self.chains.iter().map(|chain| format!("-X {chain}\n"));
        Some(format!("*{}\n{}COMMIT\n", self.name, rules.chain(flushes).chain(removals).collect::<String>()))
    }
}

/// Reads what `iptables-save` wrote and keeps what is ours.
pub(super) fn parse(saved: &str) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for line in saved.lines() {
        if let Some(name) = line.strip_prefix('*') {
            tables.push(Table { name: name.to_owned(), chains: vec![], rules: vec![] });
        }
        let Some(table) = tables.last_mut() else { continue };
        if let Some(chain) = line.strip_prefix(':').and_then(|rest| rest.split(' ').next()) {
            if is_ours(chain) {
                table.chains.push(chain.to_owned());
            }
        } else if let Some(rule) = line.strip_prefix("-A ") {
            let chain = rule.split(' ').next().unwrap_or_default();
            let target =
                rule.split_once(" -j ").and_then(|(_, rest)| rest.split(' ').next()).unwrap_or_default();
            if !is_ours(chain) && (is_ours(target) || rule.contains(COMMENT)) {
                table.rules.push(rule.to_owned());
            }
        }
    }
    tables
}

fn is_ours(chain: &str) -> bool {
    CHAINS.iter().any(|prefix| chain.starts_with(prefix))
}

fn ip(arguments: &[&str]) -> Result<String> {
    run(system("ip").args(arguments))
}

fn iptables(arguments: &[&str]) -> Result<String> {
    run(system("iptables").arg("--wait=10").args(arguments))
}

#[cfg(test)]
mod tests;
