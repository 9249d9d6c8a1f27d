//! Frames of the market streams: raw or wrapped, events, answers and refusals.

use std::borrow::Cow;

use model::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::field::{optional_text, venue_instant};
use super::scan::Scanner;
use super::{
    AggTrade, ApiError, BookTicker, DecodeError, DepthSnapshot, DepthUpdateEvent, KlineEvent,
    RequestId, TradeEvent, parse,
};

/// One frame of a market stream connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamFrame<'a> {
    /// The stream's name, where the connection wraps events with it.
    pub stream: Option<Cow<'a, str>>,
    /// What it says.
    pub event: StreamEvent<'a>,
}

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent<'a> {
    /// A trade.
    Trade(TradeEvent<'a>),
    /// An aggregate trade.
    AggTrade(AggTrade<'a>),
    /// A new best bid or ask.
    BookTicker(BookTicker<'a>),
    /// A state of a bar.
    Kline(Box<KlineEvent<'a>>),
    /// Changed levels.
    Depth(DepthUpdateEvent<'a>),
    /// The top levels. Only the stream's name tells whose.
    PartialDepth(DepthSnapshot),
    /// The server is about to close: connect anew.
    ServerShutdown {
        /// When the event was made.
        event_at: Timestamp,
    },
    /// The answer to a request of ours.
    Answer {
        /// Which request.
        id: RequestId,
        /// What it gave.
        result: ControlResult,
    },
    /// The refusal of a request of ours.
    Refusal {
        /// Which request; null when the server could not read it.
        id: RequestId,
        /// Why.
        error: ApiError,
    },
    /// An event that the engine has no use for.
    Other {
        /// The event's name; `arr` for the arrays of the all-market streams.
        event: Cow<'a, str>,
    },
}

/// The result of a request on a market stream connection.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum ControlResult {
    /// Subscribed, unsubscribed or set.
    Done(()),
    /// A property.
    Flag(bool),
    /// The streams of the connection.
    Streams(Vec<String>),
}

/// Reads one frame of a market stream connection.
///
/// # Errors
/// [`DecodeError::Malformed`] for anything that is no frame of the documented kinds.
pub fn decode_stream(frame: &[u8]) -> Result<StreamFrame<'_>, DecodeError> {
    match scan(frame) {
        Some(decoded) => Ok(decoded),
        None => decode_with_serde(frame),
    }
}

/// Trades, quotes and depth updates in the venue's present layout, raw or wrapped.
#[inline]
pub(super) fn scan(frame: &[u8]) -> Option<StreamFrame<'_>> {
    let mut scanner = Scanner::new(frame);
    let mut stream = None;
    if scanner.literal(b"{\"stream\":\"").is_some() {
        stream = Some(Cow::Borrowed(scanner.text()?));
        scanner.literal(b",\"data\":")?;
    }
    let event = if scanner.is_next(BookTicker::PREFIX) {
        StreamEvent::BookTicker(BookTicker::scan(&mut scanner)?)
    } else if scanner.is_next(TradeEvent::PREFIX) {
        StreamEvent::Trade(TradeEvent::scan(&mut scanner)?)
    } else {
        StreamEvent::Depth(DepthUpdateEvent::scan(&mut scanner)?)
    };
    if stream.is_some() {
        scanner.literal(b"}")?;
    }
    scanner.is_empty().then_some(StreamFrame { stream, event })
}

/// Any frame, by serde. In tests it is the oracle of [`scan`].
pub(super) fn decode_with_serde(frame: &[u8]) -> Result<StreamFrame<'_>, DecodeError> {
    let probe = Probe::read(frame)?;
    let (Some(stream), Some(data)) = (&probe.stream, probe.data) else {
        return Ok(StreamFrame { stream: None, event: decode_event(probe, frame)? });
    };
    let stream = Some(stream.clone());
    let bytes = data.get().as_bytes();
    Ok(StreamFrame { stream, event: decode_event(Probe::read(bytes)?, bytes)? })
}

/// The keys that tell what a frame is. The rest is skipped here and read by its own type.
#[derive(Deserialize, Default)]
struct Probe<'a> {
    #[serde(default)]
    is_array: bool,
    #[serde(borrow, default, deserialize_with = "optional_text")]
    stream: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "optional_text")]
    e: Option<Cow<'a, str>>,
    #[serde(rename = "E")]
    event_at: Option<i64>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow, rename = "lastUpdateId")]
    last_update_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "A")]
    ask_quantity: Option<&'a RawValue>,
}

impl<'a> Probe<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.first() == Some(&b'[') {
            let _: Vec<&RawValue> = parse("stream event", bytes)?;
            return Ok(Self { is_array: true, ..Self::default() });
        }
        parse("stream frame", bytes)
    }
}

/// A key that is there, null included.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

fn decode_event<'a>(probe: Probe<'a>, bytes: &'a [u8]) -> Result<StreamEvent<'a>, DecodeError> {
    if probe.is_array {
        return Ok(StreamEvent::Other { event: Cow::Borrowed("arr") });
    }
    if let Some(event) = probe.e {
        return Ok(match event.as_ref() {
            "trade" => StreamEvent::Trade(parse("trade", bytes)?),
            "aggTrade" => StreamEvent::AggTrade(parse("aggTrade", bytes)?),
            "depthUpdate" => StreamEvent::Depth(parse("depthUpdate", bytes)?),
            "kline" => StreamEvent::Kline(Box::new(parse("kline", bytes)?)),
            "serverShutdown" => {
                StreamEvent::ServerShutdown { event_at: venue_instant(probe.event_at.unwrap_or(0)) }
            }
            _ => StreamEvent::Other { event },
        });
    }
    let id = match probe.id {
        Some(id) => parse("request id", id.get().as_bytes())?,
        None => RequestId::Null,
    };
    // The documents show refusals flat, the live server has been seen to wrap them.
    if let Some(error) = probe.error {
        return Ok(StreamEvent::Refusal { id, error: parse("refusal", error.get().as_bytes())? });
    }
    if probe.code.is_some() {
        return Ok(StreamEvent::Refusal { id, error: parse("refusal", bytes)? });
    }
    if let Some(result) = probe.result {
        let result = parse("answer", result.get().as_bytes())?;
        return Ok(StreamEvent::Answer { id, result });
    }
    if probe.last_update_id.is_some() {
        return Ok(StreamEvent::PartialDepth(parse("partial depth", bytes)?));
    }
    if probe.ask_quantity.is_some() {
        return Ok(StreamEvent::BookTicker(parse("bookTicker", bytes)?));
    }
    Err(DecodeError::Malformed { what: "stream event", detail: "no known key".to_owned() })
}
