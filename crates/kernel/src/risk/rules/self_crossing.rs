//! No order that would match one of our own: it would pay fees for nothing and paint the tape.
//! A post-only order cannot match, and one that waits for its trigger does not match yet; the
//! venue's self-trade prevention is behind both.

use model::{DenialReason, OrderKind, Side};

use super::RiskRule;
use crate::risk::checks::Checks;
use crate::risk::view::{OrderRequestView, RiskView, denial};

/// See the module.
pub(super) struct SelfCrossing;

impl RiskRule for SelfCrossing {
    fn name(&self) -> &'static str {
        "self_crossing"
    }

    fn check(
        &self,
        order: &OrderRequestView<'_>,
        world: &RiskView<'_>,
        _: &mut Checks,
    ) -> Result<(), DenialReason> {
        let side = order.new.side;
        let price = match order.new.kind {
            OrderKind::Limit { price, .. } => Some(price),
            // It takes the best price there is: ours, if ours is no worse than the touch.
            OrderKind::Market => world.touch(side),
            OrderKind::LimitMaker { .. }
            | OrderKind::StopLoss { .. }
            | OrderKind::StopLossLimit { .. }
            | OrderKind::TakeProfit { .. }
            | OrderKind::TakeProfitLimit { .. } => None,
        };
        let (Some(price), Some((own, opposite))) = (price, world.tally.best_opposite) else {
            return Ok(());
        };
        let matches = match side {
            Side::Buy => price >= opposite,
            Side::Sell => price <= opposite,
        };
        if !matches {
            return Ok(());
        }
        let quote = order.instrument.quote;
        let bound = match side {
            Side::Buy => "below",
            Side::Sell => "above",
        };
        let detail = format!("would match the own order {own}");
        Err(denial(detail, format!("{bound} {opposite} {quote}"), format!("{price} {quote}")))
    }
}
