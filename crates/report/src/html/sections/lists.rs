//! The latest trades and fills one by one.

use model::{Liquidity, Side};

use super::super::text::{Escaped, put};
use super::{cell, signed_cell, table_end, table_head};
use crate::calendar::date_time;
use crate::format::{self, Money};
use crate::metrics::ClosedTrade;
use crate::run::{ListedFill, MAX_LISTED, RunReport};

/// Folded lists of the latest closed trades and fills.
pub(in super::super) fn lists(out: &mut String, report: &RunReport) {
    if report.latest_fills.is_empty() {
        return;
    }
    out.push_str("<section><h2>Latest trades and fills</h2>");
    if !report.latest_trades.is_empty() {
        summary(out, "closed trades", report.latest_trades.len(), report.trades.closed);
        let columns = [
            "Closed",
            "*Strategy",
            "*Symbol",
            "*Side",
            "Quantity",
            "Entry",
            "Exit",
            "Fees",
            "Profit",
            "Return",
            "Duration",
        ];
        table_head(out, &columns);
        for trade in report.latest_trades.iter().rev() {
            trade_row(out, report, trade);
        }
        table_end(out);
        out.push_str("</details>");
    }
    summary(out, "fills", report.latest_fills.len(), report.counts.fills);
    table_head(
        out,
        &["Time", "*Strategy", "*Symbol", "*Side", "Price", "Quantity", "Fee", "*", "*Liquidity"],
    );
    for fill in report.latest_fills.iter().rev() {
        fill_row(out, report, fill);
    }
    table_end(out);
    out.push_str("</details></section>\n");
}

fn summary(out: &mut String, what: &str, shown: usize, all: u64) {
    let shown = shown as u64;
    let which = if shown < all {
        format!("{MAX_LISTED} latest of {} {what}", format::count(all))
    } else {
        format!("{} {what}, latest first", format::count(all))
    };
    put!(out, "<details><summary>{}</summary>", Escaped(which));
}

fn strategy_name(report: &RunReport, index: usize) -> &str {
    report.strategies.get(index).map_or("", |strategy| strategy.name.as_str())
}

const fn side_class(side: Side) -> &'static str {
    match side {
        Side::Buy => "up",
        Side::Sell => "down",
    }
}

fn trade_row(out: &mut String, report: &RunReport, trade: &ClosedTrade) {
    let money = Money::for_size(report.equity.start);
    let symbol = report.symbols.iter().find(|symbol| symbol.instrument == trade.instrument);
    put!(
        out,
        r#"<tr><td>{}</td><td class="text">{}</td><td class="text">{}</td><td class="text">{}</td>"#,
        date_time(trade.closed_at),
        Escaped(strategy_name(report, usize::from(trade.strategy.0))),
        Escaped(symbol.map_or("", |symbol| symbol.symbol.as_str())),
        match trade.side {
            Side::Buy => "long",
            Side::Sell => "short",
        }
    );
    cell(out, &format::quantity(trade.quantity));
    cell(out, &money.plain(trade.entry));
    cell(out, &money.plain(trade.exit));
    cell(out, &money.plain(trade.fees));
    let profit = trade.profit.to_f64();
    signed_cell(out, profit, &money.signed(trade.profit));
    signed_cell(out, profit, &format::signed_percent(trade.return_fraction()));
    cell(out, &format::duration(trade.duration_ns()));
    out.push_str("</tr>");
}

fn fill_row(out: &mut String, report: &RunReport, fill: &ListedFill) {
    put!(
        out,
        concat!(
            r#"<tr><td>{}</td><td class="text">{}</td><td class="text">{}</td>"#,
            r#"<td class="text {}">{}</td>"#
        ),
        date_time(fill.at),
        Escaped(strategy_name(report, fill.strategy)),
        Escaped(fill.symbol),
        side_class(fill.side),
        fill.side.name()
    );
    cell(out, &format::price(fill.price));
    cell(out, &format::quantity(fill.quantity));
    cell(out, &format::trimmed(&fill.fee.to_string()));
    put!(
        out,
        r#"<td class="text">{}</td><td class="text">{}</td></tr>"#,
        Escaped(fill.fee_asset),
        match fill.liquidity {
            Liquidity::Maker => "maker",
            Liquidity::Taker => "taker",
        }
    );
}
