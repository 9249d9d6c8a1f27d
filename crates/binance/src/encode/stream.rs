//! Names of market streams and requests on their connections.

use model::Interval;

/// What a market stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// Trades.
    Trade,
    /// Aggregate trades.
    AggTrade,
    /// Best bid and ask.
    BookTicker,
    /// Changes of the book every 100 ms.
    Depth,
    /// Bars.
    Kline(Interval),
}

/// The name of a stream, for example `btcusdt@kline_1m`.
#[must_use]
pub fn stream_name(symbol: &str, kind: StreamKind) -> String {
    let symbol = symbol.to_lowercase();
    match kind {
        StreamKind::Trade => format!("{symbol}@trade"),
        StreamKind::AggTrade => format!("{symbol}@aggTrade"),
        StreamKind::BookTicker => format!("{symbol}@bookTicker"),
        StreamKind::Depth => format!("{symbol}@depth@100ms"),
        StreamKind::Kline(interval) => format!("{symbol}@kline_{interval}"),
    }
}

/// A request on a market stream connection: `SUBSCRIBE` or `UNSUBSCRIBE` with stream names.
#[must_use]
pub fn control_request(id: u64, method: &str, streams: &[String]) -> String {
    let streams = serde_json::to_string(streams).expect("strings always serialise");
    format!("{{\"method\":\"{method}\",\"params\":{streams},\"id\":{id}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_lower_case() {
        assert_eq!(stream_name("BTCUSDT", StreamKind::Depth), "btcusdt@depth@100ms");
        assert_eq!(
            stream_name("ETHUSDT", StreamKind::Kline("1m".parse().unwrap())),
            "ethusdt@kline_1m"
        );
        assert_eq!(
            control_request(3, "SUBSCRIBE", &["a@trade".to_owned(), "b@trade".to_owned()]),
            "{\"method\":\"SUBSCRIBE\",\"params\":[\"a@trade\",\"b@trade\"],\"id\":3}"
        );
    }
}
