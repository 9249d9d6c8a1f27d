//! What a run amounts to: performance figures, the data of a report, and its renderings as HTML,
//! terminal tables and JSON.
//!
//! What belongs here: definitions of figures ([`metrics`]), what a run collects while it goes
//! ([`run`]), and how that is shown. What does not: anything that trades, reads files or knows a
//! clock. A report is a pure function of what was pushed into it: the same pushes give the same
//! bytes, and memory stays bounded however long the run is.

mod calendar;
mod format;
pub mod html;
pub mod latency;
pub mod metrics;
pub mod run;
pub mod series;
pub mod summary;
pub mod sweep;
pub mod terminal;
