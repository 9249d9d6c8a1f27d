//! The effect of each record. On an error the ledger is as it was.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use model::{
    Amount, Asset, Fill, FillKey, InstrumentId, OrderEvent, OrderEventKind, OrderId, OrderStatus,
    Quantity, Side, StrategyId, Timestamp,
};

use super::{
    EpochMark, EquityMarks, Ledger, LedgerError, LedgerInstrument, LedgerOrder, MAX_TOMBSTONES,
    MAX_UNVALUED_FEES, Quarantine, Snapshot, StateMark, UnvaluedFee,
};
use crate::journal::{IntentRecord, Record, WrittenOff};
use crate::portfolio::PositionError;
use crate::risk::TradingState;

/// Decimals to which the venue books money.
const BOOKED_DECIMALS: u32 = 8;

/// What a record did, for those who keep figures beside the ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Applied {
    /// The order's status after it; `None` when it is about no order or one that had ended.
    pub status: Option<OrderStatus>,
    /// The fill had been booked before and was not booked again.
    pub repeated_fill: bool,
    /// The position that changed.
    pub position: Option<(StrategyId, InstrumentId)>,
}

impl Ledger {
    /// Adds one record.
    ///
    /// # Errors
    /// See [`LedgerError`]; the ledger is unchanged then.
    pub fn apply(&mut self, record: &Record) -> Result<Applied, LedgerError> {
        let mut applied = Applied::default();
        match record {
            Record::EpochStarted { epoch, instance, venue, config_hash, at } => {
                self.start_epoch(EpochMark {
                    epoch: *epoch,
                    instance: *instance,
                    venue: *venue,
                    config_hash: config_hash.clone(),
                    at: *at,
                })?;
            }
            Record::InstrumentRegistered { instrument, symbol, base, quote } => {
                let known = self.instrument_id(symbol.as_str()).is_some();
                in_turn(instrument.0, self.instruments.len(), known)?;
                let (symbol, base, quote) = (*symbol, *base, *quote);
                self.instruments.push(LedgerInstrument { symbol, base, quote });
            }
            Record::StrategyRegistered { strategy, name } => {
                in_turn(strategy.0, self.strategies.len(), self.strategy_id(name).is_some())?;
                self.strategies.push(name.clone());
            }
            Record::BalancesOpened { balances, at } => self.open_balances(balances, *at)?,
            Record::OrderIntended(intent) => {
                self.intend(intent)?;
                applied.status = Some(OrderStatus::Intended);
            }
            Record::OrderSent { order, signed_at } => {
                if let Some(order) = self.orders.get_mut(order) {
                    order.sent(*signed_at);
                    applied.status = Some(order.status);
                }
            }
            Record::CancelIntended { order, reason, at } => {
                if let Some(order) = self.orders.get_mut(order) {
                    order.cancel = Some(*reason);
                    order.changed_at = *at;
                    applied.status = Some(order.status);
                }
            }
            Record::OrderChanged { strategy, event } => {
                self.change_order(*strategy, event, &mut applied)?;
            }
            Record::FeeValued { key, in_quote } => {
                applied.position = self.value_fee(key, *in_quote)?;
            }
            Record::ExternalFill { fill } => {
                applied.repeated_fill = !self.book_fill(None, fill)?;
            }
            Record::ExternalFlow { asset, delta, lots, at, reason: _ } => {
                let flow = sum(&self.flows, *asset, *delta)?;
                let balance = sum(&self.balances, *asset, *delta)?;
                if let Some(lots) = lots {
                    self.write_off(*lots)?;
                    applied.position = Some((lots.strategy, lots.instrument));
                }
                self.flows.insert(*asset, flow);
                self.balances.insert(*asset, balance);
                self.newest_booking_at = self.newest_booking_at.max(*at);
            }
            Record::TradingStateChanged { state, reason, at } => {
                if *state == TradingState::Active && self.trading.state != TradingState::Active {
                    self.rebase_equity(None);
                }
                self.trading = StateMark { state: *state, reason: reason.clone(), at: *at };
            }
            Record::QuarantineChanged { strategy, quarantined, reason, at } => {
                self.known_strategy(*strategy)?;
                if *quarantined {
                    let quarantine = Quarantine { reason: reason.clone(), at: *at };
                    self.quarantined.insert(*strategy, quarantine);
                } else {
                    self.quarantined.remove(strategy);
                    self.rebase_equity(Some(*strategy));
                }
            }
            Record::StrategySnapshot { strategy, state, at } => {
                self.known_strategy(*strategy)?;
                let epoch = self.epoch.as_ref().map_or(0, |mark| mark.epoch);
                let snapshot = Snapshot { state: state.clone(), epoch, at: *at };
                self.snapshots.insert(*strategy, snapshot);
            }
            Record::EquitySampled { strategy, equity, capital, at } => {
                strategy.map_or(Ok(()), |strategy| self.known_strategy(strategy))?;
                match self.equity.entry(*strategy) {
                    Entry::Vacant(entry) => {
                        entry.insert(EquityMarks::new(*equity, *capital, *at));
                    }
                    Entry::Occupied(mut entry) => entry.get_mut().sample(*equity, *capital, *at),
                }
            }
        }
        self.records += 1;
        Ok(applied)
    }

    fn write_off(&mut self, lots: WrittenOff) -> Result<(), LedgerError> {
        let WrittenOff { strategy, instrument, quantity } = lots;
        self.known_strategy(strategy)?;
        let mut position = self.position(strategy, instrument);
        position.write_off(quantity)?;
        self.positions.insert((strategy, instrument), position);
        Ok(())
    }

    /// An operator let trading go on: losses count from the next sample.
    fn rebase_equity(&mut self, strategy: Option<StrategyId>) {
        if let Some(marks) = self.equity.get_mut(&strategy) {
            marks.rebase();
        }
    }

    fn start_epoch(&mut self, new: EpochMark) -> Result<(), LedgerError> {
        if let Some(last) = &self.epoch {
            if last.venue != new.venue {
                return Err(LedgerError::VenueChanged { ledger: last.venue, new: new.venue });
            }
            if new.epoch <= last.epoch {
                return Err(LedgerError::EpochWentBack { last: last.epoch, new: new.epoch });
            }
        }
        self.epoch = Some(new);
        Ok(())
    }

    fn open_balances(
        &mut self,
        opening: &[(Asset, Amount)],
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        if self.opened_at.is_some() {
            return Err(LedgerError::OpenedTwice);
        }
        let mut balances = self.balances.clone();
        for (asset, amount) in opening {
            add(&mut balances, *asset, *amount)?;
        }
        self.balances = balances;
        self.opening = opening.iter().copied().collect();
        self.opened_at = Some(at);
        Ok(())
    }

    fn intend(&mut self, intent: &IntentRecord) -> Result<(), LedgerError> {
        self.known_strategy(intent.strategy)?;
        if self.instrument(intent.new.instrument).is_none() {
            return Err(LedgerError::UnknownInstrument(intent.new.instrument));
        }
        match self.orders.entry(intent.order) {
            Entry::Occupied(_) => Err(LedgerError::DuplicateOrder(intent.order)),
            Entry::Vacant(entry) => {
                entry.insert(LedgerOrder::new(intent.clone()));
                Ok(())
            }
        }
    }

    /// A fill is booked whether or not its order is still known: fills outrank belief. Anything
    /// else about an order that has ended changes nothing.
    fn change_order(
        &mut self,
        strategy: StrategyId,
        event: &OrderEvent,
        applied: &mut Applied,
    ) -> Result<(), LedgerError> {
        self.known_strategy(strategy)?;
        let mut filled = Quantity::ZERO;
        if let OrderEventKind::Filled { fill, .. } = &event.kind {
            let before = self.orders.get(&event.order).map_or(filled, |order| order.executed);
            let after = before.checked_add(fill.quantity);
            filled = after.ok_or(PositionError::QuantityOutOfRange)?;
            if !self.book_fill(Some(strategy), fill)? {
                applied.repeated_fill = true;
                return Ok(());
            }
            applied.position = Some((strategy, fill.key.instrument));
        }
        let Some(order) = self.orders.get_mut(&event.order) else { return Ok(()) };
        if let OrderEventKind::Filled { fill, .. } = &event.kind {
            order.executed = filled;
            order.fills.push(fill.key);
        }
        order.change(&event.kind, event.received_at);
        applied.status = Some(order.status);
        if order.status == OrderStatus::Absent {
            self.forget_oldest_tombstone();
        } else if order.status.is_final() {
            self.orders.remove(&event.order);
        }
        Ok(())
    }

    fn forget_oldest_tombstone(&mut self) {
        let tombstones: Vec<OrderId> = self.tombstones().map(|order| order.intent.order).collect();
        if tombstones.len() > MAX_TOMBSTONES {
            self.orders.remove(&tombstones[0]);
        }
    }

    /// Books a fill to a strategy, or to the outside for `None`; `false` when it was booked
    /// before.
    fn book_fill(&mut self, owner: Option<StrategyId>, fill: &Fill) -> Result<bool, LedgerError> {
        let id = fill.key.instrument;
        let &LedgerInstrument { base, quote, .. } =
            self.instrument(id).ok_or(LedgerError::UnknownInstrument(id))?;
        if self.has_fill(&fill.key) {
            self.fills_repeated += 1;
            return Ok(false);
        }
        let mut position = match owner {
            Some(strategy) => self.position(strategy, id),
            None => self.external_position(id),
        };
        position.apply(fill, base, quote, Amount::ZERO)?;
        self.book_balances(fill, base, quote)?;
        if let Some(strategy) = owner
            && ![base, quote].contains(&fill.fee_asset)
        {
            self.await_fee_value(strategy, fill);
        }
        match owner {
            Some(strategy) => self.positions.insert((strategy, id), position),
            None => self.external.insert(id, position),
        };
        self.fills.entry(id).or_default().insert(&fill.key);
        self.fills_booked += 1;
        self.newest_booking_at = self.newest_booking_at.max(fill.event_at);
        Ok(true)
    }

    fn await_fee_value(&mut self, strategy: StrategyId, fill: &Fill) {
        let Fill { side, fee, fee_asset, .. } = *fill;
        self.unvalued_fees.insert(fill.key, UnvaluedFee { strategy, side, fee, fee_asset });
        if self.unvalued_fees.len() > MAX_UNVALUED_FEES {
            self.unvalued_fees.pop_first();
        }
    }

    /// A fee is valued once: a second value, or one for a fee that needs none, changes nothing.
    fn value_fee(
        &mut self,
        key: &FillKey,
        in_quote: Amount,
    ) -> Result<Option<(StrategyId, InstrumentId)>, LedgerError> {
        let Some(&UnvaluedFee { strategy, side, .. }) = self.unvalued_fees.get(key) else {
            return Ok(None);
        };
        let mut position = self.position(strategy, key.instrument);
        position.add_fee(side, in_quote)?;
        self.positions.insert((strategy, key.instrument), position);
        self.unvalued_fees.remove(key);
        Ok(Some((strategy, key.instrument)))
    }

    fn book_balances(&mut self, fill: &Fill, base: Asset, quote: Asset) -> Result<(), LedgerError> {
        // At most three entries, computed together before any is stored.
        let mut changed = BTreeMap::new();
        for (asset, delta) in balance_changes(fill, base, quote)? {
            let before = changed.get(&asset).or_else(|| self.balances.get(&asset));
            let after = before.copied().unwrap_or_default().checked_add(delta);
            changed.insert(asset, after.map_err(PositionError::from)?);
        }
        self.balances.append(&mut changed);
        Ok(())
    }

    fn known_strategy(&self, strategy: StrategyId) -> Result<(), LedgerError> {
        match self.strategy(strategy) {
            Some(_) => Ok(()),
            None => Err(LedgerError::UnknownStrategy(strategy)),
        }
    }
}

/// What a fill moves of base, quote and the asset of its fee; two of them may be the same.
pub(crate) fn balance_changes(
    fill: &Fill,
    base: Asset,
    quote: Asset,
) -> Result<[(Asset, Amount); 3], PositionError> {
    let quantity = Amount::from(fill.quantity);
    let notional = Amount::notional(fill.price, fill.quantity)?;
    let notional = notional.truncated(BOOKED_DECIMALS);
    let (base_delta, quote_delta) = match fill.side {
        Side::Buy => (quantity, -notional),
        Side::Sell => (-quantity, notional),
    };
    Ok([(base, base_delta), (quote, quote_delta), (fill.fee_asset, -fill.fee)])
}

fn in_turn(number: u16, expected: usize, known: bool) -> Result<(), LedgerError> {
    if known || usize::from(number) != expected {
        return Err(LedgerError::Registration { number });
    }
    Ok(())
}

fn sum(
    amounts: &BTreeMap<Asset, Amount>,
    asset: Asset,
    delta: Amount,
) -> Result<Amount, LedgerError> {
    let before = amounts.get(&asset).copied().unwrap_or_default();
    Ok(before.checked_add(delta).map_err(PositionError::from)?)
}

fn add(
    amounts: &mut BTreeMap<Asset, Amount>,
    asset: Asset,
    delta: Amount,
) -> Result<(), LedgerError> {
    let total = sum(amounts, asset, delta)?;
    amounts.insert(asset, total);
    Ok(())
}
