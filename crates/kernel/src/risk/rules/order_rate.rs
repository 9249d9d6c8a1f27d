//! The most orders in any ten seconds, of every role. Cancels do not count.

use model::DenialReason;

use super::RiskRule;
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
    ) -> Result<(), DenialReason> {
        let _ = order;
        for scope in world.scopes() {
            if let Some(limit) = scope.limits.max_orders_per_10s
                && scope.rate.is_full(world.now)
            {
                let actual = scope.rate.count(world.now) + 1;
                let detail = format!("more orders in 10 s than the {} may send", scope.name);
                return Err(denial(detail, limit.to_string(), actual.to_string()));
            }
        }
        Ok(())
    }
}
