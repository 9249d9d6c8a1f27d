//! How a kind of strategy is named, documented and built.

use model::{Amount, InstrumentId, Instruments};

use super::{Strategy, StrategyError};
use crate::parameters::{ParameterError, ParameterSet, Parameters};

/// Builds the strategy afresh, from its config and the instruments as they are now.
pub type StrategyFactory =
    Box<dyn Fn(&Instruments) -> Result<Box<dyn Strategy>, StrategyError> + Send>;

/// What a strategy is built from.
#[derive(Debug)]
pub struct StrategySetup<'a> {
    /// Every instrument of the run.
    pub instruments: &'a Instruments,
    /// Those that the strategy trades, in the order of its file. At least one.
    pub traded: &'a [InstrumentId],
    /// Capital allocated to it, in the engine's currency.
    pub capital: Amount,
    /// Its parameters, checked and with defaults filled in.
    pub parameters: &'a Parameters,
}

/// Why a strategy could not be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// A parameter does not fit.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// It trades another number of instruments than the file names.
    #[error("needs {expected}, but the file names {actual} symbols")]
    Symbols {
        /// What it can trade, in words.
        expected: &'static str,
        /// How many the file names.
        actual: usize,
    },
}

/// Builds a strategy. Called again after a failure: it must not depend on anything else.
pub type BuildStrategy = fn(&StrategySetup<'_>) -> Result<Box<dyn Strategy>, SetupError>;

/// One kind of strategy: a line of a table that anyone can read.
#[derive(Debug, Clone, Copy)]
pub struct StrategyEntry {
    /// What it takes, with its name.
    pub parameters: &'static ParameterSet,
    /// One sentence for `--help` and the docs.
    pub summary: &'static str,
    /// How one is built.
    pub build: BuildStrategy,
}

impl StrategyEntry {
    /// The kind's name, as config files write it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.parameters.kind
    }
}
