//! What is expensive and kept in the cache: programs built from pinned sources, Kafka's jars, the ClickHouse engine.
//!
//! In: the folders below `e2e/` that pin them. Out: the cache, where each product has a key beside it, the hash of its pins,
//! its sources and the way it is built: a changed pin builds again, nothing else does. The key is written last, so that
//! an interrupted build is taken up again. Each build says what it is, how many there are and how long it takes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::commands::{last_lines_of, say};
use super::process::MARK;
use super::settings::Settings;

mod pins;

/// The version of what is built from this project's own sources.
const OURS: &str = "of this project";

/// Something of the cache and the way it is made.
struct Product {
    name: String,
    /// Its version.
    version: String,
    /// How long it takes, for the person who waits.
    takes: &'static str,
    /// The folder below `e2e/` that pins it.
    folder: &'static str,
    /// What is there when it is made.
    output: PathBuf,
    /// Program and arguments, run in `folder`.
    command: Vec<String>,
    /// Environment variables of the command.
    variables: &'static [(&'static str, &'static str)],
}

/// Makes the named ones, for those who use a program without the environment; all when none is named.
///
/// # Errors
/// When a name is unknown or a build fails.
pub fn programs(settings: &Settings, names: &[String]) -> Result<()> {
    let products = products(settings)?;
    let known: Vec<&str> = products.iter().map(|product| product.name.as_str()).collect();
    if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("there is no program {name:?}; there are {}", known.join(", "));
    }
    make(
        settings,
        products.iter().filter(|product| names.is_empty() || names.contains(&product.name)).collect(),
    )
}

/// Makes all that is missing or whose pins have changed.
pub(super) fn ensure(settings: &Settings) -> Result<()> {
    make(settings, products(settings)?.iter().collect())
}

fn make(settings: &Settings, products: Vec<&Product>) -> Result<()> {
    for folder in ["bin", "kafka/lib", "libchdb", "logs"] {
        let path = settings.cache.join(folder);
        std::fs::create_dir_all(&path).with_context(|| format!("failed to make {}", path.display()))?;
    }
    let n_products = products.len();
    let mut wanted = Vec::new();
    for product in products {
        let key = key(settings, product)?;
        let made = std::fs::read_to_string(key_file(&product.output)).is_ok_and(|before| before == key);
        if !made || !product.output.exists() {
            wanted.push((product, key));
        }
    }
    if !wanted.is_empty() {
        say(format!(
            "building {} of {} programs (kept in {})",
            wanted.len(),
            n_products,
            settings.cache.display()
        ));
    }
    for (position, (product, key)) in wanted.iter().enumerate() {
        let title = format!("[{}/{}] {} {}", position + 1, wanted.len(), product.name, product.version);
        prepare(settings, product)?;
        build(settings, product, &title)?;
        let path = key_file(&product.output);
        std::fs::write(&path, key).with_context(|| format!("failed to write {}", path.display()))?;
    }
    Ok(())
}

/// The key of a program of the cache; empty for a program from elsewhere.
pub(super) fn key_of(settings: &Settings, program: &Path) -> String {
    if program.starts_with(&settings.cache) {
        std::fs::read_to_string(key_file(program)).unwrap_or_default()
    } else {
        String::new()
    }
}

fn products(settings: &Settings) -> Result<Vec<Product>> {
    let kubernetes = pins::kubernetes()?;
    let programs = [
        ("kube-apiserver", "5 min"),
        ("kube-controller-manager", "80 s"),
        ("kube-scheduler", "10 s"),
        ("kubelet", "40 s"),
        ("kube-proxy", "10 s"),
        ("kubectl", "30 s"),
    ];
    let mut all: Vec<Product> = programs
        .map(|(name, takes)| kubernetes_program(settings, &kubernetes, name, takes))
        .into_iter()
        .collect::<Result<_>>()?;
    let helm = ["-ldflags=-s -w", "helm.sh/helm/v4/cmd/helm"];
    all.push(go_program(settings, ("helm", &pins::helm()?, "90 s"), "helm", &helm));
    all.push(go_program(settings, ("coredns", &pins::coredns()?, "60 s"), "dns", &["-ldflags=-s -w", "."]));
    let front = go_program(settings, ("clickhouse-front", OURS, "10 s"), "clickhouse", &["."]);
    all.push(Product { variables: &[], ..front });
    all.push(pause_program(settings));
    all.push(kafka_jars(settings, &pins::kafka()?));
    all.push(clickhouse_library(settings, &pins::clickhouse()?));
    Ok(all)
}

fn kubernetes_program(
    settings: &Settings,
    version: &str,
    name: &'static str,
    takes: &'static str,
) -> Result<Product> {
    let mut numbers = version.split('.');
    let (major, minor) =
        numbers.next().zip(numbers.next()).context("a version of Kubernetes is no version")?;
    let package = "k8s.io/component-base/version";
    let flags = format!(
        "-ldflags=-s -w -X {package}.gitVersion=v{version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
    );
    let program = format!("k8s.io/kubernetes/cmd/{name}");
    Ok(go_program(settings, (name, version, takes), "kubernetes", &[&flags, &program]))
}

fn go_program(
    settings: &Settings,
    (name, version, takes): (&'static str, &str, &'static str),
    folder: &'static str,
    arguments: &[&str],
) -> Product {
    let output = settings.program(name);
    let target = output.display().to_string();
    let words = ["nice", "go", "build", "-trimpath", "-buildvcs=false", "-o", &target];
    let command = words.iter().chain(arguments).map(|&word| word.to_owned()).collect();
    Product {
        name: name.to_owned(),
        version: version.to_owned(),
        takes,
        folder,
        output,
        command,
        variables: &[("CGO_ENABLED", "0")],
    }
}

fn pause_program(settings: &Settings) -> Product {
    let output = settings.program("pause");
    let target = output.display().to_string();
    let command = ["cc", "-static", "-O2", "-Wall", "-o", &target, "pause.c"].map(str::to_owned).into();
    Product {
        name: "pause".to_owned(),
        version: OURS.to_owned(),
        takes: "a second",
        folder: "pause",
        output,
        command,
        variables: &[],
    }
}

fn kafka_jars(settings: &Settings, version: &str) -> Product {
    let output = settings.cache.join("kafka/lib");
    let target = format!("-DoutputDirectory={}", output.display());
    let command = ["mvn", "-B", "-q", "dependency:copy-dependencies", &target].map(str::to_owned).into();
    Product {
        name: "kafka".to_owned(),
        version: format!("{version} (jars, 43 MB)"),
        takes: "10 s",
        folder: "kafka",
        output,
        command,
        variables: &[],
    }
}

fn clickhouse_library(settings: &Settings, version: &str) -> Product {
    let prefix = settings.cache.join("libchdb").display().to_string();
    let command = ["npm", "ci", "--no-audit", "--no-fund", "--prefix", &prefix].map(str::to_owned).into();
    Product {
        name: "libchdb".to_owned(),
        version: format!("{version} (566 MB)"),
        takes: "20 s",
        folder: "clickhouse",
        output: settings.clickhouse_library(),
        command,
        variables: &[],
    }
}

/// Two products need a folder in order first: old jars must not stay on the class path, and npm reads its pins from there.
fn prepare(settings: &Settings, product: &Product) -> Result<()> {
    if product.name == "kafka" {
        std::fs::remove_dir_all(&product.output).context("failed to remove the jars of another version")?;
    }
    if product.name == "libchdb" {
        for file in ["package.json", "package-lock.json", ".npmrc"] {
            let (from, to) =
                (settings.source("clickhouse").join(file), settings.cache.join("libchdb").join(file));
            std::fs::copy(&from, &to).with_context(|| format!("failed to copy {}", from.display()))?;
        }
    }
    Ok(())
}

fn build(settings: &Settings, product: &Product, title: &str) -> Result<()> {
    let path = settings.cache.join("logs").join(format!("{}.log", product.name));
    let log = File::create(&path).with_context(|| format!("failed to open {}", path.display()))?;
    let errors = log.try_clone().context("failed to share the log")?;
    let (program, arguments) = product.command.split_first().context("a product without a command")?;
    say(format!("{title}: building (takes about {} once)", product.takes));
    let from = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .envs(product.variables.iter().copied())
        .env(MARK, &settings.state)
        .current_dir(settings.source(product.folder))
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .with_context(|| format!("failed to start {program}"))?;
    let mut said = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().context("failed to wait for the build")? {
            break status;
        }
        if said.elapsed() >= Duration::from_secs(15) {
            said = Instant::now();
            let takes = product.takes;
            say(format!("{title}: building ({}; takes about {takes} once)", spell(from.elapsed())));
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    if !status.success() {
        bail!(
            "failed to build {} ({status}); mend what {} says, and run it again:{}",
            product.name,
            path.display(),
            last_lines_of(&path, 20)
        );
    }
    say(format!("{title}: built in {}", spell(from.elapsed())));
    Ok(())
}

/// A duration as a person says it.
pub(super) fn spell(duration: Duration) -> String {
    match duration.as_secs() {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        seconds @ 10..60 => format!("{seconds} s"),
        seconds @ 60..86_400 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        seconds => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

fn key(settings: &Settings, product: &Product) -> Result<String> {
    let mut files = Vec::new();
    collect(&settings.source(product.folder), &mut files)?;
    // The engine does not depend on the front's sources, though they share a folder.
    if product.name == "libchdb" {
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    }
    files.sort();
    let mut hash = Sha256::new();
    for word in &product.command {
        hash.update(word);
        hash.update([0]);
    }
    for file in files {
        hash.update(std::fs::read(&file).with_context(|| format!("failed to read {}", file.display()))?);
        hash.update([0]);
    }
    Ok(format!("{:x}", hash.finalize()))
}

/// The files that decide what is built.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("failed to read {}", folder.display()))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && name != "node_modules" && name != "testdata" {
            collect(&path, files)?;
        }
        let counts = ["go.mod", "go.sum", "pom.xml", "package.json", "package-lock.json"].contains(&name)
            || (name.ends_with(".go") && !name.ends_with("_test.go"))
            || name.ends_with(".c");
        if counts {
            files.push(path);
        }
    }
    Ok(())
}

fn key_file(output: &Path) -> PathBuf {
    output.with_extension("key")
}

#[cfg(test)]
mod tests;
