//! The demonstration: a simulated exchange, the engine connected to it over real sockets, a few
//! minutes of market, everything checked against the exchange's own record, a report.

mod checks;
mod keys;
mod progress;
mod recoveries;
mod reporting;

pub use checks::{Checked, check_against_venue};
pub use keys::{HELP, Key, Keyboard};
pub use progress::Progress;
pub use recoveries::Recoveries;
pub use reporting::{Material, Samples, build_report};
