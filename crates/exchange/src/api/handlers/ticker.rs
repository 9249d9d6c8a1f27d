//! avgPrice and the tickers.

use std::time::Duration;

use model::{Price, Quantity, Symbol, Timestamp};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

use super::general::select;
use super::json;
use crate::api::error::ApiError;
use crate::api::params::Params;
use crate::api::{Request, TimeUnit};
use crate::machine::Exchange;
use crate::market::Market;
use crate::market::kline::Kline;

/// A day: the window of the 24hr tickers.
pub const DAY: Duration = Duration::from_secs(86_400);

/// Weight of a ticker that is 2 for one symbol and 4 for more.
pub fn list_weight(params: &Params) -> u32 {
    if params.peek("symbol").is_some() { 2 } else { 4 }
}

/// Weight of ticker/24hr by the number of symbols.
pub fn day_weight(params: &Params) -> u32 {
    match (params.peek("symbol"), params.peek("symbols")) {
        (Some(_), _) => 2,
        (None, None) => 80,
        (None, Some(list)) => match list.matches(',').count() + 1 {
            0..=20 => 2,
            21..=100 => 40,
            _ => 80,
        },
    }
}

/// Answers with an object for `symbol` and an array otherwise.
fn one_or_many(
    exchange: &Exchange,
    request: &Request<'_>,
    render: impl Fn(&Market) -> Option<Value>,
) -> Result<String, ApiError> {
    let symbol = request.params.optional_symbol()?;
    let symbols: Option<Vec<Symbol>> = request.params.symbols()?;
    request.params.text("symbolStatus")?;
    request.params.finish()?;
    if symbol.is_some() && symbols.is_some() {
        return Err(ApiError::bad_combination());
    }
    if let Some(symbol) = symbol {
        let market = exchange.market_of(symbol)?;
        return Ok(json(&render(market).unwrap_or_else(|| json!({}))));
    }
    let instruments = select(exchange, symbols.as_deref())?;
    let list: Vec<Value> = instruments
        .into_iter()
        .filter_map(|instrument| render(exchange.market(instrument.id)))
        .collect();
    Ok(json(&list))
}

/// `GET /api/v3/avgPrice`
pub fn average_price(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let symbol = request.params.symbol()?;
    request.params.finish()?;
    let tape = &exchange.market_of(symbol)?.tape;
    let price = tape.average_price(request.now, 5).unwrap_or_default();
    let last = tape.last().map_or(Timestamp::EPOCH, |print| print.at);
    Ok(json(&json!({"mins": 5, "price": price, "closeTime": request.unit.of(last)})))
}

/// `GET /api/v3/ticker/price`
pub fn price(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    one_or_many(exchange, request, |market| {
        let price = market.matcher.last_price()?;
        Some(json!({"symbol": market.instrument().symbol, "price": price}))
    })
}

/// `GET /api/v3/ticker/bookTicker`
pub fn book(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    one_or_many(exchange, request, |market| {
        let quote = market.best();
        Some(json!({
            "symbol": market.instrument().symbol,
            "bidPrice": quote.bid.price,
            "bidQty": quote.bid.quantity,
            "askPrice": quote.ask.price,
            "askQty": quote.ask.quantity,
        }))
    })
}

/// `GET /api/v3/ticker/24hr`
pub fn day(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let is_mini = match request.params.text("type")? {
        None | Some("FULL") => false,
        Some("MINI") => true,
        Some(_) => return Err(ApiError::bad_ticker_type()),
    };
    let (now, unit) = (request.now, request.unit);
    one_or_many(exchange, request, |market| {
        let statistics = Statistics::of(market, now, DAY)?;
        Some(if is_mini { statistics.mini(unit) } else { statistics.full(market, unit) })
    })
}

/// Price statistics of a window, as the REST tickers and the ticker streams show them.
#[derive(Clone, Copy, Debug)]
pub struct Statistics {
    /// The window as one kline.
    pub window: Kline,
    /// First instant.
    pub open_at: Timestamp,
    /// Last instant.
    pub close_at: Timestamp,
    /// The symbol.
    pub symbol: Symbol,
    /// Last close before the window.
    pub previous_close: Price,
    /// Quantity of the last trade.
    pub last_quantity: Quantity,
}

impl Statistics {
    /// Statistics of the last `window`; `None` before anything traded.
    #[must_use]
    pub fn of(market: &Market, now: Timestamp, window: Duration) -> Option<Self> {
        let kline = market.tape.window(now, window)?;
        Some(Self {
            window: kline,
            open_at: now.before(window),
            close_at: now,
            symbol: market.instrument().symbol,
            previous_close: kline.open,
            last_quantity: market.tape.last()?.quantity,
        })
    }

    /// Change of the price.
    #[must_use]
    pub fn change(&self) -> Price {
        Price::from_units(self.window.close.units() - self.window.open.units())
    }

    /// Change of the price in percent, with three decimals.
    #[must_use]
    pub fn change_percent(&self) -> String {
        let change = self.change().to_decimal() * Decimal::ONE_HUNDRED;
        let percent = change.checked_div(self.window.open.to_decimal()).unwrap_or_default();
        let percent = percent.round_dp_with_strategy(3, RoundingStrategy::MidpointAwayFromZero);
        format!("{percent:.3}")
    }

    /// Volume-weighted average price.
    #[must_use]
    pub fn average(&self) -> Price {
        self.window.quote_volume.average(self.window.volume).unwrap_or(self.window.close)
    }

    /// First and last trade id; -1 without a trade.
    #[must_use]
    pub fn trade_ids(&self) -> (i64, i64) {
        self.window.trades.map_or((-1, -1), |(first, last)| (first.0, last.0))
    }

    fn mini(&self, unit: TimeUnit) -> Value {
        let (first, last) = self.trade_ids();
        json!({
            "symbol": self.symbol,
            "openPrice": self.window.open,
            "highPrice": self.window.high,
            "lowPrice": self.window.low,
            "lastPrice": self.window.close,
            "volume": self.window.volume,
            "quoteVolume": self.window.quote_volume.to_string(),
            "openTime": unit.of(self.open_at),
            "closeTime": unit.of(self.close_at),
            "firstId": first,
            "lastId": last,
            "count": self.window.count,
        })
    }

    fn full(&self, market: &Market, unit: TimeUnit) -> Value {
        let (first, last) = self.trade_ids();
        let quote = market.best();
        json!({
            "symbol": self.symbol,
            "priceChange": self.change(),
            "priceChangePercent": self.change_percent(),
            "weightedAvgPrice": self.average(),
            "prevClosePrice": self.previous_close,
            "lastPrice": self.window.close,
            "lastQty": self.last_quantity,
            "bidPrice": quote.bid.price,
            "bidQty": quote.bid.quantity,
            "askPrice": quote.ask.price,
            "askQty": quote.ask.quantity,
            "openPrice": self.window.open,
            "highPrice": self.window.high,
            "lowPrice": self.window.low,
            "volume": self.window.volume,
            "quoteVolume": self.window.quote_volume.to_string(),
            "openTime": unit.of(self.open_at),
            "closeTime": unit.of(self.close_at),
            "firstId": first,
            "lastId": last,
            "count": self.window.count,
        })
    }
}
