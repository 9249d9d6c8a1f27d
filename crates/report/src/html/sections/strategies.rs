//! Tables: one row per strategy, one row per symbol.

use model::Amount;

use super::super::text::{Escaped, put, sign_class};
use super::{cell, figure_cell, signed_cell, table_end, table_head};
use crate::format::{self, Money};
use crate::metrics::{Figure, TradeFigures, TradeMethod};
use crate::run::{ActivityFigures, OrderCounts, RunReport, StrategyReport};
use crate::series::{Bucket, Series};

/// What each strategy did.
pub(in super::super) fn strategies(out: &mut String, report: &RunReport) {
    if report.strategies.is_empty() {
        return;
    }
    let money = Money::for_size(report.equity.start);
    out.push_str("<section><h2>Strategies</h2>");
    table_head(
        out,
        &[
            "Strategy",
            "*Equity",
            "Profit",
            "Return",
            "Max drawdown",
            "Trades",
            "Win rate",
            "Profit factor",
            "Fills",
            "Maker",
            "Fees",
            "In market",
            "Denied / rejected",
        ],
    );
    for strategy in &report.strategies {
        put!(
            out,
            r#"<tr><td><span class="name">{}</span><span class="kind">{}</span></td>"#,
            Escaped(&strategy.name),
            Escaped(&strategy.kind)
        );
        sparkline(out, strategy);
        profit_cells(out, strategy.profit, strategy.capital, money);
        let fall = strategy.equity.as_ref().map(|history| history.marked_drawdown.max_depth());
        figure_cell(out, &Figure::or_reason(fall, "equity was not recorded"), format::percent);
        trade_cells(out, &strategy.trades);
        activity_cells(out, &strategy.counts, &strategy.activity, money);
        figure_cell(out, &strategy.time_in_market, format::percent);
        refusal_cell(out, &strategy.counts);
        out.push_str("</tr>");
    }
    table_end(out);
    put!(out, r#"<p class="note">{}</p>"#, Escaped(methods_in_words(report)));
    positions(out, report, money);
    out.push_str("</section>\n");
}

/// What happened with each symbol; with one symbol it would repeat the overview.
pub(in super::super) fn symbols(out: &mut String, report: &RunReport) {
    if report.symbols.len() < 2 {
        return;
    }
    let money = Money::for_size(report.equity.start);
    out.push_str("<section><h2>Symbols</h2>");
    table_head(
        out,
        &[
            "Symbol",
            "Profit",
            "Buy and hold",
            "Trades",
            "Win rate",
            "Profit factor",
            "Fills",
            "Maker",
            "Fees",
            "In market",
            "Denied / rejected",
        ],
    );
    for symbol in &report.symbols {
        put!(out, r#"<tr><td><span class="name">{}</span></td>"#, Escaped(symbol.symbol));
        signed_cell(out, symbol.profit.to_f64(), &money.signed(symbol.profit));
        figure_cell(out, &symbol.buy_and_hold, format::signed_percent);
        trade_cells(out, &symbol.trades);
        activity_cells(out, &symbol.counts, &symbol.activity, money);
        figure_cell(out, &symbol.time_in_market, format::percent);
        refusal_cell(out, &symbol.counts);
        out.push_str("</tr>");
    }
    table_end(out);
    out.push_str("</section>\n");
}

fn profit_cells(out: &mut String, profit: Amount, capital: Amount, money: Money) {
    let value = profit.to_f64();
    signed_cell(out, value, &money.signed(profit));
    let fraction = Figure::finite(value / capital.to_f64(), "no capital");
    match fraction.value() {
        Some(fraction) => signed_cell(out, value, &format::signed_percent(fraction)),
        None => figure_cell(out, &fraction, format::percent),
    }
}

fn trade_cells(out: &mut String, trades: &TradeFigures) {
    cell(out, &format::count(trades.closed));
    figure_cell(out, &trades.win_rate, |rate| format!("{:.1} %", rate * 100.0));
    figure_cell(out, &trades.profit_factor, format::ratio);
}

fn activity_cells(
    out: &mut String,
    counts: &OrderCounts,
    activity: &ActivityFigures,
    money: Money,
) {
    cell(out, &format::count(counts.fills));
    figure_cell(out, &activity.maker_share, |share| format!("{:.0} %", share * 100.0));
    cell(out, &money.plain(activity.fees));
}

fn refusal_cell(out: &mut String, counts: &OrderCounts) {
    let text = format!("{} / {}", format::count(counts.denied), format::count(counts.rejected));
    cell(out, &text);
}

fn methods_in_words(report: &RunReport) -> String {
    let of = |method: TradeMethod| -> Vec<&str> {
        let mine = report.strategies.iter().filter(|strategy| strategy.trade_method == method);
        let mut kinds: Vec<&str> = mine.map(|strategy| strategy.kind.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    };
    let fifo = of(TradeMethod::FifoLots);
    let what = if fifo.is_empty() {
        "A trade is from flat to flat of one symbol.".to_owned()
    } else if of(TradeMethod::FlatToFlat).is_empty() {
        "A trade is an entry order closed first in, first out.".to_owned()
    } else {
        format!(
            "A trade is from flat to flat of one symbol; for {} it is an entry order closed first in, first out.",
            fifo.join(" and ")
        )
    };
    format!(
        "{what} Fees are included. Profit counts what is still held at the last price; drawdown is marked at {}.",
        report.marking.name()
    )
}

/// What is still held.
fn positions(out: &mut String, report: &RunReport, money: Money) {
    let held =
        || report.strategies.iter().flat_map(|one| one.positions.iter().map(move |p| (one, p)));
    if held().next().is_none() {
        return;
    }
    out.push_str("<details><summary>Positions at the end</summary>");
    table_head(out, &["Strategy", "*Symbol", "Quantity", "Cost", "Value", "Unrealised profit"]);
    for (strategy, position) in held() {
        put!(
            out,
            r#"<tr><td>{}</td><td class="text">{}</td>"#,
            Escaped(&strategy.name),
            Escaped(position.symbol)
        );
        cell(out, &format::quantity(position.quantity));
        cell(out, &money.plain(position.cost));
        match position.value {
            Some(value) => {
                cell(out, &money.plain(value));
                let profit = value - position.cost;
                signed_cell(out, profit.to_f64(), &money.signed(profit));
            }
            None => out.push_str(r#"<td class="na">n/a</td><td class="na">n/a</td>"#),
        }
        out.push_str("</tr>");
    }
    table_end(out);
    out.push_str("</details>");
}

/// The strategy's equity as a small line without axes.
fn sparkline(out: &mut String, strategy: &StrategyReport) {
    const SIZE: (f64, f64) = (112.0, 26.0);
    let curve = strategy.equity.as_ref().map(|history| &history.curve);
    let buckets = curve.map_or_else(Vec::new, |curve: &Series| curve.coarsened(112));
    let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else {
        out.push_str(r#"<td class="na text" title="equity was not recorded">n/a</td>"#);
        return;
    };
    let low = buckets.iter().map(|bucket| bucket.min).fold(first.open, f64::min);
    let high = buckets.iter().map(|bucket| bucket.max).fold(first.open, f64::max);
    let duration = last.at.nanos_since(first.at).max(1) as f64;
    let y = |value: f64| {
        if high > low { SIZE.1 - 2.0 - (value - low) / (high - low) * (SIZE.1 - 4.0) } else { 13.0 }
    };
    let x = |bucket: &Bucket| bucket.at.nanos_since(first.at) as f64 / duration * SIZE.0;
    let mut path = format!("M0,{:.1}", y(first.open));
    for bucket in &buckets {
        put!(path, "L{:.1},{:.1}", x(bucket), y(bucket.close));
    }
    put!(
        out,
        concat!(
            r#"<td class="text"><svg class="spark" viewBox="0 0 112 26" role="img" "#,
            r#"aria-label="equity of {}"><path class="base" d="M0,{:.1}H112"/>"#,
            r#"<path class="{}" d="{}"/></svg></td>"#
        ),
        Escaped(&strategy.name),
        y(first.open),
        sign_class(strategy.profit.to_f64()),
        path
    );
}
