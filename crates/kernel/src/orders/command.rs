//! Proof that the execution machine decided on something.

use crate::venue::VenueAction;

/// A command that a venue will carry out. Only the execution machine builds one: submits from
/// what the risk gate approved, cancels and queries on its own account.
#[derive(PartialEq, Eq, Debug)]
pub struct VenueCommand {
    action: VenueAction,
}

impl VenueCommand {
    pub(in crate::orders) const fn new(action: VenueAction) -> Self {
        Self { action }
    }

    /// What to do.
    #[must_use]
    pub const fn action(&self) -> &VenueAction {
        &self.action
    }

    /// What to do, to be carried out.
    #[must_use]
    pub fn into_action(self) -> VenueAction {
        self.action
    }
}
