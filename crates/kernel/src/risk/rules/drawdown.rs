//! No entries after the fall from the peak has passed its limit, until an operator resumes. The
//! account's also trips the trading state.

use model::DenialReason;

use super::RiskRule;
use crate::risk::view::{OrderRequestView, RiskView, denial};

/// See the module.
pub(super) struct Drawdown;

impl RiskRule for Drawdown {
    fn name(&self) -> &'static str {
        "drawdown"
    }

    fn check(
        &self,
        order: &OrderRequestView<'_>,
        world: &RiskView<'_>,
    ) -> Result<(), DenialReason> {
        for scope in world.scopes() {
            if let Some(limit) = scope.limits.max_drawdown.filter(|_| scope.is_drawdown_tripped)
                && order.is_entry()
            {
                let detail = format!("the {} has fallen too far from its peak", scope.name);
                let actual = world.money(scope.equity.drawdown());
                return Err(denial(detail, world.money(limit), actual));
            }
        }
        Ok(())
    }
}
