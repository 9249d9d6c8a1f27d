//! The account has what the order pays with, net of what open and unknown orders reserve.

use super::RiskRule;
use crate::portfolio::Value;
use crate::risk::checks::Checks;
use crate::risk::view::{OrderRequestView, RiskView, denial};
use model::DenialReason;
use model::Side;

/// See the module.
pub(super) struct BalanceRule;

impl RiskRule for BalanceRule {
    fn name(&self) -> &'static str {
        "balance"
    }

    fn check(
        &self,
        order: &OrderRequestView<'_>,
        world: &RiskView<'_>,
        passed: &mut Checks,
    ) -> Result<(), DenialReason> {
        let asset = match order.new.side {
            Side::Buy => order.instrument.quote,
            Side::Sell => order.instrument.base,
        };
        let available = world.portfolio.available(asset, world.tally);
        let needed = order.cost.reserved;
        if needed <= available {
            passed.note("account", available, needed);
            return Ok(());
        }
        let words = |value: Value| format!("{value} {asset}");
        let detail = "more than the account has free, fee included";
        Err(denial(detail, words(available.or_zero()), words(needed)))
    }
}
