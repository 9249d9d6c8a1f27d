//! The golden vector: one run, every figure under every convention, to the digits given.

use model::{Amount, InstrumentId, Quantity, Side, StrategyId, Timestamp};

use super::compat::{CompatFigures, compat_figures};
use super::*;

const EQUITY: [i64; 30] = [
    10000, 10000, 10100, 10050, 10200, 10200, 10200, 10050, 9950, 9950, 9950, 10150, 10300, 10400,
    10400, 10400, 10250, 10100, 10050, 10050, 10050, 10300, 10500, 10450, 10600, 10600, 10600,
    10550, 10700, 10700,
];

/// Entry day, exit day, profit, entry notional (profit over return).
const TRADES: [(i64, i64, i64, i64); 6] = [
    (1, 4, 200, 5000),
    (6, 8, -250, 5000),
    (10, 13, 450, 5000),
    (15, 18, -350, 5000),
    (20, 24, 550, 5000),
    (26, 28, 100, 5000),
];

/// 2024-01-01T00:00:00Z plus days.
fn day(number: i64) -> Timestamp {
    Timestamp::from_secs(1_704_067_200 + number * 86_400)
}

fn amount(value: i64) -> Amount {
    value.to_string().parse().unwrap()
}

fn history() -> EquityHistory {
    let mut tracker = EquityTracker::new(day(0), amount(EQUITY[0]));
    for (number, &equity) in (0..).zip(&EQUITY) {
        tracker.push(day(number), amount(equity));
    }
    tracker.finish()
}

fn trades() -> TradeStats {
    let mut stats = TradeStats::new();
    for (entry_day, exit_day, profit, entry) in TRADES {
        let trade = ClosedTrade {
            strategy: StrategyId(0),
            instrument: InstrumentId(0),
            side: Side::Buy,
            opened_at: day(entry_day),
            closed_at: day(exit_day),
            quantity: Quantity::ONE,
            entry: amount(entry),
            exit: amount(entry + profit),
            profit: amount(profit),
            fees: Amount::ZERO,
        };
        stats.push(TradeMethod::FlatToFlat, &trade);
    }
    stats
}

/// `digits` as printed in the golden table; `""` where the table has nothing.
#[track_caller]
fn check(name: &str, figure: Option<&Figure>, digits: &str) {
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let got = figure.map_or_else(String::new, |figure| match figure {
        Figure::Value(value) => format!("{value:.decimals$}"),
        Figure::NotAvailable { not_available } => not_available.clone(),
    });
    assert_eq!(got, digits, "{name}");
}

#[test]
fn our_convention() {
    let figures = PerformanceFigures::of(&history(), SampleRule::Forced);
    assert_eq!(figures.daily_returns, 29);
    check("sharpe", Some(&figures.sharpe), "4.331432");
    check("sortino", Some(&figures.sortino), "8.524765");
    check("cagr", Some(&figures.cagr), "1.343313");
    check("max drawdown", Some(&figures.max_drawdown), "0.0336538");
    check("calmar", Some(&figures.calmar), "39.915587");
    let trades = trades().figures(SampleRule::Forced);
    check("profit factor", Some(&trades.profit_factor), "2.166667");
    check("expectancy", Some(&trades.expectancy), "116.6667");
    check("sqn", Some(&trades.sqn), "0.787562");
    assert_eq!((trades.closed, trades.winners, trades.losers), (6, 4, 2));
    assert_eq!(trades.net_profit, amount(700));
    let average: f64 = [0.04, -0.05, 0.09, -0.07, 0.11, 0.02].iter().sum::<f64>() / 6.0;
    assert!((trades.average_return.value().unwrap() - average).abs() < 1e-12);
}

#[test]
fn the_sample_is_too_small_unless_forced() {
    let figures = PerformanceFigures::of(&history(), SampleRule::Enforced);
    let reason = "29 daily returns, 30 needed";
    for figure in [
        &figures.sharpe,
        &figures.sortino,
        &figures.cagr,
        &figures.calmar,
        &figures.annual_volatility,
    ] {
        check("annualised", Some(figure), reason);
    }
    check("max drawdown", Some(&figures.max_drawdown), "0.0336538");
    let trades = trades().figures(SampleRule::Enforced);
    for figure in [&trades.win_rate, &trades.profit_factor, &trades.expectancy, &trades.sqn] {
        check("of trades", Some(figure), "6 closed trades, 20 needed");
    }
    let json = serde_json::to_string(&figures.sharpe).unwrap();
    assert_eq!(json, r#"{"not_available":"29 daily returns, 30 needed"}"#);
    for tool in compat_figures(&history(), &super::golden::trades(), SampleRule::Enforced) {
        let (name, sharpe) = (&tool.tool, tool.sharpe.unwrap());
        assert!(sharpe.value().is_none(), "{name} must not print a Sharpe ratio");
    }
}

#[test]
fn other_conventions() {
    #[track_caller]
    fn row(tool: &CompatFigures, name: &str, expected: [&str; 8]) {
        assert!(tool.tool.starts_with(name));
        let figures = [
            &tool.sharpe,
            &tool.sortino,
            &tool.cagr,
            &tool.max_drawdown,
            &tool.calmar,
            &tool.profit_factor,
            &tool.expectancy,
            &tool.sqn,
        ];
        for (figure, digits) in figures.into_iter().zip(expected) {
            check(name, figure.as_ref(), digits);
        }
    }
    let tools = compat_figures(&history(), &trades(), SampleRule::Forced);
    assert_eq!(tools.len(), 5);
    row(
        &tools[0],
        "backtesting.py",
        ["2.825371", "13.131861", "1.344680", "0.0336538", "39.915587", "2.166667", "", "0.787562"],
    );
    row(
        &tools[1],
        "freqtrade",
        ["1.392192", "9.223090", "1.343313", "0.0336538", "137.028773", "2.166667", "116.6667", ""],
    );
    row(
        &tools[2],
        "NautilusTrader",
        ["3.599029", "7.083310", "0.800259", "0.0336538", "23.779113", "", "", ""],
    );
    row(
        &tools[3],
        "jesse",
        ["4.331432", "8.670498", "1.343313", "0.0336538", "39.915587", "", "", ""],
    );
    row(&tools[4], "QuantConnect", ["6.900638", "15.043407", "1.343313", "", "", "", "", ""]);
}
