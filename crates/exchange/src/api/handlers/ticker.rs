//! avgPrice and the tickers.

use std::time::Duration;

use model::{Interval, Price, Quantity, Symbol, Timestamp};
use rust_decimal::{Decimal, RoundingStrategy};

use super::general::{check_status, has_status, select};
use super::json;
use super::market::parse_offset;
use crate::api::error::ApiError;
use crate::api::ordered::{Object, object};
use crate::api::params::Params;
use crate::api::{Request, TimeUnit};
use crate::machine::Exchange;
use crate::market::Market;
use crate::market::kline::{Kline, KlineInterval};

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
    render: impl Fn(&Market) -> Option<Object>,
) -> Result<String, ApiError> {
    let symbol = request.params.optional_symbol()?;
    let symbols: Option<Vec<Symbol>> = request.params.symbols()?;
    let status = request.params.symbol_status()?;
    request.params.finish()?;
    if symbol.is_some() && symbols.is_some() {
        return Err(ApiError::bad_combination());
    }
    if let Some(symbol) = symbol {
        let market = exchange.market_of(symbol)?;
        check_status(market.instrument(), status)?;
        return Ok(json(&render(market).unwrap_or_default()));
    }
    let instruments = select(exchange, symbols.as_deref())?;
    let list: Vec<Object> = instruments
        .into_iter()
        .filter(|instrument| has_status(instrument, status))
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
    Ok(json(&object! {"mins": 5, "price": price, "closeTime": request.unit.of(last)}))
}

/// `GET /api/v3/ticker/price`
pub fn price(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    one_or_many(exchange, request, |market| {
        let price = market.matcher.last_price()?;
        Some(object! {"symbol": market.instrument().symbol, "price": price})
    })
}

/// `GET /api/v3/ticker/bookTicker`
pub fn book(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    one_or_many(exchange, request, |market| {
        let quote = market.best();
        Some(object! {
            "symbol": market.instrument().symbol,
            "bidPrice": quote.bid.price,
            "bidQty": quote.bid.quantity,
            "askPrice": quote.ask.price,
            "askQty": quote.ask.quantity,
        })
    })
}

/// `GET /api/v3/ticker/24hr`
pub fn day(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let is_mini = is_mini(request.params)?;
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
        Self::over(market, market.tape.window(now, window)?, now.before(window), now)
    }

    /// Statistics from the minute on in which the last `window` began: the rolling windows are up
    /// to 59,999 ms wider than they say.
    #[must_use]
    pub fn rolling(market: &Market, now: Timestamp, window: Duration) -> Option<Self> {
        Self::since(market, Interval::MINUTE.open_of(now.before(window)), now)
    }

    /// Statistics from the opening of a minute on.
    fn since(market: &Market, open_at: Timestamp, now: Timestamp) -> Option<Self> {
        Self::over(market, market.tape.since(open_at, now)?, open_at, now)
    }

    fn over(market: &Market, kline: Kline, open_at: Timestamp, now: Timestamp) -> Option<Self> {
        Some(Self {
            window: kline,
            open_at,
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

    fn mini(&self, unit: TimeUnit) -> Object {
        self.with_window(object! { "symbol": self.symbol }, unit, true)
    }

    /// What the window tickers say: no quotes, no last trade.
    fn plain(&self, unit: TimeUnit) -> Object {
        self.with_window(self.changes(), unit, true)
    }

    fn full(&self, market: &Market, unit: TimeUnit) -> Object {
        let quote = market.best();
        let answer = self
            .changes()
            .with("prevClosePrice", &self.previous_close)
            .with("lastPrice", &self.window.close)
            .with("lastQty", &self.last_quantity)
            .with("bidPrice", &quote.bid.price)
            .with("bidQty", &quote.bid.quantity)
            .with("askPrice", &quote.ask.price)
            .with("askQty", &quote.ask.quantity);
        self.with_window(answer, unit, false)
    }

    fn changes(&self) -> Object {
        object! {
            "symbol": self.symbol,
            "priceChange": self.change(),
            "priceChangePercent": self.change_percent(),
            "weightedAvgPrice": self.average(),
        }
    }

    /// Adds the window; its last price stands elsewhere in the full ticker.
    fn with_window(&self, answer: Object, unit: TimeUnit, has_last: bool) -> Object {
        let (first, last) = self.trade_ids();
        let answer = answer
            .with("openPrice", &self.window.open)
            .with("highPrice", &self.window.high)
            .with("lowPrice", &self.window.low);
        let answer = if has_last { answer.with("lastPrice", &self.window.close) } else { answer };
        answer
            .with("volume", &self.window.volume)
            .with("quoteVolume", &self.window.quote_volume.to_string())
            .with("openTime", &unit.of(self.open_at))
            .with("closeTime", &unit.of(self.close_at))
            .with("firstId", &first)
            .with("lastId", &last)
            .with("count", &self.window.count)
    }
}

/// Weight of the tickers that count 4 for each symbol.
pub fn windows_weight(params: &Params) -> u32 {
    let symbols = params.peek("symbols").map_or(1, |list| list.matches(',').count() + 1);
    u32::try_from(symbols).unwrap_or(u32::MAX).saturating_mul(4).min(200)
}

/// A window of `1m` to `59m`, `1h` to `23h` or `1d` to `7d`.
#[must_use]
pub fn parse_window(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let (most, secs) = match unit {
        'm' => (59, 60),
        'h' => (23, 3_600),
        'd' => (7, 86_400),
        _ => return None,
    };
    (1..=most).contains(&count).then(|| Duration::from_secs(count * secs))
}

/// Refuses a ticker for all symbols, which the window tickers don't have.
fn need_symbols(params: &Params) -> Result<(), ApiError> {
    if params.peek("symbol").is_none() && params.peek("symbols").is_none() {
        return Err(ApiError::either("symbol", "symbols"));
    }
    Ok(())
}

fn is_mini(params: &Params) -> Result<bool, ApiError> {
    match params.text("type")? {
        None | Some("FULL") => Ok(false),
        Some("MINI") => Ok(true),
        Some(_) => Err(ApiError::bad_ticker_type()),
    }
}

/// `GET /api/v3/ticker`
pub fn window(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    need_symbols(request.params)?;
    let length = match request.params.text("windowSize")? {
        None => DAY,
        Some(text) => {
            parse_window(text).ok_or_else(|| ApiError::invalid_parameter("windowSize"))?
        }
    };
    let is_mini = is_mini(request.params)?;
    let (now, unit) = (request.now, request.unit);
    one_or_many(exchange, request, |market| {
        let statistics = Statistics::rolling(market, now, length)?;
        Some(if is_mini { statistics.mini(unit) } else { statistics.plain(unit) })
    })
}

/// `GET /api/v3/ticker/tradingDay`
pub fn trading_day(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    need_symbols(request.params)?;
    let offset = match request.params.text("timeZone")? {
        None => 0,
        Some(text) => parse_offset(text).ok_or_else(|| ApiError::invalid_parameter("timeZone"))?,
    };
    let is_mini = is_mini(request.params)?;
    let (now, unit) = (request.now, request.unit);
    let day = KlineInterval::Fixed(Interval::DAY);
    let open_at = day.open_of(now, offset);
    one_or_many(exchange, request, |market| {
        let mut statistics = Statistics::since(market, open_at, now)?;
        statistics.close_at = open_at.after(DAY).before(Duration::from_millis(1));
        Some(if is_mini { statistics.mini(unit) } else { statistics.plain(unit) })
    })
}
