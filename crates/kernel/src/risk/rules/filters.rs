//! The venue's own filters: what it would refuse is not sent. Price and quantity are already
//! rounded. For the filters that need the venue's reference price the last price stands in.

use model::{DenialReason, FilterViolation, OrderKind, OrderQuantity, PriceFilter, Quantity, Side};

use super::RiskRule;
use crate::portfolio::Value;
use crate::risk::checks::Checks;
use crate::risk::view::{OrderRequestView, RiskView, denial};

/// See the module.
pub(super) struct Filters;

impl RiskRule for Filters {
    fn name(&self) -> &'static str {
        "filters"
    }

    fn check(
        &self,
        order: &OrderRequestView<'_>,
        world: &RiskView<'_>,
        _: &mut Checks,
    ) -> Result<(), DenialReason> {
        check_kind(order)?;
        check_quote_amount(order)?;
        order.instrument.check(order.new, world.market.mark).map_err(|found| described(&found))?;
        check_counts(order, world)?;
        check_max_position(order, world)
    }
}

/// The kinds of orders that the venue takes of the instrument.
fn check_kind(order: &OrderRequestView<'_>) -> Result<(), DenialReason> {
    let types = order.instrument.features.order_types;
    if types.holds(&order.new.kind) {
        return Ok(());
    }
    let taken = types.names().collect::<Vec<_>>().join(", ");
    Err(denial("orderTypes", taken, order.new.kind.name()))
}

/// Only a market order can be for a quote amount, and the amount must be above zero.
fn check_quote_amount(order: &OrderRequestView<'_>) -> Result<(), DenialReason> {
    let OrderQuantity::Quote(amount) = order.new.quantity else { return Ok(()) };
    if order.new.kind != OrderKind::Market {
        let kind = order.new.kind.name();
        return Err(denial("only a market order can be for a quote amount", "market", kind));
    }
    if !order.instrument.features.quote_quantity {
        let what = "quoteOrderQtyMarketAllowed";
        return Err(denial(
            what,
            "a base quantity",
            format!("{amount} {}", order.instrument.quote),
        ));
    }
    if amount.is_positive() {
        return Ok(());
    }
    let quote = order.instrument.quote;
    Err(denial("the amount is not above zero", format!("0 {quote}"), format!("{amount} {quote}")))
}

/// MAX_NUM_ORDERS and MAX_NUM_ALGO_ORDERS.
fn check_counts(order: &OrderRequestView<'_>, world: &RiskView<'_>) -> Result<(), DenialReason> {
    let filters = &order.instrument.filters;
    let stops = order.new.kind.stop_price().map(|_| world.tally.stops_here);
    let counts = [
        ("MAX_NUM_ORDERS", filters.max_open_orders, Some(world.tally.orders_here)),
        ("MAX_NUM_ALGO_ORDERS", filters.max_open_stop_orders, stops),
    ];
    for (name, limit, count) in counts {
        if let (Some(limit), Some(count)) = (limit, count)
            && count >= limit
        {
            let actual = count.saturating_add(1).to_string();
            return Err(denial(name, limit.to_string(), actual));
        }
    }
    Ok(())
}

/// MAX_POSITION: base held and being bought.
fn check_max_position(
    order: &OrderRequestView<'_>,
    world: &RiskView<'_>,
) -> Result<(), DenialReason> {
    let Some(limit) = order.instrument.filters.max_position else { return Ok(()) };
    if order.new.side == Side::Sell {
        return Ok(());
    }
    let adds = match order.new.quantity {
        OrderQuantity::Base(quantity) => Value::of_quantity(quantity),
        OrderQuantity::Quote(amount) => {
            let base = order.price.and_then(|price| Value::ceil(amount).over_price(price));
            base.unwrap_or(Value::MAX)
        }
    };
    let base = order.instrument.base;
    let held = world.portfolio.balances().total(base);
    let actual = Value::floor(held) + Value::of_quantity(world.tally.buys_here) + adds;
    if actual <= Value::of_quantity(limit) {
        return Ok(());
    }
    Err(denial("MAX_POSITION", format!("{limit} {base}"), format!("{actual} {base}")))
}

fn described(found: &FilterViolation) -> DenialReason {
    let range =
        |min: &dyn std::fmt::Display, max: &dyn std::fmt::Display| format!("{min} to {max}");
    let size = |min: Quantity, max: Quantity, step: Quantity| {
        let most: &dyn std::fmt::Display = if max.is_zero() { &"any" } else { &max };
        format!("{} by {step}", range(&min, most))
    };
    let (limit, actual) = match *found {
        FilterViolation::Price { actual, min, max, tick } => {
            let PriceFilter { min, max, tick } = PriceFilter { min, max, tick };
            let most: &dyn std::fmt::Display = if max.is_zero() { &"any" } else { &max };
            (format!("{} by {tick}", range(&min, most)), actual.to_string())
        }
        FilterViolation::LotSize { actual, min, max, step }
        | FilterViolation::MarketLotSize { actual, min, max, step } => {
            (size(min, max, step), actual.to_string())
        }
        FilterViolation::PercentPrice { actual, min, max } => {
            (range(&min, &max), actual.to_string())
        }
        FilterViolation::NotionalTooSmall { actual, min } => {
            (format!("at least {min}"), actual.to_string())
        }
        FilterViolation::NotionalTooLarge { actual, max } => {
            (format!("at most {max}"), actual.to_string())
        }
    };
    denial(format!("{}: {found}", found.filter_name()), limit, actual)
}
