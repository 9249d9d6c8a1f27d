//! Names of series.

use std::fmt;
use std::str::FromStr;

use model::{Interval, Symbol};
use serde::{Deserialize, Serialize};

/// A kind of record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Trades, one by one.
    Trades,
    /// Trades of one taker order at one price, together.
    AggTrades,
    /// Candles of one interval.
    Klines,
    /// Best bids and asks.
    Quotes,
    /// Changes of price levels, and whole books.
    Depth,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Trades, Self::AggTrades, Self::Klines, Self::Quotes, Self::Depth];

    /// Its name in paths and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trades => "trades",
            Self::AggTrades => "agg_trades",
            Self::Klines => "klines",
            Self::Quotes => "quotes",
            Self::Depth => "depth",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

/// A market whose symbols are their own: `binance-spot`, `binance-usdm`, or another name of
/// lower-case letters, digits and `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Market(String);

impl Market {
    /// Binance Spot.
    #[must_use]
    pub fn binance_spot() -> Self {
        Self("binance-spot".to_owned())
    }

    /// Binance USDⓈ-M futures.
    #[must_use]
    pub fn binance_usdm() -> Self {
        Self("binance-usdm".to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Market {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > 40 || !text.chars().all(is_allowed) {
            return Err("expected up to 40 lower-case letters, digits and `-`".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Market {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Market> for String {
    fn from(market: Market) -> Self {
        market.0
    }
}

impl fmt::Display for Market {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

/// The name of a series.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SeriesKey {
    /// Where it is traded.
    pub market: Market,
    /// What is traded.
    pub symbol: Symbol,
    /// What is known of it.
    pub kind: Kind,
    /// Of klines their interval; `None` for everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
}

impl SeriesKey {
    /// Of anything but klines.
    #[must_use]
    pub const fn new(market: Market, symbol: Symbol, kind: Kind) -> Self {
        Self { market, symbol, kind, interval: None }
    }

    /// Of klines.
    #[must_use]
    pub const fn klines(market: Market, symbol: Symbol, interval: Interval) -> Self {
        Self { market, symbol, kind: Kind::Klines, interval: Some(interval) }
    }

    /// The name of the last directory: `trades`, `klines-1m`.
    #[must_use]
    pub fn kind_name(&self) -> String {
        match self.interval {
            Some(interval) => format!("{}-{interval}", self.kind),
            None => self.kind.name().to_owned(),
        }
    }

    /// The directory within a catalog, with `/`.
    #[must_use]
    pub fn directory(&self) -> String {
        format!("{}/{}/{}", self.market, escape(self.symbol.as_str()), self.kind_name())
    }

    /// From a directory within a catalog; `None` for one that is not of a series.
    #[must_use]
    pub fn of_directory(market: &str, symbol: &str, kind: &str) -> Option<Self> {
        let (kind, interval) = match kind.split_once('-') {
            Some((kind, interval)) => (kind, Some(interval.parse().ok()?)),
            None => (kind, None),
        };
        let kind = Kind::ALL.into_iter().find(|known| known.name() == kind)?;
        if (kind == Kind::Klines) != interval.is_some() {
            return None;
        }
        let symbol = Symbol::new(&unescape(symbol)?).ok()?;
        Some(Self { market: market.parse().ok()?, symbol, kind, interval })
    }
}

impl fmt::Display for SeriesKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} {}", self.market, self.symbol, self.kind_name())
    }
}

/// A symbol comes from outside and must stay one name in one directory.
fn escape(symbol: &str) -> String {
    let mut text = String::with_capacity(symbol.len());
    for c in symbol.chars() {
        if matches!(c, '/' | '\\' | '.' | '%' | ':' | '\0') {
            text.push_str(&format!("%{:02x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text
}

fn unescape(name: &str) -> Option<String> {
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        let code = after.get(..2)?;
        text.push(char::from(u8::from_str_radix(code, 16).ok()?));
        rest = &after[2..];
    }
    text.push_str(rest);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_and_keys_are_inverse() {
        #[track_caller]
        fn check(key: &SeriesKey, directory: &str) {
            assert_eq!(key.directory(), directory);
            let parts: Vec<&str> = directory.split('/').collect();
            let [market, symbol, kind] = parts[..] else { panic!("{directory}") };
            assert_eq!(SeriesKey::of_directory(market, symbol, kind).as_ref(), Some(key));
        }
        let spot = Market::binance_spot();
        let symbol = |text: &str| Symbol::new(text).unwrap();
        let trades = SeriesKey::new(spot.clone(), symbol("BTCUSDT"), Kind::Trades);
        check(&trades, "binance-spot/BTCUSDT/trades");
        let klines = SeriesKey::klines(spot.clone(), symbol("币安人生USDT"), Interval::MINUTE);
        check(&klines, "binance-spot/币安人生USDT/klines-1m");
        let hostile = SeriesKey::new(spot, symbol("../..%"), Kind::Depth);
        check(&hostile, "binance-spot/%2e%2e%2f%2e%2e%25/depth");
    }

    #[test]
    fn other_directories_are_no_series() {
        for (symbol, kind) in [("BTCUSDT", "klines"), ("BTCUSDT", "trades-1m"), ("%", "trades")] {
            assert_eq!(SeriesKey::of_directory("binance-spot", symbol, kind), None, "{kind}");
        }
        assert_eq!(SeriesKey::of_directory("Spot", "BTCUSDT", "trades"), None);
    }
}
