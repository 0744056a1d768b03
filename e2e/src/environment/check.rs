//! `check`: proves with pods of its own that the environment does what Tributary needs of a cluster.
//!
//! In: an environment that is up. Out: a line a fact, or the first fact that is not so. The pods run this very program, packed as
//! our images are packed, in a namespace that enforces restricted pod security; the namespace is removed afterwards.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::commands::{kubectl, run, run_with_input, say};
use super::images;
use super::programs::spell;
use super::settings::Settings;

const NAMESPACE: &str = "environment-check";
const OBJECTS: &str = include_str!("../../kubernetes/check.yaml");

/// A pod that restricted pod security must refuse.
const PRIVILEGED: &str = "apiVersion: v1
kind: Pod
metadata: { name: privileged, namespace: environment-check }
spec:
  containers:
    - { name: privileged, image: docker.io/tributary/probe:dev, securityContext: { privileged: true } }
";

/// Runs the check.
///
/// # Errors
/// When a fact is not so; the message says which, with what the pods logged.
pub fn check(settings: &Settings) -> Result<()> {
    let from = Instant::now();
    import_probe(settings)?;
    remove(settings)?;
    let outcome = facts(settings);
    if outcome.is_err() {
        say(run(kubectl(settings).args(["-n", NAMESPACE, "get", "pods,events"])).unwrap_or_default());
    }
    remove(settings)?;
    outcome?;
    say(format!("the environment does what Tributary needs ({})", spell(from.elapsed())));
    Ok(())
}

/// Starts the pods of the check and waits until they run: for whoever needs any.
pub(super) fn start_pods(settings: &Settings) -> Result<()> {
    import_probe(settings)?;
    apply(settings)
}

fn import_probe(settings: &Settings) -> Result<()> {
    let program = std::env::current_exe().context("failed to find this program")?;
    images::import_program(settings, "probe", &program)
}

fn apply(settings: &Settings) -> Result<()> {
    run_with_input(kubectl(settings).args(["apply", "-f", "-"]), OBJECTS)
        .context("failed to apply the check")?;
    in_namespace(settings, &["rollout", "status", "deployment/probe", "--timeout=120s"])
        .with_context(|| format!("the probe does not become ready; it says: {}", probe_log(settings)))
        .map(drop)
}

fn facts(settings: &Settings) -> Result<()> {
    apply(settings)?;
    say("  a restricted pod runs and becomes ready");
    for line in probe_log(settings).lines() {
        say(format!("    {line}"));
    }
    in_namespace(settings, &["wait", "--for=condition=Complete", "job/client", "--timeout=120s"])
        .with_context(|| format!("a pod does not reach another by its Service: {}", client_log(settings)))?;
    ensure!(
        client_log(settings).contains("probe:80 answers probe"),
        "the client says: {}",
        client_log(settings)
    );
    say("  a pod reaches another by the name of its Service");
    in_namespace(settings, &["exec", "deployment/probe", "--", "/probe", "probe"]).context("exec fails")?;
    say("  exec and logs work");
    match run_with_input(kubectl(settings).args(["apply", "-f", "-"]), PRIVILEGED) {
        Ok(_) => bail!("pod security admits a privileged pod"),
        Err(error) => {
            let said = format!("{error:#}");
            ensure!(
                said.contains("violates PodSecurity"),
                "a privileged pod fails for another reason: {said}"
            );
        }
    }
    say("  a privileged pod is refused");
    restarts_after_kill(settings)
}

/// A pod that is deleted comes back ready.
fn restarts_after_kill(settings: &Settings) -> Result<()> {
    in_namespace(settings, &["delete", "pod", "-l", "app=probe", "--grace-period=0", "--force"])?;
    in_namespace(settings, &["rollout", "status", "deployment/probe", "--timeout=120s"])
        .context("a deleted pod does not come back")?;
    say("  a deleted pod comes back");
    Ok(())
}

fn probe_log(settings: &Settings) -> String {
    in_namespace(settings, &["logs", "deployment/probe"]).unwrap_or_default()
}

fn client_log(settings: &Settings) -> String {
    in_namespace(settings, &["logs", "job/client"]).unwrap_or_default()
}

fn in_namespace(settings: &Settings, arguments: &[&str]) -> Result<String> {
    run(kubectl(settings).args(["--namespace", NAMESPACE]).args(arguments))
}

fn remove(settings: &Settings) -> Result<()> {
    let limit = format!("--timeout={}s", Duration::from_secs(120).as_secs());
    run(kubectl(settings).args(["delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait", &limit]))
        .context("failed to remove the namespace of the check")
        .map(drop)
}
