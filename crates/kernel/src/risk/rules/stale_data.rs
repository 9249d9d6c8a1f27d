//! Entries need a market that is seen, by the gate and by the strategy that decided: one that lags
//! behind its events buys on what was. What waited on its way to us is as old as it is. Exits
//! pass: getting out blind is better than staying in.

use super::RiskRule;
use crate::portfolio::Value;
use crate::risk::checks::Checks;
use crate::risk::view::{OrderRequestView, RiskView, denial};
use model::DenialReason;
use std::time::Duration;

/// See the module.
pub(super) struct StaleData;

impl RiskRule for StaleData {
    fn name(&self) -> &'static str {
        "stale_data"
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
        let Some(received_at) = world.market.received_at.filter(|_| order.price.is_some()) else {
            return Err(denial("no price of the symbol is known yet", "a price", "none"));
        };
        if world.is_stream_stale {
            return Err(denial("a stream of the symbol is silent", "live", "stale"));
        }
        let seen = world.now.since(received_at).saturating_add(world.market.lag.behind(world.now));
        let age = seen.max(world.now.since(order.caused_at));
        for scope in world.scopes() {
            let Some(limit) = scope.limits.stale_after else { continue };
            if age > limit {
                let words = |duration: Duration| format!("{} ms", duration.as_millis());
                let detail = format!("market data is too old for the {}", scope.name);
                return Err(denial(detail, words(limit), words(age)));
            }
            let millis = |time: Duration| Value::whole(time.as_millis() as u64);
            passed.note(scope.name, millis(limit), millis(age));
        }
        Ok(())
    }
}
