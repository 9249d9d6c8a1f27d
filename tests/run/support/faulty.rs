//! The example program of faulty strategies, with one more, as a process: this test program runs itself as it.

use std::ffi::OsString;

#[allow(dead_code, reason = "its main is the example's own")]
#[path = "../../../examples/faulty_strategies.rs"]
mod program;

use super::smallest::SMALLEST;

/// Holds the arguments of the engine that this process is to be, one a line.
pub const ARGUMENTS: &str = "FAULTY_STRATEGIES_ARGUMENTS";

/// The name under which the test harness finds [`the_faulty_engine`].
pub const TEST: &str = "support::faulty::the_faulty_engine";

/// No test by itself: an engine with faulty strategies when a test asks for one.
#[test]
fn the_faulty_engine() {
    let Some(arguments) = std::env::var_os(ARGUMENTS) else { return };
    let arguments = arguments.into_string().unwrap();
    let arguments = std::iter::once("faulty").chain(arguments.lines()).map(OsString::from);
    let strategies = [program::strategies(), &[SMALLEST]].concat().leak();
    let exit = tickwright::cli::execute(arguments, strategies);
    std::process::exit(i32::from(exit.code()));
}
