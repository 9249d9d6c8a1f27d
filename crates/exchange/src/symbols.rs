//! The symbols of a synthetic market and what exchangeInfo says of any symbol.

use model::{
    Amount, Asset, Contract, Features, Filters, Instrument, InstrumentId, InstrumentStatus,
    NotionalFilter, PercentPrice, Price, PriceFilter, Quantity, SizeFilter, Symbol, VenueId,
};
use rust_decimal::Decimal;

use crate::api::ordered::{Object, object};
use crate::flow::SymbolFlow;
use crate::orders::SelfTradePrevention;

/// A synthetic symbol: what it is, and the price it starts at.
#[derive(Clone, PartialEq, Debug)]
pub struct SymbolConfig {
    /// Name, for example `BTCUSDT`.
    pub symbol: Symbol,
    /// What is bought and sold.
    pub base: Asset,
    /// What it is paid with.
    pub quote: Asset,
    /// Fair price at the origin of the flow.
    pub start_price: Price,
    /// Price step.
    pub tick: Price,
    /// Quantity step and smallest quantity.
    pub step: Quantity,
    /// Smallest notional.
    pub min_notional: Amount,
    /// What is taken beside plain orders.
    pub features: Features,
    /// Arrival rates, as a multiple of the usual ones.
    pub activity: f64,
}

/// Symbols with sensible numbers: name, base, quote, price, tick, step.
const KNOWN: [(&str, &str, &str, &str, &str, &str); 22] = [
    ("BTCUSDT", "BTC", "USDT", "60000", "0.01", "0.00001"),
    ("ETHUSDT", "ETH", "USDT", "3000", "0.01", "0.0001"),
    ("BNBUSDT", "BNB", "USDT", "600", "0.01", "0.001"),
    ("SOLUSDT", "SOL", "USDT", "150", "0.01", "0.001"),
    ("XRPUSDT", "XRP", "USDT", "0.6", "0.0001", "0.1"),
    ("DOGEUSDT", "DOGE", "USDT", "0.12", "0.00001", "1"),
    ("ADAUSDT", "ADA", "USDT", "0.45", "0.0001", "0.1"),
    ("AVAXUSDT", "AVAX", "USDT", "30", "0.01", "0.01"),
    ("LINKUSDT", "LINK", "USDT", "14", "0.01", "0.01"),
    ("DOTUSDT", "DOT", "USDT", "6", "0.001", "0.01"),
    ("LTCUSDT", "LTC", "USDT", "80", "0.01", "0.001"),
    ("TRXUSDT", "TRX", "USDT", "0.14", "0.0001", "0.1"),
    ("ATOMUSDT", "ATOM", "USDT", "8", "0.001", "0.01"),
    ("NEARUSDT", "NEAR", "USDT", "5", "0.001", "0.1"),
    ("UNIUSDT", "UNI", "USDT", "7", "0.001", "0.01"),
    ("APTUSDT", "APT", "USDT", "8", "0.001", "0.01"),
    ("ARBUSDT", "ARB", "USDT", "0.8", "0.0001", "0.1"),
    ("OPUSDT", "OP", "USDT", "2", "0.001", "0.01"),
    ("FILUSDT", "FIL", "USDT", "5", "0.001", "0.01"),
    ("ETCUSDT", "ETC", "USDT", "25", "0.01", "0.01"),
    ("ETHBTC", "ETH", "BTC", "0.05", "0.00001", "0.001"),
    ("BNBBTC", "BNB", "BTC", "0.01", "0.000001", "0.01"),
];

/// How far a trailing order may let the market come back, in hundredths of a percent.
pub const TRAILING_DELTAS: std::ops::RangeInclusive<u32> = 10..=2_000;

/// Order lists that an account may have open in a symbol.
pub const MOST_ORDER_LISTS: usize = 20;

/// Quote assets that a name may end with.
const QUOTES: [&str; 8] = ["USDT", "USDC", "FDUSD", "BTC", "ETH", "BNB", "EUR", "TRY"];

/// A name that can't be split into two assets.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[error(
    "`{0}` is no symbol that this exchange can make: use a base and one of the quotes \
     USDT USDC FDUSD BTC ETH BNB EUR TRY, for example BTCUSDT"
)]
pub struct UnknownSymbol(pub String);

/// Every asset of the symbols with numbers of their own: an account lists them even where it
/// has none.
pub fn known_assets() -> impl Iterator<Item = Asset> {
    KNOWN.iter().flat_map(|known| [known.1, known.2]).filter_map(|name| Asset::new(name).ok())
}

/// Base and quote of a symbol's name.
#[must_use]
pub fn split_name(name: &str) -> Option<(Asset, Asset)> {
    let known = KNOWN.iter().find(|known| known.0 == name).map(|known| (known.1, known.2));
    let (base, quote) = known.or_else(|| {
        let quote = QUOTES.iter().find(|quote| name.ends_with(**quote))?;
        Some((&name[..name.len() - quote.len()], *quote))
    })?;
    Some((Asset::new(base).ok()?, Asset::new(quote).ok()?))
}

impl SymbolConfig {
    /// The symbol, if it is one of those with numbers of their own.
    #[must_use]
    pub fn known(name: &str) -> Option<Self> {
        KNOWN.iter().find(|known| known.0 == name).and_then(|known| Self::named(known.0).ok())
    }

    /// The symbol with the numbers of its namesake, or with plain ones.
    ///
    /// # Errors
    /// [`UnknownSymbol`].
    pub fn named(name: &str) -> Result<Self, UnknownSymbol> {
        let unknown = || UnknownSymbol(name.to_owned());
        let (base, quote) = split_name(name).ok_or_else(unknown)?;
        let known = KNOWN.iter().find(|known| known.0 == name);
        let (price, tick, step) =
            known.map_or(("100", "0.01", "0.001"), |known| (known.3, known.4, known.5));
        let price_of = |text: &str| text.parse::<Price>().expect("the table holds prices");
        let min_notional = if quote.as_str() == "BTC" { "0.0001" } else { "5" };
        Ok(Self {
            symbol: Symbol::new(name).map_err(|_| unknown())?,
            base,
            quote,
            start_price: price_of(price),
            tick: price_of(tick),
            step: step.parse().expect("the table holds quantities"),
            min_notional: min_notional.parse().expect("a plain number"),
            features: Features::ALL,
            activity: 1.0,
        })
    }

    /// The instrument that it is.
    #[must_use]
    pub fn instrument(&self, venue: VenueId) -> Instrument {
        let plain = instrument(
            venue,
            self.symbol,
            self.base,
            self.quote,
            self.tick,
            self.step,
            self.min_notional,
        );
        Instrument { features: self.features, ..plain }
    }

    /// What its flow looks like.
    #[must_use]
    pub fn flow(&self) -> SymbolFlow {
        let quote_value = match self.quote.as_str() {
            "BTC" => 60_000.0,
            "ETH" => 3_000.0,
            "BNB" => 600.0,
            _ => 1.0,
        };
        SymbolFlow {
            symbol: self.symbol,
            start_price: self.start_price,
            tick: self.tick,
            round: round_step(self.start_price, self.tick),
            step: self.step,
            quote_value,
            activity: self.activity,
        }
    }
}

/// About a sixth of a basis point of the price, as 1, 2 or 5 times a power of ten; at least a tick.
fn round_step(price: Price, tick: Price) -> Price {
    let wanted = price.units() / 60_000;
    let mut step: i64 = 1;
    while step * 10 <= wanted {
        step *= 10;
    }
    let step = [5, 2, 1].iter().map(|digit| digit * step).find(|step| *step <= wanted).unwrap_or(1);
    Price::from_units(step).ceil_to(tick).max(tick)
}

/// The usual filter of what an order is worth.
pub(crate) fn plain_notional(min: Amount) -> NotionalFilter {
    NotionalFilter {
        min,
        min_applies_to_market: true,
        max: Some(Amount::new(Decimal::from(9_000_000))),
        max_applies_to_market: false,
        average_mins: 5,
    }
}

/// A spot instrument with this exchange's usual filters.
#[must_use]
pub fn instrument(
    venue: VenueId,
    symbol: Symbol,
    base: Asset,
    quote: Asset,
    tick: Price,
    step: Quantity,
    min_notional: Amount,
) -> Instrument {
    let five = Decimal::from(5);
    let fifth = Decimal::new(2, 1);
    Instrument {
        id: InstrumentId(0),
        venue,
        symbol,
        base,
        quote,
        base_decimals: 8,
        quote_decimals: 8,
        contract: Contract::Spot,
        features: Features::ALL,
        status: InstrumentStatus::Trading,
        filters: Filters {
            price: PriceFilter {
                min: tick,
                max: Price::from_units(tick.units().saturating_mul(100_000_000)),
                tick,
            },
            lot_size: SizeFilter {
                min: step,
                max: Quantity::from_units(step.units().saturating_mul(900_000_000)),
                step,
            },
            market_lot_size: SizeFilter {
                min: Quantity::ZERO,
                max: Quantity::from_units(step.units().saturating_mul(12_000_000)),
                step: Quantity::ZERO,
            },
            percent_price: Some(PercentPrice {
                bid_down: fifth,
                bid_up: five,
                ask_down: fifth,
                ask_up: five,
                average_mins: 5,
            }),
            notional: Some(plain_notional(min_notional)),
            max_open_orders: Some(200),
            max_open_stop_orders: Some(5),
            max_position: None,
            max_iceberg_parts: Some(100),
        },
    }
}

/// An amount with eight decimals, as the wire has them.
#[must_use]
pub fn eight(value: Decimal) -> String {
    format!("{value:.8}")
}

fn size_filter(name: &str, filter: SizeFilter) -> Object {
    object! {
        "filterType": name,
        "minQty": filter.min,
        "maxQty": filter.max,
        "stepSize": filter.step,
    }
}

/// The filters as exchangeInfo lists them.
#[must_use]
pub fn filters(filters: &Filters) -> Vec<Object> {
    let mut list = vec![
        object! {
            "filterType": "PRICE_FILTER",
            "minPrice": filters.price.min,
            "maxPrice": filters.price.max,
            "tickSize": filters.price.tick,
        },
        size_filter("LOT_SIZE", filters.lot_size),
    ];
    if let Some(limit) = filters.max_iceberg_parts {
        list.push(object! {"filterType": "ICEBERG_PARTS", "limit": limit});
    }
    list.push(size_filter("MARKET_LOT_SIZE", filters.market_lot_size));
    list.push(object! {
        "filterType": "TRAILING_DELTA",
        "minTrailingAboveDelta": TRAILING_DELTAS.start(),
        "maxTrailingAboveDelta": TRAILING_DELTAS.end(),
        "minTrailingBelowDelta": TRAILING_DELTAS.start(),
        "maxTrailingBelowDelta": TRAILING_DELTAS.end(),
    });
    if let Some(filter) = filters.percent_price {
        list.push(object! {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": filter.bid_up.to_string(),
            "bidMultiplierDown": filter.bid_down.to_string(),
            "askMultiplierUp": filter.ask_up.to_string(),
            "askMultiplierDown": filter.ask_down.to_string(),
            "avgPriceMins": filter.average_mins,
        });
    }
    if let Some(filter) = filters.notional {
        list.push(object! {
            "filterType": "NOTIONAL",
            "minNotional": eight(filter.min.to_decimal()),
            "applyMinToMarket": filter.min_applies_to_market,
            "maxNotional": eight(filter.max.map_or(Decimal::ZERO, Amount::to_decimal)),
            "applyMaxToMarket": filter.max_applies_to_market,
            "avgPriceMins": filter.average_mins,
        });
    }
    if let Some(limit) = filters.max_open_orders {
        list.push(object! {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": limit});
    }
    list.push(object! {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": MOST_ORDER_LISTS});
    if let Some(limit) = filters.max_open_stop_orders {
        list.push(object! {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": limit});
    }
    list.push(object! {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10});
    list
}

/// The flags of exchangeInfo that can be on or off here.
pub const FLAGS: [&str; 7] = [
    "ocoAllowed",
    "otoAllowed",
    "cancelReplaceAllowed",
    "amendAllowed",
    "icebergAllowed",
    "allowTrailingStop",
    "quoteOrderQtyMarketAllowed",
];

/// The kinds of orders that `orderTypes` of exchangeInfo can list.
pub const ORDER_TYPES: [&str; 7] = [
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
];

/// Everything that a symbol need not take: flags and kinds of orders.
pub const REFUSABLE: [&str; FLAGS.len() + ORDER_TYPES.len()] = {
    let mut all = [""; FLAGS.len() + ORDER_TYPES.len()];
    let (head, tail) = all.split_at_mut(FLAGS.len());
    head.copy_from_slice(&FLAGS);
    tail.copy_from_slice(&ORDER_TYPES);
    all
};

/// Takes something of [`REFUSABLE`] away; nothing happens for another name.
pub fn refuse(features: &mut Features, name: &str) {
    match flag(features, name) {
        Some(flag) => *flag = false,
        None => features.order_types = features.order_types.without(&name.to_lowercase()),
    }
}

/// What a flag of exchangeInfo stands for; `None` for one that is not among [`FLAGS`].
#[must_use]
pub fn flag<'a>(features: &'a mut Features, name: &str) -> Option<&'a mut bool> {
    Some(match name {
        "ocoAllowed" => &mut features.oco,
        "otoAllowed" => &mut features.oto,
        "cancelReplaceAllowed" => &mut features.cancel_replace,
        "amendAllowed" => &mut features.amend,
        "icebergAllowed" => &mut features.iceberg,
        "allowTrailingStop" => &mut features.trailing_stop,
        "quoteOrderQtyMarketAllowed" => &mut features.quote_quantity,
        _ => return None,
    })
}

/// The venue's word for whether orders are accepted.
#[must_use]
pub const fn status_name(status: InstrumentStatus) -> &'static str {
    match status {
        InstrumentStatus::Trading => "TRADING",
        InstrumentStatus::CancelOnly => "CANCEL_ONLY",
        InstrumentStatus::Halted => "HALT",
    }
}

/// A symbol's entry in exchangeInfo.
#[must_use]
pub fn info(instrument: &Instrument, show_permission_sets: bool) -> Object {
    let features = instrument.features;
    let mut info = object! {
        "symbol": instrument.symbol,
        "status": status_name(instrument.status),
        "baseAsset": instrument.base,
        "baseAssetPrecision": instrument.base_decimals,
        "quoteAsset": instrument.quote,
        "quotePrecision": instrument.quote_decimals,
        "quoteAssetPrecision": instrument.quote_decimals,
        "baseCommissionPrecision": instrument.base_decimals,
        "quoteCommissionPrecision": instrument.quote_decimals,
        "orderTypes": features.order_types.names().map(str::to_uppercase).collect::<Vec<_>>(),
        "icebergAllowed": features.iceberg,
        "ocoAllowed": features.oco,
        "otoAllowed": features.oto,
        "opoAllowed": false,
        "quoteOrderQtyMarketAllowed": features.quote_quantity,
        "allowTrailingStop": features.trailing_stop,
        "cancelReplaceAllowed": features.cancel_replace,
        "amendAllowed": features.amend,
        "pegInstructionsAllowed": false,
        "isSpotTradingAllowed": true,
        "isMarginTradingAllowed": false,
        "filters": filters(&instrument.filters),
        "permissions": Vec::<Object>::new(),
    };
    if show_permission_sets {
        info = info.with("permissionSets", &[["SPOT"]]);
    }
    let modes = SelfTradePrevention::ALL.map(SelfTradePrevention::venue_name);
    info.with("defaultSelfTradePreventionMode", &"NONE")
        .with("allowedSelfTradePreventionModes", &modes)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn shown(config: &SymbolConfig) -> Value {
        let info = info(&config.instrument(VenueId::new("sim").unwrap()), true);
        serde_json::from_str(&info.to_string()).unwrap()
    }

    #[test]
    fn every_known_symbol_is_well_made() {
        for known in KNOWN {
            let config = SymbolConfig::named(known.0).unwrap();
            let flow = config.flow();
            assert!(flow.round.is_multiple_of(config.tick), "{}", known.0);
            // Price × quantity must be exact at eight decimals, so that no dust is made.
            let smallest = i128::from(config.tick.units()) * i128::from(config.step.units());
            assert!(smallest >= 100_000_000, "{}", known.0);
            let instrument = config.instrument(VenueId::new("sim").unwrap());
            assert!(instrument.filters.price.max > config.start_price);
        }
    }

    #[test]
    fn every_flag_is_shown_as_it_is() {
        let mut config = SymbolConfig::named("BTCUSDT").unwrap();
        for name in FLAGS {
            *flag(&mut config.features, name).unwrap() = false;
            let shown = shown(&config);
            let off = FLAGS.iter().filter(|flag| shown[**flag] == json!(false));
            assert_eq!(off.collect::<Vec<_>>(), [&name]);
            config.features = Features::ALL;
        }
        assert_eq!(flag(&mut config.features, "opoAllowed"), None);
    }

    #[test]
    fn every_kind_of_order_is_listed_unless_it_is_taken_away() {
        let mut config = SymbolConfig::named("BTCUSDT").unwrap();
        let mut left = ORDER_TYPES.to_vec();
        let shown = |config: &SymbolConfig| shown(config)["orderTypes"].clone();
        assert_eq!(shown(&config), json!(left));
        for name in ORDER_TYPES {
            refuse(&mut config.features, name);
            left.retain(|kind| *kind != name);
            assert_eq!(shown(&config), json!(left));
        }
        refuse(&mut config.features, "ocoAllowed");
        assert!(!config.features.oco);
    }

    #[test]
    fn names_are_split_into_assets() {
        #[track_caller]
        fn check(name: &str, expected: Option<(&str, &str)>) {
            let split = split_name(name);
            let split = split.as_ref().map(|(base, quote)| (base.as_str(), quote.as_str()));
            assert_eq!(split, expected, "{name}");
        }
        check("BTCUSDT", Some(("BTC", "USDT")));
        check("ETHBTC", Some(("ETH", "BTC")));
        check("XYZUSDC", Some(("XYZ", "USDC")));
        check("USDT", None);
        check("NOTHING", None);
    }
}
