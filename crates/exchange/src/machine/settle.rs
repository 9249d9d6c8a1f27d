//! From what matching says to balances, orders, reports and market data.

use matching::{ExpiryReason, MatchEvent, OrderKey, Owner, Party, Reject, Submission};
use model::{Amount, ClientOrderId, InstrumentId, OrderKind, Side, Timestamp};

use super::{
    CLIENT_KEYS, Exchange, ExecutionReport, ExecutionType, Output, PlaceOrder, Record, UserEvent,
};
use crate::api::error::ApiError;
use crate::orders::{MyTrade, Order, Status};

/// The order of a key.
pub(super) fn order_id(key: OrderKey) -> i64 {
    i64::try_from(key.0 - CLIENT_KEYS).expect("only clients' orders have an owner")
}

/// The key of an order.
pub(super) fn key_of(order: i64) -> OrderKey {
    OrderKey(CLIENT_KEYS + u64::try_from(order).expect("order ids are positive"))
}

/// What an open order of this kind holds of its paying asset for so much.
/// `market` is taken for the stop of a trailing order that has none.
pub(super) fn lock_for(
    kind: &OrderKind,
    side: Side,
    quantity: model::Quantity,
    market: Option<model::Price>,
) -> Amount {
    if side == Side::Sell {
        return match kind {
            OrderKind::Market => Amount::ZERO,
            OrderKind::Limit { .. }
            | OrderKind::LimitMaker { .. }
            | OrderKind::StopLoss { .. }
            | OrderKind::StopLossLimit { .. }
            | OrderKind::TakeProfit { .. }
            | OrderKind::TakeProfitLimit { .. } => quantity.into(),
        };
    }
    let notional =
        |price| Amount::notional(price, quantity).expect("filters bound price and quantity");
    match kind {
        OrderKind::Market => Amount::ZERO,
        OrderKind::Limit { price, .. }
        | OrderKind::LimitMaker { price }
        | OrderKind::StopLossLimit { price, .. }
        | OrderKind::TakeProfitLimit { price, .. } => notional(*price),
        // Fires at the market, which may be above the stop by then: the venue does not say what
        // it locks. Here 5 % more, and what that can't pay for expires.
        OrderKind::StopLoss { stop_price } | OrderKind::TakeProfit { stop_price } => {
            let headroom = rust_decimal::Decimal::new(105, 2);
            let stop_price = market.filter(|_| stop_price.is_zero()).unwrap_or(*stop_price);
            notional(stop_price)
                .checked_mul(headroom)
                .expect("filters bound price and quantity")
                .truncated(8)
        }
    }
}

/// What an order holds of its paying asset for so much of it.
pub(super) fn lock_of(order: &Order, quantity: model::Quantity) -> Amount {
    lock_for(&order.kind, order.side, quantity, order.lock_price)
}

/// Why the matcher was called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cause {
    /// The market moved, or an order was placed.
    Market,
    /// A client took an order back; its name for the cancel.
    Cancel(ClientOrderId),
    /// The other leg of the order's list began to trade.
    List,
    /// An amendment left nothing of the order.
    Amendment,
}

impl Cause {
    pub(super) const fn cancel_id(self) -> Option<ClientOrderId> {
        match self {
            Self::Cancel(id) => Some(id),
            Self::Market | Self::List | Self::Amendment => None,
        }
    }
}

impl Exchange {
    /// Puts an order into its matcher and books what comes of it: first of the order, then of
    /// each waiting order that it sets off, one by one, so that a list's other leg is gone
    /// before it could fire, too.
    pub(super) fn submit(&mut self, now: Timestamp, submission: &Submission) -> Result<(), Reject> {
        let instrument = submission.order.instrument;
        let index = usize::from(instrument.0);
        let mut events = std::mem::take(&mut self.scratch);
        let entered = self.markets[index].matcher.enter(now, submission, &mut events);
        if entered.is_ok() {
            self.settle(now, instrument, &mut events, Cause::Market);
            while self.markets[index].matcher.fire_next(now, &mut events) {
                self.settle(now, instrument, &mut events, Cause::Market);
            }
        }
        self.scratch = events;
        entered
    }

    /// Books everything that one call of the matcher did.
    pub(super) fn settle(
        &mut self,
        now: Timestamp,
        instrument: InstrumentId,
        events: &mut Vec<MatchEvent>,
        cause: Cause,
    ) {
        let index = usize::from(instrument.0);
        let mut taker = None;
        for event in events.drain(..) {
            match event {
                MatchEvent::Accepted { key, owner, quantity } => {
                    self.accept(now, owner, key, quantity);
                }
                MatchEvent::Triggered { key, owner, .. } => self.trigger(now, owner, key),
                MatchEvent::Tracking { key, owner } => self.note_tracking(now, owner, key),
                MatchEvent::Prevented(prevented) => self.prevent(now, instrument, &prevented),
                MatchEvent::Traded(execution) => {
                    let this = execution.taker.map(|party| party.key);
                    if taker != this {
                        self.publish_trades(instrument);
                        taker = this;
                    }
                    self.markets[index].note_trade(&execution);
                    if let (Some(maker), Some(source)) = (&execution.maker, &mut self.source) {
                        source.far.note_maker(index, maker.key);
                    }
                    for (party, is_maker) in [(execution.maker, true), (execution.taker, false)] {
                        if let Some(party) = party
                            && party.owner != Owner::BACKGROUND
                        {
                            self.fill(&execution, &party, is_maker);
                        }
                    }
                }
                MatchEvent::Expired { key, owner, reason, .. } => {
                    self.expire(now, owner, key, reason);
                }
                MatchEvent::Canceled { key, owner, .. } => {
                    self.note_cancel(now, owner, key, cause);
                }
                MatchEvent::LevelChanged(change) => self.markets[index].note_level(&change),
            }
        }
        self.publish_trades(instrument);
        self.publish_quote(instrument);
        self.run_lists(now, cause);
        self.report_positions(now);
    }

    pub(super) fn publish_quote(&mut self, instrument: InstrumentId) {
        if let Some(quote) = self.markets[usize::from(instrument.0)].changed_quote() {
            self.outputs.push(Output::Quote { instrument, quote });
        }
    }

    pub(super) fn publish_trades(&mut self, instrument: InstrumentId) {
        let (prints, aggregates) = self.markets[usize::from(instrument.0)].close_taker();
        self.outputs.extend(prints.into_iter().map(|print| Output::Trade { instrument, print }));
        self.outputs
            .extend(aggregates.into_iter().map(|trade| Output::Aggregate { instrument, trade }));
    }

    fn accept(&mut self, now: Timestamp, owner: Owner, key: OrderKey, quantity: model::Quantity) {
        if owner == Owner::BACKGROUND {
            return;
        }
        self.step(now, owner, key, ExecutionType::New, None, |order| {
            if order.kind == OrderKind::Market {
                order.quantity = quantity;
            }
        });
    }

    fn trigger(&mut self, now: Timestamp, owner: Owner, key: OrderKey) {
        if owner == Owner::BACKGROUND {
            return;
        }
        self.step(now, owner, key, ExecutionType::New, None, |order| {
            order.working_at = Some(now);
        });
    }

    /// A trailing order follows the market from now on: nobody is told, but queries show it.
    fn note_tracking(&mut self, now: Timestamp, owner: Owner, key: OrderKey) {
        let id = order_id(key);
        let account = self.accounts.get_mut(&owner.0).expect("owners are accounts");
        account.orders.update(id, |order| order.trailing_at = Some(now));
        self.operation.orders.insert((owner.0, id));
    }

    fn expire(&mut self, now: Timestamp, owner: Owner, key: OrderKey, reason: ExpiryReason) {
        if owner == Owner::BACKGROUND {
            return;
        }
        self.release(now, owner, key);
        self.step(now, owner, key, ExecutionType::Expired, None, |order| {
            order.status = Status::Expired;
            order.expiry_reason = Some(reason.venue_name().to_owned());
        });
    }

    fn note_cancel(&mut self, now: Timestamp, owner: Owner, key: OrderKey, cause: Cause) {
        if owner == Owner::BACKGROUND {
            return;
        }
        self.release(now, owner, key);
        let reason = match cause {
            Cause::List => Some("OCO_TRIGGER"),
            // The venue has no reason for this end.
            Cause::Amendment => None,
            Cause::Cancel(_) | Cause::Market => {
                let kind = ExecutionType::Canceled;
                return self.step(now, owner, key, kind, cause.cancel_id(), |order| {
                    order.status = Status::Canceled;
                });
            }
        };
        self.step(now, owner, key, ExecutionType::Expired, None, |order| {
            order.status = Status::Expired;
            order.expiry_reason = reason.map(str::to_owned);
        });
    }

    /// Gives back what an ending order still holds.
    fn release(&mut self, now: Timestamp, owner: Owner, key: OrderKey) {
        let account = self.accounts.get_mut(&owner.0).expect("owners are accounts");
        let freed = account.orders.update(order_id(key), |order| {
            let freed = order.locked;
            order.locked = Amount::ZERO;
            (order.instrument, order.side, freed)
        });
        let (instrument, side, freed) = freed.expect("a matcher only holds open orders");
        let asset = super::paid_asset(self.instruments.get(instrument), side);
        account.lock(asset, -freed, now);
    }

    /// Books one side of an execution.
    fn fill(&mut self, execution: &matching::Execution, party: &Party, is_maker: bool) {
        let now = execution.at;
        let id = order_id(party.key);
        let quote = Amount::notional(execution.price, execution.quantity)
            .expect("filters bound price and quantity")
            .truncated(8);
        let account = self.accounts.get_mut(&party.owner.0).expect("owners are accounts");
        let (order, unlocked) = account
            .orders
            .update(id, |order| {
                order.executed += execution.quantity;
                order.quote_executed += quote;
                order.updated_at = now;
                let is_complete = order.remaining().is_zero();
                order.status = if is_complete { Status::Filled } else { Status::PartiallyFilled };
                let locked = lock_of(order, order.remaining());
                let unlocked = order.locked - locked;
                order.locked = locked;
                (order.clone(), unlocked)
            })
            .expect("a matcher only holds open orders");
        let instrument = self.instruments.get(order.instrument);
        let base = Amount::from(execution.quantity);
        let (paid, received) = match order.side {
            Side::Buy => ((instrument.quote, quote), (instrument.base, base)),
            Side::Sell => ((instrument.base, base), (instrument.quote, quote)),
        };
        account.change(paid.0, unlocked - paid.1, -unlocked, now);
        account.change(received.0, received.1, Amount::ZERO, now);
        let in_bnb = self.fee_in_bnb(party.owner.0, party.fee, party.fee_asset);
        let (fee, fee_asset) = match in_bnb {
            Some(fee) => (fee, Self::discount_asset()),
            None => (party.fee, party.fee_asset),
        };
        let account = self.account_mut(party.owner.0);
        account.change(fee_asset, -fee, Amount::ZERO, now);
        if order.executed == execution.quantity {
            // An order counts no more once it has begun to trade, and one that had rested more.
            account.counts.release(now, if is_maker { 5 } else { 1 });
        }
        let trade = MyTrade {
            account: account.id,
            symbol: order.symbol,
            id: execution.id,
            order: id,
            side: order.side,
            price: execution.price,
            quantity: execution.quantity,
            quote,
            fee,
            fee_asset,
            is_maker,
            at: now,
        };
        account.orders.record(trade.clone());
        self.operation.trades.push(trade.clone());
        self.touch_list(party.owner.0, id);
        self.report(now, party.owner, id, ExecutionType::Trade, Some(trade), None);
    }

    /// Changes an order and reports it.
    fn step(
        &mut self,
        now: Timestamp,
        owner: Owner,
        key: OrderKey,
        kind: ExecutionType,
        cancel_id: Option<ClientOrderId>,
        change: impl FnOnce(&mut Order),
    ) {
        let id = order_id(key);
        let account = self.accounts.get_mut(&owner.0).expect("owners are accounts");
        let changed = account.orders.update(id, |order| {
            change(order);
            order.updated_at = now;
        });
        changed.expect("a matcher only holds open orders");
        self.touch_list(owner.0, id);
        self.report_step(now, owner.0, id, kind, cancel_id);
    }

    /// Reports an order as it is, without an execution.
    pub(super) fn report_step(
        &mut self,
        now: Timestamp,
        account: u32,
        id: i64,
        kind: ExecutionType,
        cancel_id: Option<ClientOrderId>,
    ) {
        self.report(now, Owner(account), id, kind, None, cancel_id);
    }

    /// Tells an account that the matching engine took its old order back and refused the new one.
    /// What is refused before it comes to the engine nobody is told of but the caller.
    pub fn report_rejection(
        &mut self,
        account: u32,
        request: &PlaceOrder,
        error: &ApiError,
        now: Timestamp,
    ) {
        if !error.is_of_engine() {
            return;
        }
        let Ok(market) = self.market_of(request.symbol) else { return };
        let instrument = market.instrument().id;
        let client_id = request.client_id.unwrap_or_else(|| self.generated_id());
        let (id, execution_id) = (self.next_order_id, self.next_execution_id);
        self.next_order_id += 1;
        self.next_execution_id += 1;
        let order = self.new_order(account, instrument, id, client_id, request, now);
        let report = ExecutionReport {
            order: Order { working_at: None, locked: Amount::ZERO, ..order },
            kind: ExecutionType::Rejected,
            reject_reason: error.reject_reason(),
            trade: None,
            cancel_id: None,
            earlier_id: None,
            prevention: None,
            execution_id,
            at: now,
        };
        let event = UserEvent::Execution(Box::new(report));
        self.outputs.push(Output::User { account, event });
    }

    /// Reports an amendment.
    pub(super) fn report_replaced(
        &mut self,
        now: Timestamp,
        account: u32,
        id: i64,
        earlier_id: ClientOrderId,
        kind: ExecutionType,
    ) {
        self.report(now, Owner(account), id, kind, None, None);
        if let Some(Output::User { event: UserEvent::Execution(report), .. }) =
            self.outputs.last_mut()
        {
            report.earlier_id = Some(earlier_id);
        }
    }

    fn report(
        &mut self,
        now: Timestamp,
        owner: Owner,
        id: i64,
        kind: ExecutionType,
        trade: Option<MyTrade>,
        cancel_id: Option<ClientOrderId>,
    ) {
        let execution_id = self.next_execution_id;
        self.next_execution_id += 1;
        let account = self.account(owner.0);
        let order = account.orders.get(id).expect("it was just changed").clone();
        self.operation.orders.insert((owner.0, id));
        let report = ExecutionReport {
            order,
            kind,
            reject_reason: "NONE",
            trade,
            cancel_id,
            earlier_id: None,
            prevention: None,
            execution_id,
            at: now,
        };
        let event = UserEvent::Execution(Box::new(report));
        self.outputs.push(Output::User { account: owner.0, event });
    }

    /// Ends an operation: tells each account its new balances, and what must be stored.
    pub(super) fn report_positions(&mut self, now: Timestamp) {
        if self.operation.is_part {
            return;
        }
        for (account, id) in std::mem::take(&mut self.operation.orders) {
            let order = self.account(account).orders.get(id).expect("it was just changed");
            self.records.push(Record::Order(Box::new(order.clone())));
        }
        let trades = std::mem::take(&mut self.operation.trades);
        self.records.extend(trades.into_iter().map(Record::Trade));
        for account in self.accounts.values_mut() {
            let touched = account.take_touched();
            if touched.is_empty() {
                continue;
            }
            let balances: Vec<_> =
                touched.into_iter().map(|asset| (asset, account.balance(asset))).collect();
            self.records.extend(balances.iter().map(|(asset, balance)| Record::Balance {
                account: account.id,
                asset: *asset,
                balance: *balance,
                at: account.updated_at,
            }));
            let event = UserEvent::Position { balances, at: now };
            self.outputs.push(Output::User { account: account.id, event });
        }
    }
}
