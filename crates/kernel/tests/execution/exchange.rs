//! The truth: what the venue has accepted, executed and ended, and when, so that a read can tell
//! an older state.

#![allow(clippy::wildcard_enum_match_arm, reason = "few states have a reason")]

use std::collections::{BTreeMap, BTreeSet};

use model::{
    Amount, Asset, ClientOrderId, Fill, FillKey, InstrumentId, Liquidity, NewOrder, OrderKind,
    OrderQuantity, OrderStatus, Price, Quantity, Side, TimeInForce, Timestamp, TradeId,
    VenueOrderId,
};
use rand::Rng;
use rand_pcg::Pcg64;
use tickwright_kernel::venue::{Balance, OrderPair, OrderSnapshot, VenueEvent};

/// Price of everything.
pub const PRICE: i64 = 100;

/// Most rows of a page of trades.
const PAGE: usize = 50;

/// An order that was accepted.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub client_order_id: ClientOrderId,
    pub number: VenueOrderId,
    pub new: NewOrder,
    pub quantity: Quantity,
    /// The other order of a pair.
    pub other_leg: Option<VenueOrderId>,
    /// State and executed quantity, by when they began.
    pub history: Vec<(Timestamp, OrderStatus, Quantity)>,
}

impl Accepted {
    pub fn now(&self) -> (OrderStatus, Quantity) {
        let (_, status, executed) = self.history.last().expect("it was accepted");
        (*status, *executed)
    }

    pub fn is_untouched(&self) -> bool {
        let (status, executed) = self.now();
        is_open(status) && executed.is_zero()
    }

    fn as_of(&self, at: Timestamp) -> Option<(OrderStatus, Quantity)> {
        let state = self.history.iter().rev().find(|(since, _, _)| *since <= at)?;
        Some((state.1, state.2))
    }

    fn snapshot(
        &self,
        (status, executed): (OrderStatus, Quantity),
        at: Timestamp,
    ) -> OrderSnapshot {
        OrderSnapshot {
            instrument: self.new.instrument,
            client_order_id: self.client_order_id,
            venue_order: self.number,
            status,
            executed_quantity: executed,
            is_working: status != OrderStatus::PendingNew,
            reason: match (status, self.other_leg) {
                (OrderStatus::Expired, Some(_)) => "OCO_TRIGGER".to_owned(),
                _ => String::new(),
            },
            event_at: at,
        }
    }
}

/// The venue.
#[derive(Debug, Default)]
pub struct Exchange {
    pub orders: BTreeMap<VenueOrderId, Accepted>,
    by_name: BTreeMap<ClientOrderId, VenueOrderId>,
    pub trades: Vec<(Timestamp, ClientOrderId, Fill)>,
    /// Names that were accepted more than once.
    pub doubled: BTreeSet<ClientOrderId>,
    last_order: i64,
    last_trade: [i64; 2],
    manual_orders: u32,
}

const fn is_open(status: OrderStatus) -> bool {
    !status.is_final()
}

impl Exchange {
    pub fn find(&self, name: &ClientOrderId) -> Option<&Accepted> {
        self.by_name.get(name).and_then(|number| self.orders.get(number))
    }

    pub fn open(&self) -> impl Iterator<Item = &Accepted> {
        self.orders.values().filter(|order| is_open(order.now().0))
    }

    /// Accepts an order and matches it. What happened, as the venue reports it, in order.
    pub fn accept(
        &mut self,
        now: Timestamp,
        name: ClientOrderId,
        new: NewOrder,
        rng: &mut Pcg64,
    ) -> Vec<VenueEvent> {
        self.last_order += 1;
        let number = VenueOrderId(self.last_order);
        let quantity = match new.quantity {
            OrderQuantity::Base(quantity) => quantity,
            OrderQuantity::Quote(amount) => {
                let base = amount.to_decimal() / rust_decimal::Decimal::from(PRICE);
                Quantity::from_decimal(base.trunc_with_scale(8)).unwrap()
            }
        };
        let waits = new.kind.stop_price().is_some();
        let status = if waits { OrderStatus::PendingNew } else { OrderStatus::Accepted };
        let history = vec![(now, status, Quantity::ZERO)];
        let other_leg = None;
        let order = Accepted { client_order_id: name, number, new, quantity, other_leg, history };
        let mut events = vec![VenueEvent::OrderChanged(order.snapshot(order.now(), now))];
        self.orders.insert(number, order);
        if self.by_name.insert(name, number).is_some() {
            self.doubled.insert(name);
        }
        self.match_new(now, number, rng, &mut events);
        events
    }

    /// Accepts two orders of which one cancels the other.
    pub fn accept_pair(
        &mut self,
        now: Timestamp,
        pair: &OrderPair,
        rng: &mut Pcg64,
    ) -> Vec<VenueEvent> {
        let OrderPair { stop, target } = pair;
        let mut events = self.accept(now, stop.client_order_id, stop.new, rng);
        events.extend(self.accept(now, target.client_order_id, target.new, rng));
        let numbers = [stop, target].map(|leg| self.by_name[&leg.client_order_id]);
        for (leg, other) in [(numbers[0], numbers[1]), (numbers[1], numbers[0])] {
            self.orders.get_mut(&leg).expect("just accepted").other_leg = Some(other);
        }
        events
    }

    /// A leg has begun, or was taken back: the other one goes with it.
    fn end_other_leg(
        &mut self,
        now: Timestamp,
        number: VenueOrderId,
        status: OrderStatus,
        events: &mut Vec<VenueEvent>,
    ) {
        if let Some(other) = self.orders[&number].other_leg {
            self.end(now, other, status, events);
        }
    }

    fn match_new(
        &mut self,
        now: Timestamp,
        number: VenueOrderId,
        rng: &mut Pcg64,
        events: &mut Vec<VenueEvent>,
    ) {
        let order = &self.orders[&number];
        let (quantity, new) = (order.quantity, order.new);
        let ioc = TimeInForce::ImmediateOrCancel;
        match new.kind {
            OrderKind::Market => {
                let by_quote = matches!(new.quantity, OrderQuantity::Quote(_));
                let part = part_of(quantity, rng);
                self.execute(now, number, part, events);
                if by_quote || rng.random_bool(0.8) {
                    self.execute(now, number, quantity - part, events);
                } else {
                    self.end(now, number, OrderStatus::Expired, events);
                }
            }
            OrderKind::Limit { time_in_force, .. } if time_in_force == ioc => {
                if rng.random_bool(0.7) {
                    self.execute(now, number, part_of(quantity, rng), events);
                }
                self.end(now, number, OrderStatus::Expired, events);
            }
            OrderKind::Limit { .. }
            | OrderKind::LimitMaker { .. }
            | OrderKind::StopLoss { .. }
            | OrderKind::StopLossLimit { .. }
            | OrderKind::TakeProfit { .. }
            | OrderKind::TakeProfitLimit { .. } => {}
        }
    }

    /// Something happens to an open order: a trigger or an execution.
    pub fn move_one(&mut self, now: Timestamp, rng: &mut Pcg64) -> Vec<VenueEvent> {
        let open: Vec<VenueOrderId> = self.open().map(|order| order.number).collect();
        let mut events = Vec::new();
        if open.is_empty() {
            return events;
        }
        let number = open[rng.random_range(0..open.len())];
        let order = &self.orders[&number];
        let (status, executed) = order.now();
        let left = order.quantity - executed;
        if status == OrderStatus::PendingNew {
            self.end_other_leg(now, number, OrderStatus::Expired, &mut events);
            self.change(now, number, OrderStatus::Accepted, executed, &mut events);
        } else if rng.random_bool(0.1) {
            self.end(now, number, OrderStatus::ExpiredInMatch, &mut events);
            self.end_other_leg(now, number, OrderStatus::Expired, &mut events);
        } else {
            let part = if rng.random_bool(0.5) { left } else { part_of(left, rng) };
            self.execute(now, number, part, &mut events);
        }
        events
    }

    /// Somebody else trades on the account.
    pub fn trade_manually(&mut self, now: Timestamp, rng: &mut Pcg64) -> Vec<VenueEvent> {
        self.manual_orders += 1;
        let name = format!("web_{}", self.manual_orders).parse().unwrap();
        let instrument = InstrumentId(rng.random_range(0..2));
        let side = if rng.random_bool(0.5) { Side::Buy } else { Side::Sell };
        let quantity = Quantity::from_units(rng.random_range(1..20) * 10_000_000);
        self.accept(now, name, NewOrder::market(instrument, side, quantity), rng)
    }

    /// Takes an order back; `None` if there is nothing to take back.
    pub fn cancel(&mut self, now: Timestamp, name: &ClientOrderId) -> Option<Vec<VenueEvent>> {
        let order = self.find(name).filter(|order| is_open(order.now().0))?;
        let number = order.number;
        let mut events = Vec::new();
        self.end(now, number, OrderStatus::Canceled, &mut events);
        self.end_other_leg(now, number, OrderStatus::Canceled, &mut events);
        Some(events)
    }

    fn execute(
        &mut self,
        now: Timestamp,
        number: VenueOrderId,
        part: Quantity,
        events: &mut Vec<VenueEvent>,
    ) {
        let order = &self.orders[&number];
        let (status, executed) = order.now();
        if !part.is_positive() || !is_open(status) {
            return;
        }
        let instrument = order.new.instrument;
        let last = &mut self.last_trade[usize::from(instrument.0)];
        // Other people's trades lie between.
        *last += 1 + i64::from(number.0 % 3 == 0);
        let fill = Fill {
            key: FillKey { instrument, trade: TradeId(*last), venue_order: number },
            side: order.new.side,
            price: Price::from_units(PRICE * 100_000_000),
            quantity: part,
            fee: Amount::ZERO,
            fee_asset: "USDT".parse().unwrap(),
            liquidity: Liquidity::Maker,
            event_at: now,
        };
        let client_order_id = order.client_order_id;
        let executed = executed + part;
        let complete = executed >= order.quantity;
        self.trades.push((now, client_order_id, fill));
        events.push(VenueEvent::Filled { client_order_id, fill });
        let status = if complete { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        self.change(now, number, status, executed, events);
        self.end_other_leg(now, number, OrderStatus::Expired, events);
    }

    fn end(
        &mut self,
        now: Timestamp,
        number: VenueOrderId,
        status: OrderStatus,
        events: &mut Vec<VenueEvent>,
    ) {
        let (before, executed) = self.orders[&number].now();
        if is_open(before) {
            self.change(now, number, status, executed, events);
        }
    }

    fn change(
        &mut self,
        now: Timestamp,
        number: VenueOrderId,
        status: OrderStatus,
        executed: Quantity,
        events: &mut Vec<VenueEvent>,
    ) {
        let order = self.orders.get_mut(&number).expect("it was accepted");
        order.history.push((now, status, executed));
        events.push(VenueEvent::OrderChanged(order.snapshot((status, executed), now)));
    }

    /// The answer to a question about an order, as of an instant.
    pub fn query(&self, name: &ClientOrderId, as_of: Timestamp) -> VenueEvent {
        let found = self.find(name).and_then(|order| Some((order, order.as_of(as_of)?)));
        match found {
            Some((order, state)) => VenueEvent::OrderFound(order.snapshot(state, as_of)),
            None => VenueEvent::OrderNotFound { client_order_id: *name },
        }
    }

    /// The same by the venue's number.
    pub fn query_number(&self, number: VenueOrderId, as_of: Timestamp) -> Option<VenueEvent> {
        let order = self.orders.get(&number)?;
        Some(VenueEvent::OrderFound(order.snapshot(order.as_of(as_of)?, as_of)))
    }

    pub fn open_orders(&self, as_of: Timestamp) -> VenueEvent {
        let open = |order: &Accepted| {
            let state = order.as_of(as_of).filter(|(status, _)| is_open(*status))?;
            Some(order.snapshot(state, as_of))
        };
        let orders = self.orders.values().filter_map(open).collect();
        VenueEvent::OpenOrdersRead { orders, elsewhere: Vec::new() }
    }

    pub fn trades_of(
        &self,
        instrument: InstrumentId,
        from: Option<TradeId>,
        as_of: Timestamp,
    ) -> VenueEvent {
        let seen = self.trades.iter().filter(|(at, _, _)| *at <= as_of).map(|(_, _, fill)| *fill);
        let of_it = seen.filter(|fill| fill.key.instrument == instrument);
        let mut fills: Vec<Fill> = match from {
            Some(from) => of_it.filter(|fill| fill.key.trade >= from).collect(),
            None => of_it.collect(),
        };
        if from.is_none() {
            fills.drain(..fills.len().saturating_sub(PAGE));
        }
        let more = fills.len() > PAGE;
        fills.truncate(PAGE);
        VenueEvent::TradesRead { instrument, fills, more }
    }

    /// What the account held at an instant, and when that last changed.
    pub fn account(&self, as_of: Timestamp) -> VenueEvent {
        let assets = ["USDT", "BTC", "ETH"].map(|name| name.parse::<Asset>().unwrap());
        let mut held = assets.map(|asset| (asset, Amount::from_units(1_000_000_000, 0)));
        let mut event_at = Timestamp::EPOCH;
        for (at, _, fill) in self.trades.iter().filter(|(at, _, _)| *at <= as_of) {
            let base = assets[usize::from(fill.key.instrument.0) + 1];
            let quantity = Amount::from(fill.quantity);
            let notional = Amount::notional(fill.price, fill.quantity).unwrap().truncated(8);
            let (bought, paid) = match fill.side {
                Side::Buy => (quantity, -notional),
                Side::Sell => (-quantity, notional),
            };
            for (asset, delta) in [(base, bought), (assets[0], paid), (fill.fee_asset, -fill.fee)] {
                let (_, total) = held.iter_mut().find(|(of, _)| *of == asset).unwrap();
                *total += delta;
            }
            event_at = *at;
        }
        let balance = |(asset, free)| Balance { asset, free, locked: Amount::ZERO };
        VenueEvent::AccountRead { balances: held.map(balance).to_vec(), event_at }
    }

    pub fn order_trades(&self, number: VenueOrderId, as_of: Timestamp) -> VenueEvent {
        let seen = self.trades.iter().filter(|(at, _, _)| *at <= as_of).map(|(_, _, fill)| *fill);
        let fills = seen.filter(|fill| fill.key.venue_order == number).collect();
        VenueEvent::OrderTradesRead { venue_order: number, fills }
    }
}

/// A part of a quantity, in tenths of one, at least a tenth unless there is less.
fn part_of(quantity: Quantity, rng: &mut Pcg64) -> Quantity {
    let tenths = (quantity.units() / 10_000_000).max(1);
    Quantity::from_units(rng.random_range(1..=tenths) * 10_000_000).min(quantity)
}
