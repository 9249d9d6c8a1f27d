//! No entries after the fall from the peak has passed its limit, until an operator resumes. The
//! account's also trips the trading state.

use model::DenialReason;

use super::RiskRule;
use crate::risk::checks::Checks;
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
        passed: &mut Checks,
    ) -> Result<(), DenialReason> {
        if !order.is_entry() {
            return Ok(());
        }
        for scope in world.scopes() {
            let Some(limit) = scope.limits.max_drawdown else { continue };
            let actual = scope.equity.drawdown();
            if scope.is_drawdown_tripped {
                let detail = format!("the {} has fallen too far from its peak", scope.name);
                return Err(denial(detail, world.money(limit), world.money(actual)));
            }
            passed.note(scope.name, limit, actual);
        }
        Ok(())
    }
}
