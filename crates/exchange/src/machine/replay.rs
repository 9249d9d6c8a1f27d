//! A recorded market: what its lines do to the machine.

use std::sync::Arc;

use model::{
    Amount, DepthUpdate, InstrumentId, Level, MarketEvent, Quote, Symbol, Timestamp, Trade, VenueId,
};

use super::settle::Cause;
use super::{Exchange, IDS_PER_RUN};
use crate::config::ExchangeConfig;
use crate::market::tape::Print;
use crate::market::{BestQuote, Market};
use crate::replay::{Item, ItemKind, Scan, Told};
use crate::symbols::{self, UnknownSymbol};

/// Where the ids of our own executions begin: far from any recorded one.
const OWN_IDS: i64 = 5_000_000_000_000;

impl Exchange {
    /// An exchange whose market is a recording, before its first line.
    ///
    /// # Errors
    /// [`UnknownSymbol`] for one that can't be split into two assets.
    pub fn replayed(config: &ExchangeConfig, scan: &Scan, run: i64) -> Result<Self, UnknownSymbol> {
        let venue = VenueId::new("sim").expect("a plain name");
        let mut exchange = Self::empty(config, scan.start_at);
        for (symbol, facts) in &scan.symbols {
            let (base, quote) = symbols::split_name(symbol.as_str())
                .ok_or_else(|| UnknownSymbol(symbol.to_string()))?;
            let min_notional: Amount = "0.0001".parse().expect("a plain number");
            let instrument = symbols::instrument(
                venue,
                *symbol,
                base,
                quote,
                facts.tick,
                facts.step,
                min_notional,
            );
            let instrument = exchange.enlist(instrument);
            let first_id = OWN_IDS + run * IDS_PER_RUN;
            let market = Market::recorded(
                instrument,
                exchange.fees,
                first_id,
                facts.first_price,
                facts.snapshot.clone(),
            );
            exchange.markets.push(market);
        }
        Ok(exchange)
    }

    /// Notes that somebody asked for a symbol's book.
    pub fn note_depth_request(&mut self, symbol: Symbol) {
        if self.source.is_none() {
            self.depth_requests.insert(symbol);
        }
    }

    /// Whether somebody asked for a symbol's book.
    #[must_use]
    pub fn has_depth_request(&self, symbol: Symbol) -> bool {
        self.depth_requests.contains(&symbol)
    }

    /// Takes a line of the recording. `snapshot_of` is the symbol of a snapshot that does not
    /// say; `is_traded` tells whether trades that come in bulk are recorded one by one, too.
    pub fn apply_recorded(&mut self, item: &Item, snapshot_of: Option<Symbol>, is_traded: bool) {
        let now = item.at;
        match &item.kind {
            ItemKind::Print(symbol, print) => self.recorded_trade(*symbol, print, now),
            ItemKind::Frame { frame, .. } => match &frame.told {
                Told::Trade(symbol, print) => self.recorded_trade(*symbol, print, now),
                Told::Aggregate(symbol, print) if !is_traded => {
                    self.recorded_trade(*symbol, print, now);
                }
                Told::Aggregate(..) | Told::Other(_) => {}
                Told::Quote { symbol, update_id, bid, ask } => {
                    self.recorded_quote(*symbol, *update_id, *bid, *ask, now);
                }
                Told::Depth { symbol, first_update_id, last_update_id, bids, asks, event_at } => {
                    let Some(instrument) = self.instrument_of(*symbol) else { return };
                    self.recorded_changes(DepthUpdate {
                        instrument,
                        is_snapshot: false,
                        first_update_id: *first_update_id,
                        last_update_id: *last_update_id,
                        bids: bids.clone(),
                        asks: asks.clone(),
                        event_at: *event_at,
                        received_at: now,
                    });
                }
            },
            ItemKind::Snapshot { symbol, last_update_id, bids, asks, .. } => {
                let symbol = symbol.or(snapshot_of);
                let instrument = symbol.and_then(|symbol| self.instrument_of(symbol));
                let Some(instrument) = instrument else { return };
                self.recorded_snapshot(DepthUpdate {
                    instrument,
                    is_snapshot: true,
                    first_update_id: *last_update_id,
                    last_update_id: *last_update_id,
                    bids: bids.clone(),
                    asks: asks.clone(),
                    event_at: now,
                    received_at: now,
                });
            }
        }
    }

    fn instrument_of(&self, symbol: Symbol) -> Option<InstrumentId> {
        self.instruments.by_symbol(symbol.as_str()).map(|instrument| instrument.id)
    }

    /// Lets orders of ours meet what happened, and tells what came of it.
    fn meet(&mut self, instrument: InstrumentId, event: &MarketEvent, now: Timestamp) {
        let mut events = std::mem::take(&mut self.scratch);
        self.markets[usize::from(instrument.0)].matcher.on_market(now, event, &mut events);
        self.settle(now, instrument, &mut events, Cause::Market);
        self.scratch = events;
    }

    fn recorded_trade(&mut self, symbol: Symbol, print: &Print, now: Timestamp) {
        let Some(instrument) = self.instrument_of(symbol) else { return };
        self.markets[usize::from(instrument.0)].note_print(*print);
        self.publish_trades(instrument);
        let trade = Trade {
            instrument,
            id: print.id,
            price: print.price,
            quantity: print.quantity,
            aggressor: print.aggressor,
            event_at: print.at,
            received_at: now,
        };
        self.meet(instrument, &MarketEvent::Trade(trade), now);
    }

    fn recorded_quote(
        &mut self,
        symbol: Symbol,
        update_id: i64,
        bid: Level,
        ask: Level,
        now: Timestamp,
    ) {
        let Some(instrument) = self.instrument_of(symbol) else { return };
        if let Some(record) = self.markets[usize::from(instrument.0)].record_mut() {
            record.note_quote(BestQuote { update_id, bid, ask });
        }
        let quote = Quote { instrument, update_id, bid, ask, received_at: now };
        self.meet(instrument, &MarketEvent::Quote(quote), now);
    }

    fn recorded_changes(&mut self, update: DepthUpdate) {
        let (instrument, now) = (update.instrument, update.received_at);
        let market = &mut self.markets[usize::from(instrument.0)];
        market.note_update(&update);
        let Some(record) = market.record_mut() else { return };
        for update in record.on_changes(Arc::new(update)) {
            self.meet(instrument, &MarketEvent::Depth(update), now);
        }
    }

    fn recorded_snapshot(&mut self, snapshot: DepthUpdate) {
        let (instrument, now) = (snapshot.instrument, snapshot.received_at);
        let market = &mut self.markets[usize::from(instrument.0)];
        let Some(record) = market.record_mut() else { return };
        for update in record.on_snapshot(snapshot) {
            self.meet(instrument, &MarketEvent::Depth(update), now);
        }
    }
}
