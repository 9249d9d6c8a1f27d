//! `tickwright data`.

mod analyze;
mod export;
mod fetch;
mod import;
mod list;
pub(super) mod progress;
mod verify;

use std::num::NonZero;

use store::catalog::{Catalog, CatalogError, Series};

use crate::cli::data::{CatalogArgs, DataCommand, SelectArgs};
use crate::cli::{EndpointArg, Exit, Failure};

/// Runs one of them.
///
/// # Errors
/// When nothing could be done at all.
pub fn execute(command: &DataCommand) -> Result<Exit, Failure> {
    match command {
        DataCommand::Import(arguments) => import::execute(arguments),
        DataCommand::List(arguments) => list::execute(arguments),
        DataCommand::Verify(arguments) => verify::execute(arguments),
        DataCommand::Fetch(arguments) => fetch::execute(arguments),
        DataCommand::Analyze(arguments) => analyze::execute(arguments),
        DataCommand::Export(arguments) => export::execute(arguments),
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
pub(super) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::new(Exit::Internal, error))?;
    print_text(&text)
}

/// Prints a text and a line end.
pub(super) fn print_text(text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Storage, format!("can't write the output: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes a directory that may be there.
fn make_directory(path: &std::path::Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path)
        .map_err(|error| Failure::new(Exit::Storage, format!("{}: {error}", path.display())))
}

/// TLS where the address wants it.
pub(super) fn dialer(urls: &[&str]) -> Result<transport::Dialer, Failure> {
    let is_secure = |url: &&str| url.starts_with("https://") || url.starts_with("wss://");
    if !urls.iter().any(is_secure) {
        return Ok(transport::Dialer::tcp(None));
    }
    let tls = transport::Tls::load(&transport::TlsOptions::default())
        .map_err(|error| Failure::new(Exit::VenueUnreachable, error))?;
    Ok(transport::Dialer::tcp(Some(tls)))
}

/// The addresses of REST and of the market streams.
pub(super) fn urls(endpoint: &EndpointArg) -> Result<(String, String), Failure> {
    match endpoint {
        EndpointArg::Url(rest) => {
            let ws = rest.replacen("http", "ws", 1);
            Ok((rest.clone(), ws))
        }
        EndpointArg::Named(named) => {
            let urls = named.urls().ok_or_else(|| {
                let message = "name an endpoint, or give the URL of a running exchange";
                Failure::new(Exit::Usage, message)
            })?;
            Ok((urls.rest, urls.ws))
        }
    }
}

/// A runtime for one command.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::new(Exit::Internal, error))
}
