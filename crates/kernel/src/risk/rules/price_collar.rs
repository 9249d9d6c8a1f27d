//! How far through the market a price may be: a buy above the best ask, a sell below the best
//! bid. Prices on the passive side are free. A stop's or target's limit is measured from its own
//! trigger. A market order is denied while the best price on the other side is that far from the
//! mark: the book is empty there.

use model::{DenialReason, OrderKind, Price, Side};

use super::RiskRule;
use crate::portfolio::Value;
use crate::risk::checks::Checks;
use crate::risk::view::{OrderRequestView, RiskView, denial};

/// See the module.
pub(super) struct PriceCollar;

impl RiskRule for PriceCollar {
    fn name(&self) -> &'static str {
        "price_collar"
    }

    fn check(
        &self,
        order: &OrderRequestView<'_>,
        world: &RiskView<'_>,
        passed: &mut Checks,
    ) -> Result<(), DenialReason> {
        let side = order.new.side;
        let (Some(price), Some(reference)) = prices(order, world) else { return Ok(()) };
        for scope in world.scopes() {
            let Some(collar) = scope.limits.price_collar else { continue };
            let (bound, is_inside) = match side {
                Side::Buy => (collar.above(reference), price <= collar.above(reference)),
                Side::Sell => (collar.below(reference), price >= collar.below(reference)),
            };
            if is_inside {
                passed.note(scope.name, Value::of_price(bound), Value::of_price(price));
                continue;
            }
            let bps = scope.limits.price_collar_bps.unwrap_or_default();
            let detail = format!("further than {bps} bps through {reference}");
            let quote = order.instrument.quote;
            return Err(denial(detail, format!("{bound} {quote}"), format!("{price} {quote}")));
        }
        Ok(())
    }
}

/// The price in question and what it is measured from.
fn prices(order: &OrderRequestView<'_>, world: &RiskView<'_>) -> (Option<Price>, Option<Price>) {
    let touch = world.touch(order.new.side);
    match order.new.kind {
        OrderKind::Limit { price, .. } | OrderKind::LimitMaker { price } => (Some(price), touch),
        OrderKind::StopLossLimit { stop_price, price, .. }
        | OrderKind::TakeProfitLimit { stop_price, price, .. } => (Some(price), Some(stop_price)),
        OrderKind::Market => (touch, world.market.mark),
        OrderKind::StopLoss { .. } | OrderKind::TakeProfit { .. } => (None, None),
    }
}
