//! A naive twin of gate and portfolio: it keeps the list of everything that ever happened and
//! computes each answer from the beginning, in decimals, by the words of the documents.

use std::collections::BTreeMap;

use model::{
    Asset, Fill, Instrument, InstrumentId, Instruments, NewOrder, OrderId, OrderKind,
    OrderQuantity, Price, Role, Side, StrategyId, Timestamp,
};
use rust_decimal::Decimal;
use tickwright_kernel::risk::{RiskConfig, RiskLimits, TradingState};

use super::desk::{BTC, instruments};

#[derive(Clone, Debug)]
pub struct TwinOrder {
    pub order: OrderId,
    pub new: NewOrder,
    pub replaces: Option<OrderId>,
    /// What of the order that it replaces had filled when it was approved.
    pub old_filled: Decimal,
    pub worst: Decimal,
    pub filled: Decimal,
    pub filled_quote: Decimal,
    pub acknowledged: bool,
    pub open: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct TwinMarket {
    pub bid: Option<Price>,
    pub ask: Option<Price>,
    pub last: Option<Price>,
    pub received_at: Timestamp,
    pub is_stale: bool,
}

/// Equity of everything, seen at an instant.
#[derive(Clone, Debug)]
pub struct Seen {
    pub at: Timestamp,
    pub account: Decimal,
    pub strategies: BTreeMap<StrategyId, Decimal>,
}

pub struct Twin {
    pub config: RiskConfig,
    pub instruments: Instruments,
    pub fills: Vec<(StrategyId, Fill, Decimal)>,
    pub external: Vec<(InstrumentId, Decimal)>,
    pub orders: Vec<TwinOrder>,
    pub markets: BTreeMap<InstrumentId, TwinMarket>,
    /// Free and locked as the venue last said, and what our fills moved since.
    pub balances: BTreeMap<Asset, (Decimal, Decimal)>,
    pub moved: Vec<(Asset, Decimal)>,
    pub sent: Vec<(StrategyId, Timestamp)>,
    pub state: TradingState,
    pub quarantined: Vec<StrategyId>,
    pub is_live: bool,
    pub seen: Vec<Seen>,
    /// Since when losses count.
    pub rebased: BTreeMap<Option<StrategyId>, usize>,
    /// Limits passed, by scope and rule.
    pub tripped: Vec<(Option<StrategyId>, &'static str)>,
}

impl Twin {
    pub fn new(config: RiskConfig) -> Self {
        Self {
            config,
            instruments: instruments(),
            fills: Vec::new(),
            external: Vec::new(),
            orders: Vec::new(),
            markets: BTreeMap::new(),
            balances: BTreeMap::new(),
            moved: Vec::new(),
            sent: Vec::new(),
            state: TradingState::Active,
            quarantined: Vec::new(),
            is_live: true,
            seen: Vec::new(),
            rebased: BTreeMap::new(),
            tripped: Vec::new(),
        }
    }

    fn last(&self, id: InstrumentId) -> Decimal {
        self.markets[&id].last.unwrap().to_decimal()
    }

    fn instrument(&self, id: InstrumentId) -> &Instrument {
        self.instruments.get(id)
    }

    /// One unit of an instrument's quote asset in the currency.
    fn rate(&self, id: InstrumentId) -> Decimal {
        if self.instrument(id).quote == self.config.currency {
            Decimal::ONE
        } else {
            self.last(BTC)
        }
    }

    pub fn position(&self, strategy: StrategyId, id: InstrumentId) -> Decimal {
        let own = |(owner, fill, _): &&(StrategyId, Fill, Decimal)| {
            *owner == strategy && fill.key.instrument == id
        };
        self.fills.iter().filter(own).map(|(_, fill, _)| self.moves(fill, Decimal::ZERO).0).sum()
    }

    /// Base and quote that a fill brings.
    fn moves(&self, fill: &Fill, fee_in_quote: Decimal) -> (Decimal, Decimal) {
        let instrument = self.instrument(fill.key.instrument);
        let sign = Decimal::from(fill.side.sign());
        let base = fill.quantity.to_decimal() * sign;
        let quote = -fill.price.to_decimal() * fill.quantity.to_decimal() * sign;
        let fee = fill.fee.to_decimal();
        if fill.fee_asset == instrument.base {
            (base - fee, quote)
        } else if fill.fee_asset == instrument.quote {
            (base, quote - fee)
        } else {
            (base, quote - fee_in_quote)
        }
    }

    /// Cash and holdings of a strategy, in the currency.
    fn wealth(&self, strategy: StrategyId) -> (Decimal, Decimal) {
        let (mut cash, mut held) = (Decimal::ZERO, Decimal::ZERO);
        for (owner, fill, fee) in &self.fills {
            if *owner == strategy {
                let id = fill.key.instrument;
                let (base, quote) = self.moves(fill, *fee);
                cash += quote * self.rate(id);
                held += base * self.last(id) * self.rate(id);
            }
        }
        (cash, held)
    }

    fn capital(&self, strategy: StrategyId) -> Decimal {
        self.config.strategies[&strategy].capital.to_decimal()
    }

    pub fn equity(&self, strategy: StrategyId) -> Decimal {
        let (cash, held) = self.wealth(strategy);
        self.capital(strategy) + cash + held
    }

    pub fn look(&self, at: Timestamp) -> Seen {
        let strategies: BTreeMap<StrategyId, Decimal> =
            self.config.strategies.keys().map(|id| (*id, self.equity(*id))).collect();
        Seen { at, account: strategies.values().copied().sum(), strategies }
    }

    fn value_of(seen: &Seen, scope: Option<StrategyId>) -> Decimal {
        scope.map_or(seen.account, |strategy| seen.strategies[&strategy])
    }

    /// Loss of the day and fall from the peak, from all that was ever seen.
    pub fn losses(&self, scope: Option<StrategyId>) -> (Decimal, Decimal) {
        let from = self.rebased.get(&scope).copied().unwrap_or(0);
        let seen = &self.seen[from..];
        let now = Self::value_of(seen.last().unwrap(), scope);
        let day = seen.last().unwrap().at.utc_day();
        let base = seen.iter().find(|seen| seen.at.utc_day() == day).unwrap();
        let peak = seen.iter().map(|seen| Self::value_of(seen, scope)).max().unwrap();
        (Self::value_of(base, scope) - now, peak - now)
    }

    fn limits(&self, scope: Option<StrategyId>) -> RiskLimits {
        match scope {
            None => self.config.limits.clone(),
            Some(strategy) => self.config.strategies[&strategy].limits.clone(),
        }
    }

    /// Trips what losses pass now.
    pub fn trip(&mut self) {
        let scopes: Vec<_> =
            self.config.strategies.keys().map(|id| Some(*id)).chain([None]).collect();
        for scope in scopes {
            let (daily, drawdown) = self.losses(scope);
            let limits = self.limits(scope);
            for (rule, limit, actual, state) in [
                ("daily_loss", limits.daily_loss, daily, self.config.on_daily_loss),
                ("drawdown", limits.max_drawdown, drawdown, self.config.on_drawdown),
            ] {
                let is_new = !self.tripped.contains(&(scope, rule));
                if limit.is_some_and(|limit| actual > limit.to_decimal()) && is_new {
                    self.tripped.push((scope, rule));
                    if scope.is_none() {
                        self.state = self.state.max(state);
                    }
                }
            }
        }
    }

    fn find(&self, order: OrderId) -> Option<&TwinOrder> {
        self.orders.iter().find(|known| known.order == order && known.open)
    }

    /// What an order still takes of the asset that it pays with.
    fn reserve(&self, order: &TwinOrder) -> Decimal {
        match (order.new.side, order.new.quantity) {
            (Side::Buy, OrderQuantity::Base(quantity)) => {
                let left = (quantity.to_decimal() - order.filled).max(Decimal::ZERO);
                left * order.worst * (Decimal::ONE + self.config.fee_rate)
            }
            (Side::Buy, OrderQuantity::Quote(amount)) => {
                let left = (amount.to_decimal() - order.filled_quote).max(Decimal::ZERO);
                left * (Decimal::ONE + self.config.fee_rate)
            }
            (Side::Sell, OrderQuantity::Base(quantity)) => {
                (quantity.to_decimal() - order.filled).max(Decimal::ZERO)
            }
            (Side::Sell, OrderQuantity::Quote(_)) => unreachable!("the tests place none"),
        }
    }

    /// The same less what the order that it waits for reserves already.
    fn extra(&self, order: &TwinOrder, released: Option<OrderId>) -> Decimal {
        let whole = self.reserve(order);
        let old = order.replaces.filter(|old| Some(*old) != released);
        match old.and_then(|old| self.find(old)) {
            Some(old)
                if old.new.side == order.new.side && old.new.instrument == order.new.instrument =>
            {
                (whole - self.extra(old, released)).max(Decimal::ZERO)
            }
            Some(_) | None => whole,
        }
    }

    fn pays_with(&self, new: &NewOrder) -> Asset {
        let instrument = self.instrument(new.instrument);
        if new.side == Side::Buy { instrument.quote } else { instrument.base }
    }

    pub fn reserved(&self, asset: Asset) -> Decimal {
        let open = self.orders.iter().filter(|order| order.open);
        open.filter(|order| self.pays_with(&order.new) == asset)
            .map(|order| self.extra(order, None))
            .sum()
    }

    fn available(&self, asset: Asset, released: Option<OrderId>) -> Decimal {
        let (mut free, mut locked) = self.balances.get(&asset).copied().unwrap_or_default();
        for (moved, delta) in &self.moved {
            if *moved == asset {
                let from_locked =
                    if *delta < Decimal::ZERO { locked.min(-*delta) } else { Decimal::ZERO };
                locked -= from_locked;
                free += *delta + from_locked;
            }
        }
        let (mut all, mut fresh, mut back) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
        for order in self.orders.iter().filter(|order| order.open) {
            if self.pays_with(&order.new) != asset {
                continue;
            }
            if Some(order.order) == released {
                // The venue locks it now and frees it before the replacement comes.
                back = if order.acknowledged { self.extra(order, None) } else { Decimal::ZERO };
            } else {
                all += self.extra(order, released);
                if !order.acknowledged {
                    fresh += self.extra(order, released);
                }
            }
        }
        (free + locked - all).min(free + back - fresh)
    }

    pub fn touch(&self, new: &NewOrder) -> Option<Price> {
        let market = self.markets[&new.instrument];
        let best = if new.side == Side::Buy { market.ask } else { market.bid };
        best.or(market.last)
    }

    /// The worst price expected, as the documents say.
    pub fn worst(&self, new: &NewOrder) -> Decimal {
        if let Some(limit) = new.kind.limit_price() {
            return limit.to_decimal();
        }
        let slippage = self.config.slippage_bps / Decimal::from(10_000);
        let start = self.touch(new).unwrap().to_decimal();
        if new.side == Side::Buy {
            start * (Decimal::ONE + slippage)
        } else {
            start * (Decimal::ONE - slippage)
        }
    }

    /// The rule that denies an order, or none. The same order as the table's.
    pub fn verdict(
        &self,
        now: Timestamp,
        strategy: StrategyId,
        new: &NewOrder,
        replaces: Option<OrderId>,
    ) -> Option<&'static str> {
        let is_buy = new.side == Side::Buy;
        let rules: [(&'static str, bool); 13] = [
            ("trading_state", self.state_forbids(is_buy)),
            ("quarantine", self.quarantined.contains(&strategy)),
            ("connection", !self.is_live),
            ("stale_data", is_buy && self.is_stale(now, strategy, new)),
            ("daily_loss", is_buy && self.has_tripped(strategy, "daily_loss")),
            ("drawdown", is_buy && self.has_tripped(strategy, "drawdown")),
            ("price_collar", self.leaves_collar(strategy, new)),
            ("free_lots", !is_buy && self.exceeds_lots(strategy, new, replaces)),
            ("max_order_notional", is_buy && self.exceeds_order(strategy, new)),
            ("max_position_notional", is_buy && self.exceeds_position(strategy, new, replaces)),
            ("max_total_notional", is_buy && self.exceeds_total(strategy, new, replaces)),
            ("capital", is_buy && self.exceeds_capital(strategy, new, replaces)),
            ("balance", self.exceeds_balance(new, replaces)),
        ];
        let denied = rules.into_iter().find(|(_, denies)| *denies).map(|(rule, _)| rule);
        denied.or_else(|| {
            let rules = [
                ("max_open_orders", self.exceeds_open(strategy, new, replaces)),
                ("self_crossing", self.crosses(new, replaces)),
                ("order_rate", self.exceeds_rate(now, strategy)),
            ];
            rules.into_iter().find(|(_, denies)| *denies).map(|(rule, _)| rule)
        })
    }

    fn scopes(&self, strategy: StrategyId) -> [(Option<StrategyId>, RiskLimits); 2] {
        [(None, self.limits(None)), (Some(strategy), self.limits(Some(strategy)))]
    }

    const fn state_forbids(&self, is_buy: bool) -> bool {
        match self.state {
            TradingState::Active => false,
            TradingState::ReduceOnly => is_buy,
            TradingState::Halted => true,
        }
    }

    fn is_stale(&self, now: Timestamp, strategy: StrategyId, new: &NewOrder) -> bool {
        let market = self.markets[&new.instrument];
        let age = now.since(market.received_at);
        let limits = self.scopes(strategy).into_iter();
        let too_old = limits.filter_map(|(_, limits)| limits.stale_after).any(|limit| age > limit);
        market.is_stale || too_old
    }

    fn has_tripped(&self, strategy: StrategyId, rule: &'static str) -> bool {
        [None, Some(strategy)].into_iter().any(|scope| self.tripped.contains(&(scope, rule)))
    }

    fn leaves_collar(&self, strategy: StrategyId, new: &NewOrder) -> bool {
        let (price, reference) = match new.kind.limit_price() {
            Some(limit) => (limit, self.touch(new).unwrap()),
            None => (self.touch(new).unwrap(), self.markets[&new.instrument].last.unwrap()),
        };
        let through = (price.to_decimal() - reference.to_decimal())
            * Decimal::from(new.side.sign())
            / reference.to_decimal();
        self.scopes(strategy).into_iter().any(|(_, limits)| {
            limits.price_collar_bps.is_some_and(|bps| through * Decimal::from(10_000) > bps)
        })
    }

    fn exceeds_lots(
        &self,
        strategy: StrategyId,
        new: &NewOrder,
        replaces: Option<OrderId>,
    ) -> bool {
        let offered: Decimal = self
            .orders
            .iter()
            .filter(|order| order.open && Some(order.order) != replaces)
            .filter(|order| order.order.strategy == strategy && order.new.side == Side::Sell)
            .filter(|order| order.new.instrument == new.instrument)
            .map(|order| self.extra(order, replaces))
            .sum();
        size(new) > self.position(strategy, new.instrument) - offered
    }

    /// Notional in the currency, at the worst price expected.
    fn notional(&self, new: &NewOrder) -> Decimal {
        let quote = match new.quantity {
            OrderQuantity::Base(quantity) => quantity.to_decimal() * self.worst(new),
            OrderQuantity::Quote(amount) => amount.to_decimal(),
        };
        quote * self.rate(new.instrument)
    }

    fn exceeds_order(&self, strategy: StrategyId, new: &NewOrder) -> bool {
        self.scopes(strategy).into_iter().any(|(_, limits)| {
            limits.max_order_notional.is_some_and(|limit| self.notional(new) > limit.to_decimal())
        })
    }

    /// What open buys of a scope may still add, in the currency of the moment of their approval
    /// or last change: the tests keep the rate of quote assets still while orders are open.
    fn buying(
        &self,
        scope: Option<StrategyId>,
        only: Option<InstrumentId>,
        replaces: Option<OrderId>,
        with_fee: bool,
    ) -> Decimal {
        let fee = if with_fee { Decimal::ONE } else { Decimal::ONE + self.config.fee_rate };
        self.orders
            .iter()
            .filter(|order| order.open && order.new.side == Side::Buy)
            .filter(|order| Some(order.order) != replaces)
            .filter(|order| scope.is_none_or(|scope| scope == order.order.strategy))
            .filter(|order| only.is_none_or(|only| only == order.new.instrument))
            .map(|order| self.extra(order, replaces) / fee * self.rate(order.new.instrument))
            .sum()
    }

    fn external(&self, only: Option<InstrumentId>) -> Decimal {
        let mut by_instrument: BTreeMap<InstrumentId, Decimal> = BTreeMap::new();
        for (id, delta) in &self.external {
            *by_instrument.entry(*id).or_default() += *delta;
        }
        by_instrument
            .into_iter()
            .filter(|(id, _)| only.is_none_or(|only| only == *id))
            .map(|(id, sum)| sum.max(Decimal::ZERO) * self.last(id) * self.rate(id))
            .sum()
    }

    fn held(&self, scope: Option<StrategyId>, only: Option<InstrumentId>) -> Decimal {
        let worth = |strategy, id: InstrumentId| {
            self.position(strategy, id) * self.last(id) * self.rate(id)
        };
        let ours: Decimal = self
            .config
            .strategies
            .keys()
            .filter(|strategy| scope.is_none_or(|scope| scope == **strategy))
            .flat_map(|strategy| self.instruments.iter().map(|found| (*strategy, found.id)))
            .filter(|(_, id)| only.is_none_or(|only| only == *id))
            .map(|(strategy, id)| worth(strategy, id))
            .sum();
        if scope.is_none() { ours + self.external(only) } else { ours }
    }

    fn exceeds_position(
        &self,
        strategy: StrategyId,
        new: &NewOrder,
        replaces: Option<OrderId>,
    ) -> bool {
        let here = Some(new.instrument);
        self.scopes(strategy).into_iter().any(|(scope, limits)| {
            limits.max_position_notional.is_some_and(|limit| {
                let before = self.held(scope, here) + self.buying(scope, here, replaces, false);
                before + self.notional(new) > limit.to_decimal()
            })
        })
    }

    fn exceeds_total(
        &self,
        strategy: StrategyId,
        new: &NewOrder,
        replaces: Option<OrderId>,
    ) -> bool {
        self.scopes(strategy).into_iter().any(|(scope, limits)| {
            limits.max_total_notional.is_some_and(|limit| {
                let before = self.held(scope, None) + self.buying(scope, None, replaces, false);
                before + self.notional(new) > limit.to_decimal()
            })
        })
    }

    fn exceeds_capital(
        &self,
        strategy: StrategyId,
        new: &NewOrder,
        replaces: Option<OrderId>,
    ) -> bool {
        let free = self.capital(strategy) + self.wealth(strategy).0
            - self.buying(Some(strategy), None, replaces, true);
        self.notional(new) * (Decimal::ONE + self.config.fee_rate) > free
    }

    fn exceeds_balance(&self, new: &NewOrder, replaces: Option<OrderId>) -> bool {
        let needed = match new.side {
            Side::Buy => {
                let quote = self.notional(new) / self.rate(new.instrument);
                quote * (Decimal::ONE + self.config.fee_rate)
            }
            Side::Sell => size(new),
        };
        needed > self.available(self.pays_with(new), replaces)
    }

    fn exceeds_open(
        &self,
        strategy: StrategyId,
        new: &NewOrder,
        replaces: Option<OrderId>,
    ) -> bool {
        if new.role == Role::Protective {
            return false;
        }
        self.scopes(strategy).into_iter().any(|(scope, limits)| {
            let open = self
                .orders
                .iter()
                .filter(|order| order.open && Some(order.order) != replaces)
                .filter(|order| scope.is_none_or(|scope| scope == order.order.strategy))
                .filter(|order| self.has_own_place(order, replaces))
                .count();
            limits.max_open_orders.is_some_and(|limit| open + 1 > limit as usize)
        })
    }

    /// Whether it takes a place of its own: not if it waits for one that has.
    fn has_own_place(&self, order: &TwinOrder, released: Option<OrderId>) -> bool {
        let old = order.replaces.filter(|old| Some(*old) != released);
        old.and_then(|old| self.find(old)).is_none_or(|old| !self.has_own_place(old, released))
    }

    fn crosses(&self, new: &NewOrder, replaces: Option<OrderId>) -> bool {
        let price = match new.kind {
            OrderKind::Limit { price, .. } => price,
            OrderKind::Market => self.touch(new).unwrap(),
            _ => return false,
        };
        self.orders
            .iter()
            .filter(|order| order.open && Some(order.order) != replaces)
            .filter(|order| order.new.instrument == new.instrument)
            .filter(|order| order.new.side != new.side)
            .filter_map(|order| order.new.kind.limit_price())
            .any(|own| if new.side == Side::Buy { price >= own } else { price <= own })
    }

    fn exceeds_rate(&self, now: Timestamp, strategy: StrategyId) -> bool {
        let start = now.before(std::time::Duration::from_secs(10));
        self.scopes(strategy).into_iter().any(|(scope, limits)| {
            let recent = self
                .sent
                .iter()
                .filter(|(owner, _)| scope.is_none_or(|scope| scope == *owner))
                .filter(|(_, at)| *at > start)
                .count();
            limits.max_orders_per_10s.is_some_and(|limit| recent + 1 > limit as usize)
        })
    }
}

fn size(new: &NewOrder) -> Decimal {
    match new.quantity {
        OrderQuantity::Base(quantity) => quantity.to_decimal(),
        OrderQuantity::Quote(_) => unreachable!("the tests sell by base quantity"),
    }
}
