//! The splice between history and stream.
//!
//! Live events that come before the history is complete are held back, so that the strategy sees
//! history first and then every event once: trades by their id, bars by their opening time.

use std::collections::VecDeque;

use model::{InstrumentId, MarketEvent, Trade, TradeId};

use super::view::StrategyView;

/// Trades and bars held back, at most. Past it all are dropped: what comes later then leaves a
/// gap to the history, which is fetched again.
const MAX_HELD: usize = 65_536;

/// Something is missing between history and stream: the history must be fetched again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HistoryGap {
    /// Trades are missing.
    #[error("trades after {last} and before {first} of instrument {instrument} are missing")]
    Trades {
        /// Whose.
        instrument: InstrumentId,
        /// The last of the history.
        last: TradeId,
        /// The first of the stream.
        first: TradeId,
    },
    /// Bars are missing.
    #[error("bars of instrument {instrument} before {first} are missing")]
    Bars {
        /// Whose.
        instrument: InstrumentId,
        /// Opening of the first bar of the stream.
        first: model::Timestamp,
    },
}

/// Live events that wait for the history.
#[derive(Debug, Default)]
pub(super) struct Splice {
    held: VecDeque<MarketEvent>,
    /// The latest quote and book of each instrument: these conflate.
    latest: Vec<MarketEvent>,
}

impl Splice {
    pub fn hold(&mut self, event: MarketEvent) {
        match &event {
            MarketEvent::Trade(_) | MarketEvent::Bar(_) => {
                if self.held.len() >= MAX_HELD {
                    self.held.clear();
                }
                self.held.push_back(event);
            }
            MarketEvent::Quote(_) | MarketEvent::Book(_) => {
                let same = |held: &&mut MarketEvent| {
                    held.instrument() == event.instrument()
                        && std::mem::discriminant(*held) == std::mem::discriminant(&event)
                };
                match self.latest.iter_mut().find(same) {
                    Some(held) => *held = event,
                    None => self.latest.push(event),
                }
            }
            MarketEvent::Depth(_) => {}
        }
    }

    /// Everything held, in the order of delivery.
    pub fn release(&mut self) -> impl Iterator<Item = MarketEvent> + use<> {
        std::mem::take(&mut self.held).into_iter().chain(std::mem::take(&mut self.latest))
    }

    /// What is missing between what was delivered and the first held events that are news.
    pub fn gap(&self, view: &StrategyView) -> Option<HistoryGap> {
        self.held.iter().enumerate().find_map(|(index, event)| {
            let earlier = |other: &MarketEvent| continues(other, event);
            let is_first = !self.held.iter().take(index).rev().any(earlier);
            if is_first { gap_before(view, event) } else { None }
        })
    }
}

/// Whether `event` is of the same series as an `earlier` one, so that only that one can have a
/// gap before it: the stream itself has none.
fn continues(earlier: &MarketEvent, event: &MarketEvent) -> bool {
    match (earlier, event) {
        (MarketEvent::Trade(earlier), MarketEvent::Trade(event)) => {
            earlier.instrument == event.instrument
        }
        (MarketEvent::Bar(earlier), MarketEvent::Bar(event)) => {
            earlier.instrument == event.instrument && earlier.interval == event.interval
        }
        (
            MarketEvent::Trade(_)
            | MarketEvent::Bar(_)
            | MarketEvent::Quote(_)
            | MarketEvent::Book(_)
            | MarketEvent::Depth(_),
            _,
        ) => false,
    }
}

fn gap_before(view: &StrategyView, event: &MarketEvent) -> Option<HistoryGap> {
    let market = view.market(event.instrument())?;
    match event {
        MarketEvent::Trade(trade) => {
            let last = market.last_trade?.id;
            (trade.id.0 > last.0.saturating_add(1)).then_some(HistoryGap::Trades {
                instrument: trade.instrument,
                last,
                first: trade.id,
            })
        }
        MarketEvent::Bar(bar) => {
            let last = market.series(bar.interval)?.bars.back()?;
            (bar.open_at > last.close_at())
                .then_some(HistoryGap::Bars { instrument: bar.instrument, first: bar.open_at })
        }
        MarketEvent::Quote(_) | MarketEvent::Book(_) | MarketEvent::Depth(_) => None,
    }
}

/// Whether a trade was not delivered before.
#[inline]
pub(super) fn is_newer(trade: &Trade, last: Option<&Trade>) -> bool {
    last.is_none_or(|last| trade.id > last.id)
}

/// Whether an event was not delivered before. Quotes and books are states: always news.
pub(super) fn is_news(view: &StrategyView, event: &MarketEvent) -> bool {
    let Some(market) = view.market(event.instrument()) else { return true };
    match event {
        MarketEvent::Trade(trade) => is_newer(trade, market.last_trade.as_ref()),
        MarketEvent::Bar(bar) => {
            let last = market.series(bar.interval).and_then(|series| series.bars.back());
            last.is_none_or(|last| bar.open_at > last.open_at)
        }
        MarketEvent::Quote(_) | MarketEvent::Book(_) | MarketEvent::Depth(_) => true,
    }
}
