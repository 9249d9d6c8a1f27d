//! Instruments: rounding and checking orders by their filters.
//!
//! Quantising and checking are pure functions here, used by our risk gate before an order leaves
//! and by the simulated exchange when one arrives.

use serde::{Deserialize, Serialize};

use crate::{
    Amount, Asset, FilterViolation, Filters, InstrumentId, NewOrder, NotionalFilter, OrderKind,
    OrderQuantity, Price, PriceFilter, Quantity, Side, SizeFilter, Symbol, VenueId,
};

/// Whether the venue accepts orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InstrumentStatus {
    /// Orders and cancels.
    Trading,
    /// Cancels only.
    CancelOnly,
    /// Nothing: halted, in a break, or a status that this build does not know.
    Halted,
}

/// What kind of contract the instrument is. Spot is the only one today; a futures contract will
/// carry its margin and leverage facts here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contract {
    /// The asset itself changes hands; a position is never negative.
    Spot,
}

/// What the venue takes for a symbol beside plain orders: the flags of its exchangeInfo.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Features {
    /// `ocoAllowed`: two orders of which the first to trade or to be triggered ends the other.
    pub oco: bool,
    /// `otoAllowed`: an order that waits until another one is filled.
    pub oto: bool,
    /// `cancelReplaceAllowed`: taking one order back and placing another in one request.
    pub cancel_replace: bool,
    /// `amendAllowed`: making an order smaller where it stands in its queue.
    pub amend: bool,
    /// `icebergAllowed`: orders that show only a part of themselves.
    pub iceberg: bool,
    /// `allowTrailingStop`: stops that follow the market.
    pub trailing_stop: bool,
    /// `quoteOrderQtyMarketAllowed`: market orders for an amount of the quote asset.
    pub quote_quantity: bool,
    /// `orderTypes`: the kinds of orders.
    #[serde(default)]
    pub order_types: OrderTypes,
}

impl Features {
    /// Everything is taken.
    pub const ALL: Self = Self {
        oco: true,
        oto: true,
        cancel_replace: true,
        amend: true,
        iceberg: true,
        trailing_stop: true,
        quote_quantity: true,
        order_types: OrderTypes::ALL,
    };
}

/// What builds that did not know the flags took for granted, as their recordings must be read.
impl Default for Features {
    fn default() -> Self {
        Self::ALL
    }
}

/// Kinds of orders, by the names that [`OrderKind::name`] has for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<&'static str>")]
pub struct OrderTypes(u8);

impl OrderTypes {
    /// The names, in the order of the bits.
    const NAMES: [&'static str; 7] = [
        "limit",
        "limit_maker",
        "market",
        "stop_loss",
        "stop_loss_limit",
        "take_profit",
        "take_profit_limit",
    ];
    /// Every kind.
    pub const ALL: Self = Self((1 << Self::NAMES.len()) - 1);
    /// No kind.
    pub const NONE: Self = Self(0);

    fn bit(name: &str) -> u8 {
        Self::NAMES.iter().position(|known| *known == name).map_or(0, |place| 1 << place)
    }

    /// The kinds with these names; a name that is not known stands for nothing.
    pub fn of_names<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Self {
        Self(names.into_iter().fold(0, |bits, name| bits | Self::bit(name.as_ref())))
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |name| self.0 & Self::bit(name) != 0)
    }

    /// Whether an order's kind is among them.
    #[must_use]
    pub fn holds(self, kind: &OrderKind) -> bool {
        // Nearly every symbol takes all of them: no name is looked for then.
        self == Self::ALL || self.0 & Self::bit(kind.name()) != 0
    }

    /// The same without the kind of a name.
    #[must_use]
    pub fn without(self, name: &str) -> Self {
        Self(self.0 & !Self::bit(name))
    }
}

/// All of them: see [`Features`].
impl Default for OrderTypes {
    fn default() -> Self {
        Self::ALL
    }
}

impl From<Vec<String>> for OrderTypes {
    fn from(names: Vec<String>) -> Self {
        Self::of_names(names)
    }
}

impl From<OrderTypes> for Vec<&'static str> {
    fn from(types: OrderTypes) -> Self {
        types.names().collect()
    }
}

/// A tradable instrument of one venue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Instrument {
    /// Index in [`Instruments`].
    pub id: InstrumentId,
    /// Venue and account that it is traded with.
    pub venue: VenueId,
    /// The venue's name for it.
    pub symbol: Symbol,
    /// What is bought and sold.
    pub base: Asset,
    /// What it is paid with.
    pub quote: Asset,
    /// Decimals of the base asset.
    pub base_decimals: u32,
    /// Decimals of the quote asset.
    pub quote_decimals: u32,
    /// Kind of contract.
    pub contract: Contract,
    /// What is taken beside plain orders.
    #[serde(default)]
    pub features: Features,
    /// Whether orders are accepted.
    pub status: InstrumentStatus,
    /// Trading filters.
    pub filters: Filters,
}

impl Instrument {
    /// Takes over what the venue may change while it trades: filters, features and status.
    pub const fn take_rules(&mut self, told: &Self) {
        self.features = told.features;
        self.status = told.status;
        self.filters = told.filters;
    }

    /// A price moved to the tick in the safe direction: a buy never pays more and a sell never
    /// accepts less than asked.
    #[must_use]
    pub const fn quantise_price(&self, side: Side, price: Price) -> Price {
        match side {
            Side::Buy => price.floor_to(self.filters.price.tick),
            Side::Sell => price.ceil_to(self.filters.price.tick),
        }
    }

    /// A trigger moved to the tick towards the market, so that protection is never later than
    /// asked: a stop sell is raised, a stop buy is lowered; targets likewise.
    #[must_use]
    pub const fn quantise_stop_price(&self, kind: &OrderKind, side: Side, stop: Price) -> Price {
        let tick = self.filters.price.tick;
        let fires_below = match (kind, side) {
            (OrderKind::StopLoss { .. } | OrderKind::StopLossLimit { .. }, Side::Sell)
            | (OrderKind::TakeProfit { .. } | OrderKind::TakeProfitLimit { .. }, Side::Buy) => true,
            (OrderKind::StopLoss { .. } | OrderKind::StopLossLimit { .. }, Side::Buy)
            | (OrderKind::TakeProfit { .. } | OrderKind::TakeProfitLimit { .. }, Side::Sell)
            | (
                OrderKind::Market | OrderKind::Limit { .. } | OrderKind::LimitMaker { .. },
                Side::Buy | Side::Sell,
            ) => false,
        };
        if fires_below { stop.ceil_to(tick) } else { stop.floor_to(tick) }
    }

    /// A quantity cut to the step: never more than asked. Market orders obey the coarser of
    /// LOT_SIZE and MARKET_LOT_SIZE.
    #[must_use]
    pub fn quantise_quantity(&self, kind: &OrderKind, quantity: Quantity) -> Quantity {
        let step = match kind {
            OrderKind::Market => self.filters.lot_size.step.max(self.filters.market_lot_size.step),
            OrderKind::Limit { .. }
            | OrderKind::LimitMaker { .. }
            | OrderKind::StopLoss { .. }
            | OrderKind::StopLossLimit { .. }
            | OrderKind::TakeProfit { .. }
            | OrderKind::TakeProfitLimit { .. } => self.filters.lot_size.step,
        };
        quantity.floor_to(step)
    }

    /// The order with prices and quantity rounded in the safe direction.
    #[must_use]
    pub fn quantise(&self, order: &NewOrder) -> NewOrder {
        let side = order.side;
        let limit = |price| self.quantise_price(side, price);
        let stop = |stop_price| self.quantise_stop_price(&order.kind, side, stop_price);
        let kind = match order.kind {
            OrderKind::Market => OrderKind::Market,
            OrderKind::Limit { price, time_in_force } => {
                OrderKind::Limit { price: limit(price), time_in_force }
            }
            OrderKind::LimitMaker { price } => OrderKind::LimitMaker { price: limit(price) },
            OrderKind::StopLoss { stop_price } => {
                OrderKind::StopLoss { stop_price: stop(stop_price) }
            }
            OrderKind::StopLossLimit { stop_price, price, time_in_force } => {
                OrderKind::StopLossLimit {
                    stop_price: stop(stop_price),
                    price: limit(price),
                    time_in_force,
                }
            }
            OrderKind::TakeProfit { stop_price } => {
                OrderKind::TakeProfit { stop_price: stop(stop_price) }
            }
            OrderKind::TakeProfitLimit { stop_price, price, time_in_force } => {
                OrderKind::TakeProfitLimit {
                    stop_price: stop(stop_price),
                    price: limit(price),
                    time_in_force,
                }
            }
        };
        let quantity = match order.quantity {
            OrderQuantity::Base(quantity) => {
                OrderQuantity::Base(self.quantise_quantity(&order.kind, quantity))
            }
            OrderQuantity::Quote(amount) => {
                OrderQuantity::Quote(amount.truncated(self.quote_decimals))
            }
        };
        NewOrder { kind, quantity, ..*order }
    }

    /// Checks the filters that concern one order alone. `reference` is the venue's reference
    /// price for the percent-price and notional filters (average or last, as the filter says).
    ///
    /// # Errors
    /// The first filter that the order fails, in the venue's order: price, percent price, lot
    /// size, notional.
    pub fn check(&self, order: &NewOrder, reference: Option<Price>) -> Result<(), FilterViolation> {
        for price in [order.kind.limit_price(), order.kind.stop_price()].into_iter().flatten() {
            self.check_price(price)?;
        }
        if let (Some(price), Some(reference)) = (order.kind.limit_price(), reference) {
            self.check_percent_price(order.side, price, reference)?;
        }
        if let OrderQuantity::Base(quantity) = order.quantity {
            self.check_quantity(&order.kind, quantity)?;
        }
        self.check_notional(order, reference)
    }

    fn check_price(&self, price: Price) -> Result<(), FilterViolation> {
        let PriceFilter { min, max, tick } = self.filters.price;
        let in_range = price >= min && (max.is_zero() || price <= max);
        if price.is_positive() && in_range && price.is_multiple_of(tick) {
            return Ok(());
        }
        Err(FilterViolation::Price { actual: price, min, max, tick })
    }

    fn check_percent_price(
        &self,
        side: Side,
        price: Price,
        reference: Price,
    ) -> Result<(), FilterViolation> {
        let Some(filter) = self.filters.percent_price else { return Ok(()) };
        let (down, up) = match side {
            Side::Buy => (filter.bid_down, filter.bid_up),
            Side::Sell => (filter.ask_down, filter.ask_up),
        };
        let (reference, actual) = (reference.to_decimal(), price.to_decimal());
        let (min, max) = (reference * down, reference * up);
        if actual >= min && actual <= max {
            return Ok(());
        }
        Err(FilterViolation::PercentPrice {
            actual: price,
            min: Amount::new(min),
            max: Amount::new(max),
        })
    }

    fn check_quantity(&self, kind: &OrderKind, actual: Quantity) -> Result<(), FilterViolation> {
        let fits = |filter: SizeFilter| {
            actual >= filter.min
                && (filter.max.is_zero() || actual <= filter.max)
                && actual.is_multiple_of(filter.step)
        };
        let SizeFilter { min, max, step } = self.filters.lot_size;
        if !actual.is_positive() || !fits(self.filters.lot_size) {
            return Err(FilterViolation::LotSize { actual, min, max, step });
        }
        let SizeFilter { min, max, step } = self.filters.market_lot_size;
        if matches!(kind, OrderKind::Market) && !fits(self.filters.market_lot_size) {
            return Err(FilterViolation::MarketLotSize { actual, min, max, step });
        }
        Ok(())
    }

    fn check_notional(
        &self,
        order: &NewOrder,
        reference: Option<Price>,
    ) -> Result<(), FilterViolation> {
        let Some(filter) = self.filters.notional else { return Ok(()) };
        let is_market = order.kind.limit_price().is_none();
        let price = order.kind.limit_price().or(order.kind.stop_price()).or(reference);
        let actual = match (order.quantity, price) {
            (OrderQuantity::Quote(amount), _) => amount,
            (OrderQuantity::Base(quantity), Some(price)) => {
                let Ok(notional) = Amount::notional(price, quantity) else {
                    // Past 28 digits: larger than any maximum, and never too small.
                    return match filter.max {
                        Some(max) => Err(FilterViolation::NotionalTooLarge { actual: max, max }),
                        None => Ok(()),
                    };
                };
                notional
            }
            (OrderQuantity::Base(_), None) => return Ok(()),
        };
        if actual < filter.min && (!is_market || filter.min_applies_to_market) {
            return Err(FilterViolation::NotionalTooSmall { actual, min: filter.min });
        }
        if let Some(max) = filter.max
            && actual > max
            && (!is_market || filter.max_applies_to_market)
        {
            return Err(FilterViolation::NotionalTooLarge { actual, max });
        }
        Ok(())
    }

    /// Whether a quantity, cut to the step, can be sold at a price: the same as comparing it with
    /// [`Self::smallest_sellable`], but without a division.
    #[must_use]
    pub fn is_sellable(&self, price: Price, quantity: Quantity) -> bool {
        let lot = self.filters.lot_size;
        let cut = quantity.floor_to(lot.step);
        let is_worth_it = |filter: NotionalFilter| {
            // Both in units of 10⁻¹⁶.
            let min = filter.min.to_decimal();
            let worth = i128::from(price.units()) * i128::from(cut.units());
            let shift = 16_u32.saturating_sub(min.scale());
            min.mantissa().checked_mul(10_i128.pow(shift)).is_some_and(|min| worth >= min)
        };
        cut.is_positive()
            && cut >= lot.min
            && (!price.is_positive() || self.filters.notional.is_none_or(is_worth_it))
    }

    /// The smallest quantity that can be sold at a price: below it a position counts as flat and
    /// what is left of it is dust.
    #[must_use]
    pub fn smallest_sellable(&self, price: Price) -> Quantity {
        let lot = self.filters.lot_size;
        let mut smallest = lot.min.max(lot.step);
        if let Some(filter) = self.filters.notional
            && price.is_positive()
            && let Some(quantity) = filter.min.to_decimal().checked_div(price.to_decimal())
            && let Ok(quantity) = Quantity::from_decimal(
                quantity.round_dp_with_strategy(8, rust_decimal::RoundingStrategy::AwayFromZero),
            )
        {
            smallest = smallest.max(quantity.ceil_to(lot.step));
        }
        smallest
    }
}

/// The instruments of a run, found by id in constant time and by symbol by search.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Instruments(Vec<Instrument>);

impl Instruments {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds an instrument; its `id` is set to its place.
    ///
    /// # Panics
    /// Past 65,536 instruments, more than any venue lists.
    pub fn add(&mut self, mut instrument: Instrument) -> InstrumentId {
        let id = InstrumentId(u16::try_from(self.0.len()).expect("fewer than 65,536 instruments"));
        instrument.id = id;
        self.0.push(instrument);
        id
    }

    /// The instrument with an id of this table.
    ///
    /// # Panics
    /// For an id of another table: ids are only made here.
    #[must_use]
    pub fn get(&self, id: InstrumentId) -> &Instrument {
        &self.0[usize::from(id.0)]
    }

    /// Takes over the rules of an instrument (a refreshed exchangeInfo); id and symbol stay.
    ///
    /// # Panics
    /// For an id of another table.
    pub fn refresh(&mut self, id: InstrumentId, told: &Instrument) {
        self.0[usize::from(id.0)].take_rules(told);
    }

    /// The instrument with a symbol.
    #[must_use]
    pub fn by_symbol(&self, symbol: &str) -> Option<&Instrument> {
        self.0.iter().find(|instrument| instrument.symbol.as_str() == symbol)
    }

    /// All, in order of id.
    pub fn iter(&self) -> std::slice::Iter<'_, Instrument> {
        self.0.iter()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Instruments {
    type Item = &'a Instrument;
    type IntoIter = std::slice::Iter<'a, Instrument>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::{PercentPrice, TimeInForce};

    #[test]
    fn kinds_of_orders_are_told_by_name() {
        let price = px("1");
        let kinds = [
            OrderKind::Limit { price, time_in_force: TimeInForce::GoodTilCanceled },
            OrderKind::LimitMaker { price },
            OrderKind::Market,
            OrderKind::StopLoss { stop_price: price },
            OrderKind::StopLossLimit {
                stop_price: price,
                price,
                time_in_force: TimeInForce::GoodTilCanceled,
            },
            OrderKind::TakeProfit { stop_price: price },
            OrderKind::TakeProfitLimit {
                stop_price: price,
                price,
                time_in_force: TimeInForce::GoodTilCanceled,
            },
        ];
        let names = kinds.map(|kind| kind.name());
        assert_eq!(OrderTypes::ALL.names().collect::<Vec<_>>(), names);
        for kind in kinds {
            let alone = OrderTypes::of_names([kind.name(), "of_next_year"]);
            let held = kinds.map(|kind| alone.holds(&kind));
            assert_eq!(held, names.map(|name| name == kind.name()));
            assert_eq!(OrderTypes::ALL.without(kind.name()).names().count(), 6);
            let text = serde_json::to_string(&alone).unwrap();
            assert_eq!(text, format!("[\"{}\"]", kind.name()));
            assert_eq!(serde_json::from_str::<OrderTypes>(&text).unwrap(), alone);
        }
        let old = r#"{"oco":true,"oto":true,"cancel_replace":true,"amend":true,"iceberg":true,
            "trailing_stop":true,"quote_quantity":true}"#;
        assert_eq!(serde_json::from_str::<Features>(old).unwrap(), Features::ALL);
    }

    fn bitcoin() -> Instrument {
        Instrument {
            id: InstrumentId(0),
            venue: VenueId::new("test").unwrap(),
            symbol: Symbol::new("BTCUSDT").unwrap(),
            base: Asset::new("BTC").unwrap(),
            quote: Asset::new("USDT").unwrap(),
            base_decimals: 8,
            quote_decimals: 8,
            contract: Contract::Spot,
            features: Features::ALL,
            status: InstrumentStatus::Trading,
            filters: Filters {
                price: PriceFilter { min: px("0.01"), max: px("1000000"), tick: px("0.01") },
                lot_size: SizeFilter {
                    min: qty("0.00001"),
                    max: qty("9000"),
                    step: qty("0.00001"),
                },
                market_lot_size: SizeFilter { max: qty("100"), ..SizeFilter::default() },
                percent_price: Some(PercentPrice {
                    bid_down: dec("0.2"),
                    bid_up: dec("1.1"),
                    ask_down: dec("0.9"),
                    ask_up: dec("5"),
                    average_mins: 5,
                }),
                notional: Some(NotionalFilter {
                    min: "5".parse().unwrap(),
                    min_applies_to_market: true,
                    max: Some("9000000".parse().unwrap()),
                    max_applies_to_market: false,
                    average_mins: 5,
                }),
                ..Filters::default()
            },
        }
    }

    fn px(text: &str) -> Price {
        text.parse().unwrap()
    }
    fn qty(text: &str) -> Quantity {
        text.parse().unwrap()
    }
    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn filters_refuse_what_the_venue_refuses() {
        #[track_caller]
        fn check(side: Side, price: Option<&str>, quantity: &str, fails: Option<&str>) {
            let kind = price.map_or(OrderKind::Market, |price| OrderKind::Limit {
                price: px(price),
                time_in_force: TimeInForce::GoodTilCanceled,
            });
            let order = NewOrder::new(
                InstrumentId(0),
                side,
                kind,
                OrderQuantity::Base(quantity.parse().unwrap()),
            );
            let result = bitcoin().check(&order, Some(px("60000")));
            assert_eq!(result.err().map(|violation| violation.filter_name()), fails);
        }
        check(Side::Buy, Some("60000.01"), "0.001", None);
        check(Side::Buy, Some("60000.015"), "0.001", Some("PRICE_FILTER"));
        check(Side::Buy, Some("0"), "0.001", Some("PRICE_FILTER"));
        check(Side::Buy, Some("1000000.01"), "0.001", Some("PRICE_FILTER"));
        check(Side::Buy, Some("66000.01"), "0.001", Some("PERCENT_PRICE_BY_SIDE"));
        check(Side::Buy, Some("66000"), "0.001", None);
        check(Side::Sell, Some("66000.01"), "0.001", None);
        check(Side::Sell, Some("53999.99"), "0.001", Some("PERCENT_PRICE_BY_SIDE"));
        check(Side::Buy, Some("60000"), "0.000011", Some("LOT_SIZE"));
        check(Side::Buy, Some("60000"), "0", Some("LOT_SIZE"));
        check(Side::Buy, Some("60000"), "9000.00001", Some("LOT_SIZE"));
        check(Side::Buy, None, "100.00001", Some("MARKET_LOT_SIZE"));
        check(Side::Buy, None, "100", None);
        check(Side::Buy, Some("60000"), "0.00008", Some("NOTIONAL"));
        check(Side::Buy, None, "0.00008", Some("NOTIONAL"));
        check(Side::Buy, None, "0.00009", None);
        check(Side::Buy, Some("60000"), "151", Some("NOTIONAL"));
    }

    #[test]
    fn rounding_never_makes_an_order_worse() {
        let bitcoin = bitcoin();
        let kind = OrderKind::StopLoss { stop_price: px("1") };
        assert_eq!(bitcoin.quantise_price(Side::Buy, px("60000.019")), px("60000.01"));
        assert_eq!(bitcoin.quantise_price(Side::Sell, px("60000.011")), px("60000.02"));
        assert_eq!(bitcoin.quantise_stop_price(&kind, Side::Sell, px("59000.001")), px("59000.01"));
        assert_eq!(bitcoin.quantise_stop_price(&kind, Side::Buy, px("59000.019")), px("59000.01"));
        assert_eq!(
            bitcoin.quantise_quantity(&OrderKind::Market, qty("0.123456789".get(..10).unwrap())),
            qty("0.12345")
        );
    }

    #[test]
    fn what_is_sellable_is_not_below_the_smallest() {
        let mut instrument = bitcoin();
        for step in ["0", "0.00001", "0.003", "1"] {
            instrument.filters.lot_size.step = qty(step);
            for price in ["0", "0.00000001", "0.37", "61837.63", "1000000"] {
                let (price, units) = (px(price), [0_i64, 1, 2, 7, 999, 8_085, 8_086, 1_000_000]);
                let smallest = instrument.smallest_sellable(price);
                let around = [-1, 0, 1].map(|offset| smallest.units() + offset);
                for units in units.into_iter().chain(around) {
                    let quantity = Quantity::from_units(units);
                    let expected = quantity.is_positive() && quantity >= smallest;
                    let actual = instrument.is_sellable(price, quantity);
                    assert_eq!(actual, expected, "{quantity} at {price}, step {step}");
                }
            }
        }
    }

    #[test]
    fn the_smallest_sellable_quantity_passes_every_filter() {
        let bitcoin = bitcoin();
        let smallest = bitcoin.smallest_sellable(px("60000"));
        assert_eq!(smallest, qty("0.00009"));
        let order = NewOrder::market(InstrumentId(0), Side::Sell, smallest);
        assert_eq!(bitcoin.check(&order, Some(px("60000"))), Ok(()));
    }
}
