//! The backtest's side from the files of `backtest --export`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use model::{Amount, CancelReason, Instruments, Liquidity, Role, Side, Symbol, Timestamp};

use super::orders::{Execution, OrderRecord, Outcome};

/// An export can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{path}, line {line}: {reason}")]
pub struct ExportError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; 0 for the file itself.
    pub line: usize,
    /// Why.
    pub reason: String,
}

/// Reads `orders.csv` and `fills.csv` of a directory: the orders that were decided in a span, with
/// what became of them up to its end. A symbol that the run did not trade is passed over.
///
/// # Errors
/// When a file is missing, was written by an older build, or does not hold what it should.
pub fn read(
    directory: &Path,
    instruments: &Instruments,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<OrderRecord>, ExportError> {
    let mut reading = Reading { instruments, to, orders: BTreeMap::new() };
    for_each_row(&directory.join("orders.csv"), |row| reading.take_order(row))?;
    for_each_row(&directory.join("fills.csv"), |row| reading.take_fill(row))?;
    let mut orders: Vec<OrderRecord> = reading.orders.into_values().collect();
    orders.retain(|order| order.caused_at >= from);
    orders.sort_by_key(|order| order.caused_at);
    Ok(orders)
}

/// One line below the header, by the names of its columns.
struct Row<'a> {
    names: &'a [String],
    cells: Vec<&'a str>,
}

impl Row<'_> {
    fn text(&self, name: &str) -> Result<&str, String> {
        let place = self.names.iter().position(|known| known == name);
        let cell = place.and_then(|place| self.cells.get(place));
        cell.copied().ok_or_else(|| format!("the column {name} is missing: export it again"))
    }

    fn value<T: std::str::FromStr>(&self, name: &str) -> Result<T, String>
    where
        T::Err: std::fmt::Display,
    {
        let text = self.text(name)?;
        text.parse().map_err(|error| format!("{name} `{text}`: {error}"))
    }

    /// Nothing for an empty cell.
    fn maybe<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, String>
    where
        T::Err: std::fmt::Display,
    {
        if self.text(name)?.is_empty() { Ok(None) } else { self.value(name).map(Some) }
    }

    fn instant(&self, name: &str) -> Result<Timestamp, String> {
        self.value(name).map(Timestamp::from_nanos)
    }

    fn side(&self) -> Result<Side, String> {
        match self.text("side")? {
            "buy" => Ok(Side::Buy),
            "sell" => Ok(Side::Sell),
            other => Err(format!("`{other}` is no side")),
        }
    }
}

fn for_each_row(
    path: &Path,
    mut each: impl FnMut(&Row<'_>) -> Result<(), String>,
) -> Result<(), ExportError> {
    let failed = |line: usize, reason: String| ExportError { path: path.to_owned(), line, reason };
    let file = File::open(path).map_err(|error| failed(0, error.to_string()))?;
    let mut names: Vec<String> = Vec::new();
    for (line, text) in (1..).zip(BufReader::new(file).lines()) {
        let text = text.map_err(|error| failed(line, error.to_string()))?;
        if line == 1 {
            names = text.split(',').map(str::to_owned).collect();
            continue;
        }
        // Only the last cell may hold a comma.
        let cells = text.splitn(names.len(), ',').map(|cell| cell.trim_matches('"')).collect();
        each(&Row { names: &names, cells }).map_err(|reason| failed(line, reason))?;
    }
    Ok(())
}

struct Reading<'a> {
    instruments: &'a Instruments,
    to: Timestamp,
    orders: BTreeMap<String, OrderRecord>,
}

impl Reading<'_> {
    fn take_order(&mut self, row: &Row<'_>) -> Result<(), String> {
        let (at, order) = (row.instant("at_ns")?, row.text("order")?.to_owned());
        if at >= self.to {
            return Ok(());
        }
        let event = row.text("event")?;
        if event == "decided" {
            let symbol: Symbol = row.value("symbol")?;
            if let Some(instrument) = self.instruments.by_symbol(symbol.as_str()) {
                let wanted = wanted(row, order.clone(), symbol, instrument.id, at)?;
                self.orders.insert(order, wanted);
            }
            return Ok(());
        }
        let Some(record) = self.orders.get_mut(&order) else { return Ok(()) };
        let reason = || row.text("reason").map(str::to_owned);
        let outcome = match event {
            "submitted" => {
                record.submitted_at = Some(at);
                record.price = row.maybe("price")?.or(record.price);
                record.quantity = row.maybe("quantity")?.or(record.quantity);
                return Ok(());
            }
            "accepted" => {
                record.answered_at.get_or_insert(at);
                return Ok(());
            }
            // The rule, before the words that explain it.
            "denied" => {
                let reason = reason()?;
                let rule = reason.split_once(':').map_or(reason.as_str(), |(rule, _)| rule);
                Outcome::Denied(rule.to_owned())
            }
            "completed" => Outcome::Filled,
            "canceled" => {
                let named = reason()?;
                let known = CancelReason::ALL.into_iter().find(|known| known.name() == named);
                let unknown = || format!("`{named}` is no reason of a cancel");
                Outcome::Canceled(known.ok_or_else(unknown)?)
            }
            "expired" => Outcome::Expired(reason()?),
            "rejected" => Outcome::Rejected(reason()?),
            "absent" => Outcome::Absent,
            "outcome_unknown" => {
                record.was_unknown = true;
                return Ok(());
            }
            "triggered" | "cancel_rejected" => return Ok(()),
            other => return Err(format!("`{other}` is no event of an order")),
        };
        record.outcome = outcome;
        record.ended_at = Some(at);
        Ok(())
    }

    fn take_fill(&mut self, row: &Row<'_>) -> Result<(), String> {
        let at = row.instant("at_ns")?;
        let Some(record) = self.orders.get_mut(row.text("order")?) else { return Ok(()) };
        if at >= self.to {
            return Ok(());
        }
        let instrument = self.instruments.get(record.instrument);
        let (price, fee): (model::Price, Amount) = (row.value("price")?, row.value("fee")?);
        let fee_asset = row.text("fee_asset")?;
        let fee_in_quote = if fee_asset == instrument.base.as_str() {
            fee.checked_mul(price.to_decimal()).map_err(|error| error.to_string())?
        } else if fee_asset == instrument.quote.as_str() {
            fee
        } else {
            // Its worth is not in the file.
            Amount::ZERO
        };
        let liquidity = match row.text("liquidity")? {
            "maker" => Liquidity::Maker,
            "taker" => Liquidity::Taker,
            other => return Err(format!("`{other}` is no liquidity")),
        };
        let quantity = row.value("quantity")?;
        let trade = None;
        record.fills.push(Execution {
            at,
            price,
            quantity,
            liquidity,
            trade,
            heard_at: None,
            fee_in_quote,
        });
        if record.quantity.is_some_and(|wanted| record.filled() >= wanted) {
            record.outcome = Outcome::Filled;
            record.ended_at.get_or_insert(at);
        }
        Ok(())
    }
}

fn role(text: &str) -> Result<Role, String> {
    let known = Role::ALL.into_iter().find(|known| known.name() == text);
    known.ok_or_else(|| format!("`{text}` is no role"))
}

fn wanted(
    row: &Row<'_>,
    order: String,
    symbol: Symbol,
    instrument: model::InstrumentId,
    caused_at: Timestamp,
) -> Result<OrderRecord, String> {
    Ok(OrderRecord {
        order,
        strategy: row.text("strategy")?.to_owned(),
        symbol,
        instrument,
        side: row.side()?,
        kind: row.text("type")?.to_owned(),
        role: role(row.text("role")?)?,
        price: row.maybe("price")?,
        stop_price: row.maybe("stop_price")?,
        quantity: row.maybe("quantity")?,
        caused_at,
        is_replacement: false,
        was_unknown: false,
        cancel_at: None,
        submitted_at: None,
        answered_at: None,
        ended_at: None,
        outcome: Outcome::Open,
        fills: Vec::new(),
    })
}
