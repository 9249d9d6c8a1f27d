//! `tickwright api`: the engine with its HTTP API on.

use kernel::strategy::StrategyEntry;

use super::run::trade;
use crate::cli::api::ApiArgs;
use crate::cli::{Exit, Failure};

/// Runs the engine with the API on.
///
/// # Errors
/// With the exit code of what failed.
pub fn execute(args: &ApiArgs, kinds: &'static [StrategyEntry]) -> Result<Exit, Failure> {
    let config = args.config.load(args.overrides(), kinds)?;
    trade(&config, args.live, kinds)
}
