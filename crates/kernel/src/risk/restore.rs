//! From the ledger to where the gate goes on.

use model::{InstrumentId, StrategyId};

use super::messages::RestoredRisk;
use crate::ledger::{EquityMarks, Ledger, LedgerOrder};
use crate::portfolio::{
    RestoredEquity, RestoredOrder, RestoredPortfolio, RestoredPosition, UnvaluedFee,
};
use crate::venue::Balance;

impl From<&Ledger> for RestoredRisk {
    /// Everything that the journal knows. Balances are the ledger's until the venue has been
    /// asked; lots begin anew, one a position, at average cost.
    fn from(ledger: &Ledger) -> Self {
        let strategies = || (0..).map(StrategyId).take(ledger.strategies().len());
        let instruments = || (0..).map(InstrumentId).take(ledger.instruments().len());
        let positions = ledger.positions().map(|(strategy, instrument, position)| {
            RestoredPosition { strategy, instrument, position: *position, lots: Vec::new() }
        });
        let balances = ledger.balances().iter().map(|(asset, total)| Balance {
            asset: *asset,
            free: *total,
            locked: model::Amount::ZERO,
        });
        let external = instruments().map(|id| (id, ledger.external_position(id).quantity()));
        let unvalued_fees = ledger.unvalued_fees().map(|(key, known)| UnvaluedFee {
            key: *key,
            strategy: known.strategy,
            side: known.side,
            fee: known.fee,
            asset: known.fee_asset,
        });
        let equity = std::iter::once(None).chain(strategies().map(Some)).filter_map(|strategy| {
            ledger.equity(strategy).map(|marks| restored_equity(strategy, marks))
        });
        Self {
            epoch: ledger.epoch().map_or(0, |mark| mark.epoch),
            state: ledger.trading_state().state,
            quarantined: strategies().filter(|id| ledger.quarantine(*id).is_some()).collect(),
            portfolio: RestoredPortfolio {
                positions: positions.collect(),
                orders: ledger.open_orders().map(restored_order).collect(),
                balances: balances.collect(),
                external: external.collect(),
                flows: ledger.external_flows().iter().map(|(asset, sum)| (*asset, *sum)).collect(),
                marks: Vec::new(),
                unvalued_fees: unvalued_fees.collect(),
                equity: equity.collect(),
            },
        }
    }
}

fn restored_order(order: &LedgerOrder) -> RestoredOrder {
    RestoredOrder {
        order: order.intent.order,
        strategy: order.intent.strategy,
        new: order.intent.new,
        filled_quantity: order.executed,
        is_acknowledged: order.venue_order.is_some(),
        is_triggered: order.triggered,
        replaces: order.intent.replaces,
        other_leg: order.intent.other_leg,
    }
}

fn restored_equity(strategy: Option<StrategyId>, marks: &EquityMarks) -> RestoredEquity {
    let counts = !marks.is_rebased();
    RestoredEquity {
        strategy,
        day_base: counts.then_some((marks.day, marks.day_start)),
        peak: counts.then_some(marks.peak),
        capital: Some(marks.capital),
    }
}
