//! One taker, one execution.
//!
//! An order that takes from one of ours trades with it once, whomever else it meets. A recording
//! has a trade for each that it met, and an order of ours that stands before several of them would
//! get a fill from each. So what one taker brings a resting order is added up until its answer
//! would leave, and told as one fill at the instant of its first part: nobody could have heard of
//! it earlier. Trades of one instant on one side, at prices that get no better for the taker, are
//! of one taker, and so is what it leaves on the book, which is seen about when they are. Two
//! takers of the same instant can't be told apart.
//!
//! Without latency every trade is a fill.

use std::time::Duration;

use kernel::venue::VenueEvent;
use model::{InstrumentId, Liquidity as Role, MarketEvent, Price, Side, Timestamp};

use super::{LocalVenue, number_of};
use crate::{Execution, MatchEvent, Party};

/// What one taker did is received so far apart at most: its trades, and what it left on the book.
pub(super) const RECEIVED_WITHIN: Duration = Duration::from_millis(5);

/// What one taker has brought one resting order so far, not booked yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sweep {
    instrument: InstrumentId,
    /// All of it as one; its maker is ours.
    execution: Execution,
    /// The newest of the taker's trades, if there was one: its instant and price.
    trade: Option<(Timestamp, Price)>,
    /// When the newest part was received.
    newest_at: Timestamp,
    /// When the first was.
    at: Timestamp,
    /// When its answer would leave.
    pub(super) until: Timestamp,
}

impl Sweep {
    fn is_continued_by(&self, part: &Part, party: &Party) -> bool {
        let is_alike = self.instrument == part.instrument
            && self.execution.aggressor == part.execution.aggressor
            && self.execution.maker.is_some_and(|maker| maker.key == party.key);
        is_alike
            && match (self.trade, part.trade) {
                (Some((at, price)), Some((next_at, next_price))) => {
                    let is_no_better = match self.execution.aggressor {
                        Side::Buy => next_price >= price,
                        Side::Sell => next_price <= price,
                    };
                    at == next_at && is_no_better
                }
                (Some(_), None) | (None, Some(_) | None) => {
                    part.at.since(self.newest_at) <= RECEIVED_WITHIN
                }
            }
    }
}

/// What an event of the market brought an order of ours.
struct Part {
    at: Timestamp,
    instrument: InstrumentId,
    /// Instant and price of the recorded trade, if one brought it.
    trade: Option<(Timestamp, Price)>,
    execution: Execution,
}

impl LocalVenue {
    /// Takes what an event of the market did: what it brought orders that rest may wait for more.
    pub(super) fn take_swept(&mut self, now: Timestamp, event: &MarketEvent) {
        let instrument = event.instrument();
        let trade = match event {
            MarketEvent::Trade(trade) => Some((trade.event_at, trade.price)),
            MarketEvent::Quote(_)
            | MarketEvent::Book(_)
            | MarketEvent::Depth(_)
            | MarketEvent::Bar(_) => None,
        };
        let mut matched = std::mem::take(&mut self.matched);
        for event in &matched {
            match event {
                MatchEvent::Traded(execution) => {
                    self.sweep(&Part { at: now, instrument, trade, execution: *execution });
                }
                MatchEvent::Accepted { .. }
                | MatchEvent::Triggered { .. }
                | MatchEvent::Tracking { .. }
                | MatchEvent::Prevented(_)
                | MatchEvent::Expired { .. }
                | MatchEvent::Canceled { .. }
                | MatchEvent::LevelChanged(_) => {
                    self.release();
                    self.book(now, instrument, event);
                }
            }
        }
        matched.clear();
        self.matched = matched;
        self.finish_booking(now, instrument);
    }

    fn sweep(&mut self, part: &Part) {
        let Part { at, instrument, trade, execution } = *part;
        let resting = execution.maker.filter(|_| execution.taker.is_none());
        let Some(party) = resting else {
            self.release();
            return self.book(at, instrument, &MatchEvent::Traded(execution));
        };
        match self.swept.filter(|sweep| sweep.is_continued_by(part, &party)) {
            Some(sweep) => {
                let execution = self.together(instrument, &sweep.execution, &execution, party);
                let (trade, newest_at) = (trade.or(sweep.trade), at);
                self.swept = Some(Sweep { execution, trade, newest_at, ..sweep });
            }
            None => {
                self.release();
                let until = at.after(self.from_venue.shortest(at));
                self.swept = Some(Sweep { instrument, execution, trade, newest_at: at, at, until });
            }
        }
        // Nothing more can come of a whole one, and a leg of a pair ends the other at once.
        let order = self.history.get(number_of(party.key));
        let is_leg = order.is_some_and(|order| order.other_leg.is_some());
        if party.remaining.is_zero() || is_leg || self.swept.is_some_and(|sweep| sweep.until <= at)
        {
            self.release();
        }
    }

    /// Two parts of an execution as one: the fee is that of the whole.
    fn together(
        &self,
        instrument: InstrumentId,
        first: &Execution,
        next: &Execution,
        party: Party,
    ) -> Execution {
        let quantity = first.quantity + next.quantity;
        let market = &self.markets[usize::from(instrument.0)];
        let side = next.aggressor.opposite();
        let traded = self.instruments.get(instrument);
        let fees = market.fees();
        let (fee, fee_asset) = fees.commission(traded, side, Role::Maker, first.price, quantity);
        Execution { quantity, maker: Some(Party { fee, fee_asset, ..party }), ..*first }
    }

    /// Books what waits, as of when it began.
    pub(super) fn release(&mut self) {
        if let Some(Sweep { instrument, execution, at, .. }) = self.swept.take() {
            self.book(at, instrument, &MatchEvent::Traded(execution));
            self.finish_booking(at, instrument);
        }
    }

    /// What follows what was booked: legs of pairs that end, and the balances that it changed.
    pub(super) fn finish_booking(&mut self, now: Timestamp, instrument: InstrumentId) {
        self.end_outdone(now, instrument);
        let balances = self.account.take_changed();
        if !balances.is_empty() {
            self.answer(now, VenueEvent::BalancesChanged { balances, event_at: now });
        }
        self.share_free_quote();
    }
}
