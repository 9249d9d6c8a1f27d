//! The largest single entry. Sells are bounded by the position, and must be able to close one that
//! has grown.

use super::RiskRule;
use crate::portfolio::Value;
use crate::risk::checks::Checks;
use crate::risk::view::{OrderRequestView, RiskView, denial};
use model::DenialReason;

/// See the module.
pub(super) struct MaxOrderNotional;

impl RiskRule for MaxOrderNotional {
    fn name(&self) -> &'static str {
        "max_order_notional"
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
            let Some(limit) = scope.limits.max_order_notional else { continue };
            let actual = order.notional.unwrap_or(Value::MAX);
            if actual > limit {
                let detail = format!("larger than one order of the {} may be", scope.name);
                return Err(denial(detail, world.money(limit), world.money(actual)));
            }
            passed.note(scope.name, limit, actual);
        }
        Ok(())
    }
}
