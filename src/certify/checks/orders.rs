//! Every kind of order that the engine sends, and what can be done to one.

use binance::decode::{OrderReply, parse};
use binance::encode::{Call, Operation, OrderName, Params};
use model::{Amount, OrderKind, OrderQuantity, Price, Quantity, Side as OrderSide, TimeInForce};
use rust_decimal::Decimal;
use serde_json::Value;

use super::ticket::{
    affordable, buy, cancel, far_below, has_status, limit, order, rest_far_below, scaled,
    sell_back, size,
};
use crate::certify::side::Side;
use crate::certify::verdict::{Checked, ensure, failed, skipped};

/// How often a partial fill is tried: others trade too.
const ATTEMPTS: u32 = 3;

fn readable(order: &Value) -> Checked {
    let body = order.to_string();
    parse::<OrderReply<'_>>("order answer", body.as_bytes())
        .map(|_| ())
        .or_else(|error| failed(error.to_string()))
}

fn id_of(order: &Value) -> OrderName<'static> {
    OrderName::Venue(order["orderId"].as_i64().unwrap_or(-1))
}

/// Checked by the venue and not placed.
pub async fn test_order(side: &mut Side) -> Checked {
    let best = side.best().await?;
    let price = far_below(side, &best);
    let quantity = size(side, price);
    let call = buy(side, limit(price), quantity);
    let call = Call::new(Operation::TestOrder, 1, call.params);
    side.rest(&call).await?.ok()?;
    side.ws(&call).await?.ok()?;
    Ok(())
}

/// A limit order over REST: placed, asked for by both of its names, listed, taken back.
pub async fn limit_over_rest(side: &mut Side) -> Checked {
    let best = side.best().await?;
    let price = far_below(side, &best);
    let quantity = size(side, price);
    affordable(side, price, quantity).await?;
    let call = buy(side, limit(price), quantity);
    let placed = side.rest(&call).await?.ok()?;
    has_status(&placed, "NEW")?;
    readable(&placed)?;
    let symbol = side.symbol();
    let name = placed["clientOrderId"].as_str().unwrap_or_default().to_owned();
    ensure(call.params.get("newClientOrderId") == Some(name.as_str()), || {
        "the order has another name than it was given".to_owned()
    })?;
    for name in [id_of(&placed), OrderName::Client(&name)] {
        let found = side.rest(&Call::query_order(symbol.as_str(), name)).await?.ok()?;
        has_status(&found, "NEW")?;
        readable(&found)?;
    }
    let open = side.rest(&Call::open_orders(Some(symbol.as_str()))).await?.ok()?;
    let is_listed = open
        .as_array()
        .is_some_and(|open| open.iter().any(|order| order["orderId"] == placed["orderId"]));
    ensure(is_listed, || "an order that works is not among the open ones".to_owned())?;
    let canceled = side.rest(&Call::cancel(symbol.as_str(), id_of(&placed))).await?.ok()?;
    has_status(&canceled, "CANCELED")?;
    ensure(canceled["origClientOrderId"] == name.as_str(), || {
        "a cancel does not name the order".to_owned()
    })
}

/// The same over the WebSocket API.
pub async fn limit_over_ws(side: &mut Side) -> Checked {
    let placed = rest_far_below(side).await?;
    readable(&placed)?;
    let call = Call::query_order(side.symbol().as_str(), id_of(&placed));
    let found = side.ws(&call).await?.ok()?;
    has_status(&found, "NEW")?;
    cancel(side, &placed).await?;
    Ok(())
}

/// Our mode of self-trade prevention is taken as given.
pub async fn self_trade_prevention(side: &mut Side) -> Checked {
    let best = side.best().await?;
    let price = far_below(side, &best);
    let quantity = size(side, price);
    let call = buy(side, limit(price), quantity);
    let wanted = call.params.get("selfTradePreventionMode").unwrap_or_default().to_owned();
    let placed = side.ws(&call).await?.ok()?;
    let found = placed["selfTradePreventionMode"].clone();
    cancel(side, &placed).await?;
    ensure(found == wanted.as_str(), || format!("asked for {wanted}, found {found}"))
}

async fn rests_and_is_taken_back(side: &mut Side, kind: OrderKind, price: Price) -> Checked<Value> {
    let quantity = size(side, price);
    affordable(side, price, quantity).await?;
    let call = buy(side, kind, quantity);
    let placed = side.ws(&call).await?.ok()?;
    readable(&placed)?;
    let found = side.ws(&Call::query_order(side.symbol().as_str(), id_of(&placed))).await?.ok()?;
    has_status(&found, "NEW")?;
    cancel(side, &placed).await?;
    Ok(found)
}

/// Post-only.
pub async fn limit_maker(side: &mut Side) -> Checked {
    let best = side.best().await?;
    let price = far_below(side, &best);
    rests_and_is_taken_back(side, OrderKind::LimitMaker { price }, price).await?;
    Ok(())
}

async fn stop(side: &mut Side, percent: i64, of: impl Fn(Price) -> OrderKind) -> Checked {
    let best = side.best().await?;
    let price = scaled(side, best.ask.0, percent);
    let found = rests_and_is_taken_back(side, of(price), price).await?;
    ensure(found["workingTime"] == -1 || found["isWorking"] == false, || {
        "an order whose price was not reached works".to_owned()
    })
}

/// A stop that becomes a limit order.
pub async fn stop_loss_limit(side: &mut Side) -> Checked {
    let of = |price| OrderKind::StopLossLimit {
        stop_price: price,
        price,
        time_in_force: TimeInForce::GoodTilCanceled,
    };
    stop(side, 105, of).await
}

/// A stop that becomes a market order.
pub async fn stop_loss(side: &mut Side) -> Checked {
    stop(side, 105, |stop_price| OrderKind::StopLoss { stop_price }).await
}

/// A target that becomes a limit order.
pub async fn take_profit_limit(side: &mut Side) -> Checked {
    let of = |price| OrderKind::TakeProfitLimit {
        stop_price: price,
        price,
        time_in_force: TimeInForce::GoodTilCanceled,
    };
    stop(side, 95, of).await
}

/// A target that becomes a market order.
pub async fn take_profit(side: &mut Side) -> Checked {
    stop(side, 95, |stop_price| OrderKind::TakeProfit { stop_price }).await
}

async fn expires(side: &mut Side, time_in_force: TimeInForce) -> Checked {
    let best = side.best().await?;
    let price = far_below(side, &best);
    let quantity = size(side, price);
    affordable(side, price, quantity).await?;
    let call = buy(side, OrderKind::Limit { price, time_in_force }, quantity);
    let ended = side.ws(&call).await?.ok()?;
    has_status(&ended, "EXPIRED")
}

/// What can't trade at once is gone.
pub async fn immediate_or_cancel(side: &mut Side) -> Checked {
    expires(side, TimeInForce::ImmediateOrCancel).await
}

/// All or nothing.
pub async fn fill_or_kill(side: &mut Side) -> Checked {
    expires(side, TimeInForce::FillOrKill).await
}

/// A market order by quantity: its fills add up, and are among the account's trades.
pub async fn market_by_quantity(side: &mut Side) -> Checked {
    let best = side.best().await?;
    let quantity = size(side, best.ask.0);
    affordable(side, best.ask.0, quantity).await?;
    let call = buy(side, OrderKind::Market, quantity);
    let bought = side.ws(&call).await?.ok()?;
    readable(&bought)?;
    has_status(&bought, "FILLED")?;
    let decimal = |value: &Value| value.as_str().and_then(|text| text.parse::<Decimal>().ok());
    let fills = bought["fills"].as_array().cloned().unwrap_or_default();
    let filled: Decimal = fills.iter().filter_map(|fill| decimal(&fill["qty"])).sum();
    let is_whole = decimal(&bought["executedQty"]) == Some(filled);
    let id = bought["orderId"].as_i64().unwrap_or(-1);
    let trades = side.ws(&Call::order_trades(side.symbol().as_str(), id, 0, 1_000)).await?.ok()?;
    sell_back(side, &bought).await?;
    ensure(is_whole, || "the fills do not add up to what was executed".to_owned())?;
    ensure(trades.as_array().map(Vec::len) == Some(fills.len()), || {
        "myTrades has other fills than the answer".to_owned()
    })
}

/// A market order by amount.
pub async fn market_by_amount(side: &mut Side) -> Checked {
    if !side.info.instrument.features.quote_quantity {
        return skipped("the symbol does not allow it");
    }
    let best = side.best().await?;
    let worth = Amount::notional(best.ask.0, size(side, best.ask.0)).unwrap_or(Amount::ZERO);
    affordable(side, best.ask.0, size(side, best.ask.0)).await?;
    let amount = OrderQuantity::Quote(worth.truncated(2));
    let call = order(side, OrderSide::Buy, OrderKind::Market, amount);
    let bought = side.ws(&call).await?.ok()?;
    has_status(&bought, "FILLED")?;
    readable(&bought)?;
    sell_back(side, &bought).await
}

/// More than the best price has: a part is filled, and the reports tell it step by step.
pub async fn partial_fill(side: &mut Side) -> Checked {
    side.listen().await?;
    for _ in 0..ATTEMPTS {
        let best = side.best().await?;
        let lots = side.info.instrument.filters.lot_size;
        let wanted = best.ask.1.to_decimal() * Decimal::from(2);
        let wanted = Quantity::from_decimal(wanted.round_dp(8)).unwrap_or(lots.max);
        let quantity = wanted.ceil_to(lots.step).max(size(side, best.ask.0));
        if quantity > lots.max {
            return skipped("the best price has more than the largest order takes");
        }
        affordable(side, best.ask.0, quantity).await?;
        let kind =
            OrderKind::Limit { price: best.ask.0, time_in_force: TimeInForce::ImmediateOrCancel };
        let call = buy(side, kind, quantity);
        let ended = side.ws(&call).await?.ok()?;
        let fills = ended["fills"].as_array().map_or(0, Vec::len);
        if ended["status"] == "EXPIRED" && fills > 0 {
            side.report(&ended["orderId"], "NEW").await?;
            let traded = side.report(&ended["orderId"], "TRADE").await?;
            ensure(traded["X"] == "PARTIALLY_FILLED", || {
                format!("a part is filled, and the report says {}", traded["X"])
            })?;
            let expired = side.report(&ended["orderId"], "EXPIRED").await?;
            ensure(expired["z"] == ended["executedQty"], || {
                "the last report counts other fills than the answer".to_owned()
            })?;
            return sell_back(side, &ended).await;
        }
        sell_back(side, &ended).await?;
    }
    skipped("others traded away the best price each time")
}

/// A trailing stop.
pub async fn trailing_stop(side: &mut Side) -> Checked {
    if !side.allows("allowTrailingStop") {
        return skipped("the symbol does not allow it");
    }
    let best = side.best().await?;
    let price = scaled(side, best.ask.0, 105);
    let quantity = size(side, price);
    affordable(side, price, quantity).await?;
    let stop = OrderKind::StopLossLimit {
        stop_price: price,
        price,
        time_in_force: TimeInForce::GoodTilCanceled,
    };
    let mut call = buy(side, stop, quantity);
    call.params = call.params.integer("trailingDelta", 200);
    let placed = side.ws(&call).await?.ok()?;
    cancel(side, &placed).await?;
    Ok(())
}

/// An order of which only a part is shown.
pub async fn iceberg(side: &mut Side) -> Checked {
    if !side.allows("icebergAllowed") {
        return skipped("the symbol does not allow it");
    }
    let best = side.best().await?;
    let price = far_below(side, &best);
    let shown = size(side, price);
    let whole = Quantity::from_units(shown.units().saturating_mul(2));
    affordable(side, price, whole).await?;
    let mut call = buy(side, limit(price), whole);
    call.params = call.params.text("icebergQty", shown.to_string());
    let placed = side.ws(&call).await?.ok()?;
    cancel(side, &placed).await?;
    Ok(())
}

fn replacement(side: &mut Side, price: Price, old: OrderName<'_>) -> Call {
    let quantity = size(side, price);
    let new = buy(side, limit(price), quantity);
    let params = new.params.text("cancelReplaceMode", "STOP_ON_FAILURE");
    let params = match old {
        OrderName::Venue(id) => params.integer("cancelOrderId", id),
        OrderName::Client(name) => params.text("cancelOrigClientOrderId", name),
    };
    Call::new(Operation::CancelReplace, 1, params)
}

/// One request takes an order back and places another.
pub async fn cancel_replace(side: &mut Side) -> Checked {
    if !side.info.instrument.features.cancel_replace {
        return skipped("the symbol does not allow it");
    }
    let placed = rest_far_below(side).await?;
    let best = side.best().await?;
    let price = scaled(side, best.bid.0, 91);
    let call = replacement(side, price, id_of(&placed));
    let replaced = side.ws(&call).await?.ok()?;
    let both = ["cancelResult", "newOrderResult"].map(|part| replaced[part].clone());
    ensure(both == ["SUCCESS", "SUCCESS"], || format!("found {both:?}"))?;
    cancel(side, &replaced["newOrderResponse"]).await?;
    Ok(())
}

/// Where there is nothing to take back, nothing is placed.
pub async fn cancel_replace_refused(side: &mut Side) -> Checked {
    if !side.info.instrument.features.cancel_replace {
        return skipped("the symbol does not allow it");
    }
    let best = side.best().await?;
    let price = far_below(side, &best);
    let call = replacement(side, price, OrderName::Client("certify-nobody"));
    let refused = side.rest(&call).await?;
    refused.refused(-2022, "Order cancel-replace failed.")?;
    let data = &refused.body["data"];
    ensure(data["newOrderResult"] == "NOT_ATTEMPTED", || {
        format!("the new order: {}", data["newOrderResult"])
    })?;
    ensure(data["cancelResponse"]["code"] == -2011, || {
        format!("the cancel: {}", data["cancelResponse"]["code"])
    })
}

/// An order is made smaller and keeps its place.
pub async fn amend(side: &mut Side) -> Checked {
    if !side.allows("amendAllowed") {
        return skipped("the symbol does not allow it");
    }
    let best = side.best().await?;
    let price = far_below(side, &best);
    let smaller = size(side, price);
    let whole = Quantity::from_units(smaller.units().saturating_mul(2));
    affordable(side, price, whole).await?;
    let call = buy(side, limit(price), whole);
    let placed = side.ws(&call).await?.ok()?;
    let symbol = side.symbol();
    let params = Params::new()
        .text("symbol", symbol.as_str())
        .integer("orderId", placed["orderId"].as_i64().unwrap_or(-1))
        .text("newQty", smaller.to_string());
    let amended = side.ws(&Call::new(Operation::AmendOrder, 4, params)).await?.ok();
    let found = side.ws(&Call::query_order(symbol.as_str(), id_of(&placed))).await?.ok()?;
    cancel(side, &found).await?;
    amended?;
    let now: Option<Quantity> = found["origQty"].as_str().and_then(|text| text.parse().ok());
    ensure(now == Some(smaller), || format!("amended to {smaller}, found {}", found["origQty"]))
}
