//! Order lifecycle, identity and reconciliation: the only place that builds venue commands.

mod command;
mod inquiry;
mod lifecycle;
mod machine;
mod order;
mod policy;
mod reconcile;
mod report;
mod submit;

pub use command::VenueCommand;
pub use lifecycle::{Step, Verdict, verdict};
pub use machine::{
    ExecutionEffect, ExecutionIdentity, ExecutionInput, ExecutionMachine, ReconcileSummary,
    RestoredOrder,
};
pub use policy::ExecutionPolicy;
