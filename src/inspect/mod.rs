//! Looking into a journal from outside: it is only ever read.
//!
//! What belongs here: finding the journal, and turning its records into what a person or another
//! program reads. What does not: SQL, which is the store's.

mod explanation;
mod show;
mod table;

use std::path::{Path, PathBuf};

use model::{ClientOrderId, OrderId, StrategyId};
use store::journal::JournalReader;
use store::state_dir::journals;

pub use explanation::{Explanation, Step};
pub use show::{line, object};
pub use table::TableWriter;

use crate::cli::journal::JournalArgs;
use crate::cli::{Exit, Failure};

/// Opens the journal that the arguments name.
///
/// # Errors
/// [`Exit::Usage`] when they name none or several, [`Exit::Storage`] when it cannot be read.
pub fn open(args: &JournalArgs) -> Result<(PathBuf, JournalReader), Failure> {
    let path = match &args.journal {
        Some(path) => path.clone(),
        None => only_journal(&args.state_dir)?,
    };
    let reader = JournalReader::open(&path)?;
    Ok((path, reader))
}

/// Opens the journal that the arguments name, or every one of the state directory.
///
/// # Errors
/// [`Exit::Usage`] when there is none, [`Exit::Storage`] when one cannot be read.
pub fn open_all(args: &JournalArgs) -> Result<Vec<(PathBuf, JournalReader)>, Failure> {
    if args.journal.is_some() {
        return Ok(vec![open(args)?]);
    }
    let found = journals(&args.state_dir).unwrap_or_default();
    if found.len() < 2 {
        return Ok(vec![open(args)?]);
    }
    found.into_iter().map(|path| Ok((path.clone(), JournalReader::open(&path)?))).collect()
}

/// The one journal of a state directory.
///
/// # Errors
/// [`Exit::Usage`] when there is none, or several.
pub fn only_journal(state_dir: &Path) -> Result<PathBuf, Failure> {
    let usage = |words: String| Failure::new(Exit::Usage, words);
    let shown = state_dir.display();
    let mut found = journals(state_dir)
        .map_err(|error| usage(format!("{shown}: {error}; name a --state-dir or a --journal")))?;
    match found.len() {
        0 => Err(usage(format!("{shown} holds no journal; name a --state-dir or a --journal"))),
        1 => Ok(found.remove(0)),
        _ => {
            let names: Vec<String> = found.iter().map(|path| path.display().to_string()).collect();
            Err(usage(format!("name one with --journal: {}", names.join(", "))))
        }
    }
}

/// Reads an order's name: its client order id, or `epoch-strategy-number`.
///
/// # Errors
/// [`Exit::Usage`] for any other text.
pub fn order_id(text: &str) -> Result<OrderId, Failure> {
    let by_client_id = ClientOrderId::new(text)
        .ok()
        .and_then(|id| OrderId::from_client_order_id(&id).ok().map(|(_, order, _)| order));
    by_client_id.or_else(|| by_parts(text)).ok_or_else(|| {
        let message = format!(
            "`{text}` is no order of ours: expected a client order id such as \
             tw4f9k2a-tkz1a0-3-2e, or epoch-strategy-number such as 1790000000-3-2"
        );
        Failure::new(Exit::Usage, message)
    })
}

fn by_parts(text: &str) -> Option<OrderId> {
    let mut parts = text.split('-');
    let epoch = parts.next()?.parse().ok()?;
    let strategy = StrategyId(parts.next()?.parse().ok()?);
    let number = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some(OrderId { epoch, strategy, number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_go_by_both_names() {
        let order = OrderId { epoch: 1_790_000_000, strategy: StrategyId(3), number: 2 };
        let instance = model::InstanceId::new("4f9k2a").unwrap();
        let name = order.to_client_order_id(instance, model::Role::Entry).to_string();
        for text in [name.as_str(), "1790000000-3-2"] {
            assert_eq!(order_id(text).unwrap(), order, "{text}");
        }
        for text in ["", "web_123", "1-2", "1-2-3-4", "1790000000-x-2"] {
            assert_eq!(order_id(text).unwrap_err().exit, Exit::Usage, "{text}");
        }
    }
}
