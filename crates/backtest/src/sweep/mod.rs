//! Many runs over the same history: which settings, over which spans of time, on all cores.
//!
//! What belongs here: the settings to try ([`Axis`], [`grid`], [`draws`]), the windows of a walk
//! forward ([`walk_forward`]) and what is kept of a run ([`Outcome`]). What does not:
//! configuration, files, tables and threads, which are the command's. No result depends on how many
//! threads there are.

mod axis;
mod outcome;
mod windows;

pub use axis::{Axis, AxisError, MAX_POINTS, draws, grid};
pub use outcome::{Outcome, Sampling, run_over};
pub use windows::{Span, Window, walk_forward};
