//! Orders that know of each other.

use binance::encode::{Call, Operation, Params};
use model::Price;
use serde_json::Value;

use super::ticket::{affordable, scaled, size};
use crate::certify::side::Side;
use crate::certify::verdict::{Checked, ensure, skipped};

fn plain(price: Price) -> String {
    price.to_string()
}

async fn ends_with_its_list(side: &mut Side, list: &Value) -> Checked {
    let id = list["orderListId"].as_i64().unwrap_or(-1);
    let symbol = side.symbol();
    let params = Params::new().text("symbol", symbol.as_str()).integer("orderListId", id);
    let canceled = side.ws(&Call::new(Operation::CancelList, 1, params)).await?.ok()?;
    ensure(canceled["listOrderStatus"] == "ALL_DONE", || {
        format!("a list that was taken back is {}", canceled["listOrderStatus"])
    })
}

/// Two orders of which one cancels the other.
pub async fn one_cancels_the_other(side: &mut Side) -> Checked {
    if !side.info.instrument.features.oco {
        return skipped("the symbol does not allow it");
    }
    side.listen().await?;
    let best = side.best().await?;
    let (below, above) = (scaled(side, best.bid.0, 95), scaled(side, best.ask.0, 105));
    let quantity = size(side, below);
    affordable(side, above, quantity).await?;
    let params = Params::new()
        .text("symbol", side.symbol().as_str())
        .text("side", "BUY")
        .text("quantity", quantity.to_string())
        .text("listClientOrderId", side.next_name())
        .text("aboveType", "STOP_LOSS_LIMIT")
        .text("aboveStopPrice", plain(above))
        .text("abovePrice", plain(above))
        .text("aboveTimeInForce", "GTC")
        .text("aboveClientOrderId", side.next_name())
        .text("belowType", "LIMIT_MAKER")
        .text("belowPrice", plain(below))
        .text("belowClientOrderId", side.next_name())
        .text("newOrderRespType", "FULL");
    let list = side.ws(&Call::new(Operation::PlaceOco, 1, params)).await?.ok()?;
    ensure(list["contingencyType"] == "OCO", || format!("a {}", list["contingencyType"]))?;
    let reports = list["orderReports"].as_array().map_or(0, Vec::len);
    side.event(|event| event["e"] == "listStatus" && event["g"] == list["orderListId"]).await?;
    ends_with_its_list(side, &list).await?;
    ensure(reports == 2, || format!("{reports} orders are told of"))
}

/// An order, and one that waits for it.
pub async fn one_triggers_the_other(side: &mut Side) -> Checked {
    if !side.allows("otoAllowed") {
        return skipped("the symbol does not allow it");
    }
    let best = side.best().await?;
    let (working, pending) = (scaled(side, best.bid.0, 90), scaled(side, best.bid.0, 91));
    let quantity = size(side, working);
    affordable(side, working, quantity).await?;
    let params = Params::new()
        .text("symbol", side.symbol().as_str())
        .text("listClientOrderId", side.next_name())
        .text("workingType", "LIMIT")
        .text("workingSide", "BUY")
        .text("workingPrice", plain(working))
        .text("workingQuantity", quantity.to_string())
        .text("workingTimeInForce", "GTC")
        .text("workingClientOrderId", side.next_name())
        .text("pendingType", "LIMIT_MAKER")
        .text("pendingSide", "BUY")
        .text("pendingPrice", plain(pending))
        .text("pendingQuantity", quantity.to_string())
        .text("pendingClientOrderId", side.next_name())
        .text("newOrderRespType", "FULL");
    let list = side.ws(&Call::new(Operation::PlaceOto, 1, params)).await?.ok()?;
    ensure(list["contingencyType"] == "OTO", || format!("a {}", list["contingencyType"]))?;
    let waits = list["orderReports"]
        .as_array()
        .is_some_and(|reports| reports.iter().any(|report| report["status"] == "PENDING_NEW"));
    ends_with_its_list(side, &list).await?;
    ensure(waits, || "no order of the list waits".to_owned())
}
