//! Which files make up what is wanted.

use model::{Interval, Symbol, Timestamp};

use super::FetchOptions;
use crate::date;

/// A kind of record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// Klines of an interval.
    Klines(Interval),
    /// Aggregate trades.
    AggTrades,
    /// Trades; by the archive alone.
    Trades,
}

impl What {
    /// As it stands in the archive's file names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Klines(interval) => interval.name(),
            Self::AggTrades => "aggTrades",
            Self::Trades => "trades",
        }
    }

    /// As it stands in the archive's directories.
    fn directory(self, symbol: Symbol) -> String {
        match self {
            Self::Klines(interval) => format!("klines/{symbol}/{interval}"),
            Self::AggTrades => format!("aggTrades/{symbol}"),
            Self::Trades => format!("trades/{symbol}"),
        }
    }
}

/// A time that one file spans.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Span {
    /// A month, from its first midnight to the next one's.
    Month(Timestamp, Timestamp),
    /// A day.
    Day(Timestamp, Timestamp),
    /// Less than a day, or up to now.
    Part(Timestamp, Timestamp),
}

impl Span {
    /// First instant, and the first one after it.
    #[must_use]
    pub const fn bounds(self) -> (Timestamp, Timestamp) {
        match self {
            Self::Month(from, to) | Self::Day(from, to) | Self::Part(from, to) => (from, to),
        }
    }

    /// As it stands in a file's name.
    #[must_use]
    pub fn name(self) -> String {
        let text = |at: Timestamp| at.to_string();
        match self {
            Self::Month(from, _) => text(from)[..7].to_owned(),
            Self::Day(from, _) => text(from)[..10].to_owned(),
            Self::Part(from, to) => {
                let minute = |at| text(at)[..19].replace(':', "");
                format!("{}_{}", minute(from), minute(to))
            }
        }
    }
}

/// One file to fetch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Task {
    /// Of what.
    pub symbol: Symbol,
    /// Which records.
    pub what: What,
    /// When.
    pub span: Span,
}

impl Task {
    /// The file's name without its ending.
    pub fn name(&self) -> String {
        format!("{}-{}-{}", self.symbol, self.what.name(), self.span.name())
    }

    /// The path in the archive.
    pub fn archive_path(&self) -> String {
        let period = if self.is_month() { "monthly" } else { "daily" };
        format!("data/spot/{period}/{}/{}.zip", self.what.directory(self.symbol), self.name())
    }

    pub const fn is_month(&self) -> bool {
        matches!(self.span, Span::Month(..))
    }

    /// The days of a month that are over.
    pub fn days(&self, now: Timestamp) -> Vec<Self> {
        let (from, to) = self.span.bounds();
        let days = days_between(from, to).filter(|span| span.bounds().1 <= now);
        days.map(|span| Self { span, ..*self }).collect()
    }
}

const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

/// The whole days within.
fn days_between(from: Timestamp, to: Timestamp) -> impl Iterator<Item = Span> {
    let first = if from.utc_day() == from { from } else { from.utc_day().after(DAY) };
    std::iter::successors(Some(first), |day| Some(day.after(DAY)))
        .map(|day| (day, day.after(DAY)))
        .take_while(move |(_, end)| *end <= to)
        .map(|(day, end)| Span::Day(day, end))
}

/// The month that holds an instant.
fn month_of(at: Timestamp) -> (Timestamp, Timestamp) {
    let text = at.to_string();
    let number = |range: std::ops::Range<usize>| text[range].parse().unwrap_or(1);
    let (year, month) = (number(0..4), number(5..7));
    let first = date::midnight(year, month, 1).unwrap_or_default();
    let days = u32::try_from(date::days_in_month(year, month)).unwrap_or(31);
    (first, first.after(DAY * days))
}

/// Whole months where they are over, whole days around them.
fn months_and_days(from: Timestamp, to: Timestamp) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut at = from;
    while at < to {
        let (first, end) = month_of(at);
        if at == first && end <= to {
            spans.push(Span::Month(first, end));
        } else {
            spans.extend(days_between(at, end.min(to)));
        }
        at = end;
    }
    spans
}

/// The archive has what is over; a day that is not wholly wanted is fetched as a whole.
pub fn archive(options: &FetchOptions, now: Timestamp) -> Vec<Task> {
    let end = options.to.min(now);
    let last = if end.utc_day() == end { end } else { end.utc_day().after(DAY) };
    let to = if last > now { now.utc_day() } else { last };
    tasks(options, &months_and_days(options.from.utc_day(), to))
}

/// REST has everything up to now: days of short records, months of long ones, and a part at each
/// end.
pub fn rest(options: &FetchOptions, now: Timestamp) -> Vec<Task> {
    let (from, to) = (options.from, options.to.min(now));
    let mut all = Vec::new();
    for what in &options.what {
        let is_long = match what {
            What::Klines(interval) => interval.duration() >= Interval::HOUR.duration(),
            What::AggTrades | What::Trades => false,
        };
        let whole =
            if is_long { months_and_days(from, to) } else { days_between(from, to).collect() };
        let first = whole.first().map_or(to, |span| span.bounds().0);
        let last = whole.last().map_or(to, |span| span.bounds().1);
        let mut spans = Vec::new();
        if from < first {
            spans.push(Span::Part(from, first));
        }
        spans.extend(whole);
        if last < to {
            spans.push(Span::Part(last, to));
        }
        let one = FetchOptions { what: vec![*what], ..options.clone() };
        all.extend(tasks(&one, &spans));
    }
    all
}

fn tasks(options: &FetchOptions, spans: &[Span]) -> Vec<Task> {
    let mut all = Vec::new();
    for symbol in &options.symbols {
        for what in &options.what {
            all.extend(spans.iter().map(|span| Task { symbol: *symbol, what: *what, span: *span }));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(spans: &[Span]) -> Vec<String> {
        spans.iter().map(|span| span.name()).collect()
    }

    #[test]
    fn months_where_they_are_whole_and_days_around_them() {
        let at = |text| date::parse(text).unwrap();
        let spans = months_and_days(at("2024-01-30"), at("2024-04-02"));
        assert_eq!(names(&spans), ["2024-01-30", "2024-01-31", "2024-02", "2024-03", "2024-04-01"]);
        assert_eq!(spans[2].bounds(), (at("2024-02-01"), at("2024-03-01")));
        assert!(months_and_days(at("2024-01-30"), at("2024-01-30")).is_empty());
    }

    #[test]
    fn paths_are_the_archives() {
        let at = |text| date::parse(text).unwrap();
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let span = Span::Month(at("2024-02-01"), at("2024-03-01"));
        let task = Task { symbol, what: What::Klines(Interval::MINUTE), span };
        let path = "data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-02.zip";
        assert_eq!(task.archive_path(), path);
        let days = Task { what: What::AggTrades, ..task }.days(at("2024-02-03"));
        let path = "data/spot/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-02-02.zip";
        assert_eq!((days.len(), days[1].archive_path().as_str()), (2, path));
    }
}
