//! A comparison as a person reads it.

use std::collections::BTreeMap;
use std::fmt;

use model::{Amount, Asset};

use super::differences::{Because, Difference};
use super::figures::{Figures, Group};
use super::orders::{OrderRecord, Outcome};
use super::{Comparison, NamedInterruption};

impl Comparison {
    /// The text: at most so many differences.
    #[must_use]
    pub const fn shown(&self, most: usize) -> Shown<'_> {
        Shown { comparison: self, most }
    }
}

/// What is printed.
#[derive(Debug)]
pub struct Shown<'a> {
    comparison: &'a Comparison,
    most: usize,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Comparison {
            from,
            to,
            warnings,
            models,
            feed_lag_ms,
            groups,
            interruptions,
            alike,
            differences,
        } = self.comparison;
        for warning in warnings {
            writeln!(out, "warning: {warning}")?;
        }
        writeln!(out, "from {from} to {to}, {:.1} minutes", to.since(*from).as_secs_f64() / 60.0)?;
        for model in models {
            writeln!(out, "  {model}")?;
        }
        writeln!(out, "  trades were received {feed_lag_ms:.1} ms after they happened (median)")?;
        for halt in interruptions {
            writeln!(out, "  {halt}")?;
        }
        for group in groups {
            // One strategy in one symbol is all there is.
            if group.strategy.is_some() && groups.len() <= 2 {
                continue;
            }
            write_group(out, group)?;
        }
        writeln!(out, "\n{alike} orders alike, {} differ", differences.len())?;
        write_reasons(out, differences)?;
        for difference in differences.iter().take(self.most) {
            write_difference(out, difference)?;
        }
        let left = differences.len().saturating_sub(self.most);
        if left > 0 {
            writeln!(out, "\n{left} more: --all shows them, --json has them")?;
        }
        Ok(())
    }
}

impl fmt::Display for NamedInterruption {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by, strategy, symbol, from, to } = self;
        write!(out, "from {from} to ")?;
        match to {
            Some(to) => write!(out, "{to}")?,
            None => out.write_str("the end")?,
        }
        match (strategy, symbol) {
            (Some(strategy), Some(symbol)) => write!(out, ", {strategy} {symbol}")?,
            (Some(strategy), None) => write!(out, ", {strategy}")?,
            (None, Some(symbol)) => write!(out, ", {symbol}")?,
            (None, None) => {}
        }
        write!(out, ": {}", by.name())
    }
}

fn write_group(out: &mut fmt::Formatter<'_>, group: &Group) -> fmt::Result {
    let title = match (&group.strategy, &group.symbol) {
        (Some(strategy), Some(symbol)) => format!("{strategy} {symbol}"),
        (Some(_), None) | (None, Some(_)) | (None, None) => "all orders".to_owned(),
    };
    writeln!(out, "\n{title:<34} {:>14} {:>14}", "run", "backtest")?;
    let Figures { orders, denied, rejected, filled_orders, fills, .. } = &group.run;
    let other = &group.backtest;
    let counts = [
        ("orders", orders.to_string(), other.orders),
        // The journal does not have them.
        ("denied by the gate", dash_if(*denied == 0, denied), other.denied),
        ("refused by the venue", rejected.to_string(), other.rejected),
        ("orders filled, wholly or partly", filled_orders.to_string(), other.filled_orders),
        ("fills", fills.to_string(), other.fills),
    ];
    for (name, run, backtest) in counts {
        writeln!(out, "  {name:<32} {run:>14} {backtest:>14}")?;
    }
    type Of = fn(&Figures) -> Option<f64>;
    let rows: [(&str, Of, usize); 7] = [
        ("fill rate, %", |it| it.fill_rate.map(|rate| rate * 100.0), 2),
        ("resting, % of what was filled", |it| it.maker_share.map(|share| share * 100.0), 2),
        ("slippage of takers, bps", |it| it.taker_slippage_bps, 3),
        ("slippage of makers, bps", |it| it.maker_slippage_bps, 3),
        ("fees, bps", |it| it.fee_bps, 3),
        ("answer after, ms (median)", |it| it.answer_ms, 1),
        ("first fill after, s (median)", |it| it.first_fill_s, 3),
    ];
    for (name, of, decimals) in rows {
        let shown = |figures| of(figures).map_or("-".to_owned(), |v| format!("{v:.decimals$}"));
        let (run, backtest) = (shown(&group.run), shown(other));
        writeln!(out, "  {name:<32} {run:>14} {backtest:>14}")?;
    }
    write_fees(out, &group.run.fees, &other.fees)?;
    let times = &group.fill_times;
    if let (Some(median), Some(p90), Some(bps)) =
        (times.median_ms, times.p90_ms, times.median_price_bps)
    {
        writeln!(
            out,
            "  {} orders filled on both sides: first fills {median:.1} ms apart (median), 90 % \
             within {p90:.1} ms; prices {bps:.3} bps apart (median)",
            times.orders
        )?;
    }
    Ok(())
}

fn dash_if(is_unknown: bool, count: &usize) -> String {
    if is_unknown { "-".to_owned() } else { count.to_string() }
}

fn write_fees(
    out: &mut fmt::Formatter<'_>,
    run: &BTreeMap<Asset, Amount>,
    backtest: &BTreeMap<Asset, Amount>,
) -> fmt::Result {
    let mut assets: Vec<&Asset> = run.keys().chain(backtest.keys()).collect();
    assets.sort_unstable();
    assets.dedup();
    for asset in assets {
        let of = |fees: &BTreeMap<Asset, Amount>| {
            fees.get(asset).map_or("0".to_owned(), |fee| fee.truncated(8).to_string())
        };
        let name = format!("fees, {asset}");
        writeln!(out, "  {name:<32} {:>14} {:>14}", of(run), of(backtest))?;
    }
    Ok(())
}

fn write_reasons(out: &mut fmt::Formatter<'_>, differences: &[Difference]) -> fmt::Result {
    let mut counts: BTreeMap<Because, usize> = BTreeMap::new();
    for difference in differences {
        *counts.entry(difference.because).or_default() += 1;
    }
    for (because, count) in counts {
        writeln!(out, "  {count:>6}  {}", because.name())?;
    }
    Ok(())
}

fn write_difference(out: &mut fmt::Formatter<'_>, difference: &Difference) -> fmt::Result {
    let Difference { run, backtest, what, because, explanation } = difference;
    let Some(order) = run.as_ref().or(backtest.as_ref()) else { return Ok(()) };
    let OrderRecord { caused_at, strategy, symbol, side, kind, .. } = order;
    writeln!(out, "\n{caused_at} {strategy} {symbol} {} {kind}", side.name())?;
    for (name, side) in [("run", run), ("backtest", backtest)] {
        if let Some(order) = side {
            writeln!(out, "  {name:<9} {}", in_words(order))?;
        }
    }
    if run.is_some() && backtest.is_some() {
        writeln!(out, "  differs   {}", what.join("; "))?;
    }
    writeln!(out, "  {:<9} {explanation}", because.name())
}

fn in_words(order: &OrderRecord) -> String {
    let mut words = order.order.clone();
    if let Some(quantity) = order.quantity {
        words.push_str(&format!(": {quantity}"));
    }
    if let Some(price) = order.price {
        words.push_str(&format!(" at {price}"));
    }
    if let (Some(fill), Some(average)) = (order.fills.first(), order.average_price()) {
        let after = fill.at.since(order.caused_at).as_secs_f64();
        words.push_str(&format!(", filled {} at {average:.8} after {after:.3} s", order.filled()));
    }
    let end = match &order.outcome {
        Outcome::Filled => return words,
        Outcome::Open => ", open at the end".to_owned(),
        Outcome::Canceled(reason) => format!(", canceled ({})", reason.name()),
        Outcome::Denied(rule) => format!(", denied by {rule}"),
        Outcome::Rejected(reason) => format!(", rejected: {reason}"),
        Outcome::Expired(reason) => format!(", expired: {reason}"),
        Outcome::Absent => ", never arrived".to_owned(),
    };
    words + &end
}
