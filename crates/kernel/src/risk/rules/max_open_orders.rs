//! The most orders open at once. Protective orders are counted but never denied.

use super::RiskRule;
use crate::portfolio::Value;
use crate::risk::checks::Checks;
use crate::risk::view::{OrderRequestView, RiskView, denial};
use model::DenialReason;
use model::Role;

/// See the module.
pub(super) struct MaxOpenOrders;

impl RiskRule for MaxOpenOrders {
    fn name(&self) -> &'static str {
        "max_open_orders"
    }

    fn check(
        &self,
        order: &OrderRequestView<'_>,
        world: &RiskView<'_>,
        passed: &mut Checks,
    ) -> Result<(), DenialReason> {
        if order.new.role == Role::Protective {
            return Ok(());
        }
        for scope in world.scopes() {
            let Some(limit) = scope.limits.max_open_orders else { continue };
            let actual = scope.tally.open_orders.saturating_add(1);
            if actual > limit {
                let detail = format!("more open orders than the {} may have", scope.name);
                return Err(denial(detail, limit.to_string(), actual.to_string()));
            }
            passed.note(scope.name, Value::whole(limit.into()), Value::whole(actual.into()));
        }
        Ok(())
    }
}
