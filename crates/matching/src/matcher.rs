//! The front of one instrument: what happens to an order before it meets liquidity, and after.

use model::{
    Amount, FilterViolation, Instrument, InstrumentStatus, Level, NewOrder, OrderKind,
    OrderQuantity, Price, Quantity, Side, TimeInForce, Timestamp,
};

use crate::fees::{Fees, notional};
use crate::liquidity::{Want, affordable, preview, units_of};
use crate::orders::{Order, OrderView, Stage};
use crate::triggers::{Direction, Follower, Triggers, Waiting};
use crate::{
    Desk, ExpiryReason, Liquidity, MatchEvent, OrderKey, Owner, Preview, Reject, Slot, Submission,
    Trailing, UnknownOrder,
};

/// Matches the orders of one instrument against a source of liquidity.
#[derive(Clone, Debug)]
pub struct Matcher<L> {
    pub(crate) desk: Desk,
    pub(crate) liquidity: L,
    triggers: Triggers,
}

impl<L: Liquidity> Matcher<L> {
    /// A matcher without orders.
    #[must_use]
    pub fn new(instrument: Instrument, fees: Fees, liquidity: L) -> Self {
        Self { desk: Desk::new(instrument, fees), liquidity, triggers: Triggers::default() }
    }

    /// Continues the numbers of an earlier run: the next trade and the next change of the book
    /// get the ones after these.
    #[must_use]
    pub const fn continuing(mut self, last_trade_id: i64, update_id: i64) -> Self {
        self.desk.last_trade_id = last_trade_id;
        self.desk.update_id = update_id;
        self
    }

    /// Sets the price that triggers and filters compare with until the first trade.
    #[must_use]
    pub const fn with_last_price(mut self, price: Price) -> Self {
        self.desk.last_price = Some(price);
        self
    }

    /// What is traded.
    #[must_use]
    pub const fn instrument(&self) -> &Instrument {
        &self.desk.instrument
    }

    /// Changes filters, features or status; open orders stay.
    pub const fn refresh(&mut self, told: &Instrument) {
        self.desk.instrument.take_rules(told);
    }

    /// Fee rates.
    #[must_use]
    pub const fn fees(&self) -> &Fees {
        &self.desk.fees
    }

    /// Price of the last trade.
    #[must_use]
    pub const fn last_price(&self) -> Option<Price> {
        self.desk.last_price
    }

    /// Number of the last execution.
    #[must_use]
    pub const fn last_trade_id(&self) -> i64 {
        self.desk.last_trade_id
    }

    /// Number of the last change of the book.
    #[must_use]
    pub const fn update_id(&self) -> i64 {
        self.desk.update_id
    }

    /// Best level of a side.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.liquidity.best(side)
    }

    /// Levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        self.liquidity.levels(side)
    }

    /// An open order.
    #[must_use]
    pub fn order(&self, key: OrderKey) -> Option<OrderView> {
        self.desk.orders.view(key)
    }

    /// How many orders are open, those of the background included.
    #[must_use]
    pub fn open_orders(&self) -> usize {
        self.desk.orders.len()
    }

    /// What a taker would get now, without touching anything: for checking a balance before a
    /// market order is placed, and for fill-or-kill.
    #[must_use]
    pub fn preview(&self, side: Side, limit: Option<Price>, quantity: OrderQuantity) -> Preview {
        let step = self.taker_step();
        let want = match quantity {
            OrderQuantity::Base(quantity) => Want::Base(quantity),
            OrderQuantity::Quote(amount) => Want::Quote { units: units_of(amount), step },
        };
        preview(&self.liquidity, side, limit, want)
    }

    fn taker_step(&self) -> Quantity {
        let filters = &self.desk.instrument.filters;
        filters.lot_size.step.max(filters.market_lot_size.step)
    }

    /// Places an order: it is accepted, then matches, rests, waits or expires, and may set off
    /// waiting orders, all before the call returns.
    ///
    /// # Errors
    /// See [`Reject`]; nothing has changed then.
    pub fn place(
        &mut self,
        now: Timestamp,
        submission: &Submission,
        out: &mut Vec<MatchEvent>,
    ) -> Result<(), Reject> {
        self.enter(now, submission, out)?;
        self.fire_triggers(out);
        Ok(())
    }

    /// Places an order as [`Self::place`] does, but leaves the waiting orders that it reaches to
    /// [`Self::fire_next`]: for a caller whose orders depend on each other, and who must take
    /// back one before another fires.
    ///
    /// # Errors
    /// See [`Reject`]; nothing has changed then.
    pub fn enter(
        &mut self,
        now: Timestamp,
        submission: &Submission,
        out: &mut Vec<MatchEvent>,
    ) -> Result<(), Reject> {
        let quantity = self.check(submission)?;
        self.enter_checked(now, submission, quantity, out);
        Ok(())
    }

    /// It is later than when the newest event came, or the same instant.
    fn advance(&mut self, now: Timestamp) {
        if now > self.desk.now {
            self.liquidity.pass_time();
        }
        self.desk.now = now;
    }

    fn enter_checked(
        &mut self,
        now: Timestamp,
        submission: &Submission,
        quantity: Quantity,
        out: &mut Vec<MatchEvent>,
    ) {
        self.advance(now);
        let slot = self.accept(submission, quantity, out);
        if self.desk.orders.get(slot).stage == Stage::Working {
            self.work(slot, out);
            if let OrderQuantity::Quote(amount) = submission.order.quantity {
                self.keep_to_quote(submission, amount);
            }
            self.observe(out);
        }
    }

    /// What is left of an order by quote amount is an amount: how much base that is depends on the
    /// prices to come.
    fn keep_to_quote(&mut self, submission: &Submission, amount: Amount) {
        if let Some(slot) = self.desk.slot(submission.key) {
            self.liquidity.set_quote(slot, units_of(amount), &self.desk);
        }
    }

    /// Places an order that [`Self::check`] has just let through, with the quantity that it gave.
    pub(crate) fn place_checked(
        &mut self,
        now: Timestamp,
        submission: &Submission,
        quantity: Quantity,
        out: &mut Vec<MatchEvent>,
    ) {
        self.enter_checked(now, submission, quantity, out);
        self.fire_triggers(out);
    }

    /// Sets off the next waiting order that the last price has reached. False when there is none.
    pub fn fire_next(&mut self, now: Timestamp, out: &mut Vec<MatchEvent>) -> bool {
        self.advance(now);
        self.fire_one(out)
    }

    /// Takes an order back.
    ///
    /// # Errors
    /// [`UnknownOrder`] when it is not open (any more).
    pub fn cancel(
        &mut self,
        now: Timestamp,
        key: OrderKey,
        out: &mut Vec<MatchEvent>,
    ) -> Result<(), UnknownOrder> {
        self.advance(now);
        let slot = self.desk.slot(key).ok_or(UnknownOrder(key))?;
        let order = self.desk.orders.get(slot);
        let canceled = MatchEvent::Canceled { key, owner: order.owner, filled: order.filled };
        match (order.stage, Direction::of(&order.kind, order.side)) {
            (Stage::Waiting, Some(_)) if order.is_trailing => {
                self.triggers.unfollow(order.arrival);
                self.desk.is_followed = self.triggers.has_followers();
            }
            (Stage::Waiting, Some((direction, stop))) => {
                self.triggers.remove(direction, stop, order.arrival);
            }
            (Stage::Waiting, None) | (Stage::Working, _) => {
                self.liquidity.remove(slot, &mut self.desk, out);
            }
        }
        self.desk.close(slot);
        out.push(canceled);
        Ok(())
    }

    /// Makes an open order smaller by so much; it keeps its place in the queue, or its trigger.
    ///
    /// # Errors
    /// [`UnknownOrder`] when it is not open, or would have nothing left: cancel it then.
    pub fn shrink(
        &mut self,
        now: Timestamp,
        key: OrderKey,
        less: Quantity,
        out: &mut Vec<MatchEvent>,
    ) -> Result<(), UnknownOrder> {
        self.advance(now);
        let slot = self.desk.slot(key).ok_or(UnknownOrder(key))?;
        let order = self.desk.orders.get(slot);
        if less >= order.remaining() || !less.is_positive() {
            return Err(UnknownOrder(key));
        }
        if order.stage == Stage::Working {
            self.liquidity.shrink(slot, less, &mut self.desk, out);
        }
        self.desk.shrink(slot, less);
        Ok(())
    }

    /// Changes what a waiting stop or target without a limit may spend when it fires as a buy:
    /// see [`Submission::budget`]; and what a buy without a limit may that waits for more to take.
    /// Nothing happens to any other order, trailing ones included.
    pub fn set_budget(&mut self, key: OrderKey, budget: Amount) {
        if let Some(slot) = self.desk.slot(key) {
            let order = self.desk.orders.get(slot);
            if order.stage == Stage::Working {
                self.liquidity.set_budget(slot, budget);
            } else if let Some((direction, stop)) = Direction::of(&order.kind, order.side)
                && !order.is_trailing
            {
                self.triggers.set_budget(direction, stop, order.arrival, budget);
            }
        }
    }

    /// Everything that can refuse an order, without placing it. The base quantity to trade when
    /// nothing does.
    ///
    /// # Errors
    /// See [`Reject`].
    pub fn check(&self, submission: &Submission) -> Result<Quantity, Reject> {
        let Submission { key, owner, order, .. } = submission;
        if self.desk.orders.contains(*key) {
            return Err(Reject::DuplicateKey(*key));
        }
        if owner != &Owner::BACKGROUND {
            self.check_filters(submission)?;
        }
        self.check_kind(order)?;
        let quantity = match order.quantity {
            OrderQuantity::Base(quantity) => quantity,
            OrderQuantity::Quote(amount) => self.quantity_by_quote(order, amount)?,
        };
        self.check_position(submission, quantity)?;
        Ok(quantity)
    }

    /// How many more orders of an owner may be open, and the limit.
    #[must_use]
    pub fn room(&self, owner: Owner) -> Option<(u32, u32)> {
        let limit = self.desk.instrument.filters.max_open_orders?;
        let open = self.desk.open.get(&owner).copied().unwrap_or_default();
        Some((limit.saturating_sub(open.orders), limit))
    }

    fn check_filters(&self, submission: &Submission) -> Result<(), Reject> {
        let Submission { owner, order, reference, .. } = submission;
        let instrument = &self.desk.instrument;
        if instrument.status != InstrumentStatus::Trading {
            return Err(Reject::NotTrading(instrument.status));
        }
        let reference = reference.or(self.desk.last_price);
        instrument.check(&self.priced(order, reference), reference)?;
        let filters = &instrument.filters;
        let open = self.desk.open.get(owner).copied().unwrap_or_default();
        if let Some(limit) = filters.max_open_orders
            && open.orders >= limit
        {
            return Err(Reject::TooManyOpenOrders { limit });
        }
        if let Some(limit) = filters.max_open_stop_orders
            && order.kind.stop_price().is_some()
            && open.waiting >= limit
        {
            return Err(Reject::TooManyStopOrders { limit });
        }
        Ok(())
    }

    /// A trailing order without a stop is judged as if its stop were the reference price.
    fn priced(&self, order: &NewOrder, reference: Option<Price>) -> NewOrder {
        let tick = self.desk.instrument.filters.price.tick;
        let now = reference.unwrap_or_default().floor_to(tick);
        NewOrder { kind: order.kind.or_stop_at(now), ..*order }
    }

    /// MAX_POSITION: what is held, what open orders buy and what is wanted.
    fn check_position(&self, submission: &Submission, wanted: Quantity) -> Result<(), Reject> {
        let Some(limit) = self.desk.instrument.filters.max_position else { return Ok(()) };
        let Submission { owner, order, held, .. } = submission;
        if order.side == Side::Sell || *owner == Owner::BACKGROUND {
            return Ok(());
        }
        let buying = self.desk.open.get(owner).map_or(0, |open| open.buying);
        let actual = buying + i128::from(held.units()) + i128::from(wanted.units());
        if actual <= i128::from(limit.units()) {
            return Ok(());
        }
        let actual = Quantity::from_units(i64::try_from(actual).unwrap_or(i64::MAX));
        Err(Reject::PositionTooLarge { actual, limit })
    }

    /// Refusals that depend on the market.
    fn check_kind(&self, order: &NewOrder) -> Result<(), Reject> {
        if let Some((direction, stop_price)) = Direction::of(&order.kind, order.side)
            && let Some(last_price) = self.desk.last_price
            && !stop_price.is_zero()
            && direction.is_reached(stop_price, last_price)
        {
            return Err(Reject::WouldTriggerImmediately { stop_price, last_price });
        }
        if let OrderKind::LimitMaker { price } = order.kind
            && let Some(best) = self.liquidity.best(order.side.opposite())
            && crate::liquidity::is_within(order.side, best.price, Some(price))
        {
            return Err(Reject::WouldMatchImmediately { price, best: best.price });
        }
        Ok(())
    }

    /// The base quantity of a market order by quote amount: what the book gives for it now; when
    /// the book ends first, what the rest would buy at its last price is added, so that the
    /// remainder expires.
    fn quantity_by_quote(&self, order: &NewOrder, amount: Amount) -> Result<Quantity, Reject> {
        if order.kind != OrderKind::Market {
            return Err(Reject::QuoteAmountNotAllowed);
        }
        let preview = self.preview(order.side, None, order.quantity);
        let mut quantity = preview.quantity;
        if let Some(worst) = preview.worst_price
            && preview.is_exhausted
        {
            let left = units_of(amount - preview.notional);
            quantity = quantity
                .checked_add(affordable(left, worst, self.taker_step()))
                .unwrap_or(Quantity::MAX);
        }
        let best = self.liquidity.best(order.side.opposite());
        let filter = self.desk.instrument.filters.lot_size;
        if best.is_some() && (quantity.is_zero() || quantity < filter.min) {
            let (actual, min, max, step) = (quantity, filter.min, filter.max, filter.step);
            return Err(FilterViolation::LotSize { actual, min, max, step }.into());
        }
        Ok(quantity)
    }

    fn accept(
        &mut self,
        submission: &Submission,
        quantity: Quantity,
        out: &mut Vec<MatchEvent>,
    ) -> Slot {
        let Submission { key, owner, order, budget, prevention, iceberg, trailing, .. } =
            *submission;
        let trigger = Direction::of(&order.kind, order.side);
        self.desk.arrivals += 1;
        let arrival = self.desk.arrivals;
        let slot = self.desk.admit(Order {
            key,
            owner,
            side: order.side,
            stage: if trigger.is_some() { Stage::Waiting } else { Stage::Working },
            kind: order.kind,
            quantity,
            filled: Quantity::ZERO,
            prevented: Quantity::ZERO,
            prevention,
            part: iceberg.unwrap_or(Quantity::ZERO),
            part_left: Quantity::ZERO,
            is_trailing: trailing.is_some() && trigger.is_some(),
            arrival,
        });
        out.push(MatchEvent::Accepted { key, owner, quantity });
        if let Some((direction, stop)) = trigger {
            let waiting = Waiting { slot, budget };
            match trailing {
                None => self.triggers.insert(direction, stop, arrival, waiting),
                Some(Trailing { delta_bips }) => {
                    let start = (!stop.is_zero()).then_some((direction, stop));
                    let (side, best) = (order.side, None);
                    let follower = Follower { waiting, side, delta_bips, start, best };
                    self.triggers.follow(arrival, follower);
                    self.desk.is_followed = true;
                }
            }
        }
        slot
    }

    /// Lets an order meet the market.
    fn work(&mut self, slot: Slot, out: &mut Vec<MatchEvent>) {
        let order = self.desk.orders.get(slot);
        let (side, wanted) = (order.side, order.remaining());
        match order.kind {
            OrderKind::Market | OrderKind::StopLoss { .. } | OrderKind::TakeProfit { .. } => {
                self.take_or_expire(slot, None, ExpiryReason::InsufficientLiquidity, out);
            }
            OrderKind::LimitMaker { .. } => self.liquidity.rest(slot, &mut self.desk, out),
            OrderKind::Limit { price, time_in_force }
            | OrderKind::StopLossLimit { price, time_in_force, .. }
            | OrderKind::TakeProfitLimit { price, time_in_force, .. } => match time_in_force {
                TimeInForce::GoodTilCanceled => self.take_or_rest(slot, price, out),
                TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill
                    if self.liquidity.defer(slot, price, time_in_force) => {}
                TimeInForce::ImmediateOrCancel => {
                    let reason = ExpiryReason::UnfilledImmediateOrCancel;
                    self.take_or_expire(slot, Some(price), reason, out);
                }
                TimeInForce::FillOrKill => {
                    let reason = ExpiryReason::UnfilledFillOrKill;
                    let want = Want::Base(wanted);
                    if preview(&self.liquidity, side, Some(price), want).is_exhausted {
                        self.desk.expire(slot, reason, out);
                    } else {
                        self.take_or_expire(slot, Some(price), reason, out);
                    }
                }
            },
        }
    }

    fn take_or_rest(&mut self, slot: Slot, limit: Price, out: &mut Vec<MatchEvent>) {
        let order = self.desk.orders.get(slot);
        let (side, wanted) = (order.side, order.remaining());
        self.liquidity.take(slot, wanted, Some(limit), &mut self.desk, out);
        if self.desk.orders.get(slot).remaining().is_zero() {
            self.desk.close(slot);
        } else if !self.liquidity.wait(slot, Some(limit), side) {
            self.liquidity.rest(slot, &mut self.desk, out);
        }
    }

    fn take_or_expire(
        &mut self,
        slot: Slot,
        limit: Option<Price>,
        reason: ExpiryReason,
        out: &mut Vec<MatchEvent>,
    ) {
        let wanted = self.desk.orders.get(slot).remaining();
        self.liquidity.take(slot, wanted, limit, &mut self.desk, out);
        let order = self.desk.orders.get(slot);
        let is_complete = order.quantity.is_positive() && order.remaining().is_zero();
        if is_complete {
            return self.desk.close(slot);
        }
        let (side, waits) = (order.side, order.remaining().is_positive() && limit.is_none());
        if !(waits && self.liquidity.wait(slot, None, side)) {
            self.desk.expire(slot, reason, out);
        }
    }

    /// Sets off the orders whose stop the last price has reached, and those that these reach.
    /// Ends, because an order fires only once.
    pub(crate) fn fire_triggers(&mut self, out: &mut Vec<MatchEvent>) {
        while self.fire_one(out) {}
    }

    /// Shows the new prices to the trailing orders.
    pub(crate) fn observe(&mut self, out: &mut Vec<MatchEvent>) {
        if self.desk.prints.is_empty() {
            return;
        }
        for price in std::mem::take(&mut self.desk.prints) {
            for slot in self.triggers.observe(price) {
                let order = self.desk.orders.get(slot);
                out.push(MatchEvent::Tracking { key: order.key, owner: order.owner });
            }
        }
        self.desk.is_followed = self.triggers.has_followers();
    }

    fn fire_one(&mut self, out: &mut Vec<MatchEvent>) -> bool {
        let Some(last_price) = self.desk.last_price else { return false };
        let next = self.triggers.pop_returned();
        let next = next.or_else(|| self.triggers.pop_reached(last_price));
        let Some(Waiting { slot, budget }) = next else { return false };
        self.desk.start_working(slot);
        let order = self.desk.orders.get(slot);
        let (key, owner) = (order.key, order.owner);
        out.push(MatchEvent::Triggered { key, owner, last_price });
        match budget {
            Some(budget) if order.side == Side::Buy && order.kind.limit_price().is_none() => {
                self.work_within(slot, units_of(budget), out);
            }
            Some(_) | None => self.work(slot, out),
        }
        self.observe(out);
        true
    }

    /// Lets a triggered market buy spend no more than its budget.
    fn work_within(&mut self, slot: Slot, units: i128, out: &mut Vec<MatchEvent>) {
        let wanted = self.desk.orders.get(slot).remaining();
        let want = Want::Quote { units, step: self.taker_step() };
        let within = preview(&self.liquidity, Side::Buy, None, want);
        if within.is_exhausted || within.quantity >= wanted {
            return self.work(slot, out);
        }
        self.liquidity.take(slot, within.quantity, None, &mut self.desk, out);
        if self.liquidity.wait(slot, None, Side::Buy) {
            let filled = wanted - self.desk.orders.get(slot).remaining();
            let spent = within.worst_price.map_or(Amount::ZERO, |price| notional(price, filled));
            self.liquidity.set_budget(slot, Amount::from_units(units, 16) - spent);
        } else {
            self.desk.expire(slot, ExpiryReason::ExchangeCanceled, out);
        }
    }
}

#[cfg(test)]
mod tests;
