//! `tickwright data`.

mod import;
mod list;
mod progress;
mod verify;

use std::num::NonZero;

use store::catalog::{Catalog, CatalogError, Series};

use crate::cli::data::{CatalogArgs, DataCommand, SelectArgs};
use crate::cli::{Exit, Failure};

/// Runs one of them.
///
/// # Errors
/// When nothing could be done at all.
pub fn execute(command: &DataCommand) -> Result<Exit, Failure> {
    match command {
        DataCommand::Import(arguments) => import::execute(arguments),
        DataCommand::List(arguments) => list::execute(arguments),
        DataCommand::Verify(arguments) => verify::execute(arguments),
    }
}

impl From<CatalogError> for Failure {
    fn from(error: CatalogError) -> Self {
        Self::new(Exit::Storage, error)
    }
}

/// The series that are meant; an error when there is none.
fn select(catalog: &CatalogArgs, select: &SelectArgs) -> Result<(Catalog, Vec<Series>), Failure> {
    let root = &catalog.catalog;
    let catalog = Catalog::new(root);
    let mut series = catalog.series()?;
    let all = series.len();
    series.retain(|one| {
        let key = &one.key;
        (select.symbols.is_empty() || select.symbols.contains(&key.symbol))
            && select.market.as_ref().is_none_or(|market| *market == key.market)
            && select.kind.is_none_or(|kind| kind == key.kind)
            && (select.interval.is_none() || select.interval == key.interval)
    });
    if series.is_empty() {
        let (root, all) = (root.display(), all);
        let message = match all {
            0 => format!("{root}: no catalog is there: `tickwright data import FILE…` makes one"),
            _ => format!("{root}: none of its {all} series is meant: see `tickwright data list`"),
        };
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok((catalog, series))
}

/// As told, else one for each core.
fn threads(told: Option<u16>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    told.map_or_else(cores, usize::from)
}

/// Prints a JSON value in one line; a closed pipe is nobody's loss.
fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::new(Exit::Internal, error))?;
    print_text(&text)
}

/// Prints a text and a line end.
fn print_text(text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Storage, format!("can't write the output: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
