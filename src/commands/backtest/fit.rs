//! Whether the data have what the strategies ask for.
//!
//! A strategy that is never handed what it decides on does nothing, and a result of nothing looks
//! like a quiet market.

use backtest::bars::longest_part;
use backtest::plan::RunPlan;
use kernel::strategy::Requirements;
use matching::Levels;
use model::{InstrumentId, Symbol};

use super::broken;
use super::data::{Found, Told};
use crate::cli::{Exit, Failure};

/// What strategies will miss.
///
/// # Errors
/// When one would get nothing at all of what it asks for.
pub fn check(plan: &RunPlan, data: &Found) -> Result<Vec<String>, Failure> {
    let machines = plan.build().map_err(|error| broken(error.into()))?;
    let mut warnings = Vec::new();
    for host in machines.hosts() {
        let strategy = &plan.strategies[usize::from(host.strategy().0)];
        for id in host.traded() {
            let symbol = plan.instruments.get(*id).symbol;
            let Some(told) = data.told(symbol) else { continue };
            if plan.models.market.levels == Levels::Ignored && !told.trades && told.bars.is_empty()
            {
                let message = format!(
                    "fill = \"last\" fills at the price of the last trade, and the data have {told} of \
                     {symbol}: nothing would fill"
                );
                return Err(Failure::new(Exit::Usage, message));
            }
            let missing = missing(host.requirements(), *id, &told);
            if missing.is_empty() {
                continue;
            }
            let (name, kind) = (&strategy.name, strategy.entry.kind());
            let message = says(name, kind, symbol, &missing, &told);
            if missing.len() == asked(host.requirements()) {
                let message = format!("{message}: it would never act");
                return Err(Failure::new(Exit::Usage, message));
            }
            warnings.push(message);
        }
    }
    Ok(warnings)
}

fn says(name: &str, kind: &str, symbol: Symbol, missing: &[String], told: &Told) -> String {
    let missing = missing.join(" and ");
    format!("{name} (kind {kind}) asks for {missing} of {symbol}, and the data have {told}")
}

/// How many things are asked for.
fn asked(wanted: &Requirements) -> usize {
    let Requirements { trades, quotes, book, bars, .. } = wanted;
    [*trades, *quotes, *book].into_iter().filter(|is_asked| *is_asked).count() + bars.len()
}

fn missing(wanted: &Requirements, id: InstrumentId, told: &Told) -> Vec<String> {
    let given: Vec<_> = told.bars.iter().map(|interval| (id, *interval)).collect();
    let mut missing = Vec::new();
    if wanted.trades && !told.trades {
        missing.push("trades".to_owned());
    }
    if wanted.quotes && !told.quotes {
        missing.push("best prices".to_owned());
    }
    if wanted.book && !told.depth {
        missing.push("the book".to_owned());
    }
    for interval in &wanted.bars {
        let is_made = told.trades || longest_part(id, *interval, &given).is_some();
        if !told.bars.contains(interval) && !is_made {
            missing.push(format!("bars of {}", interval.name()));
        }
    }
    missing
}
