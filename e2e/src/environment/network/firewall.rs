//! The firewall part of the network: our rules for pods, and the chains of the Service proxy.
//!
//! In: what `iptables-save` says. Out: rules added and removed. Our rules carry a comment. The proxy's chains bear no name of ours:
//! they are ours only if the machine was written down before they came, which the caller knows.

use anyhow::{Context, Result, bail};

use super::super::commands::{is_installed, run, run_with_input, system};
use super::super::settings::PODS;

/// Marks the firewall rules of this room.
const COMMENT: &str = "tributary-environment";

/// How the chains of a Service proxy and a kubelet begin, ours as well as anybody's.
const CHAINS: &str = "KUBE-";

/// The firewall of each address family.
const FIREWALLS: [&str; 2] = ["iptables", "ip6tables"];

/// Refuses to begin beside another Kubernetes, whose Services ours would overwrite and `down` remove.
pub(in super::super) fn ensure_no_other_kubernetes() -> Result<()> {
    for program in FIREWALLS {
        if let Some(chain) =
            saved(program, true)?.into_iter().find_map(|table| table.chains.into_iter().next())
        {
            bail!(
                "another Kubernetes keeps its Services in this machine's {program} (chain {chain}): stop it first; if it is gone, \
                 `{program}-save | grep -v {CHAINS} | {program}-restore` removes what it has left"
            );
        }
    }
    Ok(())
}

/// Pods speak to pods; whatever would leave the machine is refused at once.
pub(super) fn ensure() -> Result<()> {
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

/// How many rules and chains there are of ours, in each firewall that has any.
pub(super) fn remains(chains_are_ours: bool) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for program in FIREWALLS {
        let tables = saved(program, chains_are_ours)?;
        let (n_rules, n_chains) = tables
            .iter()
            .fold((0, 0), |(rules, chains), table| (rules + table.rules.len(), chains + table.chains.len()));
        if n_rules + n_chains > 0 {
            found.push(format!("{n_rules} {program} rules and {n_chains} chains"));
        }
    }
    Ok(found)
}

/// Removes what is ours.
pub(super) fn remove(chains_are_ours: bool) -> Result<()> {
    for program in FIREWALLS {
        let script: String = saved(program, chains_are_ours)?.iter().filter_map(Table::removal).collect();
        if !script.is_empty() {
            run_with_input(system(&format!("{program}-restore")).args(["--noflush", "--wait=10"]), &script)
                .with_context(|| format!("failed to remove {program} rules"))?;
        }
    }
    Ok(())
}

/// What a firewall holds of ours; a machine without the program has no rules.
fn saved(program: &str, chains_are_ours: bool) -> Result<Vec<Table>> {
    let save = format!("{program}-save");
    if is_installed(&save) { Ok(parse(&run(&mut system(&save))?, chains_are_ours)) } else { Ok(vec![]) }
}

/// What one table of the firewall holds of ours.
#[derive(Debug, PartialEq, Eq)]
struct Table {
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
fn parse(saved: &str, chains_are_ours: bool) -> Vec<Table> {
    let is_ours = |chain: &str| chains_are_ours && chain.starts_with(CHAINS);
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

fn iptables(arguments: &[&str]) -> Result<String> {
    run(system("iptables").arg("--wait=10").args(arguments))
}

#[cfg(test)]
mod tests;
