//! Runs programs of others and tells what they said when they fail.
//!
//! In: a `Command`. Out: its output, or an error that names the program, its arguments and the last lines it wrote.
//! It starts nothing that outlives the call: the long-lived parts are started by `process`.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::process::MARK;
use super::settings::Settings;

/// Variables of a proxy, which no call to the local cluster may pass.
const PROXIES: [&str; 6] =
    ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];

/// Where system programs are.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";

/// Prints one line for the person who waits. A closed terminal is no reason to stop half way.
pub fn say(line: impl Display) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").and_then(|()| output.flush()).unwrap_or_default();
}

/// Prints one line on the standard error output.
pub fn complain(line: impl Display) {
    writeln!(std::io::stderr().lock(), "{line}").unwrap_or_default();
}

/// Runs the command and returns what it wrote to its standard output.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let what = describe(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to start `{what}`: is it installed?"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{what}` ended with {}: {}", output.status, last_lines(&said, 20));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs the command with `input` as its standard input and returns its standard output.
pub(super) fn run_with_input(command: &mut Command, input: &str) -> Result<String> {
    let what = describe(command);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to start `{what}`"))?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(input.as_bytes()).with_context(|| format!("failed to write to `{what}`"))?;
    }
    let output = child.wait_with_output().with_context(|| format!("failed to wait for `{what}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{what}` ended with {}: {}", output.status, last_lines(&said, 20));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A call of the environment's kubectl as the cluster's administrator.
pub(super) fn kubectl(settings: &Settings) -> Command {
    let mut command = Command::new(settings.program("kubectl"));
    command.arg("--kubeconfig").arg(settings.kubeconfig()).env(MARK, &settings.state);
    for proxy in PROXIES {
        command.env_remove(proxy);
    }
    command
}

/// A call of `ctr` on the environment's own containerd, in the namespace that the kubelet uses.
pub(super) fn ctr(settings: &Settings) -> Result<Command> {
    let mut command = Command::new(find_program(settings, "ctr")?);
    command
        .arg("--address")
        .arg(settings.containerd_socket())
        .args(["--namespace", "k8s.io"])
        .env(MARK, &settings.state);
    Ok(command)
}

/// A call of a system program, also for a caller whose path lacks the folders of root's programs.
pub(super) fn system(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", SYSTEM_PATH);
    command
}

/// Whether there is a system program of that name.
pub(super) fn is_installed(program: &str) -> bool {
    std::env::split_paths(SYSTEM_PATH).any(|folder| folder.join(program).is_file())
}

/// The path of an installed program.
pub(crate) fn find_program(settings: &Settings, name: &str) -> Result<PathBuf> {
    std::env::split_paths(OsStr::new(&settings.path))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .with_context(|| format!("the program `{name}` is not installed"))
}

/// The last lines of a file that may not exist, indented for a message.
pub(super) fn last_lines_of(path: &Path, n_lines: usize) -> String {
    match std::fs::read(path) {
        Ok(text) => last_lines(&String::from_utf8_lossy(&text), n_lines),
        Err(error) => format!("(no log at {}: {error})", path.display()),
    }
}

fn last_lines(text: &str, n_lines: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(n_lines);
    lines.iter().skip(from).fold(String::new(), |all, line| all + "\n    " + line)
}

fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    std::iter::once(program)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
