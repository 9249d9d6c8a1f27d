//! A buy is paid from the strategy'\''s allocated capital, with its profits and losses, less what its
//! positions cost and its open buys may still spend.

use super::RiskRule;
use crate::portfolio::Value;
use crate::risk::checks::Checks;
use crate::risk::view::{OrderRequestView, RiskView, denial};
use model::DenialReason;

/// See the module.
pub(super) struct Capital;

impl RiskRule for Capital {
    fn name(&self) -> &'static str {
        "capital"
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
        let free = world.strategy.equity.free_capital() - world.strategy.tally.spending;
        let needed = order.spending.unwrap_or(Value::MAX);
        if needed <= free {
            passed.note("strategy", free, needed);
            return Ok(());
        }
        let detail = "more than is left of the allocated capital, fee included";
        Err(denial(detail, world.money(free.or_zero()), world.money(needed)))
    }
}
