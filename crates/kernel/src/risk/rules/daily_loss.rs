//! No entries after the loss since the start of the UTC day has passed its limit. The account's
//! also trips the trading state.

use model::DenialReason;

use super::RiskRule;
use crate::risk::checks::Checks;
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
        passed: &mut Checks,
    ) -> Result<(), DenialReason> {
        if !order.is_entry() {
            return Ok(());
        }
        for scope in world.scopes() {
            let Some(limit) = scope.limits.daily_loss else { continue };
            let actual = scope.equity.daily_loss();
            if scope.is_daily_loss_tripped {
                let detail = format!("the {} has lost its limit today", scope.name);
                return Err(denial(detail, world.money(limit), world.money(actual)));
            }
            passed.note(scope.name, limit, actual);
        }
        Ok(())
    }
}
