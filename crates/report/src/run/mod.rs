//! What a run collects for its report while it goes, and the report's data.
//!
//! Feed a [`RunReportBuilder`] with equity, prices, fills and order events, in order of time;
//! [`RunReportBuilder::finish`] gives the [`RunReport`], which serialises to JSON and is rendered
//! elsewhere in this crate. Memory is bounded: curves are [`crate::series::Series`], markers
//! merge, lists keep their latest entries and say how many there were.

mod activity;
mod assemble;
mod book;
mod builder;
mod exposure;
mod halt;
mod identity;
mod markers;
mod report;
#[cfg(test)]
mod tests;

pub use activity::{ActivityFigures, OrderCounts};
pub use builder::{FillValue, ReportError, RunReportBuilder, StrategySetup};
pub use exposure::ExposureFigures;
pub use halt::{Ending, Halt, HaltState};
pub use identity::{ModelName, RunIdentity};
pub use markers::{FillMark, FillMarks};
pub use report::{
    CostScenario, LatencyStage, ListedFill, MAX_LISTED, Marking, PositionFigures, RunReport,
    StrategyReport, SymbolReport,
};
