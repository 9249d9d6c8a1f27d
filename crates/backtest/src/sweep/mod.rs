//! Many runs over the same history: which settings, over which spans of time, on all cores.
//!
//! What belongs here: the settings to try ([`Axis`], [`grid`], [`draws`]), the windows of a walk
//! forward ([`walk_forward`]), what is kept of a run ([`Outcome`]) and the threads that run them
//! ([`run_all`]). What does not: configuration, files and tables, which are the command's. No
//! result depends on how many threads there are.

mod axis;
mod outcome;
mod pool;
mod windows;

pub use axis::{Axis, AxisError, MAX_POINTS, draws, grid};
pub use outcome::{Outcome, Sampling, run_over};
pub use pool::run_all;
pub use windows::{Span, Window, walk_forward};
