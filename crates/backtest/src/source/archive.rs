//! Files of trades, aggregate trades and klines, read directly.

use std::path::{Path, PathBuf};

use model::{
    Amount, Bar, InstrumentId, Interval, MarketEvent, Quantity, Timestamp, Trade, TradeId,
};
use store::archive::{AggregateTrade, AggregateTrades, ArchiveTrade, Kline, Klines, Trades};

use super::{BATCH, EventSource, SourceError};

/// What the rows of a file are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArchiveKind {
    /// Trades, one by one.
    Trades,
    /// Trades of one taker order at one price, together.
    AggregateTrades,
    /// Candles of this length.
    Klines(Interval),
}

/// Tells from a file's first two lines, and from its name, what its rows are. `None` for a file
/// that is none of these, such as a capture.
///
/// With a header its names decide; without one, the place of the first truth value ("is buyer
/// maker"), which no kline has. The length of klines stands in the name (`BTCUSDT-1m-…`,
/// `kl1m_…`), else it is the distance of the first two.
#[must_use]
pub fn detect(path: &Path, lines: &[String]) -> Option<ArchiveKind> {
    let first = lines.first()?.trim_start_matches('\u{feff}').to_ascii_lowercase();
    let cells: Vec<&str> = first.split(',').map(|cell| cell.trim().trim_matches('"')).collect();
    if cells.len() < 5 {
        return None;
    }
    let klines = || length(path, lines).map(ArchiveKind::Klines);
    if cells[0].starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        let plain: Vec<String> = cells.iter().map(|cell| cell.replace(['_', ' '], "")).collect();
        let has = |name: &str| plain.iter().any(|cell| cell == name);
        return if has("open") && has("close") {
            klines()
        } else if has("aggtradeid") || has("firsttradeid") || has("firstid") {
            Some(ArchiveKind::AggregateTrades)
        } else if has("price") {
            Some(ArchiveKind::Trades)
        } else {
            None
        };
    }
    if !cells[0].bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match cells.iter().position(|cell| matches!(*cell, "true" | "false" | "buy" | "sell")) {
        Some(place) if place <= 5 => Some(ArchiveKind::Trades),
        Some(_) => Some(ArchiveKind::AggregateTrades),
        None => klines(),
    }
}

fn length(path: &Path, lines: &[String]) -> Option<Interval> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
    let parts = name.split(['-', '_', '.']);
    let of_name = parts.filter_map(|part| part.strip_prefix("kl").unwrap_or(part).parse().ok());
    of_name.into_iter().next().or_else(|| {
        let opens = lines.iter().filter_map(|line| line.split(',').next()?.trim().parse().ok());
        let opens: Vec<i64> = opens.collect();
        let [.., before, after] = opens.as_slice() else { return None };
        let scale = 10_u64.pow(match before {
            100_000_000_000_000.. => 6,
            100_000_000_000.. => 3,
            _ => 0,
        });
        let seconds = u64::try_from(after - before).ok()? / scale;
        Interval::all().find(|interval| interval.duration().as_secs() == seconds)
    })
}

/// The rows of one file.
enum Rows {
    Trades(Trades),
    AggregateTrades(AggregateTrades),
    Klines(Klines, Interval),
}

/// One file as events of an instrument. The rows have no time of receipt: it is that of the event,
/// for a bar its end.
pub struct ArchiveSource {
    path: PathBuf,
    instrument: InstrumentId,
    rows: Rows,
}

impl ArchiveSource {
    /// Opens a file at its beginning.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn open(
        path: &Path,
        kind: ArchiveKind,
        instrument: InstrumentId,
    ) -> Result<Self, SourceError> {
        let rows = match kind {
            ArchiveKind::Trades => Rows::Trades(Trades::open(path)?),
            ArchiveKind::AggregateTrades => Rows::AggregateTrades(AggregateTrades::open(path)?),
            ArchiveKind::Klines(interval) => Rows::Klines(Klines::open(path)?, interval),
        };
        Ok(Self { path: path.to_owned(), instrument, rows })
    }

    fn next(&mut self) -> Result<Option<MarketEvent>, SourceError> {
        let id = self.instrument;
        Ok(match &mut self.rows {
            Rows::Trades(rows) => rows.next().transpose()?.map(|row| trade(id, &row)),
            Rows::AggregateTrades(rows) => rows.next().transpose()?.map(|row| aggregate(id, &row)),
            Rows::Klines(rows, interval) => match rows.next().transpose()? {
                Some(row) => {
                    let bar = bar(id, *interval, &row);
                    Some(MarketEvent::from(bar.ok_or_else(|| SourceError::Unusable {
                        name: self.path.display().to_string(),
                        reason: format!("the bar at {} has an impossible volume", row.open_at),
                    })?))
                }
                None => None,
            },
        })
    }
}

impl EventSource for ArchiveSource {
    fn read(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), SourceError> {
        for _ in 0..BATCH {
            let Some(event) = self.next()? else { break };
            batch.push(event);
        }
        Ok(())
    }
}

const fn trade(instrument: InstrumentId, row: &ArchiveTrade) -> MarketEvent {
    let ArchiveTrade { id, price, quantity, event_at, aggressor } = *row;
    MarketEvent::Trade(Trade {
        instrument,
        id,
        price,
        quantity,
        aggressor,
        event_at,
        received_at: event_at,
    })
}

/// Known by its last trade, so that ids go up.
const fn aggregate(instrument: InstrumentId, row: &AggregateTrade) -> MarketEvent {
    let AggregateTrade { last, price, quantity, event_at, aggressor, .. } = *row;
    MarketEvent::Trade(Trade {
        instrument,
        id: TradeId(last.0),
        price,
        quantity,
        aggressor,
        event_at,
        received_at: event_at,
    })
}

/// Files of six columns have no quote volume: it is estimated at the close.
fn bar(instrument: InstrumentId, interval: Interval, row: &Kline) -> Option<Bar> {
    let estimate = || Amount::notional(row.close, row.volume).ok();
    let end: Timestamp = row.open_at.after(interval.duration());
    Some(Bar {
        instrument,
        interval,
        open_at: row.open_at,
        open: row.open,
        high: row.high,
        low: row.low,
        close: row.close,
        volume: row.volume,
        quote_volume: row.quote_volume.or_else(estimate)?,
        taker_buy_volume: row.taker_buy_volume.unwrap_or(Quantity::ZERO),
        trade_count: row.trade_count.unwrap_or(0),
        received_at: end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, lines: &[&str], expected: Option<ArchiveKind>) {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(detect(Path::new(name), &lines), expected, "{name}");
    }

    #[test]
    fn files_say_what_they_hold() {
        let minute = Some(ArchiveKind::Klines(Interval::MINUTE));
        let header = "id,price,qty,quote_qty,time_ms,is_buyer_maker";
        check("trades.csv", &[header], Some(ArchiveKind::Trades));
        let row = "1,60000.01,0.5,30000.005,1700000000000,true";
        check("trades.csv", &[row], Some(ArchiveKind::Trades));
        let venue = "1,60000.01,0.5,30000.005,1700000000000000,False,True";
        check("BTCUSDT-trades-2025-01-01.csv", &[venue], Some(ArchiveKind::Trades));
        let side = "timestamp_ms,id,side,price,amount";
        check("t.csv", &[side], Some(ArchiveKind::Trades));
        let aggregate = "9,60000.01,0.5,1,4,1700000000000,true,true";
        check("x.csv", &[aggregate], Some(ArchiveKind::AggregateTrades));
        let kline = "1700000040000,1,2,0.5,1.5,9";
        check("kl1m_BTCUSDT_2019.csv", &[kline], minute);
        check("BTCUSDT-1m-2024-01.csv", &[kline], minute);
        check("x.csv", &[kline, "1700000100000,1,2,0.5,1.5,9"], minute);
        check("x.csv", &["1700000040000000,1,2,0.5,1.5,9", "1700000100000000,1,2,0,1,9"], minute);
        check("x.csv", &[kline, "1700000047000,1,2,0.5,1.5,9"], None);
        check("x.csv", &["open_time_ms,open,high,low,close,volume", kline, kline], None);
        check("capture", &["1723161253937085768 {\"stream\":\"a\"}"], None);
        check("x.csv", &[], None);
    }
}
