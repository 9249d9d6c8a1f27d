//! A recorded or live market that orders of ours are imagined on: it does not notice them.
//!
//! **What is known decides how.** With levels (depth or best prices), a taker takes what is
//! displayed, and what it took stays taken until the level changes (a market order that takes more
//! than best prices alone display pays half a spread and slippage for the rest); a resting order
//! starts behind what its level displays and moves up as [`QueueModel`] says; it fills from trades
//! at its price once it is in front, from any trade beyond its price, and from displayed quantity
//! of the other side that reaches its price. Without levels, a taker meets the first trade after
//! it has come: it pays half a spread and slippage on that price, and gets its share of that
//! volume; what is left of it waits for its share of the next ones, or expires with an order that
//! is to execute at once. Who comes with a trade, as a stop that it sets off, meets that one. A
//! resting order fills only from trades beyond its price, with its share of their volume.
//!
//! **Bars** stand in for trades until the first trade comes: each is walked open, low, high,
//! close, with a quarter of its volume at each point. The low comes first, so that the stop of a
//! long position is reached before its target. A bar that is over offers takers nothing: whoever
//! comes then waits for the next one to open. (That a bar has opened is told by its first point,
//! see [`Bar::has_only_opened`].) A taker that waits within a bar gets no better price than it
//! had there before. Of several series of bars the shortest counts.

mod config;
mod own;
mod queue;
mod takers;
mod walk;

use std::collections::BTreeMap;

use market::OrderBook;
use model::{
    Amount, Bar, DepthUpdate, Instrument, Level, MarketEvent, Price, Quantity, Quote, Side,
    TimeInForce, Timestamp, Trade,
};

pub use config::{Levels, RecordedModels, TakerVolume};
pub use own::RecordedOwn;
pub use queue::QueueModel;

use crate::liquidity::{is_within, units_of};
use crate::{Desk, Liquidity, MatchEvent, Matcher, Slot};
use own::OwnOrders;
use queue::Queue;
use takers::{Takers, WHOLE, whole_step};
use walk::Walk;

/// A resting order of ours.
#[derive(Clone, Copy, Debug)]
struct Resting {
    slot: Slot,
    queue: Queue,
}

/// Orders of ours on one side, best price first, then by the order in which they came to rest.
type RestingSide = BTreeMap<(i64, u64), Resting>;

/// A market that is known from its events.
#[derive(Clone, Debug)]
pub struct Recorded {
    models: RecordedModels,
    tick: Price,
    taker_cost: i128,
    /// What is displayed, as of the newest event.
    book: OrderBook,
    has_depth: bool,
    /// The newest best prices: they run ahead of the depth that is sent ten times a second.
    quote: Option<Quote>,
    /// What we took from levels that have not changed since.
    taken: BTreeMap<(Side, Price), i64>,
    last_price: Option<Price>,
    has_trades: bool,
    walk: Walk,
    takers: Takers,
    bids: RestingSide,
    asks: RestingSide,
    rested: u64,
    /// Share of the volume beyond our price that is not used up, by side, in units of 10⁻⁸ of a
    /// unit: small trades add up.
    share: [i128; 2],
    /// What the recording shows of ourselves.
    own: OwnOrders,
}

/// What a taker pays on the last price counts in so many parts of it.
const COST_PARTS: i128 = 1_000_000_000_000;

/// What sorts a side's prices best first.
const fn rank(side: Side, price: Price) -> i64 {
    match side {
        Side::Buy => -price.units(),
        Side::Sell => price.units(),
    }
}

impl Recorded {
    /// A market of which nothing is known yet.
    #[must_use]
    pub fn new(instrument: &Instrument, models: RecordedModels) -> Self {
        Self {
            models,
            tick: instrument.filters.price.tick,
            taker_cost: models.taker_cost(),
            book: OrderBook::new(instrument.id),
            has_depth: false,
            quote: None,
            taken: BTreeMap::new(),
            last_price: None,
            has_trades: false,
            walk: Walk::default(),
            takers: Takers::new(&models, instrument.filters.lot_size.step),
            bids: RestingSide::new(),
            asks: RestingSide::new(),
            rested: 0,
            share: [0; 2],
            own: OwnOrders::default(),
        }
    }

    /// A recording of a run that had these orders on the market.
    pub(crate) fn recorded_with(&mut self, orders: Vec<RecordedOwn>) {
        self.own = OwnOrders::new(orders);
    }

    /// The models in use.
    #[must_use]
    pub const fn models(&self) -> &RecordedModels {
        &self.models
    }

    /// What is displayed, before what we took.
    #[must_use]
    pub const fn displayed(&self) -> &OrderBook {
        &self.book
    }

    const fn has_levels(&self) -> bool {
        self.has_depth || self.quote.is_some()
    }

    const fn resting(&self, side: Side) -> &RestingSide {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    const fn resting_mut(&mut self, side: Side) -> &mut RestingSide {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    fn net(&self, side: Side, level: Level) -> Level {
        let taken = self.taken.get(&(side, level.price)).copied().unwrap_or(0);
        let taken = taken + self.own.displayed(side, level.price);
        let quantity = Quantity::from_units((level.quantity.units() - taken).max(0));
        Level { quantity, ..level }
    }

    /// Without levels: where a taker trades, and what its share is.
    fn assumed(&self, side: Side) -> Option<Level> {
        let last = self.last_price.filter(|_| !self.has_levels())?;
        let quantity = self.takers.offered();
        self.beyond(side, last).map(|level| Level { quantity, ..level })
    }

    /// Half a spread and slippage worse than a price, without end.
    fn beyond(&self, side: Side, last: Price) -> Option<Level> {
        let price = if self.taker_cost == 0 {
            last
        } else {
            // Up to a whole unit: what is not there to be paid would be a gift.
            let parts = i128::from(last.units()) * self.taker_cost;
            let cost = (parts + COST_PARTS - 1) / COST_PARTS;
            let units = i128::from(last.units()) - cost * i128::from(side.sign());
            Price::from_units(i64::try_from(units).ok()?)
        };
        // Rounded against the taker, but nothing is sold for less than the smallest price.
        let price = match side {
            Side::Sell => price.ceil_to(self.tick),
            Side::Buy => price.floor_to(self.tick).max(self.tick).max(Price::from_units(1)),
        };
        last.is_positive().then_some(Level { price, quantity: Quantity::MAX })
    }

    /// What is ahead of an order that comes to rest now; `None` when nobody knows.
    fn displayed_at(&self, side: Side, price: Price) -> Option<Quantity> {
        let ours = Quantity::from_units(self.own.displayed(side, price));
        let displayed = (self.book.quantity_at(side, price) - ours).max(Quantity::ZERO);
        let known = if self.has_depth { self.book.worst(side) } else { self.book.best(side) };
        let is_known = known.is_none_or(|known| rank(side, price) <= rank(side, known.price));
        is_known.then_some(displayed)
    }
}

impl Liquidity for Recorded {
    fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        let displayed = self.book.levels(side).map(move |level| self.net(side, level));
        displayed.filter(|level| level.quantity.is_positive()).chain(self.assumed(side))
    }

    /// Without levels there is a price even when nothing is offered at it.
    fn best(&self, side: Side) -> Option<Level> {
        if self.has_levels() {
            self.levels(side).next()
        } else {
            self.last_price.and_then(|last| self.beyond(side, last))
        }
    }

    /// Behind the best price, where that is all that is known: on the venue an order without a
    /// limit would go on through the book. Without levels, what a taker waits for.
    fn behind(&self, side: Side) -> Option<Level> {
        if !self.has_levels() {
            return self.best(side);
        }
        let best = self.book.best(side).filter(|_| !self.has_depth)?;
        self.beyond(side, best.price)
    }

    fn take(
        &mut self,
        taker: Slot,
        mut wanted: Quantity,
        limit: Option<Price>,
        desk: &mut Desk,
        out: &mut Vec<MatchEvent>,
    ) {
        if !self.has_levels() {
            return self.take_share(taker, wanted, limit, desk, out);
        }
        let side = desk.orders.get(taker).side;
        let maker_side = side.opposite();
        while wanted.is_positive()
            && let Some(level) = self.best(maker_side)
        {
            if !is_within(side, level.price, limit) {
                return;
            }
            let quantity = wanted.min(level.quantity);
            wanted -= quantity;
            *self.taken.entry((maker_side, level.price)).or_default() += quantity.units();
            desk.execute(None, Some(taker), level.price, quantity, side, out);
        }
        if let Some(level) = self.behind(maker_side).filter(|_| limit.is_none())
            && wanted.is_positive()
        {
            desk.execute(None, Some(taker), level.price, wanted, side, out);
        }
    }

    fn wait(&mut self, taker: Slot, limit: Option<Price>, side: Side) -> bool {
        let Some(level) = self.best(side.opposite()).filter(|_| !self.has_levels()) else {
            return false;
        };
        let waits = self.takers.share_volume() && is_within(side, level.price, limit);
        if waits {
            // Within a bar nothing gets better.
            let worst = self.walk.is_within().then_some(level.price);
            self.takers.add(taker, limit, worst);
        }
        waits
    }

    /// A trade is no offer to those who come after it: without levels they meet the next one. (A
    /// bar that has opened stands for trades to come.)
    fn pass_time(&mut self) {
        if self.has_trades && self.takers.share_volume() {
            self.takers.see(Quantity::ZERO);
            self.walk.pass();
        }
    }

    fn defer(&mut self, taker: Slot, limit: Price, time_in_force: TimeInForce) -> bool {
        let waits = self.walk.is_past() && !self.has_levels();
        if waits {
            self.takers.add_for_next(taker, limit, time_in_force);
        }
        waits
    }

    fn set_budget(&mut self, taker: Slot, budget: Amount) {
        self.takers.set_budget(taker, units_of(budget));
    }

    fn set_quote(&mut self, taker: Slot, units: i128, desk: &Desk) {
        let order = desk.orders.get(taker);
        let most = match order.side {
            Side::Buy => Quantity::MAX,
            Side::Sell => order.remaining(),
        };
        if let Some(level) = self.best(order.side.opposite()) {
            let had = i128::from(level.price.units()) * i128::from(order.filled.units());
            self.takers.set_quote(taker, units - had, most);
        }
    }

    fn rest(&mut self, slot: Slot, desk: &mut Desk, _out: &mut Vec<MatchEvent>) {
        let order = desk.orders.get(slot);
        let (side, price) = (order.side, order.limit());
        let queue = Queue::behind(self.displayed_at(side, price));
        self.rested += 1;
        let key = (rank(side, price), self.rested);
        self.resting_mut(side).insert(key, Resting { slot, queue });
    }

    /// Nobody else sees an order of ours: there is no level to change.
    fn shrink(&mut self, _: Slot, _: Quantity, _: &mut Desk, _: &mut Vec<MatchEvent>) {}

    fn remove(&mut self, slot: Slot, desk: &mut Desk, _out: &mut Vec<MatchEvent>) {
        if self.takers.remove(slot) {
            return;
        }
        let order = desk.orders.get(slot);
        let (side, rank) = (order.side, rank(order.side, order.limit()));
        let resting = self.resting_mut(side);
        let key = resting
            .range((rank, 0)..=(rank, u64::MAX))
            .find(|(_, resting)| resting.slot == slot)
            .map(|(key, _)| *key)
            .expect("a working order with a limit rests at it");
        resting.remove(&key);
        if self.resting(side).is_empty() {
            self.share[side as usize] = 0;
        }
    }
}

/// What the market does.
impl Recorded {
    /// A level shows a new total.
    fn set_level(&mut self, now: Timestamp, side: Side, level: Level) {
        let before = self.book.set(side, level);
        if before != level.quantity {
            self.on_change(now, side, level.price, before, level.quantity);
        }
    }

    fn on_change(
        &mut self,
        now: Timestamp,
        side: Side,
        price: Price,
        before: Quantity,
        after: Quantity,
    ) {
        if !self.taken.is_empty() {
            self.taken.remove(&(side, price));
        }
        let (before, after) = if self.own.is_idle() {
            (before, after)
        } else {
            self.own.without(now, (side, price), before, after)
        };
        let model = self.models.queue;
        if !self.resting(side).is_empty() {
            let rank = rank(side, price);
            for (_, resting) in self.resting_mut(side).range_mut((rank, 0)..=(rank, u64::MAX)) {
                resting.queue.on_level(now, model, before, after);
            }
        }
    }

    fn on_depth(&mut self, now: Timestamp, depth: &DepthUpdate) {
        self.has_depth = true;
        let newer = self.quote.filter(|quote| quote.update_id > depth.last_update_id);
        if depth.is_snapshot {
            self.on_snapshot(now, depth);
            if let Some(quote) = newer {
                self.show(now, &quote);
            }
            return;
        }
        for (side, levels) in [(Side::Buy, &depth.bids), (Side::Sell, &depth.asks)] {
            // Best prices that are newer than this depth know better, down to their level.
            let best = newer.map(|quote| match side {
                Side::Buy => rank(side, quote.bid.price),
                Side::Sell => rank(side, quote.ask.price),
            });
            for level in levels {
                if best.is_none_or(|best| rank(side, level.price) > best) {
                    self.set_level(now, side, *level);
                }
            }
        }
        self.book.stamp(depth);
    }

    fn on_snapshot(&mut self, now: Timestamp, snapshot: &DepthUpdate) {
        let old = std::mem::replace(&mut self.book, OrderBook::new(snapshot.instrument));
        self.book.apply(snapshot);
        let resting = [Side::Buy, Side::Sell].into_iter().flat_map(|side| {
            let price = move |(rank, _): &(i64, u64)| match side {
                Side::Buy => Price::from_units(-rank),
                Side::Sell => Price::from_units(*rank),
            };
            self.resting(side).keys().map(move |key| (side, price(key)))
        });
        let mut concerned: Vec<(Side, Price)> = resting.chain(self.taken.keys().copied()).collect();
        concerned.sort_unstable();
        concerned.dedup();
        for (side, price) in concerned {
            let (before, after) =
                (old.quantity_at(side, price), self.book.quantity_at(side, price));
            if before != after {
                self.on_change(now, side, price, before, after);
            }
        }
    }

    fn on_quote(&mut self, now: Timestamp, quote: &Quote) {
        let is_old = self.quote.is_some_and(|newest| newest.update_id > quote.update_id)
            || (self.has_depth && self.book.update_id() >= quote.update_id);
        if is_old {
            return;
        }
        self.quote = Some(*quote);
        self.show(now, quote);
    }

    /// Puts best prices on the book: nothing is better than they are.
    fn show(&mut self, now: Timestamp, quote: &Quote) {
        for (side, best) in [(Side::Buy, quote.bid), (Side::Sell, quote.ask)] {
            let known = self.book.best(side);
            if known == Some(best) {
                continue;
            }
            self.book.remove_better_than(side, best.price);
            for resting in self.resting_mut(side).range_mut(..(rank(side, best.price), 0)) {
                resting.1.queue.clear();
            }
            self.set_level(now, side, best);
            if !self.has_depth
                && let Some(known) = known.filter(|known| known.price != best.price)
            {
                // Nobody tells what becomes of a level that is not the best.
                self.book.set(side, Level { quantity: Quantity::ZERO, ..known });
                self.taken.remove(&(side, known.price));
            }
        }
    }

    /// A trade, or a point of a bar, is the newest price.
    #[inline(always)]
    fn see(&mut self, trade: &Trade) {
        self.last_price = Some(trade.price);
        self.takers.see(trade.quantity);
        match Walk::point(trade.id) {
            None => {
                self.has_trades = true;
                self.walk.leave();
            }
            Some(point) => self.walk.reach(point),
        }
    }

    /// Lets resting orders take what a trade brought them.
    fn on_trade(&mut self, trade: &Trade, desk: &mut Desk, out: &mut Vec<MatchEvent>) {
        desk.print(trade.price);
        if !self.takers.is_empty() {
            self.serve_takers(desk, out);
        }
        let ours = if self.own.is_idle() { None } else { self.own.has_rested(trade.id) };
        // What we took ourselves serves nobody.
        if ours != Some(false) {
            self.serve_both(trade, ours.is_some(), desk, out);
        }
        if ours.is_some() {
            self.own.execute(trade.id);
        }
        if self.walk.is_over() {
            self.takers.offer_nothing();
        }
    }

    fn serve_both(
        &mut self,
        trade: &Trade,
        was_with_us: bool,
        desk: &mut Desk,
        out: &mut Vec<MatchEvent>,
    ) {
        for side in [Side::Buy, Side::Sell] {
            if self.resting(side).is_empty() {
                continue;
            }
            if self.has_levels() {
                let was_with_us = was_with_us && trade.aggressor != side;
                self.serve(side, trade, was_with_us, desk, out);
            } else {
                self.share_volume(side, trade, desk, out);
            }
        }
    }

    /// With levels: orders beyond the trade's price first, best first, then the queue at it.
    fn serve(
        &mut self,
        side: Side,
        trade: &Trade,
        was_with_us: bool,
        desk: &mut Desk,
        out: &mut Vec<MatchEvent>,
    ) {
        let (at, mut left) = if was_with_us {
            self.passed_on(side, trade)
        } else {
            (rank(side, trade.price), trade.quantity)
        };
        let mut fills = Vec::new();
        for (key, resting) in self.resting_mut(side).range_mut(..=(at, u64::MAX)) {
            let reached = if key.0 < at {
                left
            } else if trade.aggressor == side {
                break;
            } else {
                resting.queue.on_trade(desk.now, left)
            };
            let quantity = desk.orders.get(resting.slot).remaining().min(reached);
            if quantity.is_positive() {
                left -= quantity;
                fills.push((*key, quantity));
            }
        }
        for (key, quantity) in fills {
            self.fill(side, key, quantity, desk, out);
        }
    }

    /// A trade that somebody made with an order of ours would else have gone on: through the levels
    /// ahead of our first order here, which then have so much less, and to it.
    fn passed_on(&mut self, side: Side, trade: &Trade) -> (i64, Quantity) {
        let traded_at = rank(side, trade.price);
        let first = self.resting(side).first_key_value().map_or(traded_at, |(key, _)| key.0);
        if first <= traded_at {
            return (traded_at, trade.quantity);
        }
        let between = |level: &Level| rank(side, level.price) < first;
        let is_reached = |level: &Level| rank(side, level.price) >= traded_at;
        let ahead: Vec<Level> = self.levels(side).take_while(between).filter(is_reached).collect();
        let mut left = trade.quantity;
        for level in &ahead {
            if left.is_zero() {
                break;
            }
            let taken = left.min(level.quantity);
            *self.taken.entry((side, level.price)).or_default() += taken.units();
            left -= taken;
        }
        (first, left)
    }

    /// Without levels: orders that the price went beyond share a part of the trade.
    fn share_volume(
        &mut self,
        side: Side,
        trade: &Trade,
        desk: &mut Desk,
        out: &mut Vec<MatchEvent>,
    ) {
        let reached = ..(rank(side, trade.price), 0);
        if self.resting(side).range(reached).next().is_none() {
            return;
        }
        let mut share = self.share[side as usize] + self.takers.leave_to_makers();
        let step = desk.instrument.filters.lot_size.step;
        let mut fills = Vec::new();
        for (key, resting) in self.resting(side).range(reached) {
            let whole = i64::try_from(share / WHOLE).unwrap_or(i64::MAX);
            let remaining = desk.orders.get(resting.slot).remaining();
            let quantity = remaining.min(Quantity::from_units(whole).floor_to(step));
            if quantity.is_positive() {
                share -= i128::from(quantity.units()) * WHOLE;
                fills.push((*key, quantity));
            }
        }
        // What nobody could take who was reached is no share of a trade that reaches others: only
        // fractions of a step are kept.
        self.share[side as usize] = share % whole_step(step);
        for (key, quantity) in fills {
            self.fill(side, key, quantity, desk, out);
        }
    }

    /// Fills resting orders from displayed quantity of the other side that reached their price.
    fn meet_displayed(&mut self, side: Side, desk: &mut Desk, out: &mut Vec<MatchEvent>) {
        while let Some((key, resting)) = self.resting(side).first_key_value() {
            let (key, slot) = (*key, resting.slot);
            let order = desk.orders.get(slot);
            let Some(level) = self.best(side.opposite()) else { return };
            if !is_within(side, level.price, Some(order.limit())) {
                return;
            }
            let quantity = order.remaining().min(level.quantity);
            *self.taken.entry((side.opposite(), level.price)).or_default() += quantity.units();
            self.fill(side, key, quantity, desk, out);
        }
    }

    fn fill(
        &mut self,
        side: Side,
        key: (i64, u64),
        quantity: Quantity,
        desk: &mut Desk,
        out: &mut Vec<MatchEvent>,
    ) {
        let slot = self.resting(side)[&key].slot;
        let price = desk.orders.get(slot).limit();
        desk.execute(Some(slot), None, price, quantity, side.opposite(), out);
        if desk.orders.get(slot).remaining().is_zero() {
            self.resting_mut(side).remove(&key);
            desk.close(slot);
            if self.resting(side).is_empty() {
                self.share[side as usize] = 0;
            }
        }
    }

    /// After levels changed.
    fn meet_both(&mut self, desk: &mut Desk, out: &mut Vec<MatchEvent>) {
        if !self.takers.is_empty() && self.has_levels() {
            self.send_takers_to_levels(desk, out);
        }
        for side in [Side::Buy, Side::Sell] {
            if !self.resting(side).is_empty() {
                self.meet_displayed(side, desk, out);
            }
        }
    }
}

impl Matcher<Recorded> {
    /// Takes what happened on the market: resting orders may fill, waiting ones may fire.
    /// [`MarketEvent::Book`] tells nothing that the events it was made of did not, and is passed
    /// over.
    #[inline]
    pub fn on_market(&mut self, now: Timestamp, event: &MarketEvent, out: &mut Vec<MatchEvent>) {
        if let MarketEvent::Bar(bar) = event {
            for point in self.walk(bar) {
                self.pass(now, &MarketEvent::Trade(point), out);
                self.fire_triggers(out);
            }
            return;
        }
        self.pass(now, event, out);
        if matches!(event, MarketEvent::Trade(_)) {
            self.fire_triggers(out);
        }
    }

    /// Takes what happened on the market as [`Self::on_market`] does, but leaves the waiting
    /// orders that it reaches to [`Self::fire_next`]: for a caller whose orders depend on each
    /// other, and who must take back one before another fires. A bar must be taken point by point
    /// of its [`Self::walk`].
    #[inline(always)]
    pub fn pass(&mut self, now: Timestamp, event: &MarketEvent, out: &mut Vec<MatchEvent>) {
        self.desk.now = now;
        if let MarketEvent::Trade(trade) = event
            && self.desk.orders.is_empty()
            && self.liquidity.own.is_idle()
        {
            // Nobody rests, waits or follows.
            self.liquidity.see(trade);
            if self.liquidity.walk.is_over() {
                self.liquidity.takers.offer_nothing();
            }
            self.desk.last_price = Some(trade.price);
        } else {
            self.meet_market(now, event, out);
        }
    }

    #[inline(never)]
    fn meet_market(&mut self, now: Timestamp, event: &MarketEvent, out: &mut Vec<MatchEvent>) {
        if !self.liquidity.own.is_idle() {
            self.liquidity.own.advance(now);
        }
        match event {
            MarketEvent::Trade(trade) => {
                self.liquidity.see(trade);
                self.liquidity.on_trade(trade, &mut self.desk, out);
                self.observe(out);
            }
            MarketEvent::Bar(_) | MarketEvent::Book(_) => {}
            MarketEvent::Quote(_) | MarketEvent::Depth(_)
                if self.liquidity.models.levels == Levels::Ignored => {}
            MarketEvent::Quote(quote) => {
                self.liquidity.on_quote(now, quote);
                self.liquidity.meet_both(&mut self.desk, out);
            }
            MarketEvent::Depth(depth) => {
                self.liquidity.on_depth(now, depth);
                self.liquidity.meet_both(&mut self.desk, out);
            }
        }
    }

    /// What is displayed, before what our orders took.
    #[must_use]
    pub const fn displayed(&self) -> &OrderBook {
        self.liquidity.displayed()
    }

    /// The points that a bar is walked by, each like a trade: none once trades have come. A bar on
    /// top of levels tells the last price and nothing of who was served.
    pub fn walk(&mut self, bar: &Bar) -> impl Iterator<Item = Trade> + use<> {
        let with_volume = !self.liquidity.has_levels();
        let points = self.liquidity.walk.points(bar, with_volume);
        points.take(if self.liquidity.has_trades { 0 } else { usize::MAX })
    }
}

#[cfg(test)]
mod tests;
