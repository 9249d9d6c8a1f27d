//! The combinations of settings, each with its plan.

use backtest::plan::RunPlan;
use backtest::sweep::{Axis, MAX_POINTS, draws, grid};
use kernel::strategy::StrategyEntry;

use super::super::backtest::data::Found;
use super::super::backtest::plan;
use crate::cli::sweep::SweepArgs;
use crate::cli::{Exit, Failure};
use crate::config::{Config, Override, load_for_backtest};

/// One combination.
pub struct Point {
    /// A value for each axis.
    pub values: Vec<String>,
    /// What to run, or why it can't be run.
    pub plan: Result<RunPlan, String>,
}

/// Every combination that the command asks for.
///
/// # Errors
/// For a name that is no setting, and when no combination can be run.
pub fn of(
    args: &SweepArgs,
    config: &Config,
    found: &Found,
    kinds: &[StrategyEntry],
) -> Result<Vec<Point>, Failure> {
    let paths = args.params.iter().map(|axis| path_of(axis, config));
    let paths: Vec<String> = paths.collect::<Result<_, _>>()?;
    let values = match args.random {
        Some(count) => {
            draws(&args.params, usize::try_from(count.get()).unwrap_or(MAX_POINTS), args.seed)
        }
        None => grid(&args.params).ok_or_else(|| {
            let message = format!("more than {MAX_POINTS} combinations: draw some with --random N");
            Failure::new(Exit::Usage, message)
        })?,
    };
    // What is wrong with arguments was told when the configuration was loaded.
    let (common, _) = args.history.overrides();
    let mut points = Vec::with_capacity(values.len());
    for values in values {
        let own = paths.iter().zip(&values);
        let own = own.map(|(path, value)| Override::of_flag("--param", path, value.as_str()));
        let overrides: Vec<Override> = common.iter().cloned().chain(own).collect();
        let plan = load_for_backtest(&args.history.files.sources(), &overrides, kinds)
            .map_err(|errors| errors.to_string())
            .and_then(|config| {
                let planned = plan::build(&config, args.history.symbol, found, kinds);
                planned.map(|planned| planned.run).map_err(|failure| failure.to_string())
            });
        points.push(Point { values, plan });
    }
    if let Some(Point { plan: Err(reason), .. }) = points.first()
        && points.iter().all(|point| point.plan.is_err())
    {
        let message = format!("no combination can be run; the first because of:\n{reason}");
        return Err(Failure::new(Exit::Usage, message));
    }
    for point in &mut points {
        if let Err(reason) = &mut point.plan {
            *reason = first_words(reason);
        }
    }
    Ok(points)
}

/// A reason in one line.
fn first_words(reason: &str) -> String {
    reason.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}

/// The setting that an axis means.
fn path_of(axis: &Axis, config: &Config) -> Result<String, Failure> {
    if axis.name.contains('.') {
        return Ok(axis.name.clone());
    }
    let mut enabled = config.enabled();
    match (enabled.next(), enabled.next()) {
        (Some(only), None) => Ok(format!("strategies.{}.parameters.{}", only.id, axis.name)),
        (None, _) => Err(Failure::new(Exit::Usage, "no strategy is enabled")),
        (Some(_), Some(_)) => {
            let name = &axis.name;
            let message =
                format!("whose parameter is {name}? Say strategies.ID.parameters.{name}=…");
            Err(Failure::new(Exit::Usage, message))
        }
    }
}
