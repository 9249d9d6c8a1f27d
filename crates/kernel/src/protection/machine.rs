//! The machine.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Instrument, InstrumentId, NewOrder, OrderId, Price, Quantity, StrategyId, Timestamp};

use super::closing::{ATTEMPTS, Closed, Closing, ClosingPlan, PlannedCancel, RETRY_EVERY};
use super::holding::{Exchange, Holding};
use super::policy::ProtectionPolicy;
use crate::messages::{Intent, SubmitIntent};
use crate::portfolio::{
    MarketPrices, Portfolio, Position, Rate, Remaining, Reservations, ReservedOrder,
};

/// Exits of one holding that wait at most; one more goes to the gate at once, which denies what
/// the position does not have.
const HELD_BOUND: usize = 16;

/// Protective orders of one holding that stand side by side; past it they are taken back and one
/// takes their place. The venue allows few stops on a symbol.
const STOPS_BOUND: usize = 2;

/// How long a target that has begun to trade may go on without its stop, which the venue ends with
/// the first trade: the price is far from the stop then.
const TARGET_GRACE: Duration = Duration::from_secs(1);

/// One strategy's holding in one instrument.
pub(super) type Key = (StrategyId, InstrumentId);

/// A holding as the books show it.
pub(crate) struct Custody<'a> {
    pub strategy: StrategyId,
    pub instrument: &'a Instrument,
    pub position: Position,
    pub market: &'a MarketPrices,
    pub reservations: &'a Reservations,
    /// Open orders of the strategy on the instrument, oldest first.
    pub orders: Vec<&'a ReservedOrder>,
    /// Whether orders can go out.
    pub is_live: bool,
}

impl<'a> Custody<'a> {
    pub(crate) fn of(portfolio: &'a Portfolio, key: Key, is_live: bool) -> Self {
        let (strategy, instrument) = key;
        let reservations = portfolio.reservations();
        let is_here = |order: &&ReservedOrder| {
            order.strategy == strategy && order.new.instrument == instrument
        };
        let mut orders: Vec<&ReservedOrder> = reservations.iter().filter(is_here).collect();
        orders.sort_unstable_by_key(|order| order.order);
        Self {
            strategy,
            instrument: portfolio.instruments().get(instrument),
            position: portfolio.position(strategy, instrument),
            market: portfolio.marks().get(instrument),
            reservations,
            orders,
            is_live,
        }
    }

    /// Base that no open sell takes.
    fn free(&self) -> Quantity {
        self.position.quantity().saturating_sub_to_zero(self.sells(|_| true))
    }
}

/// The next step for a holding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Wish {
    /// Place an order of the engine's own.
    Submit { order: OrderId, new: NewOrder },
    /// Place a stop and a target of the engine's own as a pair.
    SubmitPair { stop: (OrderId, NewOrder), target: (OrderId, NewOrder) },
    /// Take an order back.
    Cancel(OrderId),
    /// A strategy's exit has waited long enough: the gate is to judge it now.
    Judge(SubmitIntent),
    /// The same, for an exit that goes in one request with the cancel of the stop.
    JudgeInPlaceOf { stop: OrderId, wanted: SubmitIntent },
    /// Something sellable was without protection for so long, and is not any more.
    Covered { uncovered: Quantity, duration: Duration },
    /// A position is closed, as far as it can be.
    Closed(Closed),
}

/// What becomes of a strategy's intent before the gate sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Intercepted {
    /// It goes to the gate.
    Pass(SubmitIntent),
    /// It waits until what locks its lots is gone.
    Held,
    /// The position is being closed on an operator's word.
    Closing(SubmitIntent),
}

/// A holding without its protection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uncovered {
    /// Whose.
    pub strategy: StrategyId,
    /// In what.
    pub instrument: InstrumentId,
    /// How much.
    pub quantity: Quantity,
    /// Since when.
    pub since: Timestamp,
}

/// Decides what should rest for each holding. See the module's page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProtectionMachine {
    epoch: u32,
    policies: BTreeMap<StrategyId, ProtectionPolicy>,
    /// The last number given to an order of the engine, by strategy.
    numbers: BTreeMap<StrategyId, u32>,
    holdings: BTreeMap<Key, Holding>,
}

impl ProtectionMachine {
    /// Nothing is known of any holding yet. The epoch is part of every order's id.
    #[must_use]
    pub const fn new(epoch: u32, policies: BTreeMap<StrategyId, ProtectionPolicy>) -> Self {
        Self { epoch, policies, numbers: BTreeMap::new(), holdings: BTreeMap::new() }
    }

    /// Whether a look at a holding could lead to anything.
    pub(crate) fn concerns(&self, key: Key) -> bool {
        self.policies.contains_key(&key.0) || self.holdings.contains_key(&key)
    }

    /// Whether there is a holding to look at again at some instant.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.wakes().next().is_some()
    }

    /// Every holding that a look could be worth.
    pub(crate) fn keys(&self, portfolio: &Portfolio) -> Vec<Key> {
        let mut keys = keys_of(portfolio, None);
        keys.extend(self.holdings.keys());
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// When [`Self::plan`] is worth asking although nothing has happened, and for which holding.
    pub(crate) fn wakes(&self) -> impl Iterator<Item = (Timestamp, Key)> {
        self.holdings.iter().filter_map(|(key, holding)| Some((holding.wake_at?, *key)))
    }

    /// Holdings of protected strategies that have something sellable without protection.
    pub fn uncovered(&self) -> impl Iterator<Item = Uncovered> {
        self.holdings.iter().filter_map(|((strategy, instrument), holding)| {
            let (strategy, instrument) = (*strategy, *instrument);
            let since = holding.uncovered_since?;
            Some(Uncovered { strategy, instrument, quantity: holding.uncovered, since })
        })
    }

    /// How many exits wait for their lots, or positions for being closed.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        let busy = |holding: &&Holding| holding.closing.is_some() || !holding.held.is_empty();
        self.holdings.values().filter(busy).count()
    }

    /// Takes back an exit that waits here: nothing of it was ever sent.
    pub(crate) fn withdraw(&mut self, order: OrderId) -> Option<SubmitIntent> {
        self.holdings.values_mut().find_map(|holding| {
            let at = holding.held.iter().position(|held| held.intent.order() == order)?;
            Some(holding.held.remove(at))
        })
    }

    /// Looks at a strategy's sell before the gate does. `old` is the order that it replaces.
    pub(crate) fn intercept(
        &mut self,
        key: Key,
        custody: &Custody<'_>,
        (new, old): (&NewOrder, Option<OrderId>),
        wanted: SubmitIntent,
    ) -> Intercepted {
        let holding = self.holdings.entry(key).or_default();
        if holding.closing.is_some() {
            return Intercepted::Closing(wanted);
        }
        let released = old.and_then(|old| custody.reservations.get(old));
        let released = released.map_or(Quantity::ZERO, |old| old.cost.sold);
        let free = custody.free().checked_add(released).unwrap_or(Quantity::MAX);
        let fits = sold(new).is_some_and(|sold| sold <= free);
        let must_wait = !holding.held.is_empty() || (!fits && custody.ours().next().is_some());
        if !custody.is_live || !must_wait || holding.held.len() >= HELD_BOUND {
            return Intercepted::Pass(wanted);
        }
        holding.held.push(wanted);
        Intercepted::Held
    }

    /// An order of the engine's own was denied, refused or ended unasked. Returns when the next
    /// is tried.
    pub(crate) fn note_failure(&mut self, now: Timestamp, key: Key) -> Timestamp {
        self.holdings.entry(key).or_default().note_failure(now)
    }

    /// A pair was denied or refused: from now on the stop goes alone. True if that is new.
    pub(crate) fn note_pair_refused(&mut self, key: Key) -> bool {
        let holding = self.holdings.entry(key).or_default();
        !std::mem::replace(&mut holding.is_pair_refused, true)
    }

    /// An order was refused: if it is the exit that was to come in the place of a stop, the next
    /// one waits until the stop is gone. The venue may not know that request for the instrument.
    pub(crate) fn note_refused(&mut self, key: Key, order: OrderId) {
        if let Some(holding) = self.holdings.get_mut(&key)
            && holding.exchange.is_some_and(|exchange| exchange.exit == order)
        {
            holding.is_exchange_refused = true;
        }
    }

    /// Whether the end of an order was asked for here.
    pub(crate) fn is_canceling(&self, key: Key, order: OrderId) -> bool {
        self.holdings.get(&key).is_some_and(|holding| holding.canceling.contains(&order))
    }

    /// Compares what should rest for a holding with what rests, and appends the next step; nothing
    /// when all is as it should be, or an answer is awaited.
    pub(crate) fn plan(&mut self, now: Timestamp, key: Key, custody: &Custody<'_>) -> Vec<Wish> {
        let mut holding = self.holdings.remove(&key).unwrap_or_default();
        let mut wishes = Vec::new();
        holding.wake_at = None;
        holding.canceling.retain(|order| custody.reservations.get(*order).is_some());
        settle_exchange(&mut holding, custody);
        let policy = self.policies.get(&key.0).copied();
        measure(now, &mut holding, policy, custody, &mut wishes);
        if !custody.is_live {
            // The gate says why nothing goes out now.
            wishes.extend(holding.held.drain(..).map(Wish::Judge));
        } else if holding.closing.is_some() {
            self.close(now, &mut holding, custody, &mut wishes);
        } else if !holding.held.is_empty() {
            make_way(&mut holding, custody, &mut wishes);
        } else {
            self.protect(now, &mut holding, policy, custody, &mut wishes);
        }
        if !holding.is_idle(now) {
            self.holdings.insert(key, holding);
        }
        wishes
    }

    /// What should rest is the part of the position that no other sell takes.
    fn protect(
        &mut self,
        now: Timestamp,
        holding: &mut Holding,
        policy: Option<ProtectionPolicy>,
        custody: &Custody<'_>,
        wishes: &mut Vec<Wish>,
    ) {
        let stop_price = policy.and_then(|policy| policy.stop_price(&custody.position));
        let (Some(policy), Some(stop_price)) = (policy, stop_price) else {
            // Nothing is held, or the strategy is not protected any more: what was placed for
            // what is still held stays.
            if custody.position.quantity().is_zero() {
                holding.bare_since = None;
                holding.begin_anew();
                take_back(holding, custody, wishes);
            }
            return;
        };
        if custody.ours().any(|order| order.executed().is_none()) {
            return;
        }
        // What sells already is left alone; what is bought beside it is protected.
        let is_selling = custody.ours().any(|order| order.is_triggered);
        if custody.sellable(custody.position.quantity(), stop_price).is_zero() {
            // What is left is dust.
            holding.begin_anew();
        }
        if awaits_bare_target(now, holding, custody, stop_price, wishes) {
            return;
        }
        let others = custody.sells(|order| !super::cover::is_ours(order));
        let wanted = custody.position.quantity().saturating_sub_to_zero(others);
        let standing = custody.sells(super::cover::is_ours);
        if standing > wanted {
            if !is_selling {
                take_back(holding, custody, wishes);
            }
            return;
        }
        let missing = custody.sellable(wanted.saturating_sub_to_zero(standing), stop_price);
        if missing.is_zero() {
            return;
        }
        holding.wake_at = holding.retry_at().filter(|at| *at > now);
        if holding.wake_at.is_some() {
            return;
        }
        let waits = |order: &&ReservedOrder| !super::cover::is_target(order) && !order.is_triggered;
        if custody.ours().filter(waits).count() >= STOPS_BOUND {
            let is_settled = custody.ours().all(|order| order.is_acknowledged);
            if is_settled {
                take_back_if(holding, custody, wishes, |order| !order.is_triggered);
            }
            return;
        }
        if custody.ours().any(|order| holding.canceling.contains(&order.order)) {
            return;
        }
        let (instrument, market) = (custody.instrument.id, custody.market);
        let new = policy.stop(instrument, missing, stop_price, market.mark);
        let target = policy.target(instrument, missing, &custody.position, stop_price, market);
        let order = self.next_order(custody.strategy);
        wishes.push(match target.filter(|_| !holding.is_pair_refused) {
            Some(target) => {
                let target = (self.next_order(custody.strategy), target);
                Wish::SubmitPair { stop: (order, new), target }
            }
            None => Wish::Submit { order, new },
        });
    }

    fn close(
        &mut self,
        now: Timestamp,
        holding: &mut Holding,
        custody: &Custody<'_>,
        wishes: &mut Vec<Wish>,
    ) {
        wishes.extend(holding.held.drain(..).map(Wish::Judge));
        let Some(closing) = &mut holding.closing else { return };
        let is_closing_order =
            |order: &ReservedOrder| order.order.is_engines() && order.new.role == model::Role::Exit;
        for order in custody.orders.iter().filter(|order| !is_closing_order(order)) {
            if holding.canceling.insert(order.order) {
                wishes.push(Wish::Cancel(order.order));
            }
        }
        if !custody.orders.is_empty() {
            return;
        }
        let held = custody.position.quantity();
        let left = custody.sellable(held, closing.limit);
        if left.is_zero() || closing.attempts_left == 0 {
            holding.closing = None;
            wishes.push(Wish::Closed(match (held.is_zero(), left.is_zero()) {
                (true, _) => Closed::Flat,
                (false, true) => Closed::Dust(held),
                (false, false) => Closed::Unsold(held),
            }));
            return;
        }
        if now < closing.next_at {
            holding.wake_at = Some(closing.next_at);
            return;
        }
        closing.attempts_left -= 1;
        closing.next_at = now.after(RETRY_EVERY);
        let new = custody.closing_order(left, closing.limit);
        wishes.push(Wish::Submit { order: self.next_order(custody.strategy), new });
    }

    /// What closing every position of a strategy, or of all, would do.
    #[must_use]
    pub fn closing_plan(
        &self,
        portfolio: &Portfolio,
        strategy: Option<StrategyId>,
        max_slippage: Rate,
    ) -> ClosingPlan {
        let mut plan = ClosingPlan::default();
        for key in keys_of(portfolio, strategy) {
            let custody = Custody::of(portfolio, key, true);
            let (strategy, instrument) = key;
            plan.cancels.extend(custody.orders.iter().map(|order| PlannedCancel {
                strategy,
                instrument,
                order: order.order,
                role: order.new.role,
                side: order.new.side,
            }));
            plan.closes.extend(custody.planned_close(max_slippage));
        }
        plan
    }

    /// Begins to close every position of a strategy, or of all, for which there is a price.
    /// Returns the holdings to look at.
    pub(crate) fn start_closing(
        &mut self,
        now: Timestamp,
        portfolio: &Portfolio,
        strategy: Option<StrategyId>,
        max_slippage: Rate,
    ) -> Vec<Key> {
        let keys = keys_of(portfolio, strategy);
        for key in &keys {
            let custody = Custody::of(portfolio, *key, true);
            // Without a price only its orders are taken back.
            let limit = custody.planned_close(max_slippage).and_then(|close| close.limit);
            let bound = custody.market.bid.or(custody.market.mark);
            let limit = limit.or_else(|| bound.map(|bid| max_slippage.below(bid)));
            let attempts_left = if limit.is_some() { ATTEMPTS } else { 0 };
            let limit = limit.unwrap_or(Price::ZERO);
            let closing = Closing { limit, attempts_left, next_at: now };
            self.holdings.entry(*key).or_default().closing = Some(closing);
        }
        keys
    }

    fn next_order(&mut self, strategy: StrategyId) -> OrderId {
        let number = self.numbers.entry(strategy).or_insert(OrderId::ENGINES_FROM);
        let order = OrderId { epoch: self.epoch, strategy, number: *number };
        *number += 1;
        order
    }
}

/// Every holding and everything with open orders, in order.
pub(crate) fn keys_of(portfolio: &Portfolio, strategy: Option<StrategyId>) -> Vec<Key> {
    let held = portfolio.holdings().filter(|(_, holding)| !holding.position.quantity().is_zero());
    let held = held.map(|(instrument, holding)| (holding.strategy, instrument));
    let open = portfolio.reservations().iter();
    let open = open.map(|order| (order.strategy, order.new.instrument));
    let is_meant = |key: &Key| strategy.is_none_or(|strategy| key.0 == strategy);
    let mut keys: Vec<Key> = held.chain(open).filter(is_meant).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Base that a new sell takes; `None` for one by quote amount, which may take everything.
const fn sold(new: &NewOrder) -> Option<Quantity> {
    match new.quantity {
        model::OrderQuantity::Base(quantity) => Some(quantity),
        model::OrderQuantity::Quote(_) => None,
    }
}

/// Takes every protective order of the engine back.
fn take_back(holding: &mut Holding, custody: &Custody<'_>, wishes: &mut Vec<Wish>) {
    take_back_if(holding, custody, wishes, |_| true);
}

fn take_back_if(
    holding: &mut Holding,
    custody: &Custody<'_>,
    wishes: &mut Vec<Wish>,
    is_meant: impl Fn(&ReservedOrder) -> bool,
) {
    for order in custody.ours().filter(|order| is_meant(order)) {
        if holding.canceling.insert(order.order) {
            wishes.push(Wish::Cancel(order.order));
        }
    }
}

/// Exits wait for what locks their lots. One alone takes the place of the stop in one request;
/// else what locks the lots is taken back, and once it is gone they pass.
fn make_way(holding: &mut Holding, custody: &Custody<'_>, wishes: &mut Vec<Wish>) {
    if custody.ours().next().is_none() {
        wishes.extend(holding.held.drain(..).map(Wish::Judge));
    } else if let Some(exchange) = exchange_of(holding, custody) {
        holding.canceling.extend(custody.ours().map(|order| order.order));
        holding.exchange = Some(exchange);
        let stop = exchange.stop;
        wishes.extend(holding.held.drain(..).map(|wanted| Wish::JudgeInPlaceOf { stop, wanted }));
    } else {
        take_back(holding, custody, wishes);
    }
}

/// The one exit that waits, and the one stop that it can take the place of.
fn exchange_of(holding: &Holding, custody: &Custody<'_>) -> Option<Exchange> {
    let [SubmitIntent { intent: Intent::Submit { order, .. }, .. }] = holding.held[..] else {
        return None;
    };
    let is_quiet = holding.exchange.is_none() && holding.canceling.is_empty();
    let is_possible = custody.instrument.features.cancel_replace && !holding.is_exchange_refused;
    let stop = custody.replaceable_stop().filter(|_| is_quiet && is_possible)?;
    Some(Exchange { exit: order, stop: stop.order, target: stop.other_leg })
}

/// An exit that was to take the place of a stop, and of its target, has ended, or they have: nobody
/// cancels what of them still stands.
fn settle_exchange(holding: &mut Holding, custody: &Custody<'_>) {
    let Some(Exchange { exit, stop, target }) = holding.exchange else { return };
    let is_open = |order: &OrderId| custody.reservations.get(*order).is_some();
    let standing: Vec<OrderId> =
        [Some(stop), target].into_iter().flatten().filter(is_open).collect();
    if is_open(&exit) && !standing.is_empty() {
        return;
    }
    for order in standing {
        holding.canceling.remove(&order);
    }
    holding.exchange = None;
}

/// The first trade of a target ends its stop. What is left of the target gets a moment to trade
/// where it stands; then it is taken back, for a new pair to protect what is left.
fn awaits_bare_target(
    now: Timestamp,
    holding: &mut Holding,
    custody: &Custody<'_>,
    stop_price: Price,
    wishes: &mut Vec<Wish>,
) -> bool {
    let left = custody.bare_targets().filter_map(|order| match order.remaining {
        Remaining::Base(quantity) => Some(quantity),
        Remaining::Quote(_) => None,
    });
    let is_worth_a_stop = |left: Quantity| custody.sellable(left, stop_price).is_positive();
    if !left.into_iter().any(is_worth_a_stop) {
        holding.bare_since = None;
        return false;
    }
    let due_at = holding.bare_since.get_or_insert(now).after(TARGET_GRACE);
    if now < due_at {
        holding.wake_at = Some(due_at);
    } else {
        take_back(holding, custody, wishes);
    }
    true
}

/// Follows how long something is without protection.
fn measure(
    now: Timestamp,
    holding: &mut Holding,
    policy: Option<ProtectionPolicy>,
    custody: &Custody<'_>,
    wishes: &mut Vec<Wish>,
) {
    let stop_price = policy.and_then(|policy| policy.stop_price(&custody.position));
    let uncovered = stop_price.map_or(Quantity::ZERO, |price| custody.uncovered(price));
    if uncovered.is_positive() {
        holding.uncovered_since.get_or_insert(now);
        holding.uncovered = holding.uncovered.max(uncovered);
    } else if let Some(since) = holding.uncovered_since.take() {
        let uncovered = std::mem::take(&mut holding.uncovered);
        wishes.push(Wish::Covered { uncovered, duration: now.since(since) });
    }
}
