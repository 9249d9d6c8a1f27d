//! What a series says: moving averages, MACD, rate of change, volatility, and how evenly its
//! records lie in time.
//!
//! Klines are taken as they are, trades and aggregates as bars of one interval; of quotes and
//! depth only the evenness is computed. Everything is one pass, whatever the length.

mod indicators;

use std::path::{Path, PathBuf};

use model::{Interval, Timestamp};
use serde::Serialize;
use store::catalog::{
    AggTrade, Exponents, Kind, Kline, LevelChange, Quote, Record, Series, SeriesKey, Trade,
};

use crate::bars::{BarBuilder, Print};
use crate::decimal;
use crate::evenness::{Evenness, EvennessScores};
use crate::float::float;
use crate::merged::{MergeError, Merged};
use crate::table::{Cell, ColumnType, Format, TableError, TableWriter, exact_of};
use crate::verify::{nanos, remove_doubles};
use crate::{Meter, parallel};
pub use indicators::{Indicators, Values};

/// What is wanted.
#[derive(Clone, Debug)]
pub struct AnalyzeOptions {
    /// Of bars that are built from trades.
    pub interval: Interval,
    /// Where the values of every bar go: a file a series in a directory.
    pub bars: Option<(PathBuf, Format)>,
}

/// Why a series could not be analysed to its end.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzeError {
    /// It can't be read.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// Its bars can't be written.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// What a series says.
#[derive(Clone, Debug, Serialize)]
pub struct Analysis {
    /// Which.
    #[serde(flatten)]
    pub key: SeriesKey,
    /// Length of the bars; `None` of quotes and depth.
    pub bar_interval: Option<Interval>,
    /// Records read.
    pub rows: u64,
    /// Bars they make.
    pub bars: u64,
    /// Trades that came after their bar had closed.
    pub late_trades: u64,
    /// Sum of the trades' counts, where the records tell.
    pub trades: u64,
    /// Base volume, exactly.
    pub volume: String,
    /// The same for a table, if it fits.
    #[serde(skip)]
    exact_volume: Option<i128>,
    /// The first instant, RFC 3339.
    pub first_at: String,
    /// The last one.
    pub last_at: String,
    /// The same two, for a table.
    #[serde(skip)]
    span: [Timestamp; 2],
    /// Values at the last bar.
    #[serde(flatten)]
    pub last: Values,
    /// How evenly the records lie in time.
    #[serde(flatten)]
    pub evenness: Evenness,
    /// Why it is not complete.
    pub error: Option<String>,
}

/// Analyses series, `threads` at a time; results come in the order of `series`. `meter` counts
/// rows.
#[must_use]
pub fn analyze(
    series: &[Series],
    options: &AnalyzeOptions,
    threads: usize,
    meter: &Meter,
) -> Vec<Analysis> {
    meter.expect(series.iter().map(Series::rows).sum());
    parallel::map(series, threads, |one| analyze_one(one, options, meter))
}

fn analyze_one(series: &Series, options: &AnalyzeOptions, meter: &Meter) -> Analysis {
    let kind = series.key.kind;
    let bar_interval = match kind {
        Kind::Klines => series.key.interval,
        Kind::Trades | Kind::AggTrades => Some(options.interval),
        Kind::Quotes | Kind::Depth => None,
    };
    let (first_at, last_at) = series.span().unwrap_or_default();
    let mut pass = Pass {
        analysis: Analysis {
            key: series.key.clone(),
            bar_interval,
            rows: 0,
            bars: 0,
            late_trades: 0,
            trades: 0,
            volume: String::new(),
            exact_volume: None,
            first_at: first_at.to_string(),
            last_at: last_at.to_string(),
            span: [first_at, last_at],
            last: Values::default(),
            evenness: Evenness::default(),
            error: None,
        },
        indicators: Indicators::new(),
        volume: 0,
        table: None,
    };
    let result = match kind {
        Kind::Klines => pass.klines(series, options, meter),
        Kind::Trades => pass.prints::<Trade>(series, options, meter),
        Kind::AggTrades => pass.prints::<AggTrade>(series, options, meter),
        Kind::Quotes => pass.records::<Quote>(series, options, meter, |_, _| Ok(())),
        Kind::Depth => pass.records::<LevelChange>(series, options, meter, |_, _| Ok(())),
    };
    let closed = pass.table.take().map_or(Ok(()), TableWriter::finish);
    let (mut analysis, sum) = (pass.analysis, pass.volume);
    let exponent = exponents_of(series).quantity;
    analysis.volume = decimal::wide_text(sum, exponent);
    analysis.exact_volume = exact_of(sum, exponent);
    analysis.error = result.err().or(closed.err().map(AnalyzeError::from)).map(|e| e.to_string());
    analysis
}

/// One series on its way through.
struct Pass {
    analysis: Analysis,
    indicators: Indicators,
    volume: i128,
    table: Option<TableWriter>,
}

impl Pass {
    /// Reads all records in the order of time; `each` gets them without exact doubles.
    fn records<R: Record>(
        &mut self,
        series: &Series,
        options: &AnalyzeOptions,
        meter: &Meter,
        mut each: impl FnMut(&mut Self, &[R]) -> Result<(), AnalyzeError>,
    ) -> Result<(), AnalyzeError> {
        let mut merged = Merged::<R>::open(series)?;
        let (first_at, last_at) = series.span().unwrap_or_default();
        let expected = nanos(self.analysis.bar_interval.unwrap_or(options.interval));
        let mut evenness = EvennessScores::new(first_at, last_at, series.rows(), expected);
        let (mut group, mut seen) = (Vec::new(), std::collections::HashSet::new());
        while merged.next_group(&mut group)? {
            self.analysis.rows += group.len() as u64;
            meter.advance(group.len() as u64);
            group.iter().for_each(|row| evenness.push(row.at()));
            remove_doubles(&mut group, &mut seen);
            each(self, &group)?;
        }
        self.analysis.evenness = evenness.scores();
        Ok(())
    }

    fn klines(
        &mut self,
        series: &Series,
        options: &AnalyzeOptions,
        meter: &Meter,
    ) -> Result<(), AnalyzeError> {
        let exponents = exponents_of(series);
        self.begin_table(series, options)?;
        self.records::<Kline>(series, options, meter, |pass, rows| {
            rows.iter().try_for_each(|bar| pass.bar(bar, exponents))
        })
    }

    fn prints<R: Record>(
        &mut self,
        series: &Series,
        options: &AnalyzeOptions,
        meter: &Meter,
    ) -> Result<(), AnalyzeError>
    where
        for<'a> Print: From<&'a R>,
    {
        let exponents = exponents_of(series);
        self.begin_table(series, options)?;
        let mut builder = BarBuilder::new(options.interval, exponents);
        let mut closed = Vec::new();
        self.records::<R>(series, options, meter, |pass, rows| {
            for row in rows {
                builder.push(Print::from(row), &mut closed);
            }
            closed.drain(..).try_for_each(|bar| pass.bar(&bar, exponents))
        })?;
        self.analysis.late_trades = builder.late();
        if let Some(bar) = builder.finish() {
            self.bar(&bar, exponents)?;
        }
        Ok(())
    }

    fn bar(&mut self, bar: &Kline, exponents: Exponents) -> Result<(), AnalyzeError> {
        self.analysis.bars += 1;
        self.analysis.trades += u64::try_from(bar.trade_count).unwrap_or(0);
        self.volume += i128::from(bar.volume);
        let values = self.indicators.push(float(bar.close, exponents.price));
        self.analysis.last = values;
        if let Some(table) = &mut self.table {
            let mut cells = vec![Cell::Instant(bar.open_at)];
            cells.extend(values.named().map(|(_, value)| Cell::from(value)));
            table.push(cells)?;
        }
        Ok(())
    }

    fn begin_table(
        &mut self,
        series: &Series,
        options: &AnalyzeOptions,
    ) -> Result<(), AnalyzeError> {
        let Some((directory, format)) = &options.bars else { return Ok(()) };
        let name = series.key.directory().replace('/', "-");
        let interval = self.analysis.bar_interval.filter(|_| series.key.interval.is_none());
        let interval = interval.map_or_else(String::new, |interval| format!("-{interval}"));
        let path = directory.join(format!("{name}{interval}.{}", format.extension()));
        let mut columns = vec![("open_at".to_owned(), ColumnType::Instant)];
        let names = Values::default().named().map(|(name, _)| name);
        columns.extend(names.map(|name| (name.to_owned(), ColumnType::Float)));
        self.table = Some(TableWriter::create(&path, *format, columns)?);
        Ok(())
    }
}

/// [`Merged`] refuses a series of several.
fn exponents_of(series: &Series) -> Exponents {
    series.segments.first().map(|(_, info)| info.exponents).unwrap_or_default()
}

/// Writes analyses as one table, a row a series.
///
/// # Errors
/// See [`TableError`].
pub fn write_table(path: &Path, format: Format, analyses: &[Analysis]) -> Result<(), TableError> {
    let text = ["market", "symbol", "kind", "interval"].map(|name| (name, ColumnType::Text));
    let counts = ["rows", "bars", "trades", "late_trades"].map(|name| (name, ColumnType::Integer));
    let volume = [("volume", ColumnType::Exact)];
    let span = ["first_at", "last_at"].map(|name| (name, ColumnType::Instant));
    let values = Values::default().named().map(|(name, _)| (name, ColumnType::Float));
    let scores = ["linear", "continuity", "exponential"].map(|name| (name, ColumnType::Float));
    let columns = text.into_iter().chain(counts).chain(volume).chain(span);
    let columns = columns.chain(values).chain(scores);
    let columns = columns.map(|(name, of)| (name.to_owned(), of)).collect();
    let mut table = TableWriter::create(path, format, columns)?;
    for one in analyses {
        let integer = |value: u64| Cell::Integer(i64::try_from(value).unwrap_or(i64::MAX));
        let mut cells = vec![
            Cell::Text(one.key.market.to_string()),
            Cell::Text(one.key.symbol.to_string()),
            Cell::Text(one.key.kind.to_string()),
            Cell::Text(one.bar_interval.map_or_else(String::new, |it| it.to_string())),
            integer(one.rows),
            integer(one.bars),
            integer(one.trades),
            integer(one.late_trades),
            one.exact_volume.map_or(Cell::Missing, Cell::Exact),
        ];
        cells.extend(one.span.map(Cell::Instant));
        cells.extend(one.last.named().map(|(_, value)| Cell::from(value)));
        let Evenness { linear, continuity, exponential } = one.evenness;
        cells.extend([linear, continuity, exponential].map(Cell::from));
        table.push(cells)?;
    }
    table.finish()
}
