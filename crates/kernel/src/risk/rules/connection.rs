//! Nothing is placed while reports of orders may be missing.

use model::DenialReason;

use super::RiskRule;
use crate::risk::checks::Checks;
use crate::risk::view::{OrderRequestView, RiskView, denial};

/// See the module.
pub(super) struct Connection;

impl RiskRule for Connection {
    fn name(&self) -> &'static str {
        "connection"
    }

    fn check(
        &self,
        order: &OrderRequestView<'_>,
        world: &RiskView<'_>,
        _: &mut Checks,
    ) -> Result<(), DenialReason> {
        if world.is_execution_live {
            return Ok(());
        }
        let detail = "the venue is not connected and reconciled: orders cannot go out";
        Err(denial(detail, "live", order.instrument.venue.to_string()))
    }
}
