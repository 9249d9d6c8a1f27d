//! Protection of open positions: stop orders that rest at the venue, the exits that have to get
//! past them, and flattening.
//!
//! A resting stop locks what it would sell. So whoever sells has to know of it: a strategy's exit
//! waits here until the stop is gone, then passes the gate, and what is left of the position is
//! protected anew. For the same reason closing a position on an operator's word is done here.
//!
//! What belongs here: deciding what should rest for each holding, and in which order things are
//! taken back and placed. What does not: judging orders (the gate does, these too), sending them
//! (execution does), knowing positions (the portfolio does).
//!
//! The decision goes by what is, not by what happened: [`ProtectionMachine::plan`] compares what
//! should rest with what rests and says the next step. A lost event costs a moment, not the stop.

mod closing;
mod cover;
mod holding;
mod machine;
mod policy;

pub use closing::{Closed, ClosingPlan, PlannedCancel, PlannedClose};
pub use machine::{Intercepted, ProtectionMachine, Uncovered};
pub use policy::ProtectionPolicy;

pub(crate) use machine::{Custody, Wish};
