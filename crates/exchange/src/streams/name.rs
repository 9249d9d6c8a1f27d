//! Names of market streams.

use std::fmt;
use std::time::Duration;

use model::{InstrumentId, Instruments};

use crate::api::handlers::market::parse_offset;
use crate::market::kline::KlineInterval;

/// Which stream of a symbol, or of all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum StreamKind {
    /// `@trade`
    Trade,
    /// `@aggTrade`
    AggregateTrade,
    /// `@bookTicker`
    BookTicker,
    /// `@depth` and `@depth@100ms`
    Depth {
        /// 100 ms or 1 s.
        is_fast: bool,
    },
    /// `@depth5`, `@depth10`, `@depth20`, each also `@100ms`
    PartialDepth {
        /// Levels a side.
        levels: u8,
        /// 100 ms or 1 s.
        is_fast: bool,
    },
    /// `@kline_<interval>` and `@kline_<interval>@+08:00`
    Kline {
        /// Length.
        interval: KlineInterval,
        /// How far its clocks are ahead of UTC.
        offset_mins: i32,
    },
    /// `@miniTicker`
    MiniTicker,
    /// `@ticker`
    Ticker,
    /// `@ticker_1h`, `@ticker_4h`, `@ticker_1d`
    WindowTicker {
        /// Length in hours.
        hours: u8,
    },
    /// `@avgPrice`
    AveragePrice,
    /// `@referencePrice`
    ReferencePrice,
    /// `!miniTicker@arr`
    AllMiniTickers,
    /// `!ticker_1h@arr` and its sisters
    AllWindowTickers {
        /// Length in hours.
        hours: u8,
    },
}

/// A stream: kind and symbol. Streams of all symbols have no instrument.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct StreamKey {
    /// Whose, unless it is of all.
    pub instrument: Option<InstrumentId>,
    /// Which.
    pub kind: StreamKind,
}

const WINDOWS: [(&str, u8); 3] = [("1h", 1), ("4h", 4), ("1d", 24)];

fn window(name: &str) -> Option<u8> {
    WINDOWS.iter().find(|(known, _)| *known == name).map(|(_, hours)| *hours)
}

/// The venue's name of a ticker window.
#[must_use]
pub fn window_name(hours: u8) -> &'static str {
    WINDOWS.iter().find(|(_, known)| *known == hours).map_or("1d", |(name, _)| *name)
}

impl StreamKind {
    /// Reads the part after the symbol and `@`.
    fn parse(text: &str) -> Option<Self> {
        let kind = match text {
            "trade" => Self::Trade,
            "aggTrade" => Self::AggregateTrade,
            "bookTicker" => Self::BookTicker,
            "depth" | "depth@1000ms" => Self::Depth { is_fast: false },
            "depth@100ms" => Self::Depth { is_fast: true },
            "miniTicker" => Self::MiniTicker,
            "ticker" => Self::Ticker,
            "avgPrice" => Self::AveragePrice,
            "referencePrice" => Self::ReferencePrice,
            _ => return Self::parse_parameterised(text),
        };
        Some(kind)
    }

    fn parse_parameterised(text: &str) -> Option<Self> {
        if let Some(window_text) = text.strip_prefix("ticker_") {
            return window(window_text).map(|hours| Self::WindowTicker { hours });
        }
        if let Some(rest) = text.strip_prefix("kline_") {
            let (interval, offset) = match rest.split_once('@') {
                None => (rest, Some(0)),
                Some((interval, offset)) => (interval, parse_offset(offset)),
            };
            let interval = KlineInterval::parse(interval)?;
            return Some(Self::Kline { interval, offset_mins: offset? });
        }
        let rest = text.strip_prefix("depth")?;
        let (levels, pace) = rest.split_once('@').unwrap_or((rest, "1000ms"));
        let is_fast = match pace {
            "100ms" => true,
            "1000ms" => false,
            _ => return None,
        };
        let levels = ["5", "10", "20"].contains(&levels).then(|| levels.parse().ok()).flatten()?;
        Some(Self::PartialDepth { levels, is_fast })
    }

    /// How often it is sent by the clock; `None` for streams that events send.
    #[must_use]
    pub fn pace(self) -> Option<Duration> {
        const FAST: Duration = Duration::from_millis(100);
        const SECOND: Duration = Duration::from_secs(1);
        match self {
            Self::Trade | Self::AggregateTrade | Self::BookTicker | Self::Depth { .. } => None,
            Self::PartialDepth { is_fast: true, .. } => Some(FAST),
            Self::Kline { interval, .. } => {
                Some(if interval.is_second() { SECOND } else { 2 * SECOND })
            }
            Self::PartialDepth { is_fast: false, .. }
            | Self::MiniTicker
            | Self::Ticker
            | Self::WindowTicker { .. }
            | Self::AveragePrice
            | Self::ReferencePrice
            | Self::AllMiniTickers
            | Self::AllWindowTickers { .. } => Some(SECOND),
        }
    }
}

impl StreamKey {
    /// Reads a stream's name. `None` for names that this exchange does not know: they may be
    /// subscribed all the same, as on the venue, and stay silent.
    #[must_use]
    pub fn parse(name: &str, instruments: &Instruments) -> Option<Self> {
        if let Some(all) = name.strip_prefix('!') {
            let kind = match all {
                // Older clients name the pace, which is the only one.
                "miniTicker@arr" | "miniTicker@arr@1000ms" => StreamKind::AllMiniTickers,
                other => {
                    let window_text = other.strip_prefix("ticker_")?.strip_suffix("@arr")?;
                    StreamKind::AllWindowTickers { hours: window(window_text)? }
                }
            };
            return Some(Self { instrument: None, kind });
        }
        let (symbol, kind) = name.split_once('@')?;
        let is_lower = symbol.chars().all(|letter| !letter.is_uppercase());
        let instrument = instruments
            .iter()
            .find(|instrument| is_lower && instrument.symbol.as_str().to_lowercase() == symbol)?;
        Some(Self { instrument: Some(instrument.id), kind: StreamKind::parse(kind)? })
    }

    /// The stream's name.
    #[must_use]
    pub fn name(&self, instruments: &Instruments) -> String {
        match self.instrument {
            None => self.kind.to_string(),
            Some(id) => {
                format!("{}@{}", instruments.get(id).symbol.as_str().to_lowercase(), self.kind)
            }
        }
    }
}

impl fmt::Display for StreamKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fast = |is_fast: bool| if is_fast { "@100ms" } else { "" };
        match self {
            Self::Trade => out.write_str("trade"),
            Self::AggregateTrade => out.write_str("aggTrade"),
            Self::BookTicker => out.write_str("bookTicker"),
            Self::Depth { is_fast } => write!(out, "depth{}", fast(*is_fast)),
            Self::PartialDepth { levels, is_fast } => {
                write!(out, "depth{levels}{}", fast(*is_fast))
            }
            Self::Kline { interval, offset_mins: 0 } => write!(out, "kline_{}", interval.name()),
            Self::Kline { interval, offset_mins } => {
                let sign = if *offset_mins < 0 { '-' } else { '+' };
                let (hours, minutes) = (offset_mins.abs() / 60, offset_mins.abs() % 60);
                write!(out, "kline_{}@{sign}{hours:02}:{minutes:02}", interval.name())
            }
            Self::MiniTicker => out.write_str("miniTicker"),
            Self::Ticker => out.write_str("ticker"),
            Self::WindowTicker { hours } => write!(out, "ticker_{}", window_name(*hours)),
            Self::AveragePrice => out.write_str("avgPrice"),
            Self::ReferencePrice => out.write_str("referencePrice"),
            Self::AllMiniTickers => out.write_str("!miniTicker@arr"),
            Self::AllWindowTickers { hours } => write!(out, "!ticker_{}@arr", window_name(*hours)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symbols::SymbolConfig;

    #[test]
    fn names_are_read_and_written() {
        let mut instruments = Instruments::new();
        let bitcoin = SymbolConfig::named("BTCUSDT").unwrap();
        instruments.add(bitcoin.instrument(model::VenueId::new("sim").unwrap()));
        let check = |name: &str, is_known: bool| {
            let key = StreamKey::parse(name, &instruments);
            let again = key.map(|key| key.name(&instruments));
            assert_eq!(again.as_deref(), is_known.then_some(name), "{name}");
        };
        for kind in [
            "trade",
            "aggTrade",
            "bookTicker",
            "depth",
            "depth@100ms",
            "depth5",
            "depth20@100ms",
            "kline_1m",
            "kline_1M",
            "kline_1d@+08:00",
            "kline_1h@-03:30",
            "miniTicker",
            "ticker",
            "ticker_4h",
            "avgPrice",
            "referencePrice",
        ] {
            check(&format!("btcusdt@{kind}"), true);
        }
        let alias = StreamKey::parse("!miniTicker@arr@1000ms", &instruments);
        assert_eq!(alias, StreamKey::parse("!miniTicker@arr", &instruments));
        check("!miniTicker@arr", true);
        check("!ticker_1d@arr", true);
        for unknown in [
            "BTCUSDT@trade",
            "ethusdt@trade",
            "btcusdt@depth7",
            "btcusdt@depth@50ms",
            "btcusdt",
            "btcusdt@kline_7m",
            "!ticker@arr",
            "!ticker_1h@arr@1000ms",
            "!miniTicker@arr@3000ms",
            "0",
            "",
        ] {
            check(unknown, false);
        }
    }
}
