//! Order lifecycle, identity and reconciliation: the only place that builds venue commands.
//!
//! `machine` takes inputs and keeps the deadlines; `submit`, `cancel` and `replace` go from a
//! request to a command; `report`, `fill` and `snapshot` take what the venue says; `inquiry`,
//! `absence` and `unclaimed` find out what it did not say; `reads`, `reconcile` and `balances`
//! compare the whole. `lifecycle` is the table that they all obey.

mod absence;
mod balances;
mod budget;
mod cancel;
mod command;
mod fill;
mod inquiry;
mod lifecycle;
mod machine;
mod messages;
mod order;
mod policy;
mod reads;
mod reconcile;
mod replace;
mod report;
mod restore;
mod snapshot;
mod submit;
mod table;
#[cfg(test)]
mod tests;
mod unclaimed;

pub use balances::Unexplained;
pub use command::VenueCommand;
pub use lifecycle::{Step, Verdict, verdict};
pub use machine::ExecutionMachine;
pub use messages::{ExecutionEffect, ExecutionIdentity, ExecutionInput, ReconcileSummary};
pub use policy::ExecutionPolicy;
pub use restore::{RestoredExecution, RestoredOrder};
