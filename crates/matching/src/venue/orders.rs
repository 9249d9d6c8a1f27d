//! What a command does at the venue: an order is taken in, with what it needs locked, or taken back.

use std::collections::BTreeMap;

use kernel::venue::{VenueAction, VenueEvent};
use model::{
    Amount, Asset, ClientOrderId, InstrumentId, NewOrder, OrderQuantity, OrderStatus, Quantity,
    RejectReason, Side, Timestamp, VenueOrderId,
};
use rust_decimal::Decimal;

use super::history::VenueOrder;
use super::{ACCOUNT, LocalReject, LocalVenue, key_of};
use crate::fees::notional;
use crate::{FeePolicy, Fees, Matcher, Recorded, Submission};

impl LocalVenue {
    /// A command is at the venue.
    pub(super) fn act(&mut self, now: Timestamp, action: VenueAction) {
        self.release();
        match action {
            VenueAction::Submit { client_order_id, new } => {
                self.submit(now, client_order_id, new);
            }
            VenueAction::SubmitPair(pair) => self.submit_pair(now, &pair),
            VenueAction::CancelReplace { old, client_order_id, new } => {
                self.cancel_replace(now, old, client_order_id, new);
            }
            VenueAction::Cancel { instrument, client_order_id } => {
                self.cancel(now, instrument, client_order_id);
            }
            VenueAction::QueryOrder { client_order_id, .. } => {
                let found = self.history.by_name(&client_order_id).map(VenueOrder::snapshot);
                self.answer(
                    now,
                    found.map_or(
                        VenueEvent::OrderNotFound { client_order_id },
                        VenueEvent::OrderFound,
                    ),
                );
            }
            VenueAction::QueryVenueOrder { venue_order, .. } => {
                let found = self.history.get(venue_order).map(VenueOrder::snapshot);
                let reason = "Order does not exist.".to_owned();
                let failed = VenueEvent::ReadFailed { action, reason };
                self.answer(now, found.map_or(failed, VenueEvent::OrderFound));
            }
            VenueAction::ReadAccount => {
                let balances = self.account.all();
                self.answer(now, VenueEvent::AccountRead { balances, event_at: now });
            }
            VenueAction::ReadOpenOrders => {
                let orders = self.history.open().map(VenueOrder::snapshot).collect();
                let elsewhere = Vec::new();
                self.answer(now, VenueEvent::OpenOrdersRead { orders, elsewhere });
            }
            VenueAction::ReadTrades { instrument, from } => {
                let fills = self.history.fills_from(instrument, from);
                self.answer(now, VenueEvent::TradesRead { instrument, fills, more: false });
            }
            VenueAction::ReadOrderTrades { instrument, venue_order } => {
                let fills = self.history.fills_of(instrument, venue_order);
                self.answer(now, VenueEvent::OrderTradesRead { venue_order, fills });
            }
        }
    }

    pub(super) fn submit(&mut self, now: Timestamp, client_order_id: ClientOrderId, new: NewOrder) {
        let outcome = if self.history.open_by_name(&client_order_id).is_some() {
            Err(RejectReason { code: -2010, message: "Duplicate order sent.".to_owned() })
        } else {
            let venue_order = VenueOrderId(self.last_order + 1);
            self.open(now, client_order_id, venue_order, new).map_err(LocalReject::to_reason)
        };
        match outcome {
            Ok(()) => {
                self.last_order += 1;
                self.book_matched(now, new.instrument);
            }
            Err(reason) => self.answer(now, VenueEvent::SubmitRejected { client_order_id, reason }),
        }
    }

    pub(super) fn cancel(&mut self, now: Timestamp, instrument: InstrumentId, name: ClientOrderId) {
        let order = self.history.open_by_name(&name);
        let key = order.map(|order| key_of(order.venue_order));
        let other_leg = order.and_then(|order| order.other_leg).map(key_of);
        let market = &mut self.markets[usize::from(instrument.0)];
        let is_canceled = key.is_some_and(|key| market.cancel(now, key, &mut self.matched).is_ok());
        if is_canceled {
            // Both legs of a pair go.
            if let Some(other) = other_leg {
                let _ = market.cancel(now, other, &mut self.matched);
            }
            self.book_matched(now, instrument);
            return;
        }
        let reason = RejectReason { code: -2011, message: "Unknown order sent.".to_owned() };
        self.answer(now, VenueEvent::CancelRejected { client_order_id: name, reason });
    }

    /// Locks what an order needs and lets it into its market; what follows is in `matched`.
    pub(super) fn open(
        &mut self,
        now: Timestamp,
        client_order_id: ClientOrderId,
        venue_order: VenueOrderId,
        new: NewOrder,
    ) -> Result<(), LocalReject> {
        self.open_leg(now, client_order_id, venue_order, new, None)
    }

    /// The same, where a leg of a pair has locked already what both need.
    pub(super) fn open_leg(
        &mut self,
        now: Timestamp,
        client_order_id: ClientOrderId,
        venue_order: VenueOrderId,
        new: NewOrder,
        other_leg: Option<VenueOrderId>,
    ) -> Result<(), LocalReject> {
        let market = &mut self.markets[usize::from(new.instrument.0)];
        let instrument = self.instruments.get(new.instrument);
        // Only one of the filters asks for it.
        let held = instrument.filters.max_position.map(|_| {
            let base = self.account.get(instrument.base);
            let held = (base.free + base.locked).to_decimal().trunc_with_scale(8);
            Quantity::from_decimal(held).unwrap_or(Quantity::MAX)
        });
        let submission = Submission {
            held: held.unwrap_or(Quantity::ZERO),
            budget: priced_notional(&new),
            ..Submission::new(key_of(venue_order), ACCOUNT, new)
        };
        let quantity = market.check(&submission)?;
        let (locked_asset, locked) = needs(market, &new, quantity);
        let locked = if other_leg.is_some() { Amount::ZERO } else { locked };
        if !self.account.lock(locked_asset, locked) {
            return Err(LocalReject::InsufficientBalance);
        }
        market.place_checked(now, &submission, quantity, &mut self.matched);
        self.history.add(VenueOrder {
            client_order_id,
            venue_order,
            new,
            status: OrderStatus::Accepted,
            is_working: new.kind.stop_price().is_none(),
            executed: Quantity::ZERO,
            reason: String::new(),
            event_at: now,
            locked,
            locked_asset,
            other_leg,
        });
        let is_market = new.kind.limit_price().is_none() && new.side == Side::Buy;
        if is_market && market.order(key_of(venue_order)).is_some() {
            self.open_ended.insert(venue_order);
        }
        Ok(())
    }

    /// A stop or target that buys at the market may cost more than its stop price says, and a buy
    /// that waits for volume more than the price that it came at: what is free backs them, in
    /// equal shares where several wait.
    pub(super) fn share_free_quote(&mut self) {
        if self.open_ended.is_empty() {
            return;
        }
        let mut waiting: BTreeMap<Asset, Vec<VenueOrderId>> = BTreeMap::new();
        for id in &self.open_ended {
            let order = self.history.get_mut(*id).expect("open orders are remembered");
            waiting.entry(order.locked_asset).or_default().push(*id);
        }
        for (asset, orders) in waiting {
            let share = self.account.get(asset).free.to_decimal() / Decimal::from(orders.len());
            for id in orders {
                let order = self.history.get_mut(id).expect("open orders are remembered");
                let market = &mut self.markets[usize::from(order.new.instrument.0)];
                let backing = order.locked.to_decimal() + share;
                let budget = backing / with_fee(market.fees(), Amount::ONE).to_decimal();
                market.set_budget(key_of(id), Amount::new(budget).truncated(8));
            }
        }
    }
}

/// Price × quantity of an order that names a price or a stop.
fn priced_notional(new: &NewOrder) -> Option<Amount> {
    let price = new.kind.limit_price().or(new.kind.stop_price())?;
    match new.quantity {
        OrderQuantity::Base(quantity) => Some(notional(price, quantity)),
        OrderQuantity::Quote(amount) => Some(amount),
    }
}

/// An amount of quote with the fee on top, where the fee is paid in quote.
pub(super) fn with_fee(fees: &Fees, amount: Amount) -> Amount {
    match fees.policy {
        FeePolicy::ReceivedAsset => amount,
        FeePolicy::Quote => {
            let rate = fees.maker.max(fees.taker);
            amount + amount.checked_mul(rate).expect("a fee is smaller than the amount it is of")
        }
    }
}

/// What an order must have free, and of which asset: a sell its quantity, a buy what it can
/// cost at most; a market order what it would cost now.
fn needs(market: &Matcher<Recorded>, new: &NewOrder, quantity: Quantity) -> (Asset, Amount) {
    let instrument = market.instrument();
    match new.side {
        Side::Sell => (instrument.base, Amount::from(quantity)),
        Side::Buy => {
            let cost = priced_notional(new)
                .unwrap_or_else(|| market.preview(Side::Buy, None, new.quantity).notional);
            (instrument.quote, with_fee(market.fees(), cost))
        }
    }
}
