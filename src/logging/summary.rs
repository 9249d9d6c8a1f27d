//! Rebuilds orders, fills, fees and profit from the log alone.

mod book;
mod read;
mod show;

use std::collections::BTreeMap;
use std::path::PathBuf;

use model::{Amount, Price, Quantity};
use serde::Serialize;

/// Why a log can't be summarised.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct SummaryError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

/// What a log tells.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// The files read, oldest first.
    pub files: Vec<PathBuf>,
    /// The stamp of the first line.
    pub from: Option<String>,
    /// The stamp of the last line.
    pub to: Option<String>,
    /// Lines that are events.
    pub lines: u64,
    /// Lines that are not: torn by a crash or a full disk.
    pub malformed_lines: u64,
    /// Lines that the engine says it dropped. When there are any, figures may be too low.
    pub lines_dropped: u64,
    /// Orders by what became of them.
    pub orders: OrderCounts,
    /// Executions, each counted once however often it was logged.
    pub fills: u64,
    /// Per strategy and symbol, in order of names.
    pub strategies: Vec<StrategySummary>,
    /// Realised and unrealised profit after fees since the journal began, by quote asset; empty
    /// when it is not known exactly.
    pub profit: BTreeMap<String, Amount>,
    /// Why profit or positions are not known exactly; nothing when they are.
    pub incomplete: Vec<String>,
    /// What else a reader should know; profit is exact nevertheless.
    pub notes: Vec<String>,
}

/// Orders by the last thing that the log says of them; denied intents never became orders.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OrderCounts {
    /// Orders that were intended.
    pub intended: u64,
    /// Intended or sent, and nothing more is known.
    pub pending: u64,
    /// At the venue, not done.
    pub working: u64,
    /// Filled whole.
    pub filled: u64,
    /// Canceled, perhaps after partial fills.
    pub canceled: u64,
    /// Ended by the venue's rules, perhaps after partial fills.
    pub expired: u64,
    /// Refused by the venue.
    pub rejected: u64,
    /// Outcome still unknown.
    pub unknown: u64,
    /// Proved never to have arrived.
    pub absent: u64,
    /// Ended, and the process was killed before it could say how: the journal knows.
    pub ended_unseen: u64,
    /// Intents that our own risk refused.
    pub denied: u64,
}

/// One strategy's trading in one symbol.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names say it, in the quote asset where they are money")]
pub struct StrategySummary {
    /// Names the venue and account whose journal it is; empty in logs that do not say.
    pub ledger: String,
    pub strategy: String,
    pub symbol: String,
    pub quote: String,
    pub orders: u64,
    pub denied: u64,
    pub fills: u64,
    pub bought: Quantity,
    pub sold: Quantity,
    pub bought_notional: Amount,
    pub sold_notional: Amount,
    /// Fees as they were paid, by asset.
    pub fees_by_asset: BTreeMap<String, Amount>,
    /// All fees in the quote asset.
    pub fees: Amount,
    /// Base held at the end, after fees.
    pub position: Quantity,
    /// Cost of one unit of it, fees included.
    pub average_cost: Option<Amount>,
    /// The last price it traded at.
    pub last_price: Option<Price>,
    /// Since the journal began. `None` when the log does not show what it began with.
    pub realised: Option<Amount>,
    /// Of the position, at the last price it traded at; `None` without one.
    pub unrealised: Option<Amount>,
}
