//! The inputs of every machine in the order of their delivery, and what checks that they lead to
//! the same effects and states again.
//!
//! What belongs here: what is noted of an input ([`Delivery`]), how effects and states are
//! compared ([`Digest`]), and the loop that feeds bare machines ([`Replay`]). What does not: files,
//! queues, and how the machines are built.
//!
//! An input is noted by value where it comes from outside: a frame, an answer, a timer, the
//! venue's word. What one machine has made for another is only referred to (a market event by its
//! place in the feed's sequence, an intent or an order event by its turn), so that conflated and
//! dropped events are those that nobody refers to, and an approval is never read back from a file.

mod delivery;
mod digest;
mod machines;
mod masked;
mod recorded;

pub use delivery::{
    Body, Delivered, Delivery, ExecutionDelivered, FeedDelivered, HostDelivered, Machine,
    RiskDelivered, VenueDelivered, WireDelivered,
};
pub use digest::Digest;
pub use machines::{Difference, DifferenceKind, Machines, Replay, Seat, Tally};
pub use recorded::{Recorded, VenueGiven};
