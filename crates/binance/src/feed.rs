//! Market data as the engine's feed wants it: the venue's streams, snapshots and history behind
//! [`FeedProtocol`].

use std::time::Duration;

use kernel::feed::{
    DecodeError as FeedError, FeedMessage, FeedProtocol, Stream, StreamKind, SubscriptionRefused,
};
use kernel::wire::HttpRequest;
use model::{Bar, DepthUpdate, InstrumentId, Instruments, Interval, Symbol, Timestamp, Trade};

use crate::decode::{
    DecodeError, DepthSnapshot, KlineRow, PublicTrade, RequestId, StreamEvent, brief,
    decode_stream, parse,
};
use crate::encode::{self, Call, control_request, rest_request, stream_name};
use crate::{EndpointUrls, SymbolTable};

/// The venue's most streams on one connection.
const MAX_STREAMS: usize = 1_024;
/// Streams named in one request: keeps it in one small frame.
const STREAMS_A_REQUEST: usize = 100;
/// The venue's most rows in one answer of history.
const MAX_ROWS: u32 = 1_000;
/// How long a request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The venue's market data protocol for the instruments of a run.
#[derive(Debug, Clone)]
pub struct BinanceFeed {
    urls: EndpointUrls,
    symbols: Vec<Symbol>,
    table: SymbolTable,
    snapshot_levels: u32,
}

impl BinanceFeed {
    /// For an environment and the instruments of a run. Snapshots have up to `snapshot_levels`
    /// levels a side, at most 5,000; what lies beyond stays unknown until it changes.
    #[must_use]
    pub fn new(urls: EndpointUrls, instruments: &Instruments, snapshot_levels: u32) -> Self {
        Self {
            urls,
            symbols: instruments.iter().map(|instrument| instrument.symbol).collect(),
            table: SymbolTable::new(instruments),
            snapshot_levels,
        }
    }

    /// The symbol of an instrument of the run that this was made for.
    fn symbol(&self, instrument: InstrumentId) -> &str {
        self.symbols[usize::from(instrument.0)].as_str()
    }

    fn name(&self, stream: &Stream) -> String {
        let kind = match stream.kind {
            StreamKind::Trade => encode::StreamKind::Trade,
            StreamKind::Quote => encode::StreamKind::BookTicker,
            StreamKind::Depth => encode::StreamKind::Depth,
            StreamKind::Bar(interval) => encode::StreamKind::Kline(interval),
        };
        stream_name(self.symbol(stream.instrument), kind)
    }

    fn find(&self, symbol: &str) -> Result<InstrumentId, FeedError> {
        self.table.find(symbol).ok_or_else(|| FeedError::UnknownSymbol(brief(symbol)))
    }

    fn request(&self, call: &Call) -> HttpRequest {
        rest_request(&self.urls.rest_url, call, None, REQUEST_TIMEOUT)
    }

    fn message(
        &self,
        event: StreamEvent<'_>,
        received_at: Timestamp,
    ) -> Result<FeedMessage, FeedError> {
        Ok(match event {
            StreamEvent::Trade(trade) => {
                let instrument = self.find(&trade.symbol)?;
                FeedMessage::Trade(trade.to_trade(instrument, received_at).map_err(malformed)?)
            }
            StreamEvent::BookTicker(ticker) => {
                let instrument = self.find(&ticker.symbol)?;
                match ticker.to_quote(instrument, received_at).map_err(malformed)? {
                    Some(quote) => FeedMessage::Quote(quote),
                    None => FeedMessage::Ignored,
                }
            }
            StreamEvent::Depth(depth) => {
                let instrument = self.find(&depth.symbol)?;
                FeedMessage::Depth(depth.into_update(instrument, received_at).map_err(malformed)?)
            }
            StreamEvent::Kline(kline) => {
                let instrument = self.find(&kline.symbol)?;
                let bar = kline.to_bar(instrument, received_at).map_err(malformed)?;
                FeedMessage::Bar { bar, is_closed: kline.is_closed() }
            }
            StreamEvent::ServerShutdown { .. } => FeedMessage::ShutdownAnnounced,
            StreamEvent::Answer { id, result: _ } => match control_id(&id) {
                Some(id) => FeedMessage::ControlDone { id },
                None => FeedMessage::Ignored,
            },
            StreamEvent::Refusal { id, error } => {
                FeedMessage::ControlRefused(SubscriptionRefused {
                    id: control_id(&id),
                    code: i64::from(error.code),
                    message: error.msg,
                })
            }
            StreamEvent::AggTrade(_) | StreamEvent::PartialDepth(_) | StreamEvent::Other { .. } => {
                FeedMessage::Ignored
            }
        })
    }
}

fn malformed(error: DecodeError) -> FeedError {
    FeedError::Malformed(error.to_string())
}

/// The number of a control request; ours are never anything else.
fn control_id(id: &RequestId) -> Option<u64> {
    match id {
        RequestId::Number(id) => u64::try_from(*id).ok(),
        RequestId::Text(_) | RequestId::Null => None,
    }
}

impl FeedProtocol for BinanceFeed {
    fn url(&self, _streams: &[Stream]) -> String {
        format!("{}/stream", self.urls.ws_url)
    }

    fn max_streams(&self) -> usize {
        MAX_STREAMS
    }

    fn subscribe(&self, streams: &[Stream], first_id: u64) -> Vec<String> {
        let names: Vec<String> = streams.iter().map(|stream| self.name(stream)).collect();
        names
            .chunks(STREAMS_A_REQUEST)
            .zip(first_id..)
            .map(|(names, id)| control_request(id, "SUBSCRIBE", names))
            .collect()
    }

    fn decode(&mut self, text: &str, received_at: Timestamp) -> Result<FeedMessage, FeedError> {
        let frame = decode_stream(text.as_bytes()).map_err(malformed)?;
        self.message(frame.event, received_at)
    }

    fn snapshot_request(&self, instrument: InstrumentId) -> HttpRequest {
        self.request(&Call::depth(self.symbol(instrument), self.snapshot_levels))
    }

    fn decode_snapshot(
        &self,
        instrument: InstrumentId,
        body: &[u8],
        received_at: Timestamp,
    ) -> Result<DepthUpdate, FeedError> {
        parse::<DepthSnapshot>("depth snapshot", body)
            .and_then(|snapshot| snapshot.into_update(instrument, received_at))
            .map_err(malformed)
    }

    fn bars_request(
        &self,
        instrument: InstrumentId,
        interval: Interval,
        count: u32,
        until: Option<Timestamp>,
    ) -> HttpRequest {
        let symbol = self.symbol(instrument);
        self.request(&Call::klines(symbol, interval, None, until, count.min(MAX_ROWS)))
    }

    fn decode_bars(
        &self,
        instrument: InstrumentId,
        interval: Interval,
        body: &[u8],
        received_at: Timestamp,
    ) -> Result<Vec<Bar>, FeedError> {
        let rows: Vec<KlineRow> = parse("klines", body).map_err(malformed)?;
        rows.iter()
            .map(|row| row.to_bar(instrument, interval, received_at).map_err(malformed))
            .collect()
    }

    fn trades_request(&self, instrument: InstrumentId, count: u32) -> HttpRequest {
        self.request(&Call::trades(self.symbol(instrument), count.min(MAX_ROWS)))
    }

    fn decode_trades(
        &self,
        instrument: InstrumentId,
        body: &[u8],
        received_at: Timestamp,
    ) -> Result<Vec<Trade>, FeedError> {
        let rows: Vec<PublicTrade> = parse("trades", body).map_err(malformed)?;
        rows.iter().map(|row| row.to_trade(instrument, received_at).map_err(malformed)).collect()
    }
}
