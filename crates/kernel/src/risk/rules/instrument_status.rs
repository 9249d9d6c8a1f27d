//! The venue takes orders on the instrument, and execution has not stopped it.

use super::RiskRule;
use crate::risk::checks::Checks;
use crate::risk::view::{OrderRequestView, RiskView, denial};
use model::DenialReason;
use model::InstrumentStatus;

/// See the module.
pub(super) struct InstrumentStatusRule;

impl RiskRule for InstrumentStatusRule {
    fn name(&self) -> &'static str {
        "instrument_status"
    }

    fn check(
        &self,
        order: &OrderRequestView<'_>,
        world: &RiskView<'_>,
        _: &mut Checks,
    ) -> Result<(), DenialReason> {
        if world.is_instrument_halted {
            let detail = "stopped after something impossible was reported";
            return Err(denial(detail, "trading", "stopped by the engine"));
        }
        let actual = match order.instrument.status {
            InstrumentStatus::Trading => return Ok(()),
            InstrumentStatus::CancelOnly => "CANCEL_ONLY",
            InstrumentStatus::Halted => "HALTED",
        };
        Err(denial("the venue takes no orders on the symbol", "TRADING", actual))
    }
}
