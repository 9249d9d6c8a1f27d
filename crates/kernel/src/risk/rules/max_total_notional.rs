//! The largest sum of all positions: what is held, what open buys may add, and this order.

use super::RiskRule;
use crate::portfolio::Value;
use crate::risk::checks::Checks;
use crate::risk::view::{OrderRequestView, RiskView, denial};
use model::DenialReason;

/// See the module.
pub(super) struct MaxTotalNotional;

impl RiskRule for MaxTotalNotional {
    fn name(&self) -> &'static str {
        "max_total_notional"
    }

    fn check(
        &self,
        order: &OrderRequestView<'_>,
        world: &RiskView<'_>,
        passed: &mut Checks,
    ) -> Result<(), DenialReason> {
        if !order.is_entry() {
            return Ok(());
        }
        for scope in world.scopes() {
            let Some(limit) = scope.limits.max_total_notional else { continue };
            let adds = order.notional.unwrap_or(Value::MAX);
            let actual = scope.holdings + scope.tally.buying + adds;
            if actual > limit {
                let detail = format!("more than all positions of the {} may come to", scope.name);
                return Err(denial(detail, world.money(limit), world.money(actual)));
            }
            passed.note(scope.name, limit, actual);
        }
        Ok(())
    }
}
