//! Which streams a recorded market has, and which it can make from those.

use std::collections::BTreeSet;

use model::{InstrumentId, Instruments, Symbol};

use super::name::{StreamKey, StreamKind};

/// The streams of a recording.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RecordedStreams {
    names: BTreeSet<String>,
    keys: BTreeSet<StreamKey>,
    /// Instruments whose trades come one by one without frames.
    printed: BTreeSet<InstrumentId>,
}

impl RecordedStreams {
    /// Streams by their recorded names, and symbols whose trades come without frames.
    #[must_use]
    pub fn new(
        names: BTreeSet<String>,
        printed: &BTreeSet<Symbol>,
        instruments: &Instruments,
    ) -> Self {
        let keys = names.iter().filter_map(|name| StreamKey::parse(name, instruments)).collect();
        let id = |symbol: &Symbol| {
            instruments.by_symbol(symbol.as_str()).map(|instrument| instrument.id)
        };
        let printed = printed.iter().filter_map(id).collect();
        Self { names, keys, printed }
    }

    /// Whether the stream was recorded.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether single trades of an instrument were recorded.
    #[must_use]
    pub fn has_trades(&self, instrument: InstrumentId) -> bool {
        self.has_kind(instrument, |kind| kind == StreamKind::Trade)
    }

    fn has_kind(&self, instrument: InstrumentId, is_meant: impl Fn(StreamKind) -> bool) -> bool {
        self.keys.iter().any(|key| key.instrument == Some(instrument) && is_meant(key.kind))
    }

    /// Whether a stream can be served: it was recorded, or can be made from what was. Names that
    /// are no streams at all are not refused, as on the venue.
    #[must_use]
    pub fn can_serve(&self, name: &str, instruments: &Instruments) -> bool {
        if self.has(name) {
            return true;
        }
        let Some(key) = StreamKey::parse(name, instruments) else { return true };
        let Some(instrument) = key.instrument else { return true };
        let has_trades = self.has_trades(instrument) || self.printed.contains(&instrument);
        let has_prints =
            has_trades || self.has_kind(instrument, |kind| kind == StreamKind::AggregateTrade);
        let has_depth = self.has_kind(instrument, |kind| matches!(kind, StreamKind::Depth { .. }));
        let has_fast_depth =
            self.has_kind(instrument, |kind| kind == StreamKind::Depth { is_fast: true });
        match key.kind {
            StreamKind::Trade => self.printed.contains(&instrument),
            StreamKind::AggregateTrade => has_trades,
            StreamKind::BookTicker => has_depth,
            StreamKind::Depth { is_fast } => has_depth && (!is_fast || has_fast_depth),
            StreamKind::PartialDepth { .. } => has_depth,
            StreamKind::Kline { .. }
            | StreamKind::MiniTicker
            | StreamKind::Ticker
            | StreamKind::WindowTicker { .. }
            | StreamKind::AveragePrice => has_prints,
            StreamKind::ReferencePrice
            | StreamKind::AllMiniTickers
            | StreamKind::AllWindowTickers { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symbols::SymbolConfig;

    #[test]
    fn what_was_not_recorded_is_derived_or_refused() {
        let mut instruments = Instruments::new();
        let bitcoin = SymbolConfig::named("BTCUSDT").unwrap();
        instruments.add(bitcoin.instrument(model::VenueId::new("sim").unwrap()));
        let check = |recorded: &[&str], name: &str, can: bool| {
            let names = recorded.iter().map(|kind| format!("btcusdt@{kind}")).collect();
            let streams = RecordedStreams::new(names, &BTreeSet::new(), &instruments);
            let name = format!("btcusdt@{name}");
            assert_eq!(streams.can_serve(&name, &instruments), can, "{recorded:?} {name}");
        };
        check(&["trade"], "trade", true);
        check(&["trade"], "aggTrade", true);
        check(&["trade"], "kline_1m", true);
        check(&["trade"], "depth", false);
        check(&["trade"], "bookTicker", false);
        check(&["aggTrade"], "trade", false);
        check(&["aggTrade"], "ticker", true);
        check(&["depth@100ms"], "depth", true);
        check(&["depth"], "depth@100ms", false);
        check(&["depth"], "bookTicker", true);
        check(&["depth"], "kline_1m", false);
        check(&["depth"], "nonsense", true);
    }
}
