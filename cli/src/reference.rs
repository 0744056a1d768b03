//! The reference of the commands, `docs/reference/cli.md`, made from what `--help` says.
//!
//! In: the definition of the command line. Out: the page; the test fails where it was old, and writes it anew.

use std::fmt::Write;
use std::fs;

use clap::CommandFactory;

use crate::arguments::Arguments;
use crate::cases::repository;

const HEAD: &str = "\
<!-- Generated from cli/src/arguments.rs by `cargo test -p cli`. Do not edit. -->

# Reference of `kubectl tributary`

One binary, `kubectl-tributary`: kubectl finds it on the PATH; a pipeline of continuous integration may call it by its own name.
`lint`, `test`, `plan` without `--online` and `schema` ask no cluster; the others ask a running stream. Findings carry the reasons of [reasons.md](reasons.md).
";

#[test]
fn the_reference_says_what_help_says() {
    let mut page = HEAD.to_owned();
    let mut root = Arguments::command();
    root.build();
    for command in root.get_subcommands_mut() {
        describe(command, &mut page);
    }
    let path = repository().join("docs/reference/cli.md");
    if fs::read_to_string(&path).ok().as_deref() != Some(page.as_str()) {
        fs::write(&path, page).unwrap();
        panic!("{} was stale and is written anew; look at it and commit it", path.display());
    }
}

fn describe(command: &mut clap::Command, page: &mut String) {
    if command.get_name() == "help" {
        return;
    }
    if command.has_subcommands() {
        command.get_subcommands_mut().for_each(|command| describe(command, page));
        return;
    }
    let name = command.get_bin_name().unwrap_or_default().to_owned();
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    writeln!(page, "\n## {name}\n\n```text\n{}\n```", help.join("\n").trim_end()).unwrap();
}
