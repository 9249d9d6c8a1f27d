//! The limits, and what is told of their use.

use binance::encode::{Call, OrderName};

use super::ticket::{affordable, buy, far_below, limit, size};
use crate::certify::side::Side;
use crate::certify::verdict::{Checked, ensure};

/// Every answer of REST tells the weight used.
pub async fn weight(side: &mut Side) -> Checked {
    let answer = side.rest(&Call::time()).await?;
    let used = answer.header("x-mbx-used-weight-1m").and_then(|used| used.parse::<u32>().ok());
    ensure(used.is_some_and(|used| used > 0), || "no x-mbx-used-weight-1m".to_owned())
}

/// The answer to an order tells how many count.
pub async fn order_count(side: &mut Side) -> Checked {
    let best = side.best().await?;
    let price = far_below(side, &best);
    let quantity = size(side, price);
    affordable(side, price, quantity).await?;
    let call = buy(side, limit(price), quantity);
    let answer = side.rest(&call).await?;
    let counts =
        ["x-mbx-order-count-10s", "x-mbx-order-count-1d"].map(|name| answer.header(name).is_some());
    let placed = answer.ok()?;
    let id = placed["orderId"].as_i64().unwrap_or(-1);
    let symbol = side.symbol();
    side.rest(&Call::cancel(symbol.as_str(), OrderName::Venue(id))).await?.ok()?;
    ensure(counts == [true, true], || "no x-mbx-order-count of 10 s and a day".to_owned())
}

/// So do answers of the WebSocket API.
pub async fn told_over_ws(side: &mut Side) -> Checked {
    let answer = side.ws(&Call::time()).await?;
    let lines = answer.limits.as_array().cloned().unwrap_or_default();
    let is_told = lines
        .iter()
        .any(|line| line["rateLimitType"] == "REQUEST_WEIGHT" && line["count"].as_u64().is_some());
    ensure(is_told, || "rateLimits does not tell the weight used".to_owned())
}

/// The count of unfilled orders can be asked for.
pub async fn unfilled(side: &mut Side) -> Checked {
    let answer = side.ws(&Call::order_count()).await?.ok()?;
    ensure(answer.as_array().is_some_and(|lines| !lines.is_empty()), || "no lines".to_owned())
}
