//! Looking on: at each command, at each word, and at the end.

#![allow(clippy::wildcard_enum_match_arm, reason = "a judge picks what it is about")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{
    ClientOrderId, InstrumentId, OrderEvent, OrderId, OrderKind, OrderStatus, Side, StrategyId,
    VenueOrderId,
};
use tickwright_kernel::journal::Record;

use super::engine::PROTECTED;
use super::exchange::Accepted;
use super::verdict::Invariant;
use super::world::World;

/// The order of ours that a name on the wire stands for.
fn order_of(name: &ClientOrderId) -> Option<OrderId> {
    OrderId::from_client_order_id(name).ok().map(|(_, order, _)| order)
}

impl World {
    pub(super) fn check_submit(&mut self, name: ClientOrderId, in_place: bool) {
        if !self.sent.insert(name) {
            self.verdict.broken(Invariant::SentOnce, format!("{name} was sent twice"));
        }
        let is_intent_of = |record: &Record| match record {
            Record::OrderIntended(intent) if intent.client_order_id == name => {
                Some(intent.replaces)
            }
            _ => None,
        };
        let durable = &self.disk.records[..self.disk.durable];
        match durable.iter().rev().find_map(is_intent_of) {
            None => {
                let what = format!("{name} was sent and would not survive");
                self.verdict.broken(Invariant::DurableBeforeSent, what);
            }
            Some(None) => {}
            // The venue itself looks at the old order.
            Some(Some(_)) if in_place => {}
            Some(Some(old)) => self.check_replacement(name, old),
        }
    }

    /// Whether the order was to replace another.
    pub(super) fn replaces(&self, name: &ClientOrderId) -> bool {
        self.disk.records.iter().rev().any(|record| match record {
            Record::OrderIntended(intent) => {
                intent.client_order_id == *name && intent.replaces.is_some()
            }
            _ => false,
        })
    }

    pub(super) fn check_replacement(&mut self, name: ClientOrderId, old: OrderId) {
        self.counts.replacements += 1;
        let order = order_of(&name).unwrap();
        let known = self.known_executed.get(&order).copied().flatten();
        let is_old = |name: &ClientOrderId| order_of(name) == Some(old);
        let old_name = self.signed.keys().copied().find(is_old);
        let Some(old_name) = old_name else { return };
        let wrong = match self.exchange.find(&old_name).map(Accepted::now) {
            Some((status, _)) if !status.is_final() => Some("is still open"),
            Some((OrderStatus::Filled, _)) => Some("had filled"),
            Some((_, executed)) if known.is_some_and(|known| executed > known) => {
                Some("had executed more than the gate knew")
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            let what = format!("{name} was sent at {}, but {old_name} {wrong}", self.now);
            self.verdict.broken(Invariant::ReplacedOnce, what);
        }
    }

    pub(super) fn note_told(&mut self, event: &OrderEvent) {
        use model::OrderEventKind as Kind;
        match &event.kind {
            Kind::Filled { .. } => self.counts.fills += 1,
            Kind::OutcomeUnknown { .. } => self.counts.unknown += 1,
            Kind::Absent { .. } => {
                self.counts.absent += 1;
                let is_it = |name: &&ClientOrderId| order_of(name) == Some(event.order);
                let name = self.signed.keys().find(is_it);
                if let Some(name) = name.filter(|name| self.exchange.find(name).is_some()) {
                    let what =
                        format!("{name} was accepted, and told to be absent at {}", self.now);
                    self.verdict.broken(Invariant::AbsentIsAbsent, what);
                }
            }
            _ => {}
        }
        self.verdict.note_told(event);
    }

    /// Whatever the venue fills next, no strategy sells more than it has. Of a pair only one order
    /// can fill.
    pub(super) fn check_offers(&mut self) {
        let mut held: BTreeMap<(StrategyId, InstrumentId), i64> = BTreeMap::new();
        for (_, name, fill) in &self.exchange.trades {
            let Some(order) = order_of(name) else { continue };
            let sum = held.entry((order.strategy, fill.key.instrument)).or_default();
            *sum += fill.side.sign() * fill.quantity.units();
        }
        let mut offered: BTreeMap<(StrategyId, InstrumentId), i64> = BTreeMap::new();
        for open in self.exchange.open().filter(|open| open.new.side == Side::Sell) {
            let Some(order) = order_of(&open.client_order_id) else { continue };
            let is_second = |other: VenueOrderId| other < open.number;
            let other = open.other_leg.filter(|other| is_second(*other));
            let is_counted = other.and_then(|other| self.exchange.orders.get(&other));
            if is_counted.is_some_and(|other| !other.now().0.is_final()) {
                continue;
            }
            let left = (open.quantity - open.now().1).units();
            *offered.entry((order.strategy, open.new.instrument)).or_default() += left;
        }
        for (key, offered) in offered {
            let held = held.get(&key).copied().unwrap_or(0);
            if offered > held {
                let what = format!("{key:?} offers {offered} of {held} at {}", self.now);
                self.verdict.broken(Invariant::NeverOversold, what);
            }
        }
    }

    /// What a protected strategy holds rests under stops, once nothing goes wrong any more.
    fn judge_protection(&mut self) {
        let engine = self.engine.as_ref().expect("nothing ends it in the quiet time");
        for instrument in [InstrumentId(0), InstrumentId(1)] {
            let held = engine.risk.portfolio().position(PROTECTED, instrument).quantity();
            let is_sell = |open: &&Accepted| {
                let order = order_of(&open.client_order_id);
                open.new.instrument == instrument
                    && open.new.side == Side::Sell
                    && order.is_some_and(|order| order.strategy == PROTECTED)
                    && !matches!(open.new.kind, OrderKind::LimitMaker { .. })
            };
            let offered: i64 = self
                .exchange
                .open()
                .filter(is_sell)
                .map(|open| (open.quantity - open.now().1).units())
                .sum();
            if offered < held.units() {
                let what = format!("{offered} of {held} of {instrument} rests or is offered");
                self.verdict.broken(Invariant::Protected, what);
            }
        }
    }

    /// Every order of ours that is open at the venue is reserved for.
    pub(super) fn check_reservations(&mut self) {
        let Some(engine) = &self.engine else { return };
        let reservations = engine.risk.portfolio().reservations();
        let mut uncovered = None;
        for open in self.exchange.open() {
            let Some(order) = order_of(&open.client_order_id) else { continue };
            if reservations.get(order).is_none() && !self.verdict.absent.contains(&order) {
                uncovered = Some(order);
            }
        }
        if let Some(order) = uncovered {
            let what = format!("order {order} is open and not reserved for at {}", self.now);
            self.verdict.broken(Invariant::ReservationsCover, what);
        }
    }

    pub(super) fn judge_the_end(&mut self) {
        for name in self.exchange.doubled.clone() {
            self.verdict.broken(Invariant::SentOnce, format!("{name} was accepted twice"));
        }
        self.judge_weights();
        self.judge_convergence();
        self.judge_protection();
        self.judge_fills();
    }

    fn judge_weights(&mut self) {
        let weights = &self.session.weights;
        let mut begin = 0;
        let mut sum = 0;
        for (at, weight) in weights {
            sum += weight;
            while weights[begin].0.after(Duration::from_secs(60)) <= *at {
                sum -= weights[begin].1;
                begin += 1;
            }
            if sum > 6_000 {
                let what = format!("weight {sum} within a minute at {at}");
                self.verdict.broken(Invariant::AskedWithinBounds, what);
                return;
            }
        }
    }

    fn judge_convergence(&mut self) {
        let engine = self.engine.as_ref().expect("nothing ends it in the quiet time");
        let mut wrong = Vec::new();
        if !engine.execution.is_live() {
            wrong.push("it is not live".to_owned());
        }
        let working: BTreeSet<OrderId> =
            engine.execution.working_orders().map(|(id, _)| id).collect();
        let is_ours = |order: &Accepted| order_of(&order.client_order_id);
        let open: BTreeSet<OrderId> = self.exchange.open().filter_map(is_ours).collect();
        if working != open {
            wrong.push(format!("working {working:?}, open {open:?}"));
        }
        if engine.execution.unknown_count() > 0 {
            wrong.push("orders are unknown".to_owned());
        }
        let reserved = engine.risk.portfolio().reservations().iter().map(|r| r.order);
        let reserved: BTreeSet<OrderId> = reserved.collect();
        if reserved != open {
            wrong.push(format!("reserved {reserved:?}, open {open:?}"));
        }
        if !wrong.is_empty() {
            self.verdict.broken(Invariant::Converges, wrong.join("; "));
        }
    }

    fn judge_fills(&mut self) {
        let ledger = self.disk.ledger();
        let engine = self.engine.as_ref().expect("nothing ends it in the quiet time");
        let mut truth: BTreeMap<(Option<StrategyId>, InstrumentId), i64> = BTreeMap::new();
        for (_, name, fill) in &self.exchange.trades {
            let owner = order_of(name).map(|id| id.strategy);
            let sum = truth.entry((owner, fill.key.instrument)).or_default();
            *sum += fill.side.sign() * fill.quantity.units();
        }
        let (booked, traded) = (ledger.fills_booked(), self.exchange.trades.len() as u64);
        if booked != traded {
            let missing: Vec<_> =
                self.exchange.trades.iter().filter(|(_, _, f)| !ledger.has_fill(&f.key)).collect();
            let what = format!("{booked} fills booked of {traded}, not {missing:?}");
            self.verdict.broken(Invariant::FillsMatch, what);
        }
        for ((owner, instrument), units) in truth {
            let position = match owner {
                Some(strategy) => ledger.position(strategy, instrument).quantity(),
                None => ledger.external_position(instrument).quantity(),
            };
            if position.units() != units {
                let what = format!("{owner:?} on {instrument}: {position}, the venue says {units}");
                self.verdict.broken(Invariant::FillsMatch, what);
            }
            if let Some(strategy) = owner {
                let known = engine.risk.portfolio().position(strategy, instrument).quantity();
                if known != position {
                    let what =
                        format!("{strategy} on {instrument}: gate {known}, journal {position}");
                    self.verdict.broken(Invariant::PositionsMatch, what);
                }
            }
        }
    }
}
