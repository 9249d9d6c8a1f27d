//! `GET /api/v3/exchangeInfo`: symbols with their filters, and rate limits.
//!
//! The answer grows with every release of the venue. What this build does not know is passed
//! over; a symbol that can't be read is left out and named, and the others are still there.

use std::borrow::Cow;

use model::{
    Amount, Asset, Contract, Features, Filters, FixedError, Instrument, InstrumentId,
    InstrumentStatus, NotionalFilter, OrderTypes, PercentPrice, Price, PriceFilter, Quantity,
    SizeFilter, Symbol, Timestamp, VenueId,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::field::{optional_text, venue_instant};
use super::{DecodeError, parse};
use crate::{RateLimitInterval, RateLimitType, SelfTradePrevention, SymbolStatus};

/// What the venue trades and allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeInfo {
    /// The venue's clock.
    pub server_time: Timestamp,
    /// Limits in force.
    pub rate_limits: Vec<RateLimit>,
    /// Symbols that could be read.
    pub symbols: Vec<SymbolInfo>,
    /// Symbols that could not.
    pub skipped: Vec<SkippedSymbol>,
}

/// A symbol of the venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolInfo {
    /// What the engine knows of it. Its id is 0 until it is added to a run's instruments.
    pub instrument: Instrument,
    /// Self-trade prevention modes allowed.
    pub self_trade_preventions: Vec<SelfTradePrevention>,
    /// Whether the symbol is traded on spot at all.
    pub is_spot: bool,
}

/// A symbol that this build can't read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedSymbol {
    /// Its name, as far as it could be read.
    pub symbol: String,
    /// Why.
    pub reason: DecodeError,
}

/// A rate limit, with what is used of it where the answer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// What it counts.
    pub rate_limit_type: RateLimitType,
    /// Unit of its window.
    pub interval: RateLimitInterval,
    /// Units in its window.
    pub interval_num: u32,
    /// The most allowed in a window.
    pub limit: u32,
    /// Used in the present window.
    pub count: Option<u32>,
}

impl ExchangeInfo {
    /// Reads the answer.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] when it is no exchangeInfo at all.
    pub fn read(bytes: &[u8], venue: VenueId) -> Result<Self, DecodeError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            server_time: i64,
            #[serde(borrow)]
            rate_limits: Vec<&'a RawValue>,
            #[serde(borrow)]
            symbols: Vec<&'a RawValue>,
        }
        let body: Body<'_> = parse("exchangeInfo", bytes)?;
        let mut info = Self {
            server_time: venue_instant(body.server_time),
            rate_limits: body
                .rate_limits
                .iter()
                .filter_map(|limit| serde_json::from_str(limit.get()).ok())
                .collect(),
            symbols: Vec::with_capacity(body.symbols.len()),
            skipped: Vec::new(),
        };
        for symbol in body.symbols {
            match read_symbol(symbol.get().as_bytes(), venue) {
                Ok(symbol) => info.symbols.push(symbol),
                Err(reason) => {
                    info.skipped.push(SkippedSymbol { symbol: symbol_name(symbol), reason });
                }
            }
        }
        Ok(info)
    }

    /// The symbol with a name.
    #[must_use]
    pub fn symbol(&self, name: &str) -> Option<&SymbolInfo> {
        self.symbols.iter().find(|symbol| symbol.instrument.symbol.as_str() == name)
    }
}

fn symbol_name(symbol: &RawValue) -> String {
    #[derive(Deserialize)]
    struct Name {
        symbol: String,
    }
    serde_json::from_str::<Name>(symbol.get()).map_or_else(|_| "?".to_owned(), |name| name.symbol)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSymbol<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    status: SymbolStatus,
    #[serde(borrow)]
    base_asset: Cow<'a, str>,
    base_asset_precision: u32,
    #[serde(borrow)]
    quote_asset: Cow<'a, str>,
    quote_asset_precision: u32,
    /// No list at all says nothing of kinds.
    #[serde(default)]
    order_types: Option<Vec<String>>,
    /// A flag that is not there allows nothing.
    #[serde(default)]
    oco_allowed: bool,
    #[serde(default)]
    oto_allowed: bool,
    #[serde(default)]
    cancel_replace_allowed: bool,
    #[serde(default)]
    amend_allowed: bool,
    #[serde(default)]
    iceberg_allowed: bool,
    #[serde(default)]
    allow_trailing_stop: bool,
    #[serde(default)]
    quote_order_qty_market_allowed: bool,
    #[serde(default)]
    is_spot_trading_allowed: bool,
    #[serde(borrow, default)]
    filters: Vec<&'a RawValue>,
    #[serde(default)]
    allowed_self_trade_prevention_modes: Vec<SelfTradePrevention>,
}

fn read_symbol(bytes: &[u8], venue: VenueId) -> Result<SymbolInfo, DecodeError> {
    let wire: WireSymbol<'_> = parse("symbol", bytes)?;
    let name = |field, text: &str| Asset::new(text).map_err(|_| bad(field, text));
    let mut filters = Filters::default();
    for filter in &wire.filters {
        add_filter(&mut filters, &parse("filter", filter.get().as_bytes())?)?;
    }
    let features = Features {
        oco: wire.oco_allowed,
        oto: wire.oto_allowed,
        cancel_replace: wire.cancel_replace_allowed,
        amend: wire.amend_allowed,
        iceberg: wire.iceberg_allowed,
        trailing_stop: wire.allow_trailing_stop,
        quote_quantity: wire.quote_order_qty_market_allowed,
        order_types: wire.order_types.map_or(OrderTypes::ALL, |types| {
            OrderTypes::of_names(types.iter().map(|name| name.to_lowercase()))
        }),
    };
    Ok(SymbolInfo {
        instrument: Instrument {
            id: InstrumentId(0),
            venue,
            symbol: Symbol::new(&wire.symbol).map_err(|_| bad("symbol", &wire.symbol))?,
            base: name("baseAsset", &wire.base_asset)?,
            quote: name("quoteAsset", &wire.quote_asset)?,
            base_decimals: wire.base_asset_precision,
            quote_decimals: wire.quote_asset_precision,
            contract: Contract::Spot,
            features,
            status: status(wire.status),
            filters,
        },
        self_trade_preventions: wire.allowed_self_trade_prevention_modes,
        is_spot: wire.is_spot_trading_allowed,
    })
}

fn bad(field: &'static str, value: &str) -> DecodeError {
    DecodeError::impossible("exchangeInfo", field, &value)
}

const fn status(status: SymbolStatus) -> InstrumentStatus {
    match status {
        SymbolStatus::Trading => InstrumentStatus::Trading,
        SymbolStatus::CancelOnly => InstrumentStatus::CancelOnly,
        SymbolStatus::EndOfDay
        | SymbolStatus::Halt
        | SymbolStatus::Break
        | SymbolStatus::Unknown => InstrumentStatus::Halted,
    }
}

/// Every key that any filter has: each filter uses some of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireFilter<'a> {
    #[serde(borrow)]
    filter_type: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "optional_text")]
    min_price: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "optional_text")]
    max_price: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "optional_text")]
    tick_size: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "optional_text")]
    min_qty: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "optional_text")]
    max_qty: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "optional_text")]
    step_size: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "optional_text")]
    max_position: Option<Cow<'a, str>>,
    multiplier_up: Option<Decimal>,
    multiplier_down: Option<Decimal>,
    bid_multiplier_up: Option<Decimal>,
    bid_multiplier_down: Option<Decimal>,
    ask_multiplier_up: Option<Decimal>,
    ask_multiplier_down: Option<Decimal>,
    avg_price_mins: Option<u32>,
    min_notional: Option<Amount>,
    max_notional: Option<Amount>,
    apply_to_market: Option<bool>,
    apply_min_to_market: Option<bool>,
    apply_max_to_market: Option<bool>,
    #[serde(borrow)]
    limit: Option<&'a RawValue>,
    max_num_orders: Option<u32>,
    max_num_algo_orders: Option<u32>,
}

fn add_filter(filters: &mut Filters, filter: &WireFilter<'_>) -> Result<(), DecodeError> {
    let average_mins = filter.avg_price_mins.unwrap_or(0);
    match filter.filter_type.as_ref() {
        "PRICE_FILTER" => {
            filters.price = PriceFilter {
                min: bound(&filter.min_price)?,
                max: bound(&filter.max_price)?,
                tick: bound(&filter.tick_size)?,
            };
        }
        "LOT_SIZE" => filters.lot_size = size_filter(filter)?,
        "MARKET_LOT_SIZE" => filters.market_lot_size = size_filter(filter)?,
        "PERCENT_PRICE" | "PERCENT_PRICE_BY_SIDE" => {
            filters.percent_price = percent_price(filter, average_mins);
        }
        "MIN_NOTIONAL" | "NOTIONAL" => {
            filters.notional = Some(NotionalFilter {
                min: filter.min_notional.unwrap_or(Amount::ZERO),
                min_applies_to_market: filter
                    .apply_min_to_market
                    .or(filter.apply_to_market)
                    .unwrap_or(true),
                max: filter.max_notional,
                max_applies_to_market: filter.apply_max_to_market.unwrap_or(false),
                average_mins,
            });
        }
        "MAX_NUM_ORDERS" => filters.max_open_orders = filter.max_num_orders,
        "MAX_NUM_ALGO_ORDERS" => filters.max_open_stop_orders = filter.max_num_algo_orders,
        "MAX_POSITION" => filters.max_position = Some(bound(&filter.max_position)?),
        "ICEBERG_PARTS" => {
            filters.max_iceberg_parts =
                filter.limit.and_then(|limit| serde_json::from_str(limit.get()).ok());
        }
        // Order lists, icebergs, trailing stops and amendments are not ours to send yet; what is
        // new is the venue's to refuse.
        _ => {}
    }
    Ok(())
}

fn size_filter(filter: &WireFilter<'_>) -> Result<SizeFilter, DecodeError> {
    Ok(SizeFilter {
        min: bound(&filter.min_qty)?,
        max: bound(&filter.max_qty)?,
        step: bound(&filter.step_size)?,
    })
}

/// PERCENT_PRICE has one pair of multipliers for both sides.
fn percent_price(filter: &WireFilter<'_>, average_mins: u32) -> Option<PercentPrice> {
    Some(PercentPrice {
        bid_down: filter.bid_multiplier_down.or(filter.multiplier_down)?,
        bid_up: filter.bid_multiplier_up.or(filter.multiplier_up)?,
        ask_down: filter.ask_multiplier_down.or(filter.multiplier_down)?,
        ask_up: filter.ask_multiplier_up.or(filter.multiplier_up)?,
        average_mins,
    })
}

/// A number that bounds prices or quantities.
trait Bound: Sized {
    const MAX: Self;
    fn read(text: &[u8]) -> Result<Self, FixedError>;
}

impl Bound for Price {
    const MAX: Self = Self::MAX;
    fn read(text: &[u8]) -> Result<Self, FixedError> {
        Self::parse(text)
    }
}

impl Bound for Quantity {
    const MAX: Self = Self::MAX;
    fn read(text: &[u8]) -> Result<Self, FixedError> {
        Self::parse(text)
    }
}

/// A bound beyond what fits binds nothing: it reads as the largest value. A missing one is zero,
/// which switches its part of the filter off.
fn bound<T: Bound + Default>(text: &Option<Cow<'_, str>>) -> Result<T, DecodeError> {
    let Some(text) = text else { return Ok(T::default()) };
    match T::read(text.as_bytes()) {
        Ok(value) => Ok(value),
        Err(FixedError::OutOfRange) if !text.starts_with('-') => Ok(T::MAX),
        Err(FixedError::Malformed | FixedError::TooPrecise | FixedError::OutOfRange) => {
            Err(bad("filter", text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(flags: &str) -> Features {
        let text = format!(
            r#"{{"serverTime":1,"rateLimits":[],"symbols":[{{"symbol":"BTCUSDT",
            "status":"TRADING","baseAsset":"BTC","baseAssetPrecision":8,"quoteAsset":"USDT",
            "quoteAssetPrecision":8{flags}}}]}}"#
        );
        let info = ExchangeInfo::read(text.as_bytes(), VenueId::new("test").unwrap()).unwrap();
        info.symbols[0].instrument.features
    }

    #[test]
    fn each_flag_is_its_feature_and_a_missing_one_allows_nothing() {
        let none = features("");
        #[track_caller]
        fn check(flag: &str, set: impl FnOnce(&mut Features)) {
            let mut expected = features("");
            set(&mut expected);
            assert_eq!(features(&format!(r#","{flag}":true"#)), expected, "{flag}");
            assert_ne!(expected, features(""), "{flag}");
        }
        check("ocoAllowed", |features| features.oco = true);
        check("otoAllowed", |features| features.oto = true);
        check("cancelReplaceAllowed", |features| features.cancel_replace = true);
        check("amendAllowed", |features| features.amend = true);
        check("icebergAllowed", |features| features.iceberg = true);
        check("allowTrailingStop", |features| features.trailing_stop = true);
        check("quoteOrderQtyMarketAllowed", |features| features.quote_quantity = true);
        assert_eq!(features(r#","opoAllowed":true"#), none);
    }

    #[test]
    fn kinds_of_orders_are_those_that_are_listed() {
        #[track_caller]
        fn check(list: &str, expected: &[&str]) {
            let types = features(&format!(r#","orderTypes":{list}"#)).order_types;
            assert_eq!(types.names().collect::<Vec<_>>(), expected);
        }
        check(r#"["MARKET","LIMIT","STOP_LOSS_LIMIT"]"#, &["limit", "market", "stop_loss_limit"]);
        check(r#"["LIMIT","TELEPORT"]"#, &["limit"]);
        check("[]", &[]);
        assert_eq!(features("").order_types, OrderTypes::ALL);
    }
}
