//! Random days at the desk, against the naive twin.

use std::time::Duration;

use model::{
    Amount, Asset, CancelReason, Fill, InstrumentId, NewOrder, OrderEvent, OrderEventKind, OrderId,
    OrderQuantity, Price, Quantity, RejectReason, Side, StrategyId,
};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use rust_decimal::Decimal;
use tickwright_kernel::journal::Record;
use tickwright_kernel::messages::{ExecutionRequest, Intent};
use tickwright_kernel::portfolio::Holding;
use tickwright_kernel::risk::{
    Authority, RiskConfig, RiskEffect, RiskInput, RiskLimits, TradingState,
};
use tickwright_kernel::venue::Balance;

use super::desk::{BNB, BTC, Desk, ETH, ETHBTC, FIRST, SECOND, amount, config};
use super::ledger::Scribe;
use super::twin::{Twin, TwinOrder};

const SEEDS: u64 = 100;
const STEPS: usize = 500;

struct World {
    random: Pcg64,
    desk: Desk,
    twin: Twin,
    scribe: Scribe,
    /// Assets with what the venue would say: total of each.
    total: std::collections::BTreeMap<Asset, Decimal>,
    approved: usize,
    denied: std::collections::BTreeMap<String, usize>,
    last_day: model::Timestamp,
    /// Profit of closed trades.
    closed: std::collections::BTreeMap<(StrategyId, InstrumentId), Amount>,
}

fn random_config(random: &mut Pcg64) -> RiskConfig {
    let mut limits = |scale: u32| {
        let mut maybe = |least: u32, most: u32| {
            let value = random.random_range(least..=most) * scale;
            random.random_bool(0.5).then(|| Amount::new(Decimal::from(value)))
        };
        RiskLimits {
            max_order_notional: maybe(200, 400),
            max_position_notional: maybe(300, 900),
            max_total_notional: maybe(400, 1_500),
            daily_loss: maybe(2, 10),
            max_drawdown: maybe(3, 20),
            max_open_orders: random.random_bool(0.5).then(|| random.random_range(2..8)),
            max_orders_per_10s: random.random_bool(0.5).then(|| random.random_range(2..8)),
            price_collar_bps: random.random_bool(0.5).then(|| Decimal::from(350)),
            stale_after: random.random_bool(0.3).then(|| Duration::from_secs(5)),
        }
    };
    let (account, first) = (limits(2), limits(1));
    let mut config = RiskConfig { limits: account, ..config() };
    config.strategies.get_mut(&FIRST).unwrap().limits = first;
    for strategy in config.strategies.values_mut() {
        strategy.capital = amount("1000");
    }
    config.fee_rate = "0.001".parse().unwrap();
    config.slippage_bps = "50".parse().unwrap();
    config.sample_every = Duration::from_secs(30);
    config
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Pcg64::seed_from_u64(seed);
        let config = random_config(&mut random);
        let mut world = Self {
            desk: Desk::restored(config.clone(), tickwright_kernel::risk::RestoredRisk::default()),
            twin: Twin::new(config),
            scribe: Scribe::new(2),
            total: std::collections::BTreeMap::new(),
            approved: 0,
            denied: std::collections::BTreeMap::new(),
            last_day: model::Timestamp::EPOCH,
            closed: std::collections::BTreeMap::new(),
            random,
        };
        for (asset, total) in [("USDT", 1_000), ("BTC", 5), ("ETH", 10), ("BNB", 5)] {
            world.total.insert(asset.parse().unwrap(), Decimal::from(total));
        }
        world.desk.step(RiskInput::ExecutionHealth { is_live: true });
        world.say_balances();
        for (id, at) in [(BTC, 10_000), (ETH, 1_000), (BNB, 50_000), (ETHBTC, 10)] {
            world.trade(id, at);
        }
        world.desk.take();
        world
    }

    /// Time always moves, so that what the venue says and what we book have an order.
    fn tick(&mut self) {
        let millis = match self.random.random_range(0..100) {
            0 => 20_000_000,
            1..10 => 4_000,
            _ => 50,
        };
        self.desk.wait(millis);
        if self.desk.now.utc_day() > self.last_day {
            self.last_day = self.desk.now.utc_day();
            self.look();
            self.twin.tripped.retain(|(_, rule)| *rule != "daily_loss");
            self.desk.step(RiskInput::Wake);
        }
    }

    /// The twin sees the equity of now.
    fn look(&mut self) {
        if self.twin.markets.len() == 4 {
            let seen = self.twin.look(self.desk.now);
            self.twin.seen.push(seen);
        }
    }

    fn after_move(&mut self) {
        if self.twin.markets.len() == 4 {
            self.look();
            self.twin.trip();
        }
    }

    fn trade(&mut self, id: InstrumentId, hundredths: i64) {
        let at = Price::from_units(hundredths * 1_000_000);
        self.desk.trade_at(id, at);
        let now = self.desk.now;
        let market = self.twin.markets.entry(id).or_default();
        (market.last, market.received_at) = (Some(at), now);
        self.after_move();
    }

    fn price(&mut self, id: InstrumentId) -> i64 {
        let last = self.twin.markets[&id].last.unwrap().units() / 1_000_000;
        let spread = (last / 25).max(1);
        (last + self.random.random_range(-spread..=spread)).max(1)
    }

    fn instrument(&mut self) -> InstrumentId {
        [BTC, ETH, ETHBTC][self.random.random_range(0..3)]
    }

    fn strategy(&mut self) -> StrategyId {
        if self.random.random_bool(0.6) { FIRST } else { SECOND }
    }

    fn quote(&mut self) {
        let id = self.instrument();
        let mid = self.price(id);
        let half = self.random.random_range(1..=(mid / 50).max(1));
        let text = |hundredths: i64| Price::from_units(hundredths.max(1) * 1_000_000);
        let (bid, ask) = (text(mid - half), text(mid + half));
        self.desk.quote(id, &bid.to_string(), &ask.to_string());
        let now = self.desk.now;
        let market = self.twin.markets.get_mut(&id).unwrap();
        (market.bid, market.ask, market.received_at) = (Some(bid), Some(ask), now);
    }

    fn new_order(&mut self, strategy: StrategyId) -> NewOrder {
        let id = self.instrument();
        let held = self.twin.position(strategy, id);
        let sells = if held > Decimal::ZERO { 0.5 } else { 0.05 };
        let side = if self.random.random_bool(sells) { Side::Sell } else { Side::Buy };
        let price = Price::from_units(self.price(id) * 1_000_000);
        let size = if side == Side::Sell && held > Decimal::ZERO && self.random.random_bool(0.5) {
            Quantity::from_decimal(held).unwrap()
        } else {
            Quantity::from_units(self.random.random_range(1..=40) * 10_000_000)
        };
        match self.random.random_range(0..10) {
            0 if side == Side::Buy => {
                let amount = Decimal::from(self.random.random_range(1..=400_u32));
                let quantity = OrderQuantity::Quote(Amount::new(amount));
                NewOrder::new(id, side, model::OrderKind::Market, quantity)
            }
            0..3 => NewOrder::market(id, side, size),
            3..5 => NewOrder::limit_maker(id, side, size, price),
            5 if side == Side::Sell => NewOrder::limit(id, side, size, price).protective(),
            _ => NewOrder::limit(id, side, size, price),
        }
    }

    fn submit(&mut self, old: Option<OrderId>) {
        let strategy = old.map_or_else(|| self.strategy(), |old| old.strategy);
        let new = self.new_order(strategy);
        let expected = self.twin.verdict(self.desk.now, strategy, &new, old);
        let (order, judged) = match old {
            None => self.desk.submit(strategy, new),
            Some(old) => self.desk.replace(strategy, old, new),
        };
        let denied = judged.as_ref().err().map(|reason| reason.rule.as_str());
        assert_eq!(denied, expected, "{new:?} replaces {old:?}: {judged:?}");
        let Ok(new) = judged else {
            *self.denied.entry(denied.unwrap().to_owned()).or_default() += 1;
            return;
        };
        self.approved += 1;
        let worst = self.twin.worst(&new);
        self.twin.sent.push((strategy, self.desk.now));
        let of_old = old.and_then(|old| self.twin.orders.iter().find(|known| known.order == old));
        self.twin.orders.push(TwinOrder {
            order,
            new,
            replaces: old,
            old_filled: of_old.map_or(Decimal::ZERO, |old| old.filled),
            worst,
            filled: Decimal::ZERO,
            filled_quote: Decimal::ZERO,
            acknowledged: false,
            open: true,
        });
    }

    /// An open order that no other waits for.
    fn any_open(&mut self) -> Option<usize> {
        let replaced: Vec<OrderId> = self
            .twin
            .orders
            .iter()
            .filter(|order| order.open)
            .filter_map(|order| order.replaces)
            .collect();
        let open: Vec<usize> = (0..self.twin.orders.len())
            .filter(|index| self.twin.orders[*index].open)
            .filter(|index| !replaced.contains(&self.twin.orders[*index].order))
            .collect();
        (!open.is_empty()).then(|| open[self.random.random_range(0..open.len())])
    }

    fn tell(&mut self, index: usize, kind: OrderEventKind) {
        let TwinOrder { order, new, .. } = self.twin.orders[index].clone();
        let event = OrderEvent {
            order,
            instrument: new.instrument,
            received_at: self.desk.now,
            correlation: model::CorrelationId(7),
            kind: kind.clone(),
        };
        self.scribe.write(&Record::OrderChanged { strategy: order.strategy, event });
        self.desk.tell(order, new.instrument, kind);
    }

    /// Something happens to an order at the venue.
    fn venue_acts(&mut self) {
        let Some(index) = self.any_open() else { return };
        let waits = {
            let replaces = self.twin.orders[index].replaces;
            self.twin.orders.iter().any(|order| order.open && Some(order.order) == replaces)
        };
        match self.random.random_range(0..10) {
            0 | 1 => self.end(index),
            2 => self.tell(index, OrderEventKind::OutcomeUnknown { reason: String::new() }),
            3 | 4 if !waits => {
                self.twin.orders[index].acknowledged = true;
                let venue_order = model::VenueOrderId(1);
                self.tell(index, OrderEventKind::Accepted { venue_order });
            }
            5.. if !waits => self.fill(index),
            _ => {
                // What waits moves only once what it waits for is gone.
                let first = self.first_of_chain(index);
                if self.random.random_bool(0.5) { self.fill(first) } else { self.end(first) }
            }
        }
    }

    /// The order at the venue that others wait for, one behind the other.
    fn first_of_chain(&self, index: usize) -> usize {
        let old = self.twin.orders[index].replaces;
        let is_old = |order: &TwinOrder| order.open && Some(order.order) == old;
        let old = self.twin.orders.iter().position(is_old);
        old.map_or(index, |old| self.first_of_chain(old))
    }

    fn end(&mut self, index: usize) {
        let kind = match self.random.random_range(0..4) {
            0 => OrderEventKind::Expired { reason: String::new(), in_match: false },
            1 if self.twin.orders[index].filled.is_zero() => {
                OrderEventKind::Absent { reason: String::new() }
            }
            2 => {
                let reason = RejectReason { code: -2010, message: "no".into() };
                OrderEventKind::Rejected { reason }
            }
            _ => OrderEventKind::Canceled { reason: CancelReason::Requested },
        };
        self.twin.orders[index].open = false;
        self.tell(index, kind);
        self.continue_replacement(index);
    }

    /// An order is gone. What waited for it goes out only if nothing of it filled since: that is
    /// what execution promises.
    fn continue_replacement(&mut self, index: usize) {
        let TwinOrder { order: old, filled, .. } = self.twin.orders[index].clone();
        let waits = |order: &TwinOrder| order.open && order.replaces == Some(old);
        if let Some(next) = self.twin.orders.iter().position(waits)
            && self.twin.orders[next].old_filled != filled
        {
            self.twin.orders[next].open = false;
            self.tell(next, OrderEventKind::Canceled { reason: CancelReason::Replaced });
            self.continue_replacement(next);
        }
    }

    fn fill(&mut self, index: usize) {
        let TwinOrder { new, order, worst, filled, filled_quote, .. } =
            self.twin.orders[index].clone();
        let limit = Price::from_decimal(worst.round_dp(2)).unwrap();
        let (left, complete) = match new.quantity {
            OrderQuantity::Base(quantity) => {
                let left = Quantity::from_decimal(quantity.to_decimal() - filled).unwrap();
                let part = Quantity::from_units(left.units() / 2_000_000 * 1_000_000);
                if self.random.random_bool(0.4) && part.is_positive() {
                    (part, false)
                } else {
                    (left, true)
                }
            }
            OrderQuantity::Quote(amount) => {
                let left = (amount.to_decimal() - filled_quote) / limit.to_decimal();
                (Quantity::from_decimal(left.trunc_with_scale(3)).unwrap(), false)
            }
        };
        if !left.is_positive() {
            return;
        }
        let fill = self.execution(new.instrument, new.side, limit, left);
        let cumulative = filled + left.to_decimal();
        let notional = limit.to_decimal() * left.to_decimal();
        let cumulative_quantity = Quantity::from_decimal(cumulative).unwrap();
        self.book(order.strategy, &fill);
        let known = &mut self.twin.orders[index];
        known.filled = cumulative;
        known.filled_quote += notional;
        known.acknowledged = true;
        known.open = !complete;
        self.tell(index, OrderEventKind::Filled { fill, cumulative_quantity, complete });
        self.after_move();
        if complete {
            self.continue_replacement(index);
        }
    }

    /// A fill with a fee in one asset or another.
    fn execution(&mut self, id: InstrumentId, side: Side, at: Price, size: Quantity) -> Fill {
        let instrument = self.twin.instruments.get(id).clone();
        let (fee, asset) = match self.random.random_range(0..4) {
            0 if side == Side::Buy => ("0.001", instrument.base),
            1 => ("0.01", instrument.quote),
            2 if id != ETHBTC => ("0.0001", "BNB".parse().unwrap()),
            _ => ("0", instrument.quote),
        };
        let (at, size) = (at.to_string(), size.to_string());
        self.desk.fill_with_fee(id, side, &size, &at, fee, asset.as_str())
    }

    /// The twin's books, and the venue's.
    fn book(&mut self, strategy: StrategyId, fill: &Fill) {
        let id = fill.key.instrument;
        let (base, quote) = {
            let instrument = self.twin.instruments.get(id);
            (instrument.base, instrument.quote)
        };
        let is_third = fill.fee_asset != base && fill.fee_asset != quote;
        let bnb = self.twin.markets[&BNB].last.unwrap().to_decimal();
        let fee_in_quote = if is_third { fill.fee.to_decimal() * bnb } else { Decimal::ZERO };
        self.twin.fills.push((strategy, *fill, fee_in_quote));
        let sign = Decimal::from(fill.side.sign());
        let (size, at) = (fill.quantity.to_decimal(), fill.price.to_decimal());
        for (asset, delta) in [
            (base, size * sign),
            (quote, -size * at * sign),
            (fill.fee_asset, -fill.fee.to_decimal()),
        ] {
            *self.total.entry(asset).or_default() += delta;
            self.twin.moved.push((asset, delta));
        }
    }

    /// The venue says all balances: what acknowledged orders lock, and at times a bit more.
    fn say_balances(&mut self) {
        let mut balances = Vec::new();
        self.twin.balances.clear();
        self.twin.moved.clear();
        for (asset, total) in self.total.clone() {
            let locks = |order: &&TwinOrder| {
                let instrument = self.twin.instruments.get(order.new.instrument);
                let pays =
                    if order.new.side == Side::Buy { instrument.quote } else { instrument.base };
                order.open && order.acknowledged && pays == asset
            };
            let locked: Decimal = self
                .twin
                .orders
                .iter()
                .filter(locks)
                .map(|order| match (order.new.quantity, order.new.side) {
                    (OrderQuantity::Base(size), Side::Buy) => {
                        (size.to_decimal() - order.filled) * order.worst
                    }
                    (OrderQuantity::Base(size), Side::Sell) => size.to_decimal() - order.filled,
                    (OrderQuantity::Quote(_), _) => Decimal::ZERO,
                })
                .sum();
            let foreign = Decimal::from(self.random.random_range(0..3_u32));
            let locked = (locked + foreign).min(total);
            let (free, locked) = (total - locked, locked);
            self.twin.balances.insert(asset, (free, locked));
            let (free, locked) = (Amount::new(free), Amount::new(locked));
            balances.push(Balance { asset, free, locked });
        }
        let event_at = self.desk.now;
        self.desk.step(RiskInput::Balances { balances: &balances, is_complete: true, event_at });
    }

    fn outside_acts(&mut self) {
        let id = [BTC, ETH][self.random.random_range(0..2)];
        let at = Price::from_units(self.price(id) * 1_000_000);
        let size = Quantity::from_units(self.random.random_range(1..=5) * 10_000_000);
        if self.random.random_bool(0.5) {
            let side = if self.random.random_bool(0.5) { Side::Buy } else { Side::Sell };
            let fill = self.execution(id, side, at, size);
            self.desk.step(RiskInput::ExternalFill(&fill));
            self.scribe.write(&Record::ExternalFill { fill });
            let delta = size.to_decimal() * Decimal::from(side.sign());
            self.twin.external.push((id, delta));
        } else {
            let sign = if self.random.random_bool(0.5) { Decimal::ONE } else { -Decimal::ONE };
            let asset = self.twin.instruments.get(id).base;
            let delta = size.to_decimal() * sign;
            let flow = Amount::new(delta);
            self.desk.step(RiskInput::ExternalFlow { asset, delta: flow });
            let reason = String::new();
            self.scribe.write(&Record::ExternalFlow {
                asset,
                delta: flow,
                reason,
                lots: None,
                at: self.desk.now,
            });
            self.twin.external.push((id, delta));
        }
    }

    fn someone_decides(&mut self) {
        use TradingState::{Active, Halted, ReduceOnly};
        let states = [Active, Active, Active, Active, ReduceOnly, Halted];
        let state = states[self.random.random_range(0..states.len())];
        match self.random.random_range(0..6) {
            0 => {
                self.desk.set_state(state, Authority::Engine);
                self.twin.state = self.twin.state.max(state);
            }
            1 | 2 => {
                let loosens = state < self.twin.state;
                self.desk.set_state(state, Authority::Operator);
                self.twin.state = state;
                if loosens && state == TradingState::Active {
                    self.rebase(None);
                }
            }
            3 => {
                let is_live = self.random.random_bool(0.9);
                self.desk.step(RiskInput::ExecutionHealth { is_live });
                self.twin.is_live = is_live;
            }
            4 => {
                let strategy = self.strategy();
                if self.random.random_bool(0.15) {
                    self.desk.step(RiskInput::StrategyQuarantined { strategy });
                    self.twin.quarantined.push(strategy);
                } else {
                    self.desk.step(RiskInput::StrategyReleased { strategy });
                    self.twin.quarantined.retain(|other| *other != strategy);
                    self.rebase(Some(strategy));
                }
            }
            _ => {
                let instrument = self.instrument();
                let is_stale = self.random.random_bool(0.1);
                self.desk.step(RiskInput::StreamHealth { instrument, is_stale });
                self.twin.markets.get_mut(&instrument).unwrap().is_stale = is_stale;
            }
        }
    }

    fn rebase(&mut self, scope: Option<StrategyId>) {
        self.look();
        self.twin.rebased.insert(scope, self.twin.seen.len() - 1);
        self.twin.tripped.retain(|(tripped, _)| *tripped != scope);
    }

    fn cancel(&mut self) {
        let Some(index) = self.any_open() else { return };
        let order = self.twin.orders[index].order;
        let before = self.desk.effects.len();
        self.desk.intend(order.strategy, Intent::Cancel { order });
        let reason = CancelReason::Requested;
        let passed = self.desk.effects[before..].iter().any(|effect| {
            *effect == RiskEffect::Execute(ExecutionRequest::Cancel { order, reason })
        });
        assert!(passed, "a cancel was not let through");
    }

    fn step(&mut self) {
        self.tick();
        match self.random.random_range(0..100) {
            0..18 => {
                let id = [BTC, ETH, ETHBTC, BNB][self.random.random_range(0..4)];
                let at = self.price(id);
                self.trade(id, at);
            }
            18..26 => self.quote(),
            26..55 => self.submit(None),
            55..62 => {
                let old = self.any_open().map(|index| self.twin.orders[index].order);
                if old.is_some() {
                    self.submit(old);
                }
            }
            62..65 => self.cancel(),
            65..86 => self.venue_acts(),
            86..92 => self.say_balances(),
            92..95 => self.outside_acts(),
            _ => self.someone_decides(),
        }
        let now = self.desk.now;
        for effect in self.desk.take() {
            self.scribe.effect(now, &effect);
            if let RiskEffect::TradeClosed(trade) = effect {
                let sum = self.closed.entry((trade.strategy, trade.instrument)).or_default();
                *sum += trade.profit;
            }
        }
        self.compare();
    }

    fn compare(&self) {
        let portfolio = self.desk.machine.portfolio();
        assert_eq!(self.desk.machine.state(), self.twin.state);
        let mut account = Decimal::ZERO;
        for strategy in [FIRST, SECOND] {
            for instrument in &self.twin.instruments {
                let held = portfolio.position(strategy, instrument.id).quantity();
                assert_eq!(held.to_decimal(), self.twin.position(strategy, instrument.id));
                assert!(held >= Quantity::ZERO, "{strategy} sold what it does not hold");
            }
            let equity = portfolio.equity_of(strategy).unwrap();
            assert_eq!(equity.equity().to_amount().to_decimal(), self.twin.equity(strategy));
            account += self.twin.equity(strategy);
        }
        assert_eq!(portfolio.equity().equity().to_amount().to_decimal(), account);
        let (daily, drawdown) = self.twin.losses(None);
        assert_eq!(portfolio.equity().daily_loss().to_amount().to_decimal(), daily);
        assert_eq!(portfolio.equity().drawdown().to_amount().to_decimal(), drawdown);
        for asset in self.total.keys() {
            let reserved = portfolio.reservations().reserved(*asset).to_amount();
            assert!(!reserved.is_negative(), "{asset} {reserved}");
            assert_eq!(reserved.to_decimal(), self.twin.reserved(*asset), "{asset}");
        }
        for (instrument, holding) in portfolio.holdings() {
            let Holding { strategy, position, lots, .. } = holding;
            assert_eq!(lots.quantity(), position.quantity());
            // First in first out or at average cost: money in and out is the same.
            let closed = self.closed.get(&(*strategy, instrument)).copied().unwrap_or_default();
            let by_lots = closed - lots.iter().map(|lot| lot.cost).sum::<Amount>();
            let difference = by_lots - (position.realised() - position.cost());
            assert!(difference.abs() < amount("0.00000000000001"), "{difference}");
        }
    }

    fn end_all(&mut self) {
        while let Some(index) = self.twin.orders.iter().position(|order| order.open) {
            self.tick();
            self.end(index);
        }
        self.compare();
        assert!(self.desk.machine.portfolio().reservations().is_empty());
        for asset in self.total.keys() {
            let reserved = self.desk.machine.portfolio().reservations().reserved(*asset);
            assert_eq!(reserved.to_amount(), Amount::ZERO);
        }
    }
}

#[test]
fn random_days_agree_with_the_naive_twin() {
    let mut approved = 0;
    let mut denied = std::collections::BTreeMap::new();
    for seed in 0..SEEDS {
        let caught = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            for step in 0..STEPS {
                world.step();
                if step % 50 == 0 {
                    world.scribe.assert_restores(&world.twin.config, &world.desk.machine);
                }
            }
            world.end_all();
            (world.approved, world.denied)
        });
        let Ok((passed, refused)) = caught else { panic!("seed {seed}") };
        approved += passed;
        for (rule, count) in refused {
            *denied.entry(rule).or_insert(0) += count;
        }
    }
    // The tests mean something only if every rule had its say.
    assert!(approved > 1_000, "{approved} approved");
    let rules = [
        "trading_state",
        "quarantine",
        "connection",
        "stale_data",
        "daily_loss",
        "drawdown",
        "price_collar",
        "free_lots",
        "max_order_notional",
        "max_position_notional",
        "max_total_notional",
        "capital",
        "balance",
        "max_open_orders",
        "self_crossing",
        "order_rate",
    ];
    for rule in rules {
        let count = denied.get(rule).copied().unwrap_or(0);
        assert!(count >= 10, "{rule} denied {count} times: {denied:?}");
    }
}
