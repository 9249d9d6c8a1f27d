//! The rules, one a file, and the table in which the gate asks them.
//!
//! A new rule is a file and a line in [`RULES`]; docs/RISK.md names each, and a test holds the
//! page against the table.

mod balance;
mod capital;
mod connection;
mod daily_loss;
mod drawdown;

mod filters;
mod free_lots;
mod instrument_status;
mod max_open_orders;
mod max_order_notional;
mod max_position_notional;
mod max_total_notional;
mod order_rate;
mod price_collar;
mod quarantine;
mod role;
mod self_crossing;
mod stale_data;
mod trading_state;

use model::DenialReason;

use super::checks::{Checks, RiskCheck};
use super::view::{OrderRequestView, RiskView};

/// One condition that an order must meet.
pub trait RiskRule: Sync {
    /// Stable name: part of every denial, of the documents and of the log.
    fn name(&self) -> &'static str;

    /// Whether the order may pass. A figure that was held against a limit is noted, so that the
    /// order can be explained.
    ///
    /// # Errors
    /// What is wrong, with limit and actual value. The gate fills in the rule's name.
    fn check(
        &self,
        order: &OrderRequestView<'_>,
        world: &RiskView<'_>,
        passed: &mut Checks,
    ) -> Result<(), DenialReason>;
}

/// Every rule, in the order in which they are asked: the first that objects denies.
pub static RULES: &[&dyn RiskRule] = &[
    &trading_state::TradingStateRule,
    &quarantine::Quarantine,
    &connection::Connection,
    &instrument_status::InstrumentStatusRule,
    &role::RoleRule,
    &filters::Filters,
    &stale_data::StaleData,
    &daily_loss::DailyLoss,
    &drawdown::Drawdown,
    &price_collar::PriceCollar,
    &free_lots::FreeLots,
    &max_order_notional::MaxOrderNotional,
    &max_position_notional::MaxPositionNotional,
    &max_total_notional::MaxTotalNotional,
    &capital::Capital,
    &balance::BalanceRule,
    &max_open_orders::MaxOpenOrders,
    &self_crossing::SelfCrossing,
    &order_rate::OrderRateRule,
];

/// Asks every rule, and tells what they compared if that is wanted.
pub(super) fn check_all(
    order: &OrderRequestView<'_>,
    world: &RiskView<'_>,
    are_checks_wanted: bool,
) -> Result<Vec<RiskCheck>, DenialReason> {
    let mut passed = Checks::new(are_checks_wanted);
    for rule in RULES {
        passed.begin(rule.name());
        if let Err(mut reason) = rule.check(order, world, &mut passed) {
            rule.name().clone_into(&mut reason.rule);
            return Err(reason);
        }
    }
    Ok(passed.into_passed())
}
