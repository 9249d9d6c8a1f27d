//! Messages of the venue as rows: exactly, and without the limits of the engine's own types.

use std::borrow::Cow;

use model::{Interval, Symbol, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;
use store::catalog::{
    AggTrade, Exponents, Kind, Kline, LevelChange, LevelFlags, Market, Quote, SeriesKey, Trade,
};
use store::recordings::{LineKind, RecordedLine};

use super::row::{Measure, Refused, checked_aggregate, checked_kline, checked_trade, number};
use super::sink::Row;

/// What is known beside the messages.
#[derive(Clone, Debug)]
pub struct Context {
    /// Whose symbols they are.
    pub market: Market,
    /// Of answers that name none.
    pub symbol: Option<Symbol>,
    /// What values are written at.
    pub exponents: Exponents,
}

/// What a message says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// Rows of one series.
    Rows(SeriesKey, Vec<Row>),
    /// Symbols with their filters.
    Instruments,
    /// Something that the catalog does not keep.
    PassedOver(String),
}

#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    stream: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// What tells one payload from another.
#[derive(Deserialize)]
struct Probe<'a> {
    #[serde(borrow)]
    e: Option<Cow<'a, str>>,
    u: Option<i64>,
    #[serde(rename = "A")]
    ask_quantity: Option<&'a RawValue>,
    #[serde(rename = "lastUpdateId")]
    last_update_id: Option<i64>,
    #[serde(borrow)]
    symbols: Option<&'a RawValue>,
    #[serde(rename = "serverTime")]
    server_time: Option<i64>,
    result: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the names on the wire, which differ by case alone")]
struct TradePayload<'a> {
    #[serde(borrow)]
    s: Cow<'a, str>,
    t: i64,
    p: &'a str,
    q: &'a str,
    T: i64,
    m: bool,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the names on the wire, which differ by case alone")]
struct AggTradePayload<'a> {
    #[serde(borrow)]
    s: Cow<'a, str>,
    a: i64,
    p: &'a str,
    q: &'a str,
    f: i64,
    l: i64,
    T: i64,
    m: bool,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the names on the wire, which differ by case alone")]
struct QuotePayload<'a> {
    u: i64,
    #[serde(borrow)]
    s: Cow<'a, str>,
    b: &'a str,
    B: &'a str,
    a: &'a str,
    A: &'a str,
    E: Option<i64>,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the names on the wire, which differ by case alone")]
struct DepthPayload<'a> {
    #[serde(borrow)]
    s: Cow<'a, str>,
    E: i64,
    U: i64,
    u: i64,
    pu: Option<i64>,
    b: Vec<(&'a str, &'a str)>,
    a: Vec<(&'a str, &'a str)>,
}

#[derive(Deserialize)]
struct SnapshotPayload<'a> {
    #[serde(rename = "lastUpdateId")]
    last_update_id: i64,
    #[serde(borrow)]
    bids: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    asks: Vec<(&'a str, &'a str)>,
}

#[derive(Deserialize)]
struct KlinePayload<'a> {
    #[serde(borrow)]
    s: Cow<'a, str>,
    #[serde(borrow)]
    k: KlineState<'a>,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the names on the wire, which differ by case alone")]
struct KlineState<'a> {
    t: i64,
    T: i64,
    i: &'a str,
    o: &'a str,
    c: &'a str,
    h: &'a str,
    l: &'a str,
    v: &'a str,
    n: i64,
    x: bool,
    q: &'a str,
    V: &'a str,
    Q: &'a str,
}

/// Reads one line of a capture.
///
/// # Errors
/// See [`Refused`].
pub fn read(line: &RecordedLine, context: &Context) -> Result<Message, Refused> {
    let text = line.text.as_str();
    let (stream, payload) = match &line.kind {
        LineKind::Frame => {
            let wrapped: Wrapped<'_> = parse(text)?;
            (Some(wrapped.stream), wrapped.data.get())
        }
        LineKind::Answer { .. } => (None, text),
    };
    if payload.starts_with('[') {
        return Ok(Message::PassedOver("answers and streams that are lists".to_owned()));
    }
    let probe: Probe<'_> = parse(payload)?;
    let reader = Reader { context, received_at: line.received_at };
    match probe.e.as_deref() {
        Some("trade") => reader.trade(payload),
        Some("aggTrade") => reader.agg_trade(payload),
        Some("bookTicker") => reader.quote(payload),
        Some("depthUpdate") => reader.depth(payload),
        Some("kline") => reader.kline(payload),
        Some(other) => Ok(Message::PassedOver(format!("{other} events"))),
        None if probe.u.is_some() && probe.ask_quantity.is_some() => reader.quote(payload),
        None if probe.last_update_id.is_some() => match (&line.kind, stream) {
            (LineKind::Answer { url }, _) => reader.snapshot(payload, url.as_deref()),
            (LineKind::Frame, _) => Ok(Message::PassedOver("top levels of books".to_owned())),
        },
        None if probe.symbols.is_some() && probe.server_time.is_some() => Ok(Message::Instruments),
        None if probe.result.is_some() || probe.id.is_some() => {
            Ok(Message::PassedOver("answers to requests".to_owned()))
        }
        None => Ok(Message::PassedOver("messages of other kinds".to_owned())),
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Refused> {
    serde_json::from_str(text).map_err(|error| Refused::Because(error.to_string()))
}

/// The venue's instants are milliseconds, or microseconds where they were asked for.
fn venue_instant(number: i64) -> Timestamp {
    // Milliseconds have fifteen digits from the year 5138 on, microseconds since 1973.
    if number >= 100_000_000_000_000 {
        Timestamp::from_micros(number)
    } else {
        Timestamp::from_millis(number)
    }
}

struct Reader<'a> {
    context: &'a Context,
    received_at: Timestamp,
}

impl Reader<'_> {
    fn key(&self, symbol: &str, kind: Kind) -> Result<SeriesKey, Refused> {
        let symbol = Symbol::new(symbol)
            .map_err(|error| Refused::Because(format!("`{symbol}`: {error}")))?;
        Ok(SeriesKey::new(self.context.market.clone(), symbol, kind))
    }

    fn price(&self, text: &str) -> Result<i64, Refused> {
        number(text, Measure::Price, self.context.exponents)
    }

    fn quantity(&self, text: &str) -> Result<i64, Refused> {
        number(text, Measure::Quantity, self.context.exponents)
    }

    fn quote_amount(&self, text: &str) -> Result<i64, Refused> {
        number(text, Measure::Quote, self.context.exponents)
    }

    fn trade(&self, payload: &str) -> Result<Message, Refused> {
        let trade: TradePayload<'_> = parse(payload)?;
        let key = self.key(&trade.s, Kind::Trades)?;
        let row = checked_trade(Trade {
            received_at: self.received_at,
            event_at: venue_instant(trade.T),
            id: trade.t,
            price: self.price(trade.p)?,
            quantity: self.quantity(trade.q)?,
            is_buyer_maker: trade.m,
        })?;
        Ok(Message::Rows(key, vec![Row::Trade(row)]))
    }

    fn agg_trade(&self, payload: &str) -> Result<Message, Refused> {
        let trade: AggTradePayload<'_> = parse(payload)?;
        let key = self.key(&trade.s, Kind::AggTrades)?;
        let row = checked_aggregate(AggTrade {
            received_at: self.received_at,
            event_at: venue_instant(trade.T),
            id: trade.a,
            first_trade_id: trade.f,
            last_trade_id: trade.l,
            price: self.price(trade.p)?,
            quantity: self.quantity(trade.q)?,
            is_buyer_maker: trade.m,
        })?;
        Ok(Message::Rows(key, vec![Row::AggTrade(row)]))
    }

    fn quote(&self, payload: &str) -> Result<Message, Refused> {
        let quote: QuotePayload<'_> = parse(payload)?;
        let key = self.key(&quote.s, Kind::Quotes)?;
        let row = Quote {
            received_at: self.received_at,
            event_at: quote.E.map_or(self.received_at, venue_instant),
            update_id: quote.u,
            bid: self.price(quote.b)?,
            bid_quantity: self.quantity(quote.B)?,
            ask: self.price(quote.a)?,
            ask_quantity: self.quantity(quote.A)?,
        };
        if [row.bid, row.bid_quantity, row.ask, row.ask_quantity].iter().any(|value| *value < 0) {
            return Err("a quote below zero".to_owned().into());
        }
        Ok(Message::Rows(key, vec![Row::Quote(row)]))
    }

    fn kline(&self, payload: &str) -> Result<Message, Refused> {
        let KlinePayload { s, k } = parse(payload)?;
        if !k.x {
            return Ok(Message::PassedOver("klines that were not closed".to_owned()));
        }
        let interval: Interval =
            k.i.parse().map_err(|error| Refused::Because(format!("{error}")))?;
        let key = SeriesKey { interval: Some(interval), ..self.key(&s, Kind::Klines)? };
        let row = checked_kline(Kline {
            open_at: venue_instant(k.t),
            close_at: venue_instant(k.T),
            open: self.price(k.o)?,
            high: self.price(k.h)?,
            low: self.price(k.l)?,
            close: self.price(k.c)?,
            volume: self.quantity(k.v)?,
            quote_volume: self.quote_amount(k.q)?,
            trade_count: k.n,
            taker_buy_volume: self.quantity(k.V)?,
            taker_buy_quote_volume: self.quote_amount(k.Q)?,
        })?;
        Ok(Message::Rows(key, vec![Row::Kline(row)]))
    }

    fn depth(&self, payload: &str) -> Result<Message, Refused> {
        let depth: DepthPayload<'_> = parse(payload)?;
        if depth.U > depth.u {
            return Err("update ids that run backwards".to_owned().into());
        }
        let key = self.key(&depth.s, Kind::Depth)?;
        let first_update_id = depth.pu.map_or(depth.U, |previous| previous.saturating_add(1));
        let empty = LevelChange {
            received_at: self.received_at,
            event_at: venue_instant(depth.E),
            first_update_id,
            last_update_id: depth.u,
            flags: LevelFlags::empty(false),
            ..LevelChange::default()
        };
        self.levels(empty, &depth.b, &depth.a).map(|rows| Message::Rows(key, rows))
    }

    fn snapshot(&self, payload: &str, url: Option<&str>) -> Result<Message, Refused> {
        let snapshot: SnapshotPayload<'_> = parse(payload)?;
        let symbol = url.and_then(symbol_in_url).or(self.context.symbol);
        let symbol = symbol.ok_or_else(|| {
            "a book of no named symbol: put it in the file's name, or say --symbol".to_owned()
        })?;
        let key = SeriesKey::new(self.context.market.clone(), symbol, Kind::Depth);
        let empty = LevelChange {
            received_at: self.received_at,
            event_at: self.received_at,
            first_update_id: snapshot.last_update_id,
            last_update_id: snapshot.last_update_id,
            flags: LevelFlags::empty(true),
            ..LevelChange::default()
        };
        let rows = self.levels(empty, &snapshot.bids, &snapshot.asks)?;
        Ok(Message::Rows(key, rows))
    }

    /// Bids, then asks, each in the order of the message.
    fn levels(
        &self,
        empty: LevelChange,
        bids: &[(&str, &str)],
        asks: &[(&str, &str)],
    ) -> Result<Vec<Row>, Refused> {
        let is_snapshot = empty.flags.is_snapshot();
        let sides = [(bids, false), (asks, true)];
        let mut levels = Vec::with_capacity(bids.len() + asks.len());
        for (side, is_ask) in sides {
            for (price, quantity) in side {
                let (price, quantity) = (self.price(price)?, self.quantity(quantity)?);
                if price <= 0 || quantity < 0 {
                    return Err("a level without a price, or with less than nothing"
                        .to_owned()
                        .into());
                }
                let flags = LevelFlags::new(is_ask, is_snapshot);
                levels.push(LevelChange { price, quantity, flags, ..empty });
            }
        }
        match levels.last_mut() {
            Some(last) => last.flags = last.flags.as_last(),
            None => levels.push(empty),
        }
        Ok(levels.into_iter().map(Row::Level).collect())
    }
}

/// The symbol that a stream or an address speaks of.
fn symbol_in_url(url: &str) -> Option<Symbol> {
    let (_, query) = url.split_once('?')?;
    let symbol = query.split('&').find_map(|pair| pair.strip_prefix("symbol="))?;
    Symbol::new(symbol).ok()
}
