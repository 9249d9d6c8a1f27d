//! What a backtest prints.

use backtest::run::{Run, Unwatched};
use serde_json::json;

use super::Timing;
use super::plan::Planned;
use crate::cli::backtest::BacktestArgs;

/// Prints the result.
pub fn print(args: &BacktestArgs, plan: &Planned, run: &Run<Unwatched>, timing: Timing) {
    let tally = run.tally();
    let cash = plan.run.balances.iter().map(|(_, amount)| *amount).sum::<model::Amount>();
    let equity_end = cash + run.profit();
    let loop_s = timing.run.as_secs_f64();
    let rate = run.events() as f64 / loop_s.max(1e-9);
    if args.json {
        let result = json!({
            "events": run.events(),
            "orders": tally.orders,
            "cancels": tally.cancels,
            "denied": tally.denied,
            "rejected": tally.rejected,
            "fills": tally.fills,
            "fees": tally.fees.to_string(),
            "currency": plan.run.currency,
            "equity_start": cash.to_string(),
            "equity_end": equity_end.to_string(),
            "warnings": plan.warnings,
            "timing": {
                "load_s": timing.load.as_secs_f64(),
                "loop_s": loop_s,
                "events_per_s": rate,
                "peak_rss_mb": peak_rss_mb(),
            },
        });
        println!("{result}");
        return;
    }
    for warning in &plan.warnings {
        eprintln!("warning: {warning}");
    }
    let currency = plan.run.currency;
    println!(
        "{} events, {} orders ({} denied, {} rejected), {} fills, fees {} {currency}",
        run.events(),
        tally.orders,
        tally.denied,
        tally.rejected,
        tally.fills,
        tally.fees,
    );
    println!("equity {cash} -> {equity_end} {currency}");
    println!(
        "loaded in {:.3} s, run in {loop_s:.3} s: {:.1} million events/s",
        timing.load.as_secs_f64(),
        rate / 1e6,
    );
}

/// The most memory that this process has had resident, as the system says; `None` where it does
/// not.
fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes / 1_024.0)
}
