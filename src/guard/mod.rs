//! The guard: a small process of its own that takes our entries back when the engine's heartbeat
//! stops, since a dead engine cannot and the venue has no such switch.
//!
//! What belongs here: hearing the heartbeat, deciding that it is old, cancelling by the role
//! letter of a client order id. What does not: positions, protective orders, anybody else's
//! orders; it never touches them.

mod cancel;
mod heartbeat;
mod watch;

pub use cancel::{Sweep, sweep};
pub use heartbeat::{Beat, HEARTBEAT, Heart, HeartbeatSource};
pub use watch::{Verdict, Watch};
