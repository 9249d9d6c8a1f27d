//! What a recorded frame says, as far as the exchange has to know it.

use model::{Level, Price, Quantity, Side, Symbol, Timestamp, TradeId};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::market::tape::Print;

/// A frame of a combined stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// The stream's name.
    pub stream: String,
    /// Where the payload stands in the frame's text.
    pub data: std::ops::Range<usize>,
    /// What it says.
    pub told: Told,
}

/// What the payload of a frame says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// A trade.
    Trade(Symbol, Print),
    /// Trades of one taker at one price; the id is the first trade's.
    Aggregate(Symbol, Print),
    /// The best of both sides.
    Quote {
        /// Whose.
        symbol: Symbol,
        /// Update id of the book.
        update_id: i64,
        /// Best bid.
        bid: Level,
        /// Best ask.
        ask: Level,
    },
    /// Changes of the book.
    Depth {
        /// Whose.
        symbol: Symbol,
        /// First update id.
        first_update_id: i64,
        /// Last update id.
        last_update_id: i64,
        /// Bids.
        bids: Vec<Level>,
        /// Asks.
        asks: Vec<Level>,
        /// The venue's time.
        event_at: Timestamp,
    },
    /// Anything else: it is passed on and changes nothing here.
    Other(Option<Symbol>),
}

impl Told {
    /// The symbol spoken of.
    #[must_use]
    pub const fn symbol(&self) -> Option<Symbol> {
        match self {
            Self::Trade(symbol, _)
            | Self::Aggregate(symbol, _)
            | Self::Quote { symbol, .. }
            | Self::Depth { symbol, .. } => Some(*symbol),
            Self::Other(symbol) => *symbol,
        }
    }
}

#[derive(Deserialize)]
struct Combined<'a> {
    stream: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the names on the wire, which differ by case alone")]
struct TradePayload {
    s: Symbol,
    #[serde(alias = "a")]
    t: Option<i64>,
    f: Option<i64>,
    p: Price,
    q: Quantity,
    T: i64,
    m: bool,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the names on the wire, which differ by case alone")]
struct QuotePayload {
    u: i64,
    s: Symbol,
    b: Price,
    B: Quantity,
    a: Price,
    A: Quantity,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the names on the wire, which differ by case alone")]
struct DepthPayload {
    s: Symbol,
    E: i64,
    U: i64,
    u: i64,
    b: Vec<(Price, Quantity)>,
    a: Vec<(Price, Quantity)>,
}

#[derive(Deserialize)]
struct AnyPayload {
    s: Option<Symbol>,
}

/// Levels from their wire form.
pub(super) fn levels(pairs: Vec<(Price, Quantity)>) -> Vec<Level> {
    pairs.into_iter().map(|(price, quantity)| Level { price, quantity }).collect()
}

/// Reads a combined frame.
///
/// # Errors
/// What is wrong with the JSON.
pub fn decode(text: &str) -> Result<Frame, serde_json::Error> {
    let combined: Combined<'_> = serde_json::from_str(text)?;
    let payload = combined.data.get();
    let start = payload.as_ptr() as usize - text.as_ptr() as usize;
    let kind = combined.stream.split_once('@').map_or("", |(_, kind)| kind);
    let told = match kind {
        "trade" => {
            let trade: TradePayload = serde_json::from_str(payload)?;
            Told::Trade(trade.s, print(&trade, trade.t))
        }
        "aggTrade" => {
            let trade: TradePayload = serde_json::from_str(payload)?;
            Told::Aggregate(trade.s, print(&trade, trade.f))
        }
        "bookTicker" => {
            let quote: QuotePayload = serde_json::from_str(payload)?;
            Told::Quote {
                symbol: quote.s,
                update_id: quote.u,
                bid: Level { price: quote.b, quantity: quote.B },
                ask: Level { price: quote.a, quantity: quote.A },
            }
        }
        "depth" | "depth@100ms" | "depth@1000ms" => {
            let depth: DepthPayload = serde_json::from_str(payload)?;
            Told::Depth {
                symbol: depth.s,
                first_update_id: depth.U,
                last_update_id: depth.u,
                bids: levels(depth.b),
                asks: levels(depth.a),
                event_at: crate::api::params::instant(depth.E),
            }
        }
        _ => {
            let symbol = serde_json::from_str::<AnyPayload>(payload).ok().and_then(|any| any.s);
            Told::Other(symbol)
        }
    };
    Ok(Frame { stream: combined.stream, data: start..start + payload.len(), told })
}

fn print(trade: &TradePayload, id: Option<i64>) -> Print {
    Print {
        id: TradeId(id.unwrap_or(0)),
        price: trade.p,
        quantity: trade.q,
        aggressor: if trade.m { Side::Sell } else { Side::Buy },
        at: crate::api::params::instant(trade.T),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_and_keep_their_payload() {
        let text = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}"#;
        let frame = decode(text).unwrap();
        assert!(text[frame.data.clone()].starts_with(r#"{"e":"trade""#));
        assert!(text[frame.data].ends_with(r#""M":true}"#));
        let Told::Trade(symbol, print) = frame.told else { panic!("a trade") };
        assert_eq!(
            (symbol.as_str(), print.id.0, print.aggressor),
            ("BTCUSDT", 3_735_683_259, Side::Sell)
        );
        let aggregate = r#"{"stream":"x@aggTrade","data":{"e":"aggTrade","E":1,"s":"X","a":5,"p":"1","q":"2","f":100,"l":105,"T":1,"m":false,"M":true}}"#;
        let Told::Aggregate(_, print) = decode(aggregate).unwrap().told else { panic!("trades") };
        assert_eq!(print.id.0, 100);
        let other = r#"{"stream":"x@kline_1m","data":{"e":"kline","s":"X"}}"#;
        assert_eq!(decode(other).unwrap().told, Told::Other(Symbol::new("X").ok()));
    }
}
