//! The summary of a run as text tables for a terminal.
//!
//! Columns line up, numbers to the right. Colour only where asked for; nothing that a name holds
//! can move the cursor.

use std::fmt::Write;

use crate::calendar::date_time;
use crate::format::{self, Money};
use crate::metrics::{Figure, SampleRule};
use crate::run::{RunReport, StrategyReport};

/// Whether values are coloured by their sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Colour {
    /// Plain text, for pipes and files.
    #[default]
    Plain,
    /// ANSI colours, for terminals that show them.
    Ansi,
}

/// The summary: what was run, the figures, one row per strategy, latencies.
#[must_use]
pub fn summary(report: &RunReport, colour: Colour) -> String {
    let mut out = String::new();
    heading(&mut out, report);
    out.push_str(&figures(report).print(colour));
    if !report.strategies.is_empty() {
        out.push('\n');
        out.push_str(&strategies(report).print(colour));
    }
    if report.latency.iter().any(|stage| stage.histogram.count() > 0) {
        out.push('\n');
        out.push_str(&latency(report).print(colour));
    }
    if !report.cost_scenarios.is_empty() {
        out.push('\n');
        out.push_str(&costs(report).print(colour));
    }
    if let Some(text) = report.ending.and_then(|ending| ending.in_words()) {
        line(&mut out, &format!("\nat the end: {text}"));
    }
    out
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("writing to a String never fails");
}

fn heading(out: &mut String, report: &RunReport) {
    let history = &report.equity;
    let duration = format::duration(history.end_at.nanos_since(history.start_at));
    let seed = report.identity.seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
    line(
        out,
        &format!(
            "{} from {} to {} UTC ({duration}){seed}",
            visible(&report.identity.mode),
            date_time(history.start_at),
            date_time(history.end_at),
        ),
    );
    for halt in &report.halts {
        line(out, &format!("not run to its end: {}", visible(&halt.to_string())));
    }
    for warning in &report.identity.warnings {
        line(out, &format!("warning: {}", visible(warning)));
    }
    if report.sample_rule == SampleRule::Forced {
        line(out, "warning: figures are forced, the sample may be too small for them");
    }
    out.push('\n');
}

fn figures(report: &RunReport) -> Table {
    let money = Money::for_size(report.equity.start);
    let (performance, trades, counts) = (&report.performance, &report.trades, &report.counts);
    let value = |figure: &Figure, form: fn(f64) -> String| match figure {
        Figure::Value(value) => form(*value),
        Figure::NotAvailable { not_available } => format!("n/a ({not_available})"),
    };
    let profit = report.net_profit();
    let fraction = value(&performance.total_return, format::signed_percent);
    let rows = [
        ("equity", format!("{} {}", money.plain(report.equity.end), report.currency)),
        ("net profit", format!("{} ({fraction})", money.signed(profit))),
        ("buy and hold", value(&report.buy_and_hold, format::signed_percent)),
        ("max drawdown", value(&performance.max_drawdown_marked, format::percent)),
        ("sharpe", value(&performance.sharpe, format::ratio)),
        ("sortino", value(&performance.sortino, format::ratio)),
        ("closed trades", format::count(trades.closed)),
        ("win rate", value(&trades.win_rate, format::percent)),
        ("profit factor", value(&trades.profit_factor, format::ratio)),
        ("events", format::count(report.events)),
        ("orders", format::count(counts.orders)),
        (
            "fills",
            format!(
                "{} ({} partial)",
                format::count(counts.fills),
                format::count(counts.partial_fills)
            ),
        ),
        ("canceled", format::count(counts.canceled)),
        ("denied", denied(report)),
        ("rejected", format::count(counts.rejected)),
        ("fees", money.plain(report.activity.fees)),
    ];
    let mut table = Table::new(&[Column::left(""), Column::left("")]);
    for (name, text) in rows {
        let sign = if name == "net profit" { profit.to_f64() } else { 0.0 };
        table.row(vec![Cell::plain(name), Cell::signed(text, sign)]);
    }
    table
}

/// How many, and by which rules.
fn denied(report: &RunReport) -> String {
    let mut text = format::count(report.counts.denied);
    let rules = report.denials.iter();
    let rules = rules.map(|(rule, count)| format!("{} {}", visible(rule), format::count(*count)));
    let rules: Vec<String> = rules.collect();
    if !rules.is_empty() {
        text += &format!(" (by {})", rules.join(", "));
    }
    text
}

fn strategies(report: &RunReport) -> Table {
    let money = Money::for_size(report.equity.start);
    let mut table = Table::new(&[
        Column::left("strategy"),
        Column::right("profit"),
        Column::right("return"),
        Column::right("trades"),
        Column::right("win rate"),
        Column::right("fills"),
        Column::right("fees"),
        Column::right("denied"),
        Column::right("rejected"),
        Column::left("trades are"),
    ]);
    for strategy in &report.strategies {
        table.row(strategy_row(strategy, money));
    }
    table
}

fn strategy_row(strategy: &StrategyReport, money: Money) -> Vec<Cell> {
    let profit = strategy.profit.to_f64();
    let fraction = Figure::finite(profit / strategy.capital.to_f64(), "no capital");
    let counts = &strategy.counts;
    vec![
        Cell::plain(&strategy.name),
        Cell::signed(money.signed(strategy.profit), profit),
        Cell::signed(format::figure(&fraction, format::signed_percent), profit),
        Cell::plain(&format::count(strategy.trades.closed)),
        Cell::plain(&format::figure(&strategy.trades.win_rate, format::percent)),
        Cell::plain(&format::count(counts.fills)),
        Cell::plain(&money.plain(strategy.activity.fees)),
        Cell::plain(&format::count(counts.denied)),
        Cell::plain(&format::count(counts.rejected)),
        Cell::plain(strategy.trade_method.name()),
    ]
}

fn latency(report: &RunReport) -> Table {
    let mut table = Table::new(&[
        Column::left("latency"),
        Column::right("count"),
        Column::right("p50"),
        Column::right("p99"),
        Column::right("longest"),
    ]);
    for stage in report.latency.iter().filter(|stage| stage.histogram.count() > 0) {
        let quantile = |q: f64| format::latency(stage.histogram.quantile_ns(q).unwrap_or(0));
        table.row(vec![
            Cell::plain(&stage.name),
            Cell::plain(&format::count(stage.histogram.count())),
            Cell::plain(&quantile(0.5)),
            Cell::plain(&quantile(0.99)),
            Cell::plain(&format::latency(stage.histogram.max_ns())),
        ]);
    }
    table
}

/// The result under other costs, and which of them were not run to their end.
fn costs(report: &RunReport) -> Table {
    let money = Money::for_size(report.equity.start);
    let mut table = Table::new(&[
        Column::left("assumption"),
        Column::right("net profit"),
        Column::right("return"),
        Column::left("run to its end"),
    ]);
    for scenario in &report.cost_scenarios {
        let profit = scenario.net_profit.to_f64();
        let halt = scenario.halts.first().map(|halt| format!("no: {halt}"));
        table.row(vec![
            Cell::plain(&scenario.name),
            Cell::signed(money.signed(scenario.net_profit), profit),
            Cell::signed(format::figure(&scenario.total_return, format::signed_percent), profit),
            Cell::plain(halt.as_deref().unwrap_or("yes")),
        ]);
    }
    table
}

/// A text without characters that control a terminal.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    name: String,
    right: bool,
}

impl Column {
    /// Of text.
    #[must_use]
    pub fn left(name: &str) -> Self {
        Self { name: visible(name), right: false }
    }

    /// Of numbers.
    #[must_use]
    pub fn right(name: &str) -> Self {
        Self { name: visible(name), right: true }
    }
}

/// A cell of a table.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    sign: f64,
}

impl Cell {
    /// Without colour.
    #[must_use]
    pub fn plain(text: &str) -> Self {
        Self { text: visible(text), sign: 0.0 }
    }

    /// Coloured by the sign of a value.
    #[must_use]
    pub fn signed(text: String, value: f64) -> Self {
        Self { text: visible(&text), sign: value }
    }
}

/// A table with aligned columns.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// Without rows.
    #[must_use]
    pub fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; cells past the last column are left out.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The table as lines of text. A head only where a column has a name.
    #[must_use]
    pub fn print(&self, colour: Colour) -> String {
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|index| {
                let cells = self.rows.iter().filter_map(|row| row.get(index));
                let widest = cells.map(|cell| width(&cell.text)).max().unwrap_or(0);
                widest.max(width(&self.columns[index].name))
            })
            .collect();
        let mut out = String::new();
        if self.columns.iter().any(|column| !column.name.is_empty()) {
            let head: Vec<Cell> =
                self.columns.iter().map(|column| Cell::plain(&column.name)).collect();
            self.print_row(&mut out, &head, &widths, Colour::Plain);
        }
        for row in &self.rows {
            self.print_row(&mut out, row, &widths, colour);
        }
        out
    }

    fn print_row(&self, out: &mut String, row: &[Cell], widths: &[usize], colour: Colour) {
        let mut text = String::new();
        for ((cell, column), &wide) in row.iter().zip(&self.columns).zip(widths) {
            let room = " ".repeat(wide - width(&cell.text));
            let shown = coloured(cell, colour);
            let padded =
                if column.right { format!("{room}{shown}") } else { format!("{shown}{room}") };
            text.push_str(&padded);
            text.push_str("  ");
        }
        line(out, text.trim_end());
    }
}

fn coloured(cell: &Cell, colour: Colour) -> String {
    match colour {
        Colour::Ansi if cell.sign > 0.0 => format!("\u{1b}[32m{}\u{1b}[0m", cell.text),
        Colour::Ansi if cell.sign < 0.0 => format!("\u{1b}[31m{}\u{1b}[0m", cell.text),
        Colour::Ansi | Colour::Plain => cell.text.clone(),
    }
}

/// Columns that a text takes: East Asian characters take two.
fn width(text: &str) -> usize {
    let of = |c: char| match c {
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    };
    text.chars().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[Column::left("name"), Column::right("profit")]);
        table.row(vec![Cell::plain("ema"), Cell::signed("-1,234.50".to_owned(), -1.0)]);
        table.row(vec![Cell::plain("币安grid"), Cell::signed("+3.00".to_owned(), 1.0)]);
        table
    }

    #[test]
    fn columns_line_up() {
        let expected = "name         profit\n\
                        ema       -1,234.50\n\
                        币安grid      +3.00\n";
        assert_eq!(table().print(Colour::Plain), expected);
    }

    #[test]
    fn colour_only_where_asked_for() {
        assert!(!table().print(Colour::Plain).contains('\u{1b}'));
        let coloured = table().print(Colour::Ansi);
        assert!(coloured.contains("\u{1b}[31m-1,234.50\u{1b}[0m"));
        assert!(coloured.contains("\u{1b}[32m+3.00\u{1b}[0m"));
    }

    #[test]
    fn names_cannot_control_the_terminal() {
        let mut table = Table::new(&[Column::left("na\u{1b}[2Jme")]);
        table.row(vec![Cell::plain("\u{1b}]0;title\u{7}\r\nx")]);
        let text = table.print(Colour::Plain);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert_eq!(text.lines().count(), 2);
    }
}
