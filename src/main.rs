//! The `tickwright` program with the built-in strategies.

use std::process::ExitCode;

fn main() -> ExitCode {
    tickwright::cli::execute(std::env::args_os(), tickwright::STRATEGIES).into()
}
