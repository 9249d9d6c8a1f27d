//! Orders small enough to be spared, at prices that do what a check wants.

use binance::encode::{Call, OrderName, SubmitOptions};
use binance::{ResponseType, SelfTradePrevention};
use model::{
    Amount, InstrumentId, NewOrder, OrderKind, OrderQuantity, Price, Quantity, Side as OrderSide,
    TimeInForce,
};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::certify::side::{Best, Side};
use crate::certify::verdict::{Checked, ensure, skipped};

/// Orders are so many times the smallest allowed.
const TIMES_SMALLEST: i64 = 3;
/// Where a venue names no smallest notional.
const USUAL_SMALLEST: i64 = 5;

/// A price times a factor in percent, on the tick.
pub fn scaled(side: &Side, price: Price, percent: i64) -> Price {
    let scaled = price.to_decimal() * Decimal::new(percent, 2);
    let tick = side.info.instrument.filters.price.tick;
    Price::from_decimal(scaled.round_dp(8)).map_or(price, |price| price.floor_to(tick))
}

/// A price far below the market: a buy rests there.
pub fn far_below(side: &Side, best: &Best) -> Price {
    scaled(side, best.bid.0, 90)
}

/// A quantity that is worth a little more than it must at a price.
pub fn size(side: &Side, price: Price) -> Quantity {
    let filters = &side.info.instrument.filters;
    let smallest = filters.notional.map_or(Decimal::from(USUAL_SMALLEST), |n| n.min.to_decimal());
    let wanted = smallest * Decimal::from(TIMES_SMALLEST) / price.to_decimal();
    let quantity = Quantity::from_decimal(wanted.round_dp(8)).unwrap_or(filters.lot_size.min);
    quantity.ceil_to(filters.lot_size.step).max(filters.lot_size.min)
}

/// A buy of a kind and quantity, with a name that nobody has used.
pub fn buy(side: &mut Side, kind: OrderKind, quantity: Quantity) -> Call {
    order(side, OrderSide::Buy, kind, OrderQuantity::Base(quantity))
}

/// Any order, with a name that nobody has used.
pub fn order(side: &mut Side, way: OrderSide, kind: OrderKind, quantity: OrderQuantity) -> Call {
    let name = side.next_name().parse().expect("letters, digits and dashes");
    let preferred = SelfTradePrevention::ExpireMaker;
    let is_allowed = side.info.self_trade_preventions.contains(&preferred);
    let options = SubmitOptions {
        self_trade_prevention: if is_allowed { preferred } else { SelfTradePrevention::None },
        response: ResponseType::Full,
    };
    let new = NewOrder::new(InstrumentId(0), way, kind, quantity);
    Call::submit(&side.info.instrument, &new, &name, options)
}

/// A limit order that stays.
pub const fn limit(price: Price) -> OrderKind {
    OrderKind::Limit { price, time_in_force: TimeInForce::GoodTilCanceled }
}

/// A small buy that rests far below the market. Returns the venue's answer.
pub async fn rest_far_below(side: &mut Side) -> Checked<Value> {
    let best = side.best().await?;
    let price = far_below(side, &best);
    let quantity = size(side, price);
    affordable(side, price, quantity).await?;
    let call = buy(side, limit(price), quantity);
    let placed = side.ws(&call).await?.ok()?;
    has_status(&placed, "NEW")?;
    Ok(placed)
}

/// Whether an answer tells this state.
pub fn has_status(order: &Value, status: &str) -> Checked {
    ensure(order["status"] == status, || {
        format!("expected status {status}, found {}", order["status"])
    })
}

/// Takes an order back.
pub async fn cancel(side: &mut Side, placed: &Value) -> Checked<Value> {
    let id = placed["orderId"].as_i64().unwrap_or(-1);
    let call = Call::cancel(side.symbol().as_str(), OrderName::Venue(id));
    let canceled = side.ws(&call).await?.ok()?;
    has_status(&canceled, "CANCELED")?;
    Ok(canceled)
}

/// Skips the check when the account can't pay.
pub async fn affordable(side: &mut Side, price: Price, quantity: Quantity) -> Checked {
    let cost = Amount::notional(price, quantity).unwrap_or(Amount::ZERO);
    let quote = side.info.instrument.quote;
    let free = side.free(quote).await?;
    if free < cost {
        return skipped(format!("needs {cost} {quote}, the account has less"));
    }
    Ok(())
}

/// Sells what an order bought, less its fees, so that the account is where it was; what is too
/// little to be sold stays.
pub async fn sell_back(side: &mut Side, bought: &Value) -> Checked {
    let base = side.info.instrument.base;
    let amount = |value: &Value| value.as_str().and_then(|text| text.parse::<Decimal>().ok());
    let fills = bought["fills"].as_array().cloned().unwrap_or_default();
    let held: Decimal = fills
        .iter()
        .map(|fill| {
            let is_base = fill["commissionAsset"] == base.as_str();
            let fee = amount(&fill["commission"]).filter(|_| is_base).unwrap_or_default();
            amount(&fill["qty"]).unwrap_or_default() - fee
        })
        .sum();
    let step = side.info.instrument.filters.lot_size.step;
    let Ok(held) = Quantity::from_decimal(held.round_dp(8)) else { return Ok(()) };
    let held = held.floor_to(step);
    let best = side.best().await?;
    if !side.info.instrument.is_sellable(best.bid.0, held) {
        return Ok(());
    }
    let call = order(side, OrderSide::Sell, OrderKind::Market, OrderQuantity::Base(held));
    let sold = side.ws(&call).await?.ok()?;
    ensure(sold["status"] == "FILLED" || sold["status"] == "EXPIRED", || {
        format!("a market order ended {}", sold["status"])
    })
}
