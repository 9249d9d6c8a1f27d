//! What the tests share: a desk with its files, an engine process and its log, an exchange, a
//! line that can be cut, and the comparison of both sides' records.

mod desk;
mod engine;
mod faulty;
mod line;
mod record;
mod smallest;
#[path = "../../../examples/chaos/status.rs"]
mod status;
mod venue;

pub use desk::Desk;
pub use engine::{Engine, Signal, Within};
pub use line::Line;
pub use record::compare;
pub use venue::Venue;
