//! A sell takes no more than the strategy'\''s own lots that no other sell of its takes.

use model::DenialReason;

use super::RiskRule;
use crate::portfolio::Value;
use crate::risk::checks::Checks;
use crate::risk::view::{OrderRequestView, RiskView, denial};

/// See the module.
pub(super) struct FreeLots;

impl RiskRule for FreeLots {
    fn name(&self) -> &'static str {
        "free_lots"
    }

    fn check(
        &self,
        order: &OrderRequestView<'_>,
        world: &RiskView<'_>,
        passed: &mut Checks,
    ) -> Result<(), DenialReason> {
        if order.is_entry() {
            return Ok(());
        }
        let held = world.portfolio.position(order.strategy, order.instrument.id).quantity();
        let free = held.saturating_sub_to_zero(world.tally.own_sells);
        if order.cost.sold <= free {
            let (limit, actual) = (Value::of_quantity(free), Value::of_quantity(order.cost.sold));
            passed.note("strategy", limit, actual);
            return Ok(());
        }
        let base = order.instrument.base;
        let detail = "more than the strategy holds and does not offer yet";
        Err(denial(detail, format!("{free} {base}"), format!("{} {base}", order.cost.sold)))
    }
}
