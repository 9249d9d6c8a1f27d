//! The trading state: ReduceOnly lets sells pass, Halted only what the engine itself places to
//! protect a position or to close it.

use super::RiskRule;
use crate::risk::TradingState;
use crate::risk::checks::Checks;
use crate::risk::view::{OrderRequestView, RiskView, denial};
use model::DenialReason;

/// See the module.
pub(super) struct TradingStateRule;

impl RiskRule for TradingStateRule {
    fn name(&self) -> &'static str {
        "trading_state"
    }

    fn check(
        &self,
        order: &OrderRequestView<'_>,
        world: &RiskView<'_>,
        _: &mut Checks,
    ) -> Result<(), DenialReason> {
        match world.state {
            TradingState::Active => Ok(()),
            TradingState::ReduceOnly | TradingState::Halted
                if order.by_engine && !order.is_entry() =>
            {
                Ok(())
            }
            TradingState::ReduceOnly if !order.is_entry() => Ok(()),
            TradingState::ReduceOnly => {
                Err(denial("only sells of own lots are allowed now", "reduce_only", "buy"))
            }
            TradingState::Halted => {
                Err(denial("trading is halted", "halted", order.new.side.name()))
            }
        }
    }
}
