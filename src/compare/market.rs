//! What the market was when an order was decided, and what it traded while the order rested.

use std::collections::BTreeMap;
use std::time::Duration;

use backtest::source::{EventSource, SourceError};
use model::{InstrumentId, Level, MarketEvent, Price, Quantity, Side, Timestamp, Trade, TradeId};
use serde::Serialize;

use super::orders::OrderRecord;

/// The market of one order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Sight {
    /// Best bid when it was decided.
    pub bid: Option<Price>,
    /// Best ask.
    pub ask: Option<Price>,
    /// Last price.
    pub last: Option<Price>,
    /// Best bid and ask when the venue's first word of it, or its first fill, was due.
    pub met: Option<[Level; 2]>,
    /// Traded at its limit while it worked, by those who could have met it.
    pub traded_at: Quantity,
    /// Traded beyond its limit while it worked.
    pub traded_beyond: Quantity,
}

impl Sight {
    /// The middle of the market when it was decided; the last price where no quotes were.
    #[must_use]
    pub fn middle(&self) -> Option<f64> {
        match (self.bid, self.ask) {
            (Some(bid), Some(ask)) => Some(f64::midpoint(bid.to_f64(), ask.to_f64())),
            (Some(_), None) | (None, Some(_)) | (None, None) => self.last.map(Price::to_f64),
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Newest {
    best: Option<[Level; 2]>,
    last: Option<Price>,
}

impl Newest {
    fn sight(&self) -> Sight {
        let price = |side: usize| self.best.map(|best| best[side].price);
        Sight { bid: price(0), ask: price(1), last: self.last, ..Sight::default() }
    }
}

/// The markets of orders, and how long the news of them took.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// By the places of the orders.
    pub sights: Vec<Sight>,
    /// Median time from a trade to its receipt.
    pub feed_lag: Duration,
    /// Of fills of orders: when their trade was received, and how much later the strategy heard.
    pub heard: Vec<(Timestamp, Duration)>,
}

/// When an order met the market, as far as the records tell: at its first fill, or by its answer.
fn met_at(order: &OrderRecord) -> Option<Timestamp> {
    let first_fill = order.fills.first().map(|fill| fill.at);
    first_fill.into_iter().chain(order.answered_at).min()
}

/// So many trades tell how long news takes.
const TIMED_TRADES: usize = 100_000;

/// Looks at the market of each order, in one pass: orders in the order in which they were caused.
pub fn look(mut source: impl EventSource, orders: &[OrderRecord]) -> Result<Looked, SourceError> {
    let mut looking = Looking {
        orders,
        sights: vec![Sight::default(); orders.len()],
        next: 0,
        working: Vec::new(),
        coming: Vec::new(),
        newest: BTreeMap::new(),
        lags: Vec::new(),
        own: own_trades(orders),
        heard: Vec::new(),
    };
    let mut batch = Vec::new();
    loop {
        batch.clear();
        source.read(&mut batch)?;
        if batch.is_empty() {
            looking.see_orders_before(Timestamp::MAX);
            return Ok(looking.finish());
        }
        for event in &batch {
            looking.see_orders_before(event.received_at());
            looking.take(event);
        }
    }
}

/// When each trade with an order of ours was heard of.
fn own_trades(orders: &[OrderRecord]) -> BTreeMap<(InstrumentId, TradeId), Timestamp> {
    let fills = orders.iter().flat_map(|order| order.fills.iter().map(move |fill| (order, fill)));
    fills
        .filter_map(|(order, fill)| Some(((order.instrument, fill.trade?), fill.heard_at?)))
        .collect()
}

struct Looking<'a> {
    orders: &'a [OrderRecord],
    sights: Vec<Sight>,
    next: usize,
    working: Vec<usize>,
    /// Those that the venue has not answered yet.
    coming: Vec<usize>,
    newest: BTreeMap<InstrumentId, Newest>,
    lags: Vec<Duration>,
    own: BTreeMap<(InstrumentId, TradeId), Timestamp>,
    heard: Vec<(Timestamp, Duration)>,
}

impl Looking<'_> {
    fn finish(mut self) -> Looked {
        self.lags.sort_unstable();
        let feed_lag = self.lags.get(self.lags.len() / 2).copied().unwrap_or_default();
        Looked { sights: self.sights, feed_lag, heard: self.heard }
    }

    /// Orders that were caused, or arrived, before an event that is not taken yet.
    fn see_orders_before(&mut self, at: Timestamp) {
        while let Some(order) = self.orders.get(self.next).filter(|order| order.caused_at < at) {
            let newest = self.newest.get(&order.instrument).copied().unwrap_or_default();
            self.sights[self.next] = newest.sight();
            self.coming.push(self.next);
            if order.price.is_some() && order.was_sent() {
                self.working.push(self.next);
            }
            self.next += 1;
        }
        let (orders, sights, newest) = (self.orders, &mut self.sights, &self.newest);
        self.coming.retain(|place| {
            let order = &orders[*place];
            let is_there = met_at(order).is_some_and(|met_at| met_at < at);
            if is_there {
                sights[*place].met = newest.get(&order.instrument).and_then(|it| it.best);
            }
            !is_there && order.ended_at.is_none_or(|ended_at| ended_at >= at)
        });
    }

    fn take(&mut self, event: &MarketEvent) {
        let newest = self.newest.entry(event.instrument()).or_default();
        match event {
            MarketEvent::Quote(quote) => {
                newest.best = Some([quote.bid, quote.ask]);
            }
            MarketEvent::Trade(trade) => {
                newest.last = Some(trade.price);
                self.note_trade(trade);
            }
            MarketEvent::Bar(bar) => newest.last = Some(bar.close),
            MarketEvent::Book(_) | MarketEvent::Depth(_) => {}
        }
    }

    fn note_trade(&mut self, trade: &Trade) {
        if self.lags.len() < TIMED_TRADES {
            self.lags.push(trade.received_at.since(trade.event_at));
        }
        if let Some(heard_at) = self.own.get(&(trade.instrument, trade.id)) {
            self.heard.push((trade.received_at, heard_at.since(trade.received_at)));
        }
        let orders = self.orders;
        let is_over = |place: &usize| {
            orders[*place].ended_at.is_some_and(|ended_at| ended_at < trade.event_at)
        };
        self.working.retain(|place| !is_over(place));
        for place in &self.working {
            let order = &orders[*place];
            let Some(price) = order.price.filter(|_| order.instrument == trade.instrument) else {
                continue;
            };
            let is_beyond = match order.side {
                Side::Buy => trade.price < price,
                Side::Sell => trade.price > price,
            };
            let sight = &mut self.sights[*place];
            if is_beyond {
                sight.traded_beyond += trade.quantity;
            } else if trade.price == price && trade.aggressor != order.side {
                sight.traded_at += trade.quantity;
            }
        }
    }
}
