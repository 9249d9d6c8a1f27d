//! Counts of orders and sums over fills, for the account, a strategy or a symbol.

use model::{Amount, Liquidity, OrderEventKind};
use serde::{Deserialize, Serialize};

use super::builder::FillValue;
use crate::metrics::Figure;

/// How many orders took which turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct OrderCounts {
    /// Orders handed to the venue.
    pub orders: u64,
    /// Executions.
    pub fills: u64,
    /// Executions that left a rest of their order working.
    pub partial_fills: u64,
    /// Orders taken back.
    pub canceled: u64,
    /// Orders ended by their time in force or by the venue's rules.
    pub expired: u64,
    /// Intents refused by our risk gate.
    pub denied: u64,
    /// Orders refused by the venue.
    pub rejected: u64,
    /// Cancels refused by the venue.
    pub cancels_rejected: u64,
    /// Answers that were lost and had to be asked for.
    pub outcome_unknown: u64,
}

impl OrderCounts {
    /// Counts an order event; fills are counted where their money is.
    pub(super) fn count(&mut self, kind: &OrderEventKind) {
        match kind {
            OrderEventKind::Denied { .. } => self.denied += 1,
            OrderEventKind::Submitted { .. } => self.orders += 1,
            OrderEventKind::Canceled { .. } => self.canceled += 1,
            OrderEventKind::Expired { .. } => self.expired += 1,
            OrderEventKind::Rejected { .. } => self.rejected += 1,
            OrderEventKind::CancelRejected { .. } => self.cancels_rejected += 1,
            OrderEventKind::OutcomeUnknown { .. } => self.outcome_unknown += 1,
            // Its last fill could not know that nothing was left.
            OrderEventKind::Completed => {
                self.partial_fills = self.partial_fills.saturating_sub(1);
            }
            OrderEventKind::Accepted { .. }
            | OrderEventKind::Triggered
            | OrderEventKind::Filled { .. }
            | OrderEventKind::Absent { .. } => {}
        }
    }

    pub(super) fn count_fill(&mut self, complete: bool) {
        self.fills += 1;
        self.partial_fills += u64::from(!complete);
    }
}

/// Sums over fills, in the currency of the report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Activity {
    notional: Amount,
    maker_notional: Amount,
    fees: Amount,
}

impl Activity {
    pub(super) fn add(&mut self, value: FillValue, liquidity: Liquidity) {
        self.notional += value.notional;
        self.fees += value.fee;
        match liquidity {
            Liquidity::Maker => self.maker_notional += value.notional,
            Liquidity::Taker => {}
        }
    }

    /// `capital` is what turnover is counted against.
    pub(super) fn figures(&self, capital: Amount) -> ActivityFigures {
        let notional = self.notional.to_f64();
        ActivityFigures {
            notional: self.notional,
            fees: self.fees,
            turnover: Figure::finite(notional / capital.to_f64(), "no starting equity"),
            maker_share: Figure::finite(self.maker_notional.to_f64() / notional, "no fill"),
        }
    }
}

/// What trading amounted to.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ActivityFigures {
    /// Sum of price × quantity of all fills.
    pub notional: Amount,
    /// Fees paid, less rebates; those in other assets at their value when they were paid.
    pub fees: Amount,
    /// Notional over the starting equity (for a strategy: its capital).
    pub turnover: Figure,
    /// Share of the notional that rested on the book, as a fraction; the rest was taken.
    pub maker_share: Figure,
}
