//! All figures in full, and the same run by other tools' definitions.

use super::super::text::{Escaped, put, tidy};
use super::{cell, figure_cell, signed_cell, table_end, table_head};
use crate::calendar::date_time;
use crate::format::{self, Money};
use crate::metrics::compat::CompatFigures;
use crate::metrics::{ClosedTrade, Figure, MIN_DAILY_RETURNS, MIN_TRADES, SampleRule};
use crate::run::RunReport;

/// Rows of one group of figures.
struct Group<'a> {
    out: &'a mut String,
}

impl<'a> Group<'a> {
    fn open(out: &'a mut String, name: &str) -> Self {
        put!(out, "<div><h3>{}</h3><dl>", Escaped(name));
        Self { out }
    }

    fn row(&mut self, name: &str, value: &str) -> &mut Self {
        put!(
            self.out,
            r#"<div class="row"><dt>{}</dt><dd>{}</dd></div>"#,
            Escaped(name),
            Escaped(tidy(value))
        );
        self
    }

    fn figure(&mut self, name: &str, figure: &Figure, form: impl Fn(f64) -> String) -> &mut Self {
        match figure {
            Figure::Value(value) => self.row(name, &form(*value)),
            Figure::NotAvailable { not_available } => {
                put!(
                    self.out,
                    r#"<div class="row"><dt>{}</dt><dd>n/a<small>{}</small></dd></div>"#,
                    Escaped(name),
                    Escaped(not_available)
                );
                self
            }
        }
    }

    fn close(self) {
        self.out.push_str("</dl></div>");
    }
}

/// Figures of equity, of trades and of activity.
pub(in super::super) fn figures(out: &mut String, report: &RunReport) {
    put!(
        out,
        "<section><h2>Figures <span class=\"muted\">{}</span></h2><div class=\"figures\">",
        Escaped(&report.performance.convention)
    );
    equity_group(out, report);
    trade_group(out, report);
    activity_group(out, report);
    out.push_str("</div>");
    if report.sample_rule == SampleRule::Forced {
        put!(
            out,
            r#"<p class="note">Forced: figures are printed even where the sample is too small for them ({MIN_DAILY_RETURNS} daily returns, {MIN_TRADES} closed trades).</p>"#
        );
    }
    out.push_str("</section>\n");
}

fn equity_group(out: &mut String, report: &RunReport) {
    let (history, figures) = (&report.equity, &report.performance);
    let money = Money::for_size(history.start);
    let daily = &history.daily_drawdown;
    let marking = report.marking.name();
    let mut group = Group::open(out, "Equity");
    group
        .row("start", &money.plain(history.start))
        .row("end", &money.plain(history.end))
        .row("peak", &money.plain(history.peak))
        .row("lowest", &money.plain(history.low))
        .figure("return", &figures.total_return, format::signed_percent)
        .figure("buy and hold", &report.buy_and_hold, format::signed_percent)
        .figure("growth a year (CAGR)", &figures.cagr, format::signed_percent)
        .figure("volatility a year", &figures.annual_volatility, format::percent)
        .figure("Sharpe ratio", &figures.sharpe, format::ratio)
        .figure("Sortino ratio", &figures.sortino, format::ratio)
        .figure("Calmar ratio", &figures.calmar, format::ratio)
        .figure("maximum drawdown, daily closes", &figures.max_drawdown, format::percent)
        .figure("average drawdown, daily closes", &figures.average_drawdown, format::percent)
        .row("longest drawdown, daily closes", &format::duration(daily.longest_ns))
        .row("average drawdown lasted", &format::duration(daily.average_duration_ns))
        .figure(
            &format!("maximum drawdown, {marking}"),
            &figures.max_drawdown_marked,
            format::percent,
        )
        .row(
            &format!("longest drawdown, {marking}"),
            &format::duration(history.marked_drawdown.longest_ns),
        )
        .figure("best day", &figures.best_day, format::signed_percent)
        .figure("worst day", &figures.worst_day, format::signed_percent)
        .row("daily returns", &format::count(figures.daily_returns as u64));
    group.close();
}

fn trade_group(out: &mut String, report: &RunReport) {
    let trades = &report.trades;
    let money = Money::for_size(report.equity.start);
    let one = |trade: &Option<ClosedTrade>| {
        trade.as_ref().map_or_else(
            || "n/a".to_owned(),
            |trade| {
                let fraction = format::signed_percent(trade.return_fraction());
                format!("{} ({fraction})", money.signed(trade.profit))
            },
        )
    };
    let methods: Vec<&str> = trades.methods.iter().map(|method| method.name()).collect();
    let methods = if methods.is_empty() { "n/a".to_owned() } else { methods.join(", ") };
    let mut group = Group::open(out, "Closed trades");
    group
        .row("counted", &methods)
        .row("closed", &format::count(trades.closed))
        .row("winners", &format::count(trades.winners))
        .row("losers", &format::count(trades.losers))
        .figure("win rate", &trades.win_rate, format::percent)
        .row("net profit", &money.signed(trades.net_profit))
        .row("gross profit", &money.plain(trades.gross_profit))
        .row("gross loss", &money.plain(trades.gross_loss))
        .figure("profit factor", &trades.profit_factor, format::ratio)
        .figure("expectancy", &trades.expectancy, |value| money.signed_f64(value))
        .figure("SQN", &trades.sqn, format::ratio)
        .row("best", &one(&trades.best))
        .row("worst", &one(&trades.worst))
        .figure("average return", &trades.average_return, format::signed_percent)
        .row("average duration", &format::duration(trades.average_duration_ns))
        .row("longest duration", &format::duration(trades.longest_ns))
        .row("longest winning run", &format::count(trades.longest_winning_run))
        .row("longest losing run", &format::count(trades.longest_losing_run));
    group.close();
}

fn activity_group(out: &mut String, report: &RunReport) {
    let (counts, activity) = (&report.counts, &report.activity);
    let money = Money::for_size(report.equity.start);
    let mut group = Group::open(out, "Activity");
    group
        .row("first sample", &date_time(report.equity.start_at))
        .row("last sample", &date_time(report.equity.end_at))
        .row("market events", &format::count(report.events))
        .figure("time in market", &report.exposure.time_in_market, format::percent)
        .figure("average exposure", &report.exposure.average, format::percent)
        .figure("highest exposure", &report.exposure.highest, format::percent)
        .row("orders", &format::count(counts.orders))
        .row("fills", &format::count(counts.fills))
        .row("partial fills", &format::count(counts.partial_fills))
        .row("canceled", &format::count(counts.canceled))
        .row("expired", &format::count(counts.expired))
        .row("denied by risk", &format::count(counts.denied))
        .row("rejected by the venue", &format::count(counts.rejected))
        .row("cancels rejected", &format::count(counts.cancels_rejected))
        .row("outcomes unknown at first", &format::count(counts.outcome_unknown))
        .row("traded", &money.plain(activity.notional))
        .figure("turnover of starting equity", &activity.turnover, |x| {
            format!("{}×", format::ratio(x))
        })
        .row("fees", &money.plain(activity.fees))
        .figure("maker share", &activity.maker_share, format::percent)
        .figure("taker share", &taker_share(&activity.maker_share), format::percent);
    group.close();
}

fn taker_share(maker: &Figure) -> Figure {
    match maker {
        Figure::Value(share) => Figure::Value(1.0 - share),
        Figure::NotAvailable { .. } => maker.clone(),
    }
}

/// The figures as other tools define them; left out when none of them has one.
pub(in super::super) fn compat(out: &mut String, report: &RunReport) {
    let any =
        report.compat.iter().any(|tool| tool.sharpe.as_ref().is_some_and(|s| s.value().is_some()));
    if !any {
        return;
    }
    out.push_str("<section><h2>The same run by other definitions</h2>");
    table_head(
        out,
        &[
            "Convention",
            "Sharpe",
            "Sortino",
            "CAGR",
            "Max drawdown",
            "Calmar",
            "Profit factor",
            "Expectancy",
            "SQN",
        ],
    );
    put!(
        out,
        r#"<tr><td><span class="name">ours</span><span class="kind">{}</span></td>"#,
        Escaped(&report.performance.convention)
    );
    let money = Money::for_size(report.equity.start);
    let (figures, trades) = (&report.performance, &report.trades);
    figure_cell(out, &figures.sharpe, format::ratio);
    figure_cell(out, &figures.sortino, format::ratio);
    figure_cell(out, &figures.cagr, format::percent);
    figure_cell(out, &figures.max_drawdown, format::percent);
    figure_cell(out, &figures.calmar, format::ratio);
    figure_cell(out, &trades.profit_factor, format::ratio);
    figure_cell(out, &trades.expectancy, |value| money.signed_f64(value));
    figure_cell(out, &trades.sqn, format::ratio);
    out.push_str("</tr>");
    for tool in &report.compat {
        compat_row(out, tool, money);
    }
    table_end(out);
    out.push_str("</section>\n");
}

fn compat_row(out: &mut String, tool: &CompatFigures, money: Money) {
    put!(
        out,
        r#"<tr><td><span class="name">{}</span><span class="kind">{}</span></td>"#,
        Escaped(&tool.tool),
        Escaped(&tool.convention)
    );
    let mut optional = |figure: &Option<Figure>, form: &dyn Fn(f64) -> String| match figure {
        Some(figure) => figure_cell(out, figure, form),
        None => out.push_str("<td></td>"),
    };
    optional(&tool.sharpe, &format::ratio);
    optional(&tool.sortino, &format::ratio);
    optional(&tool.cagr, &format::percent);
    optional(&tool.max_drawdown, &format::percent);
    optional(&tool.calmar, &format::ratio);
    optional(&tool.profit_factor, &format::ratio);
    optional(&tool.expectancy, &|value| money.signed_f64(value));
    optional(&tool.sqn, &format::ratio);
    out.push_str("</tr>");
}

/// The net result under other assumptions of cost and latency.
pub(in super::super) fn costs(out: &mut String, report: &RunReport) {
    if report.cost_scenarios.is_empty() {
        return;
    }
    let money = Money::for_size(report.equity.start);
    out.push_str("<section><h2>If costs were higher</h2>");
    table_head(out, &["Assumption", "Net profit", "Return", "*Run to its end"]);
    let as_run = ("as above", report.net_profit(), &report.performance.total_return, &report.halts);
    let others = report.cost_scenarios.iter().map(|scenario| {
        (scenario.name.as_str(), scenario.net_profit, &scenario.total_return, &scenario.halts)
    });
    for (name, profit, fraction, halts) in std::iter::once(as_run).chain(others) {
        put!(out, "<tr><td>{}</td>", Escaped(name));
        signed_cell(out, profit.to_f64(), &money.signed(profit));
        figure_cell(out, fraction, format::signed_percent);
        let halts: Vec<String> = halts.iter().map(|halt| format!("no: {halt}")).collect();
        let halts = if halts.is_empty() { "yes".to_owned() } else { halts.join("; ") };
        put!(out, r#"<td class="text wrap">{}</td></tr>"#, Escaped(halts));
    }
    table_end(out);
    out.push_str("</section>\n");
}

/// Denials by rule and rejects by code.
pub(in super::super) fn refusals(out: &mut String, report: &RunReport) {
    if report.denials.is_empty() && report.rejects.is_empty() {
        return;
    }
    out.push_str("<section><h2>Refused orders</h2>");
    table_head(out, &["By", "*Rule or code", "Orders"]);
    let denials = report.denials.iter().map(|(rule, count)| ("our risk gate", rule.clone(), count));
    let rejects =
        report.rejects.iter().map(|(code, count)| ("the venue", tidy(&code.to_string()), count));
    for (who, what, count) in denials.chain(rejects) {
        put!(out, r#"<tr><td>{who}</td><td class="text">{}</td>"#, Escaped(what));
        cell(out, &format::count(*count));
        out.push_str("</tr>");
    }
    table_end(out);
    out.push_str("</section>\n");
}
