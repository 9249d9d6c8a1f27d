//! The figures that one looks at first.

use super::super::text::{Escaped, put, sign_class, tidy};
use crate::format::{self, Money};
use crate::metrics::Figure;
use crate::run::RunReport;

struct Card {
    name: &'static str,
    value: String,
    unit: String,
    class: &'static str,
    sub: String,
}

impl Card {
    fn new(name: &'static str, value: String, sub: String) -> Self {
        Self { name, value, unit: String::new(), class: "flat", sub }
    }
}

/// Eight cards.
pub(in super::super) fn overview(out: &mut String, report: &RunReport) {
    let cards = [
        profit(report),
        drawdown(report),
        sharpe(report),
        trades(report),
        fills(report),
        fees(report),
        latency_or_exposure(report),
        refusals(report),
    ];
    out.push_str(r#"<section class="cards" aria-label="Overview">"#);
    for card in cards {
        put!(
            out,
            concat!(
                r#"<dl class="card"><dt>{}</dt><dd class="value {}">{}<small>{}</small></dd>"#,
                r#"<dd class="sub"><span>{}</span></dd></dl>"#
            ),
            card.name,
            card.class,
            Escaped(tidy(&card.value)),
            Escaped(card.unit),
            // Each part stays on one line, if it can.
            Escaped(tidy(&card.sub)).to_string().replace(" · ", " ·</span> <span>"),
        );
    }
    out.push_str("</section>\n");
}

fn profit(report: &RunReport) -> Card {
    let money = Money::for_size(report.equity.start);
    let profit = report.net_profit();
    let percent = |figure: &Figure| format::figure(figure, format::signed_percent);
    let sub = format!(
        "{} · buy and hold {}",
        percent(&report.performance.total_return),
        percent(&report.buy_and_hold)
    );
    Card {
        unit: format!(" {}", report.currency),
        class: sign_class(profit.to_f64()),
        ..Card::new("Net profit", money.signed(profit), sub)
    }
}

fn drawdown(report: &RunReport) -> Card {
    let marked = &report.equity.marked_drawdown;
    let sub = format!(
        "daily closes {} · longest {}",
        format::percent(report.equity.daily_drawdown.max_depth()),
        format::duration(marked.longest_ns)
    );
    Card::new("Maximum drawdown", format::percent(marked.max_depth()), sub)
}

fn sharpe(report: &RunReport) -> Card {
    let figures = &report.performance;
    let ratio = |figure: &Figure| format::figure(figure, format::ratio);
    let sub = figures.sharpe.reason().map_or_else(
        || format!("Sortino {} · Calmar {}", ratio(&figures.sortino), ratio(&figures.calmar)),
        str::to_owned,
    );
    Card::new("Sharpe ratio", ratio(&figures.sharpe), sub)
}

fn trades(report: &RunReport) -> Card {
    let trades = &report.trades;
    let sub = if trades.win_rate.value().is_some() {
        format!(
            "win rate {} · profit factor {}",
            format::figure(&trades.win_rate, format::percent),
            format::figure(&trades.profit_factor, format::ratio)
        )
    } else {
        format!("{} won · {} lost", format::count(trades.winners), format::count(trades.losers))
    };
    Card::new("Closed trades", format::count(trades.closed), sub)
}

fn fills(report: &RunReport) -> Card {
    let counts = &report.counts;
    let sub = format!(
        "{} orders · {} partial · {} maker",
        format::count(counts.orders),
        format::count(counts.partial_fills),
        format::figure(&report.activity.maker_share, |share| format!("{:.0} %", share * 100.0))
    );
    Card::new("Fills", format::count(counts.fills), sub)
}

fn fees(report: &RunReport) -> Card {
    let money = Money::for_size(report.equity.start);
    let turnover = format::figure(&report.activity.turnover, |x| format!("{}×", format::ratio(x)));
    let sub = format!("turnover {turnover} of starting equity");
    Card {
        unit: format!(" {}", report.currency),
        ..Card::new("Fees paid", money.plain(report.activity.fees), sub)
    }
}

fn latency_or_exposure(report: &RunReport) -> Card {
    let headline = report.latency.iter().find(|stage| stage.histogram.count() > 0);
    let Some(stage) = headline else {
        let exposure = &report.exposure;
        let average = format::figure(&exposure.average, format::percent);
        return Card::new(
            "Time in market",
            format::figure(&exposure.time_in_market, format::percent),
            format!("average exposure {average}"),
        );
    };
    let quantile = |q: f64| format::latency(stage.histogram.quantile_ns(q).unwrap_or(0));
    Card {
        unit: " median".to_owned(),
        ..Card::new("Latency", quantile(0.5), format!("{} · p99 {}", stage.name, quantile(0.99)))
    }
}

fn refusals(report: &RunReport) -> Card {
    let counts = &report.counts;
    let value = format!("{} / {}", format::count(counts.denied), format::count(counts.rejected));
    let sub = format!("by risk / by the venue · {} canceled", format::count(counts.canceled));
    Card::new("Denied / rejected", value, sub)
}
