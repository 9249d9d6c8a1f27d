//! What the account is told while it happens, and what it has missed.

use binance::encode::{Call, Operation, OrderName, Params};
use serde_json::Value;

use super::ticket::{affordable, buy, cancel, far_below, limit, rest_far_below, sell_back, size};
use crate::certify::side::Side;
use crate::certify::socket::Proof;
use crate::certify::verdict::{Checked, ensure};

/// Placed, taken back: a report of each, and the balances.
pub async fn placed_and_canceled(side: &mut Side) -> Checked {
    side.listen().await?;
    let placed = rest_far_below(side).await?;
    side.report(&placed["orderId"], "NEW").await?;
    side.event(|event| event["e"] == "outboundAccountPosition").await?;
    cancel(side, &placed).await?;
    let canceled = side.report(&placed["orderId"], "CANCELED").await?;
    ensure(canceled["C"] == placed["clientOrderId"], || {
        "the report of a cancel does not name the order".to_owned()
    })
}

/// A trade: first that the order is there, then each fill, once, as in the answer.
pub async fn traded(side: &mut Side) -> Checked {
    side.listen().await?;
    let best = side.best().await?;
    let quantity = size(side, best.ask.0);
    affordable(side, best.ask.0, quantity).await?;
    let call = buy(side, model::OrderKind::Market, quantity);
    let bought = side.ws(&call).await?.ok()?;
    side.report(&bought["orderId"], "NEW").await?;
    let fills = bought["fills"].as_array().cloned().unwrap_or_default();
    for fill in &fills {
        let told = side.report(&bought["orderId"], "TRADE").await?;
        let same = [("t", "tradeId"), ("L", "price"), ("l", "qty"), ("n", "commission")];
        for (short, long) in same {
            ensure(told[short] == fill[long], || {
                format!("{long} is {} in the answer and {} in the report", fill[long], told[short])
            })?;
        }
    }
    side.event(|event| event["e"] == "outboundAccountPosition").await?;
    sell_back(side, &bought).await
}

/// A connection takes over from another: both tell meanwhile, so that nothing falls between.
pub async fn overlap(side: &mut Side) -> Checked {
    side.listen().await?;
    let mut second = side.open_subscribed().await?;
    let placed = rest_far_below(side).await?;
    side.report(&placed["orderId"], "NEW").await?;
    second.event(|event| event["i"] == placed["orderId"] && event["x"] == "NEW").await?;
    second.close().await;
    cancel(side, &placed).await?;
    Ok(())
}

/// What happens while nobody listens is found by asking; what happens afterwards is told again.
pub async fn reconnect(side: &mut Side) -> Checked {
    side.listen().await?;
    side.drop_connection();
    let best = side.best().await?;
    let price = far_below(side, &best);
    let quantity = size(side, price);
    affordable(side, price, quantity).await?;
    let call = buy(side, limit(price), quantity);
    let placed = side.rest(&call).await?.ok()?;
    side.listen().await?;
    let name = placed["clientOrderId"].as_str().unwrap_or_default();
    let query = Call::query_order(side.symbol().as_str(), OrderName::Client(name));
    let found = side.ws(&query).await?.ok()?;
    cancel(side, &found).await?;
    side.report(&placed["orderId"], "CANCELED").await?;
    Ok(())
}

/// A second subscription of one connection is refused; one that is ended says so.
pub async fn subscribing_twice(side: &mut Side) -> Checked {
    let mut socket = side.open_subscribed().await?;
    let again = Call::subscribe_user_data_signed();
    let refused = socket.call(&side.core, &again, Proof::Signature).await?;
    ensure(refused.status != 200, || "subscribed twice on one connection".to_owned())?;
    let end = Call::new(Operation::UnsubscribeUserData, 2, Params::new());
    let ended = socket.call(&side.core, &end, Proof::Session).await?.ok()?;
    side.keep("userDataStream.unsubscribe", &ended);
    let told: Value = socket.event(|event| event["e"] == "eventStreamTerminated").await?;
    side.keep("eventStreamTerminated", &told);
    socket.close().await;
    Ok(())
}
