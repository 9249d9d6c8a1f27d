//! A strategy in quarantine places nothing; the engine still protects what it holds.

use model::DenialReason;

use super::RiskRule;
use crate::risk::checks::Checks;
use crate::risk::view::{OrderRequestView, RiskView, denial};

/// See the module.
pub(super) struct Quarantine;

impl RiskRule for Quarantine {
    fn name(&self) -> &'static str {
        "quarantine"
    }

    fn check(
        &self,
        order: &OrderRequestView<'_>,
        world: &RiskView<'_>,
        _: &mut Checks,
    ) -> Result<(), DenialReason> {
        if !world.is_quarantined || order.by_engine {
            return Ok(());
        }
        Err(denial("the strategy is in quarantine", "released", order.strategy.to_string()))
    }
}
