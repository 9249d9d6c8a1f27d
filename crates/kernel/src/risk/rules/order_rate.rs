//! The most orders in any ten seconds, of every role. Cancels do not count. What the engine itself
//! places counts, but is never denied.

use model::DenialReason;

use super::RiskRule;
use crate::portfolio::Value;
use crate::risk::checks::Checks;
use crate::risk::view::{OrderRequestView, RiskView, denial};

/// See the module.
pub(super) struct OrderRateRule;

impl RiskRule for OrderRateRule {
    fn name(&self) -> &'static str {
        "order_rate"
    }

    fn check(
        &self,
        order: &OrderRequestView<'_>,
        world: &RiskView<'_>,
        passed: &mut Checks,
    ) -> Result<(), DenialReason> {
        if order.by_engine {
            return Ok(());
        }
        for scope in world.scopes() {
            let Some(limit) = scope.limits.max_orders_per_10s else { continue };
            let actual = scope.rate.count(world.now) + 1;
            if scope.rate.is_full(world.now) {
                let detail = format!("more orders in 10 s than the {} may send", scope.name);
                return Err(denial(detail, limit.to_string(), actual.to_string()));
            }
            passed.note(scope.name, Value::whole(limit.into()), Value::whole(actual as u64));
        }
        Ok(())
    }
}
