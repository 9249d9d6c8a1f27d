//! Pairs of which one order cancels the other, and cancelReplace.
//!
//! Both legs are on the market and share what one of them locks. The first trade of a leg, or its
//! trigger, ends the other one, as on the venue.

use kernel::venue::{ENDED_BY_OTHER_LEG, OrderLeg, OrderPair, VenueEvent};
use model::{
    Amount, ClientOrderId, InstrumentId, NewOrder, OrderStatus, RejectReason, Side, Timestamp,
    VenueOrderId,
};

use super::{ACCOUNT, LocalReject, LocalVenue, key_of};
use crate::{Reject, Submission};

fn refusal(code: i32, message: &str) -> RejectReason {
    RejectReason { code, message: message.to_owned() }
}

impl LocalVenue {
    /// Both legs are taken in, or neither is.
    pub(super) fn submit_pair(&mut self, now: Timestamp, pair: &OrderPair) {
        let OrderPair { stop, target } = *pair;
        let refused = match self.pair_refusal(&stop, &target) {
            None => self.open_pair(now, &stop, &target).err().map(LocalReject::to_reason),
            refused @ Some(_) => refused,
        };
        match refused {
            None => self.book_matched(now, stop.new.instrument),
            Some(reason) => {
                for leg in [stop, target] {
                    let (client_order_id, reason) = (leg.client_order_id, reason.clone());
                    self.answer(now, VenueEvent::SubmitRejected { client_order_id, reason });
                }
            }
        }
    }

    fn open_pair(
        &mut self,
        now: Timestamp,
        stop: &OrderLeg,
        target: &OrderLeg,
    ) -> Result<(), LocalReject> {
        let first = VenueOrderId(self.last_order + 1);
        let second = VenueOrderId(self.last_order + 2);
        // Looked at before the stop is placed: what is refused leaves nothing behind.
        let market = &self.markets[usize::from(target.new.instrument.0)];
        market.check(&Submission::new(key_of(second), ACCOUNT, target.new))?;
        if let Some((0 | 1, limit)) = market.room(ACCOUNT) {
            return Err(Reject::TooManyOpenOrders { limit }.into());
        }
        self.open(now, stop.client_order_id, first, stop.new)?;
        let beside = self.open_beside(now, target.client_order_id, second, target.new, first);
        beside.expect("the market has not changed since it let the target pass");
        self.last_order += 2;
        Ok(())
    }

    /// Takes the second leg of a pair in.
    pub(super) fn open_beside(
        &mut self,
        now: Timestamp,
        client_order_id: ClientOrderId,
        venue_order: VenueOrderId,
        new: NewOrder,
        first: VenueOrderId,
    ) -> Result<(), LocalReject> {
        self.open_leg(now, client_order_id, venue_order, new, Some(first))?;
        if let Some(first) = self.history.get_mut(first) {
            first.other_leg = Some(venue_order);
        }
        Ok(())
    }

    /// What the venue says to a pair that is none: a sell's stop below the market, its target
    /// above; a buy's the other way round.
    fn pair_refusal(&self, stop: &OrderLeg, target: &OrderLeg) -> Option<RejectReason> {
        let is_taken = |leg: &OrderLeg| self.history.open_by_name(&leg.client_order_id).is_some();
        if is_taken(stop) || is_taken(target) {
            return Some(refusal(-2010, "Duplicate order sent."));
        }
        let price = |leg: &OrderLeg| leg.new.kind.stop_price().or(leg.new.kind.limit_price());
        let (above, below) = match stop.new.side {
            Side::Sell => (price(target), price(stop)),
            Side::Buy => (price(stop), price(target)),
        };
        let last = self.markets[usize::from(stop.new.instrument.0)].last_price();
        let is_between = |last| above > Some(last) && below < Some(last);
        (!last.is_none_or(is_between)).then(|| {
            refusal(-2010, "The relationship of the prices for the orders is not correct.")
        })
    }

    /// A leg has begun: what the pair has locked is its own from now on, and the other one ends.
    pub(super) fn begin(&mut self, id: VenueOrderId) {
        let Some(other_id) = self.history.get_mut(id).and_then(|order| order.other_leg.take())
        else {
            return;
        };
        let Some(other) = self.history.get_mut(other_id) else { return };
        other.other_leg = None;
        let locked = std::mem::replace(&mut other.locked, Amount::ZERO);
        let order = self.history.get_mut(id).expect("found just above");
        order.locked += locked;
        self.outdone.push(other_id);
    }

    /// Ends the legs whose other leg has begun.
    pub(super) fn end_outdone(&mut self, now: Timestamp, instrument: InstrumentId) {
        while let Some(id) = self.outdone.pop() {
            let market = &mut self.markets[usize::from(instrument.0)];
            if market.cancel(now, key_of(id), &mut self.matched).is_err() {
                continue;
            }
            // The market's word is that of a cancel; to the account the leg has expired.
            self.matched.clear();
            self.change(now, key_of(id), |order| {
                order.status = OrderStatus::Expired;
                ENDED_BY_OTHER_LEG.clone_into(&mut order.reason);
            });
        }
    }

    /// Takes back an order of which nothing has traded, and only then places another.
    pub(super) fn cancel_replace(
        &mut self,
        now: Timestamp,
        old: ClientOrderId,
        client_order_id: ClientOrderId,
        new: NewOrder,
    ) {
        let market = &self.markets[usize::from(new.instrument.0)];
        let next = VenueOrderId(self.last_order + 1);
        let checked = market.check(&Submission::new(key_of(next), ACCOUNT, new));
        let found = self.history.open_by_name(&old);
        let is_untouched = found.is_some_and(|order| order.status == OrderStatus::Accepted);
        let refused = match checked {
            Err(reject) => Some(LocalReject::from(reject).to_reason()),
            Ok(_) if !is_untouched => Some(refusal(-2022, "Order cancel-replace failed.")),
            Ok(_) => None,
        };
        if let Some(reason) = refused {
            let why = reason.clone();
            self.answer(now, VenueEvent::CancelRejected { client_order_id: old, reason: why });
            self.answer(now, VenueEvent::SubmitRejected { client_order_id, reason });
            return;
        }
        self.cancel(now, new.instrument, old);
        self.submit(now, client_order_id, new);
    }
}
