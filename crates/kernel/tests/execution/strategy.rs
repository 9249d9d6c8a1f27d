//! Two strategies that do anything at any time.

use model::{
    CorrelationId, InstrumentId, NewOrder, OrderId, OrderKind, OrderQuantity, Price, Quantity,
    Side, TimeInForce, Timestamp,
};
use rand::Rng;
use rand::seq::IteratorRandom;
use rand_pcg::Pcg64;
use tickwright_kernel::messages::{CancelScope, Cause, ExecutionRequest, Intent, SubmitIntent};
use tickwright_kernel::risk::RiskInput;

use super::engine::{Engine, STRATEGIES};

fn new_order(rng: &mut Pcg64) -> NewOrder {
    let instrument = InstrumentId(rng.random_range(0..2));
    let side = if rng.random_bool(0.6) { Side::Buy } else { Side::Sell };
    let quantity = Quantity::from_units(rng.random_range(1..=20) * 10_000_000);
    // Passive prices, so that the two strategies do not cross each other's orders.
    let price = match side {
        Side::Buy => Price::from_units(99 * 100_000_000),
        Side::Sell => Price::from_units(101 * 100_000_000),
    };
    match rng.random_range(0..10) {
        0 => NewOrder::market(instrument, side, quantity),
        1 => {
            let amount = model::Amount::from_units(rng.random_range(1..=20) * 10, 0);
            NewOrder::market_quote(instrument, Side::Buy, amount)
        }
        2 => {
            let kind = OrderKind::Limit { price, time_in_force: TimeInForce::ImmediateOrCancel };
            NewOrder::new(instrument, side, kind, OrderQuantity::Base(quantity))
        }
        3 => {
            let kind = OrderKind::StopLoss { stop_price: Price::from_units(90 * 100_000_000) };
            NewOrder::new(instrument, Side::Sell, kind, OrderQuantity::Base(quantity)).protective()
        }
        _ => NewOrder::limit(instrument, side, quantity, price),
    }
}

impl Engine {
    fn an_open_order(&self, rng: &mut Pcg64) -> Option<OrderId> {
        // A strategy is not told of what the engine places for it.
        let open = self.risk.portfolio().reservations().iter();
        open.map(|reserved| reserved.order).filter(|order| !order.is_engines()).choose(rng)
    }

    /// Some strategy wants something; what the gate makes of it is among its effects.
    pub fn act(&mut self, now: Timestamp, rng: &mut Pcg64) {
        let strategy = STRATEGIES[rng.random_range(0..2)];
        self.last_number += 1;
        let order = OrderId { epoch: self.epoch, strategy, number: self.last_number };
        let new = new_order(rng);
        let open = self.an_open_order(rng);
        let intent = match (rng.random_range(0..10), open) {
            (0..=1, Some(old)) => Intent::Cancel { order: old },
            (2..=4, Some(old)) => {
                let order = OrderId { strategy: old.strategy, ..order };
                Intent::Replace { old, order, new }
            }
            (_, _) => Intent::Submit { order, new },
        };
        let strategy = match intent {
            Intent::Submit { order, .. }
            | Intent::Cancel { order }
            | Intent::Replace { order, .. } => order.strategy,
        };
        let intent = SubmitIntent {
            strategy,
            intent,
            cause: Cause::Engine,
            correlation: CorrelationId(u64::from(self.last_number)),
            caused_at: now,
            decided_at: now,
        };
        self.step_risk(now, RiskInput::Intent(intent));
    }

    /// The engine takes back what it has out.
    pub fn mass_cancel(rng: &mut Pcg64) -> ExecutionRequest {
        let owner = STRATEGIES.into_iter().choose(rng);
        let scope = match rng.random_range(0..3) {
            0 => CancelScope::Entries(owner),
            1 => CancelScope::EntriesAndExits(None),
            _ => CancelScope::Everything(owner),
        };
        ExecutionRequest::CancelAll { scope }
    }
}
