//! The role fits the side. On spot a buy opens and a sell closes; the role letter in the client
//! order id is what tells others which orders they may cancel.

use super::RiskRule;
use crate::risk::checks::Checks;
use crate::risk::view::{OrderRequestView, RiskView, denial};
use model::DenialReason;
use model::{Role, Side};

/// See the module.
pub(super) struct RoleRule;

impl RiskRule for RoleRule {
    fn name(&self) -> &'static str {
        "role"
    }

    fn check(
        &self,
        order: &OrderRequestView<'_>,
        world: &RiskView<'_>,
        _: &mut Checks,
    ) -> Result<(), DenialReason> {
        let _ = world;
        match (order.new.side, order.new.role) {
            (Side::Buy, Role::Entry) | (Side::Sell, Role::Exit | Role::Protective) => Ok(()),
            (Side::Buy, Role::Exit | Role::Protective) => {
                Err(denial("a buy on spot opens a position", "entry", name(order.new.role)))
            }
            (Side::Sell, Role::Entry) => Err(denial(
                "a sell on spot closes a position",
                "exit or protective",
                name(order.new.role),
            )),
        }
    }
}

const fn name(role: Role) -> &'static str {
    match role {
        Role::Entry => "entry",
        Role::Exit => "exit",
        Role::Protective => "protective",
    }
}
