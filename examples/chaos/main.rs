//! Kills the engine at random instants, a thousand times, and then holds its journal and positions
//! against the exchange's own record.
//!
//! ```text
//! cargo run --release --example chaos -- --kills 1000 --seed 7
//! ```
//!
//! `tickwright exchange` and `tickwright run` run as processes of their own. Between them stands a
//! proxy that cuts, stalls and garbles connections, in the middle of a message too; the exchange
//! is told to fail before and after it carried an order out. Every other kill is aimed: at the
//! start, at reconcile, at a reconnect, at the shutdown. Now and then the disk is full instead.
//! `--audit-every` kills the faults end, the engine stops in good order, and every order, fill,
//! position and balance is compared with what the exchange says over its signed REST. The first
//! difference ends the run with exit code 1 and keeps the directory.
//!
//! The seed decides what is done and when; what the processes make of it is theirs, so that a
//! seed repeats a plan, not a run.

mod arguments;
mod audit;
mod campaign;
mod desk;
mod engine;
mod plan;
mod proxy;
mod record;
mod status;
mod tally;
mod venue;

use std::process::ExitCode;

use clap::Parser as _;

pub use arguments::Arguments;
pub use campaign::run;
pub use desk::Program;

/// As the first argument: be `tickwright` itself, so that this one program is all that is needed.
const AS_TICKWRIGHT: &str = "as-tickwright";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    if arguments.nth(1).is_some_and(|first| first == AS_TICKWRIGHT) {
        let rest = std::iter::once("tickwright".into()).chain(arguments);
        return tickwright::cli::execute(rest, tickwright::STRATEGIES).into();
    }
    let program = Program::this(AS_TICKWRIGHT);
    match run(&program, &Arguments::parse()) {
        Ok(outcome) => {
            println!("{outcome}");
            if outcome.is_right() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("chaos: {error}");
            ExitCode::FAILURE
        }
    }
}
