//! Refusals: the code, and the very words that clients tell them apart by.

use binance::encode::{Call, Operation, OrderName, Params};
use model::{Amount, OrderKind, Price, Quantity, TimeInForce};
use rust_decimal::Decimal;

use super::ticket::{buy, cancel, far_below, limit, rest_far_below, scaled, size};
use crate::certify::side::Side;
use crate::certify::verdict::{Checked, skipped};

/// Both ways refuse in the same words.
async fn refuses(side: &mut Side, call: &Call, code: i64, words: &str) -> Checked {
    side.rest(call).await?.refused(code, words)?;
    side.ws(call).await?.refused(code, words)
}

/// Between two steps of the quantity.
pub async fn lot_size(side: &mut Side) -> Checked {
    let best = side.best().await?;
    let price = far_below(side, &best);
    let step = side.info.instrument.filters.lot_size.step;
    if step.units() < 2 {
        return skipped("there is nothing between two steps");
    }
    let quantity = Quantity::from_units(size(side, price).units() + step.units() / 2);
    let call = buy(side, limit(price), quantity);
    refuses(side, &call, -1013, "Filter failure: LOT_SIZE").await
}

/// Between two ticks of the price.
pub async fn price_filter(side: &mut Side) -> Checked {
    let best = side.best().await?;
    let price = far_below(side, &best);
    let tick = side.info.instrument.filters.price.tick;
    if tick.units() < 2 {
        return skipped("there is nothing between two ticks");
    }
    let quantity = size(side, price);
    let between = Price::from_units(price.units() + tick.units() / 2);
    let call = buy(side, limit(between), quantity);
    refuses(side, &call, -1013, "Filter failure: PRICE_FILTER").await
}

/// Worth too little.
pub async fn notional(side: &mut Side) -> Checked {
    let best = side.best().await?;
    let price = far_below(side, &best);
    let filters = side.info.instrument.filters;
    let worth = Amount::notional(price, filters.lot_size.min).unwrap_or(Amount::ZERO);
    if filters.notional.is_none_or(|least| worth >= least.min) {
        return skipped("the smallest quantity is worth enough");
    }
    let names = ["NOTIONAL", "MIN_NOTIONAL"];
    let listed = side.listed["filters"].as_array().cloned().unwrap_or_default();
    let is_listed = |name: &&str| listed.iter().any(|filter| filter["filterType"] == **name);
    let name = names.iter().find(|name| is_listed(name)).copied().unwrap_or("NOTIONAL");
    let call = buy(side, limit(price), filters.lot_size.min);
    refuses(side, &call, -1013, &format!("Filter failure: {name}")).await
}

/// More decimals than the asset has.
pub async fn precision(side: &mut Side) -> Checked {
    let best = side.best().await?;
    let price = far_below(side, &best);
    let quantity = size(side, price);
    let call = buy(side, limit(price), quantity);
    let params = without(&call.params, "quantity").text("quantity", "1.000000001");
    let call = Call::new(Operation::PlaceOrder, 1, params);
    refuses(side, &call, -1111, "Parameter 'quantity' has too much precision.").await
}

/// More than the account has.
pub async fn balance(side: &mut Side) -> Checked {
    let best = side.best().await?;
    let price = far_below(side, &best);
    let free = side.free(side.info.instrument.quote).await?;
    let lots = side.info.instrument.filters.lot_size;
    let wanted = free.to_decimal() * Decimal::TWO / price.to_decimal();
    let quantity = Quantity::from_decimal(wanted.round_dp(8)).unwrap_or(lots.max);
    let quantity = quantity.ceil_to(lots.step).max(size(side, price));
    if quantity > lots.max {
        return skipped("the account can pay for the largest order");
    }
    let call = buy(side, limit(price), quantity);
    let words = "Account has insufficient balance for requested action.";
    refuses(side, &call, -2010, words).await
}

/// A post-only order that would take.
pub async fn would_take(side: &mut Side) -> Checked {
    let best = side.best().await?;
    let price = scaled(side, best.ask.0, 101);
    let quantity = size(side, price);
    let call = buy(side, OrderKind::LimitMaker { price }, quantity);
    refuses(side, &call, -2010, "Order would immediately match and take.").await
}

/// A stop on the wrong side of the market.
pub async fn would_trigger(side: &mut Side) -> Checked {
    let best = side.best().await?;
    let price = scaled(side, best.bid.0, 90);
    let quantity = size(side, price);
    let kind = OrderKind::StopLossLimit {
        stop_price: price,
        price,
        time_in_force: TimeInForce::GoodTilCanceled,
    };
    let call = buy(side, kind, quantity);
    refuses(side, &call, -2010, "Order would trigger immediately.").await
}

/// A name that an open order has.
pub async fn duplicate(side: &mut Side) -> Checked {
    let placed = rest_far_below(side).await?;
    let best = side.best().await?;
    let price = far_below(side, &best);
    let quantity = size(side, price);
    let call = buy(side, limit(price), quantity);
    let name = placed["clientOrderId"].as_str().unwrap_or_default();
    let params = without(&call.params, "newClientOrderId").text("newClientOrderId", name);
    let call = Call::new(Operation::PlaceOrder, 1, params);
    let refused = refuses(side, &call, -2010, "Duplicate order sent.").await;
    cancel(side, &placed).await?;
    refused
}

/// Taking back what is not there.
pub async fn unknown_cancel(side: &mut Side) -> Checked {
    let call = Call::cancel(side.symbol().as_str(), OrderName::Client("certify-nobody"));
    refuses(side, &call, -2011, "Unknown order sent.").await
}

/// Asking for what is not there.
pub async fn unknown_query(side: &mut Side) -> Checked {
    let call = Call::query_order(side.symbol().as_str(), OrderName::Client("certify-nobody"));
    refuses(side, &call, -2013, "Order does not exist.").await
}

/// A symbol that is none.
pub async fn unknown_symbol(side: &mut Side) -> Checked {
    refuses(side, &Call::ticker_price("NOSUCHPAIR"), -1121, "Invalid symbol.").await
}

/// A parameter that is missing.
pub async fn missing_parameter(side: &mut Side) -> Checked {
    let call = Call::new(Operation::Depth, 5, Params::new());
    let words = "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.";
    refuses(side, &call, -1102, words).await
}

fn without(params: &Params, name: &str) -> Params {
    let mut kept = params.clone();
    kept.remove(name);
    kept
}
