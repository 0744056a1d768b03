//! Golden cases: folders of `cases/`, each with files that a team could have written, and sessions as a person would have seen them.
//!
//! In: `*.session` of a case, in which `$ kubectl tributary …` is a command, run inside the folder (`< file` is its standard input).
//! Out: below each command what it printed and, unless it is 0, its exit code. `UPDATE=1 cargo test -p cli cases` writes them anew.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::arguments::Arguments;

const PROMPT: &str = "$ ";

#[test]
fn every_session_goes_as_it_is_written() {
    let cases = repository().join("cli/cases");
    let mut golden = Golden::default();
    for case in sorted(&cases).into_iter().filter(|path| path.is_dir()) {
        std::env::set_current_dir(&case).unwrap();
        let is_session = |path: &PathBuf| path.extension() == Some(OsStr::new("session"));
        for path in sorted(&case).into_iter().filter(is_session) {
            let written = fs::read_to_string(&path).unwrap();
            let commands = written.lines().filter_map(|line| line.strip_prefix(PROMPT));
            let gone: String = commands.map(play).collect();
            golden.compare(&path, &gone);
        }
    }
    golden.conclude();
}

/// What was written against what is shown now; UPDATE=1 writes it anew.
#[derive(Default)]
pub(crate) struct Golden {
    stale: Vec<String>,
    n_cases: usize,
}

impl Golden {
    /// Compares one file, or writes it.
    pub(crate) fn compare(&mut self, path: &Path, shown: &str) {
        self.n_cases += 1;
        if fs::read_to_string(path).ok().as_deref() == Some(shown) {
            return;
        }
        if std::env::var_os("UPDATE").is_some() {
            fs::write(path, shown).unwrap();
        } else {
            self.stale.push(format!("{} is\n{shown}", path.display()));
        }
    }

    /// Fails where a file is stale, and where there was none at all.
    pub(crate) fn conclude(self) {
        assert!(self.n_cases > 0);
        let stale = self.stale;
        assert!(stale.is_empty(), "{}\nUPDATE=1 writes them anew; look at the difference", stale.join("\n"));
    }
}

/// Runs a command; returns it with what it printed.
fn play(command: &str) -> String {
    let (arguments, input) = command.split_once(" < ").unwrap_or((command, ""));
    let words =
        arguments.strip_prefix("kubectl tributary ").expect("a command begins with `kubectl tributary`");
    let input = if input.is_empty() { Vec::new() } else { fs::read(input).unwrap() };
    let mut out = Vec::new();
    let arguments = Arguments::try_parse_from(["kubectl-tributary"].into_iter().chain(words.split(' ')));
    let code = match arguments {
        Ok(arguments) => match crate::run(&arguments, &mut input.as_slice(), &mut out) {
            Ok(exit) => exit.code(),
            Err(error) => {
                out.extend(format!("error: {error:#}\n").bytes());
                crate::exit::Exit::NotRun.code()
            }
        },
        Err(error) => {
            out.extend(error.to_string().bytes());
            2
        }
    };
    let ending = if code == 0 { String::new() } else { format!("(exit code {code})\n") };
    format!("{PROMPT}{command}\n{}{ending}", String::from_utf8(out).unwrap())
}

/// The folder of the checkout.
pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("TRIBUTARY_REPOSITORY"))
}

pub(crate) fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
