//! After the run: everything that we believe is held against what the exchange itself says over
//! its signed REST: orders, trades and balances.

use std::collections::BTreeMap;

use binance::decode::{Account, MyTrade, OrderReply};
use binance::encode::Call;
use model::{
    Amount, Asset, ClientOrderId, Fill, Instrument, Instruments, OrderEventKind, OrderId, Quantity,
    Side, Timestamp,
};
use serde::Serialize;

use crate::cli::{Exit, Failure};
use crate::wiring::{RunRecord, SignedRest};

/// Rows in one answer of the venue.
const PAGE: u32 = 1_000;

/// What was compared, and what differed.
#[derive(Debug, Default, Serialize)]
pub struct Checked {
    /// Orders compared by client order id: executed quantity.
    pub orders: usize,
    /// Fills compared by trade and order: side, price, quantity, fee.
    pub fills: usize,
    /// Balances compared with opening balance plus fills less fees.
    pub balances: usize,
    /// Every difference, in words. Empty is what it should be.
    pub differences: Vec<String>,
}

/// Compares a finished run with the venue's own record.
///
/// # Errors
/// When the venue does not answer.
pub async fn check_against_venue(
    rest: &SignedRest<'_>,
    now: impl Fn() -> Timestamp,
    instruments: &Instruments,
    opening: &BTreeMap<Asset, Amount>,
    record: &RunRecord,
) -> Result<Checked, Failure> {
    let mut checked = Checked::default();
    let mut beliefs = beliefs(record);
    let mut fills: BTreeMap<(u16, i64, i64), &Fill> = BTreeMap::new();
    for (_, fill) in record.fills() {
        let key = (fill.key.instrument.0, fill.key.trade.0, fill.key.venue_order.0);
        if fills.insert(key, fill).is_some() {
            checked.differences.push(format!("fill {key:?} was booked twice"));
        }
    }
    for instrument in instruments {
        check_orders(rest, &now, instrument, &mut beliefs, &mut checked).await?;
        check_fills(rest, &now, instrument, &mut fills, &mut checked).await?;
    }
    for (name, _) in beliefs.iter().filter(|(_, belief)| belief.is_acknowledged) {
        checked.differences.push(format!("order {name} is unknown to the exchange"));
    }
    for key in fills.keys() {
        checked.differences.push(format!("fill {key:?} is unknown to the exchange"));
    }
    check_balances(rest, &now, instruments, opening, record, &mut checked).await?;
    Ok(checked)
}

/// What we believe of an order.
#[derive(Clone, Copy, Default)]
struct Belief {
    /// The exchange has told us of it.
    is_acknowledged: bool,
    executed: Quantity,
}

/// Every order that was approved, with what we believe of it.
fn beliefs(record: &RunRecord) -> BTreeMap<ClientOrderId, Belief> {
    let mut beliefs: BTreeMap<OrderId, Belief> = BTreeMap::new();
    for (_, event, _) in &record.events {
        let belief = beliefs.entry(event.order).or_default();
        match &event.kind {
            OrderEventKind::Accepted { .. } => belief.is_acknowledged = true,
            OrderEventKind::Filled { cumulative_quantity, .. } => {
                belief.is_acknowledged = true;
                belief.executed = *cumulative_quantity;
            }
            OrderEventKind::Denied { .. }
            | OrderEventKind::Submitted { .. }
            | OrderEventKind::Triggered
            | OrderEventKind::Completed
            | OrderEventKind::Canceled { .. }
            | OrderEventKind::Expired { .. }
            | OrderEventKind::Rejected { .. }
            | OrderEventKind::CancelRejected { .. }
            | OrderEventKind::OutcomeUnknown { .. }
            | OrderEventKind::Absent { .. } => {}
        }
    }
    let belief = |order: &OrderId| beliefs.get(order).copied().unwrap_or_default();
    record.orders.iter().map(|(order, (_, name, _))| (*name, belief(order))).collect()
}

async fn check_orders(
    rest: &SignedRest<'_>,
    now: &impl Fn() -> Timestamp,
    instrument: &Instrument,
    beliefs: &mut BTreeMap<ClientOrderId, Belief>,
    checked: &mut Checked,
) -> Result<(), Failure> {
    let mut from = None;
    loop {
        let call = Call::all_orders(instrument.symbol.as_str(), from, PAGE);
        let body = rest.ask(&call, now()).await?;
        let orders: Vec<OrderReply<'_>> = parse(&body)?;
        for order in &orders {
            let Ok(name) = ClientOrderId::new(&order.client_order_id) else { continue };
            let executed = order.executed_qty.unwrap_or_default();
            match beliefs.remove(&name) {
                Some(ours) if ours.executed == executed => checked.orders += 1,
                Some(ours) => checked.differences.push(format!(
                    "order {name}: executed {executed} at the exchange, {} by our books",
                    ours.executed
                )),
                None => checked.differences.push(format!("order {name} is unknown to us")),
            }
        }
        match orders.last() {
            Some(last) if orders.len() == PAGE as usize => from = Some(last.order_id + 1),
            Some(_) | None => return Ok(()),
        }
    }
}

async fn check_fills(
    rest: &SignedRest<'_>,
    now: &impl Fn() -> Timestamp,
    instrument: &Instrument,
    fills: &mut BTreeMap<(u16, i64, i64), &Fill>,
    checked: &mut Checked,
) -> Result<(), Failure> {
    let mut from = None;
    loop {
        let call = Call::my_trades(instrument.symbol.as_str(), from, PAGE);
        let body = rest.ask(&call, now()).await?;
        let trades: Vec<MyTrade<'_>> = parse(&body)?;
        for trade in &trades {
            let key = (instrument.id.0, trade.id, trade.order_id);
            let Some(ours) = fills.remove(&key) else {
                checked.differences.push(format!("fill {key:?} is missing in our books"));
                continue;
            };
            let side = if trade.is_buyer { Side::Buy } else { Side::Sell };
            let same = ours.side == side
                && ours.price == trade.price
                && ours.quantity == trade.qty
                && ours.fee == trade.commission
                && ours.fee_asset.as_str() == trade.commission_asset;
            if same {
                checked.fills += 1;
            } else {
                checked.differences.push(format!("fill {key:?} differs: {ours:?} and {trade:?}"));
            }
        }
        match trades.last() {
            Some(last) if trades.len() == PAGE as usize => from = Some(last.id + 1),
            Some(_) | None => return Ok(()),
        }
    }
}

async fn check_balances(
    rest: &SignedRest<'_>,
    now: &impl Fn() -> Timestamp,
    instruments: &Instruments,
    opening: &BTreeMap<Asset, Amount>,
    record: &RunRecord,
    checked: &mut Checked,
) -> Result<(), Failure> {
    let mut expected = opening.clone();
    let mut add = |asset: Asset, delta: Amount| *expected.entry(asset).or_default() += delta;
    for (_, fill) in record.fills() {
        let instrument = instruments.get(fill.key.instrument);
        let notional = Amount::notional(fill.price, fill.quantity)
            .map_err(|error| Failure::new(Exit::Internal, error))?;
        let quantity = Amount::from(fill.quantity);
        match fill.side {
            Side::Buy => {
                add(instrument.base, quantity);
                add(instrument.quote, -notional);
            }
            Side::Sell => {
                add(instrument.base, -quantity);
                add(instrument.quote, notional);
            }
        }
        add(fill.fee_asset, -fill.fee);
    }
    let body = rest.ask(&Call::account(), now()).await?;
    let account: Account<'_> = parse(&body)?;
    let held = |asset: &Asset| {
        let found = account.balances.iter().find(|balance| balance.asset == asset.as_str());
        found.map_or(Amount::ZERO, |balance| balance.free + balance.locked)
    };
    for (asset, expected) in &expected {
        let held = held(asset);
        if held == *expected {
            checked.balances += 1;
        } else {
            let text = format!("{asset}: {held} at the exchange, {expected} by our books");
            checked.differences.push(text);
        }
    }
    Ok(())
}

fn parse<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        Failure::new(Exit::VenueUnreachable, format!("not as documented: {error}"))
    })
}
