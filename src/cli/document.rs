//! docs/CLI.md, written from the command definitions.

use std::fmt::Write as _;

use clap::CommandFactory as _;

use super::{Cli, exit};

const PREFACE: &str = "\
# The command line

<!-- Written from src/cli. To change it, change the definitions and run
     TICKWRIGHT_BLESS=1 cargo test --test config_files -->

Every command explains itself: `tickwright help COMMAND`. Results go to standard output, log lines
and errors to standard error.

## Exit codes

";

/// The page.
#[must_use]
pub fn to_markdown() -> String {
    let mut page = String::from(PREFACE);
    page.push_str(&exit::to_markdown());
    let mut command = Cli::command();
    command.build();
    describe(&mut page, &mut command);
    page
}

/// The help of a command, and of those below it.
fn describe(page: &mut String, command: &mut clap::Command) {
    if command.get_name() == "help" {
        return;
    }
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(page, "\n## `{name}`\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
    for inner in command.get_subcommands_mut() {
        describe(page, inner);
    }
}
