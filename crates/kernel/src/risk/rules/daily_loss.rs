//! No entries after the loss since the start of the UTC day has passed its limit. The account's
//! also trips the trading state.

use model::DenialReason;

use super::RiskRule;
use crate::risk::view::{OrderRequestView, RiskView, denial};

/// See the module.
pub(super) struct DailyLoss;

impl RiskRule for DailyLoss {
    fn name(&self) -> &'static str {
        "daily_loss"
    }

    fn check(
        &self,
        order: &OrderRequestView<'_>,
        world: &RiskView<'_>,
    ) -> Result<(), DenialReason> {
        for scope in world.scopes() {
            if let Some(limit) = scope.limits.daily_loss.filter(|_| scope.is_daily_loss_tripped)
                && order.is_entry()
            {
                let detail = format!("the {} has lost its limit today", scope.name);
                let actual = world.money(scope.equity.daily_loss());
                return Err(denial(detail, world.money(limit), actual));
            }
        }
        Ok(())
    }
}
