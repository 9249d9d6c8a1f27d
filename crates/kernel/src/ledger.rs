//! What the journal means: the fold of its records into the state that a start goes on from.
//!
//! What belongs here: the one definition of each record's effect, used by start-up, replay,
//! the SQL projections and the tests alike. What does not: storage (the journal writes, this
//! reads), deciding (the machines decide, this remembers), prices (unrealised profit needs a
//! market).

mod apply;
mod compare;
mod equity;
mod fill_keys;
mod order;
mod pairs;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use model::{
    Amount, Asset, FillKey, InstanceId, InstrumentId, OrderId, OrderStatus, Side, StrategyId,
    Symbol, Timestamp, TradeId, VenueId,
};
use serde::{Deserialize, Serialize};

use crate::journal::{KnownTrade, Record};
use crate::portfolio::{Position, PositionError};
use crate::risk::TradingState;

pub use apply::Applied;
pub(crate) use apply::balance_changes;
pub use compare::{BalanceDifference, DifferenceKind};
pub use equity::EquityMarks;
pub use fill_keys::{FillKeys, MAX_FILL_KEYS};
pub use order::LedgerOrder;

/// Orders that never arrived are remembered up to this many, newest first: a late fill is booked
/// with or without, this only tells whose order it was and why.
pub const MAX_TOMBSTONES: usize = 1_024;

/// Fees in a third asset that wait for their value, at most; past it the oldest stay unvalued.
pub const MAX_UNVALUED_FEES: usize = 1_024;

/// Why a record contradicts what stands before it. Always a bug of the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The instrument has no number in this ledger.
    #[error("instrument {0} was never registered")]
    UnknownInstrument(InstrumentId),
    /// The strategy has no number in this ledger.
    #[error("strategy {0} was never registered")]
    UnknownStrategy(StrategyId),
    /// Numbers count up from 0 without a gap and a name has one number.
    #[error("registration of number {number} is out of turn or its name has a number already")]
    Registration {
        /// The number that was to be given.
        number: u16,
    },
    /// The order was intended before.
    #[error("order {0} was intended twice")]
    DuplicateOrder(OrderId),
    /// Epochs only go up.
    #[error("epoch {new} does not follow {last}")]
    EpochWentBack {
        /// The last one.
        last: u32,
        /// The one to start.
        new: u32,
    },
    /// A ledger belongs to one venue identity.
    #[error("ledger of venue {ledger} opened for {new}")]
    VenueChanged {
        /// Whose it is.
        ledger: VenueId,
        /// Who wants to write.
        new: VenueId,
    },
    /// Balances are opened once; later differences are external flows.
    #[error("balances were opened before")]
    OpenedTwice,
    /// A number left its range.
    #[error(transparent)]
    Position(#[from] PositionError),
}

/// One start of the engine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EpochMark {
    /// Part of every client order id made since.
    pub epoch: u32,
    /// The installation.
    pub instance: InstanceId,
    /// The venue identity that the ledger belongs to.
    pub venue: VenueId,
    /// Hash of the whole configuration.
    pub config_hash: String,
    /// When.
    pub at: Timestamp,
}

/// What an instrument's number stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LedgerInstrument {
    /// Its name.
    pub symbol: Symbol,
    /// What its quantities count.
    pub base: Asset,
    /// What its prices count.
    pub quote: Asset,
}

/// Something that was decided, and why.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct StateMark {
    /// What is allowed.
    pub state: TradingState,
    /// Why, in words.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}

/// Why a strategy stands apart.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Quarantine {
    /// Why, in words.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}

/// What a strategy wanted to find again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its own words.
    pub state: serde_json::Value,
    /// The run that wrote it.
    pub epoch: u32,
    /// When.
    pub at: Timestamp,
}

/// A fee in neither base nor quote, whose value in the quote asset is not yet part of the
/// position.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UnvaluedFee {
    /// Whose fill.
    pub strategy: StrategyId,
    /// Side of the fill.
    pub side: Side,
    /// The fee.
    pub fee: Amount,
    /// What it was paid in.
    pub fee_asset: Asset,
}

/// The state that the journal's records add up to.
///
/// Two ledgers are equal exactly when the same records made them, as far as a start can tell.
/// It is serialisable, so that a start need not read a journal of months from its beginning.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    epoch: Option<EpochMark>,
    instruments: Vec<LedgerInstrument>,
    strategies: Vec<String>,
    trading: StateMark,
    #[serde(with = "pairs")]
    quarantined: BTreeMap<StrategyId, Quarantine>,
    #[serde(with = "pairs")]
    orders: BTreeMap<OrderId, LedgerOrder>,
    #[serde(with = "pairs")]
    positions: BTreeMap<(StrategyId, InstrumentId), Position>,
    #[serde(with = "pairs")]
    external: BTreeMap<InstrumentId, Position>,
    #[serde(with = "pairs")]
    fills: BTreeMap<InstrumentId, FillKeys>,
    #[serde(with = "pairs")]
    unvalued_fees: BTreeMap<FillKey, UnvaluedFee>,
    #[serde(with = "pairs")]
    snapshots: BTreeMap<StrategyId, Snapshot>,
    #[serde(with = "pairs")]
    opening: BTreeMap<Asset, Amount>,
    opened_at: Option<Timestamp>,
    #[serde(with = "pairs")]
    flows: BTreeMap<Asset, Amount>,
    #[serde(with = "pairs")]
    balances: BTreeMap<Asset, Amount>,
    #[serde(with = "pairs")]
    equity: BTreeMap<Option<StrategyId>, EquityMarks>,
    records: u64,
    fills_booked: u64,
    fills_repeated: u64,
    #[serde(alias = "newest_fill_at")]
    newest_booking_at: Timestamp,
}

impl Ledger {
    /// Counts up whenever a record's effect or the stored form changes: a stored ledger of
    /// another version is not gone on from, the journal is replayed instead.
    pub const VERSION: u32 = 3;

    /// The venue's time of the newest fill, deposit or withdrawal that is booked; the epoch's
    /// beginning without one.
    #[must_use]
    pub const fn newest_booking_at(&self) -> Timestamp {
        self.newest_booking_at
    }

    /// The last start; `None` for a ledger that was never used.
    #[must_use]
    pub const fn epoch(&self) -> Option<&EpochMark> {
        self.epoch.as_ref()
    }

    /// What an instrument's number stands for.
    #[must_use]
    pub fn instrument(&self, id: InstrumentId) -> Option<&LedgerInstrument> {
        self.instruments.get(usize::from(id.0))
    }

    /// An instrument's number.
    #[must_use]
    pub fn instrument_id(&self, symbol: &str) -> Option<InstrumentId> {
        let found = self.instruments.iter().position(|known| known.symbol.as_str() == symbol)?;
        u16::try_from(found).ok().map(InstrumentId)
    }

    /// Every instrument, by number from 0.
    #[must_use]
    pub fn instruments(&self) -> &[LedgerInstrument] {
        &self.instruments
    }

    /// The record that gives an instrument its number; `None` when it has one.
    #[must_use]
    pub fn registration_of_instrument(
        &self,
        symbol: Symbol,
        base: Asset,
        quote: Asset,
    ) -> Option<Record> {
        if self.instrument_id(symbol.as_str()).is_some() {
            return None;
        }
        let instrument = InstrumentId(next_number(self.instruments.len()));
        Some(Record::InstrumentRegistered { instrument, symbol, base, quote })
    }

    /// A strategy's name.
    #[must_use]
    pub fn strategy(&self, id: StrategyId) -> Option<&str> {
        self.strategies.get(usize::from(id.0)).map(String::as_str)
    }

    /// A strategy's number.
    #[must_use]
    pub fn strategy_id(&self, name: &str) -> Option<StrategyId> {
        let found = self.strategies.iter().position(|known| known == name)?;
        u16::try_from(found).ok().map(StrategyId)
    }

    /// Every strategy's name, by number from 0, those no longer configured among them.
    #[must_use]
    pub fn strategies(&self) -> &[String] {
        &self.strategies
    }

    /// The record that gives a strategy its number; `None` when it has one.
    #[must_use]
    pub fn registration_of_strategy(&self, name: &str) -> Option<Record> {
        if self.strategy_id(name).is_some() {
            return None;
        }
        let strategy = StrategyId(next_number(self.strategies.len()));
        Some(Record::StrategyRegistered { strategy, name: name.to_owned() })
    }

    /// What is allowed, and why.
    #[must_use]
    pub const fn trading_state(&self) -> &StateMark {
        &self.trading
    }

    /// Why a strategy is quarantined, if it is.
    #[must_use]
    pub fn quarantine(&self, strategy: StrategyId) -> Option<&Quarantine> {
        self.quarantined.get(&strategy)
    }

    /// Orders of which more is to be expected, oldest first.
    pub fn open_orders(&self) -> impl Iterator<Item = &LedgerOrder> {
        self.orders.values().filter(|order| order.status != OrderStatus::Absent)
    }

    /// Orders that never arrived, oldest first: a late fill is still theirs.
    pub fn tombstones(&self) -> impl Iterator<Item = &LedgerOrder> {
        self.orders.values().filter(|order| order.status == OrderStatus::Absent)
    }

    /// An order that is open or a tombstone.
    #[must_use]
    pub fn order(&self, id: OrderId) -> Option<&LedgerOrder> {
        self.orders.get(&id)
    }

    /// A strategy's position; the empty one when it never traded the instrument.
    #[must_use]
    pub fn position(&self, strategy: StrategyId, instrument: InstrumentId) -> Position {
        self.positions.get(&(strategy, instrument)).copied().unwrap_or_default()
    }

    /// Every position that was ever opened, by strategy, then instrument.
    pub fn positions(&self) -> impl Iterator<Item = (StrategyId, InstrumentId, &Position)> {
        self.positions.iter().map(|((strategy, id), position)| (*strategy, *id, position))
    }

    /// Those of which anything is held, also by strategies that do not run any more.
    pub fn held(&self) -> impl Iterator<Item = (StrategyId, InstrumentId, &Position)> {
        self.positions().filter(|(_, _, position)| !position.quantity().is_zero())
    }

    /// What manual trades on the account add up to.
    #[must_use]
    pub fn external_position(&self, instrument: InstrumentId) -> Position {
        self.external.get(&instrument).copied().unwrap_or_default()
    }

    /// Whether a fill is booked already.
    #[must_use]
    pub fn has_fill(&self, key: &FillKey) -> bool {
        self.fills.get(&key.instrument).is_some_and(|keys| keys.contains(key))
    }

    /// The keys of an instrument's fills, external ones among them.
    #[must_use]
    pub fn fill_keys(&self, instrument: InstrumentId) -> Option<&FillKeys> {
        self.fills.get(&instrument)
    }

    /// Fees in a third asset that were booked to the balances but not to a position: a start
    /// values them first.
    pub fn unvalued_fees(&self) -> impl Iterator<Item = (&FillKey, &UnvaluedFee)> {
        self.unvalued_fees.iter()
    }

    /// The newest trade of each instrument that has one.
    pub fn last_trades(&self) -> impl Iterator<Item = KnownTrade> {
        self.fills.iter().filter_map(|(instrument, keys)| {
            let (trade, venue_order) = keys.last()?;
            Some(KnownTrade { instrument: *instrument, venue_order, trade })
        })
    }

    /// Where reading an instrument's trades again begins, so many fills back from the newest: the
    /// news of one before the newest may have been missed. `None` with fewer fills: what is missed
    /// may be older than all of them, and is among the newest that the venue tells without a place
    /// to begin at.
    #[must_use]
    pub fn reread_from(&self, instrument: InstrumentId, count: usize) -> Option<TradeId> {
        self.fills.get(&instrument)?.nth_newest(count)
    }

    /// What a strategy last wanted to find again.
    #[must_use]
    pub fn snapshot(&self, strategy: StrategyId) -> Option<&Snapshot> {
        self.snapshots.get(&strategy)
    }

    /// When the opening balances were taken; `None` before the very first start is complete.
    #[must_use]
    pub const fn opened_at(&self) -> Option<Timestamp> {
        self.opened_at
    }

    /// Balances when the ledger was opened.
    #[must_use]
    pub const fn opening_balances(&self) -> &BTreeMap<Asset, Amount> {
        &self.opening
    }

    /// Deposits less withdrawals and adjustments since, by asset.
    #[must_use]
    pub const fn external_flows(&self) -> &BTreeMap<Asset, Amount> {
        &self.flows
    }

    /// What the account must hold, free and locked together, if the venue agrees with the
    /// journal: opening + external flows + fills (ours and manual ones) − fees. Notionals are cut
    /// to eight decimals, as the venue books them.
    #[must_use]
    pub const fn balances(&self) -> &BTreeMap<Asset, Amount> {
        &self.balances
    }

    /// Equity of a strategy, or of the whole engine for `None`; nothing before the first sample.
    #[must_use]
    pub fn equity(&self, strategy: Option<StrategyId>) -> Option<&EquityMarks> {
        self.equity.get(&strategy)
    }

    /// Records applied so far.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Fills booked so far, external ones among them.
    #[must_use]
    pub const fn fills_booked(&self) -> u64 {
        self.fills_booked
    }

    /// Fills that were recorded again and therefore not booked.
    #[must_use]
    pub const fn fills_repeated(&self) -> u64 {
        self.fills_repeated
    }
}

fn next_number(len: usize) -> u16 {
    u16::try_from(len).expect("a ledger numbers at most 65,536 instruments or strategies")
}

/// The epoch of a start at `now` after an epoch `last`: `max(last + 1, unix seconds)`. It goes up
/// even when the clock went back or the journal came from a host ahead in time. At the end of its
/// range it stays, and the ledger refuses it.
#[must_use]
pub fn epoch_after(last: Option<u32>, now: Timestamp) -> u32 {
    let clock = u32::try_from(now.as_secs().max(0)).unwrap_or(u32::MAX);
    clock.max(last.map_or(1, |last| last.saturating_add(1)))
}
