//! A summary for a person.

use std::fmt;

use model::Amount;

use super::{StrategySummary, Summary};

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from.as_deref().unwrap_or("-"), self.to.as_deref().unwrap_or("-"));
        writeln!(out, "{from} to {to}, {} lines", self.lines)?;
        if self.malformed_lines > 0 || self.lines_dropped > 0 {
            writeln!(
                out,
                "{} lines malformed, {} lost by the engine; figures may be too low",
                self.malformed_lines, self.lines_dropped
            )?;
        }
        let counts = [
            ("intended", self.orders.intended),
            ("filled", self.orders.filled),
            ("canceled", self.orders.canceled),
            ("expired", self.orders.expired),
            ("rejected", self.orders.rejected),
            ("working", self.orders.working),
            ("pending", self.orders.pending),
            ("unknown", self.orders.unknown),
            ("absent", self.orders.absent),
            ("ended unseen", self.orders.ended_unseen),
            ("denied", self.orders.denied),
        ];
        let counts: Vec<String> =
            counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
        writeln!(out, "orders: {}", counts.join(", "))?;
        writeln!(out, "fills:  {}\n", self.fills)?;
        write_table(out, &self.strategies)?;
        for (quote, profit) in &self.profit {
            writeln!(out, "\nprofit after fees: {} {quote}", money(*profit))?;
        }
        for (index, reason) in self.incomplete.iter().enumerate() {
            let head = if index == 0 { "\nprofit after fees: not known exactly\n" } else { "" };
            writeln!(out, "{head}incomplete: {reason}")?;
        }
        for note in &self.notes {
            writeln!(out, "\nnote: {note}")?;
        }
        Ok(())
    }
}

const HEAD: [&str; 9] =
    ["strategy", "symbol", "fills", "bought", "sold", "position", "fees", "realised", "unrealised"];

fn write_table(out: &mut fmt::Formatter<'_>, strategies: &[StrategySummary]) -> fmt::Result {
    let mut rows: Vec<[String; 9]> = vec![HEAD.map(str::to_owned)];
    rows.extend(strategies.iter().map(row));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEAD.len()).filter_map(width).collect();
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| match column {
                // Names to the left, figures to the right.
                0 | 1 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// To the nearest cent, as reports do; no minus before what was rounded to zero.
fn money(amount: Amount) -> String {
    let rounded = amount.to_decimal().round_dp(2);
    let rounded = if rounded.is_zero() { Amount::ZERO } else { Amount::new(rounded) };
    format!("{rounded:.2}")
}

fn row(strategy: &StrategySummary) -> [String; 9] {
    let known = |amount: Option<Amount>| amount.map_or_else(|| "?".to_owned(), money);
    [
        strategy.strategy.clone(),
        strategy.symbol.clone(),
        strategy.fills.to_string(),
        strategy.bought.to_decimal().normalize().to_string(),
        strategy.sold.to_decimal().normalize().to_string(),
        strategy.position.to_decimal().normalize().to_string(),
        money(strategy.fees),
        known(strategy.realised),
        known(strategy.unrealised),
    ]
}

#[cfg(test)]
mod tests {
    use super::money;

    #[test]
    fn money_is_rounded_and_not_cut_off() {
        #[track_caller]
        fn check(amount: &str, expected: &str) {
            assert_eq!(money(amount.parse().expect("an amount")), expected);
        }
        check("117.8799", "117.88");
        check("-117.8799", "-117.88");
        check("117.8749", "117.87");
        check("0.999", "1.00");
        check("5", "5.00");
        check("-0.004", "0.00");
    }
}
