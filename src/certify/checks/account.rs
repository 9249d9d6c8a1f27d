//! What the account has, pays and did.

use binance::decode::{Commissions, MyTrade, OrderReply, parse};
use binance::encode::Call;

use crate::certify::side::Side;
use crate::certify::verdict::{Checked, ensure, failed};

/// The fees.
pub async fn commission(side: &mut Side) -> Checked {
    let body = side.rest(&Call::commission(side.symbol().as_str())).await?.ok()?.to_string();
    let told: Commissions<'_> =
        parse("commission", body.as_bytes()).or_else(|error| failed(error.to_string()))?;
    ensure(told.symbol == side.symbol().as_str(), || "of another symbol".to_owned())
}

/// Orders and trades of the past.
pub async fn history(side: &mut Side) -> Checked {
    let symbol = side.symbol();
    let body = side.rest(&Call::all_orders(symbol.as_str(), None, 10)).await?.ok()?.to_string();
    parse::<Vec<OrderReply<'_>>>("allOrders", body.as_bytes())
        .or_else(|error| failed(error.to_string()))?;
    let body = side.rest(&Call::my_trades(symbol.as_str(), None, 10)).await?.ok()?.to_string();
    parse::<Vec<MyTrade<'_>>>("myTrades", body.as_bytes())
        .or_else(|error| failed(error.to_string()))?;
    Ok(())
}
