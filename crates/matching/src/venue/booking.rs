//! What a market did to orders: to their states, to the account, and what is told of it.

use kernel::venue::VenueEvent;
use model::{Amount, Fill, FillKey, InstrumentId, Liquidity, OrderStatus, Side, Timestamp};

use super::history::VenueOrder;
use super::orders::with_fee;
use super::{LocalVenue, number_of};
use crate::fees::notional;
use crate::{Execution, FeePolicy, MatchEvent, OrderKey, Party};

impl LocalVenue {
    /// Books what a market did, answer by answer, then the balances that it changed.
    pub(super) fn book_matched(&mut self, now: Timestamp, instrument: InstrumentId) {
        let mut matched = std::mem::take(&mut self.matched);
        for event in &matched {
            self.book(now, instrument, event);
        }
        matched.clear();
        self.matched = matched;
        self.finish_booking(now, instrument);
    }

    pub(super) fn book(&mut self, now: Timestamp, instrument: InstrumentId, event: &MatchEvent) {
        match event {
            MatchEvent::Accepted { key, .. } => {
                self.change(now, *key, |_| {});
            }
            MatchEvent::Triggered { key, .. } => {
                self.begin(number_of(*key));
                self.change(now, *key, |order| order.is_working = true);
            }
            MatchEvent::Traded(trade) => {
                let parties = [(trade.maker, Liquidity::Maker), (trade.taker, Liquidity::Taker)];
                for (party, liquidity) in parties {
                    if let Some(party) = party {
                        self.book_fill(now, instrument, trade, &party, liquidity);
                    }
                }
            }
            MatchEvent::Expired { key, reason, .. } => {
                self.change(now, *key, |order| {
                    order.status = OrderStatus::Expired;
                    reason.venue_name().clone_into(&mut order.reason);
                });
            }
            MatchEvent::Canceled { key, .. } => {
                self.change(now, *key, |order| order.status = OrderStatus::Canceled);
            }
            MatchEvent::LevelChanged(_) => {}
            MatchEvent::Tracking { .. } | MatchEvent::Prevented(_) => {
                unreachable!("this venue places neither trailing orders nor prevents matches")
            }
        }
    }

    /// Changes an order and tells of it; one that has ended gives back what it had locked.
    pub(super) fn change(
        &mut self,
        now: Timestamp,
        key: OrderKey,
        change: impl FnOnce(&mut VenueOrder),
    ) {
        let id = number_of(key);
        let order = self.history.get_mut(id).expect("orders in a market are remembered");
        change(order);
        order.event_at = now;
        let (asset, locked) = (order.locked_asset, order.locked);
        let has_ended = order.status.is_final();
        if has_ended {
            order.locked = Amount::ZERO;
        }
        let snapshot = order.snapshot();
        if has_ended {
            if locked.is_positive() {
                self.account.unlock(asset, locked);
            }
            self.history.end(id);
            self.open_ended.remove(&id);
        }
        self.answer(now, VenueEvent::OrderChanged(snapshot));
    }

    fn book_fill(
        &mut self,
        now: Timestamp,
        instrument: InstrumentId,
        trade: &Execution,
        party: &Party,
        liquidity: Liquidity,
    ) {
        let id = number_of(party.key);
        self.begin(id);
        let fees = *self.markets[usize::from(instrument.0)].fees();
        let traded = self.instruments.get(instrument);
        let order = self.history.get_mut(id).expect("orders in a market are remembered");
        let side = order.new.side;
        // Balances have eight decimals, on the venue and in the ledger.
        let paid = notional(trade.price, trade.quantity).truncated(8);
        let fee = party.fee;
        let (debit, credit) = match (side, fees.policy) {
            (Side::Buy, FeePolicy::ReceivedAsset) => (paid, Amount::from(trade.quantity) - fee),
            (Side::Buy, FeePolicy::Quote) => (paid + fee, Amount::from(trade.quantity)),
            (Side::Sell, FeePolicy::ReceivedAsset | FeePolicy::Quote) => {
                (Amount::from(trade.quantity), paid - fee)
            }
        };
        let (pays, receives) = match side {
            Side::Buy => (traded.quote, traded.base),
            Side::Sell => (traded.base, traded.quote),
        };
        // What was set aside for this part: at the order's own price, if it has one.
        let set_aside = match (side, order.new.kind.limit_price()) {
            (Side::Buy, Some(price)) => with_fee(&fees, notional(price, trade.quantity)),
            (Side::Buy, None) | (Side::Sell, _) => debit,
        };
        let unlocked = set_aside.min(order.locked);
        order.locked -= unlocked;
        order.executed += trade.quantity;
        let name = order.client_order_id;
        self.account.pay(pays, unlocked, debit);
        self.account.credit(receives, credit);
        let fill = Fill {
            key: FillKey { instrument, trade: trade.id, venue_order: id },
            side,
            price: trade.price,
            quantity: trade.quantity,
            fee,
            fee_asset: party.fee_asset,
            liquidity,
            event_at: now,
        };
        self.history.add_fill(fill);
        self.answer(now, VenueEvent::Filled { client_order_id: name, fill });
        let is_complete = party.remaining.is_zero();
        self.change(now, party.key, |order| {
            order.status =
                if is_complete { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        });
    }
}
