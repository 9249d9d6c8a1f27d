//! The venue's words for orders, as the engine's facts.

use kernel::venue::OrderSnapshot;
use model::{
    Asset, ClientOrderId, Fill, FillKey, InstrumentId, Liquidity, NewOrder, OrderStatus, Quantity,
    Timestamp, TradeId, VenueOrderId,
};

use crate::decode::{DecodeError, ExecutionReport, OrderReply};
use crate::{ExecutionType, OrderType, WireOrderStatus};

/// Where an order is. An untriggered stop is `NEW` to the venue and not yet working to us. A state
/// that this build does not know is `Unknown`: execution then asks, and reserves what it may cost.
const fn status(status: WireOrderStatus, is_working: bool) -> OrderStatus {
    match status {
        WireOrderStatus::New if is_working => OrderStatus::Accepted,
        WireOrderStatus::New | WireOrderStatus::PendingNew => OrderStatus::PendingNew,
        WireOrderStatus::PendingCancel => OrderStatus::Accepted,
        WireOrderStatus::PartiallyFilled => OrderStatus::PartiallyFilled,
        WireOrderStatus::Filled => OrderStatus::Filled,
        WireOrderStatus::Canceled => OrderStatus::Canceled,
        WireOrderStatus::Rejected => OrderStatus::Rejected,
        WireOrderStatus::Expired => OrderStatus::Expired,
        WireOrderStatus::ExpiredInMatch => OrderStatus::ExpiredInMatch,
        WireOrderStatus::Unknown => OrderStatus::Unknown,
    }
}

/// What a step says of an order whose state this build does not know; `Unknown` if nothing.
fn state_after(report: &ExecutionReport<'_>) -> WireOrderStatus {
    if report.status != WireOrderStatus::Unknown {
        return report.status;
    }
    match report.execution_type {
        ExecutionType::Canceled => WireOrderStatus::Canceled,
        ExecutionType::Expired => WireOrderStatus::Expired,
        ExecutionType::Rejected => WireOrderStatus::Rejected,
        ExecutionType::Trade if report.cumulative_quantity == report.quantity => {
            WireOrderStatus::Filled
        }
        ExecutionType::Trade => WireOrderStatus::PartiallyFilled,
        ExecutionType::New
        | ExecutionType::Replaced
        | ExecutionType::TradePrevention
        | ExecutionType::Unknown => WireOrderStatus::Unknown,
    }
}

/// Why a state is `Unknown`, for the log.
const UNKNOWN_STATE: &str = "a state that this build does not know";

/// Whether orders of a type wait for a trigger first.
const fn waits_for_trigger(order_type: OrderType) -> bool {
    match order_type {
        OrderType::StopLoss
        | OrderType::StopLossLimit
        | OrderType::TakeProfit
        | OrderType::TakeProfitLimit => true,
        OrderType::Market | OrderType::Limit | OrderType::LimitMaker | OrderType::Unknown => false,
    }
}

/// The name of an order. One that can't be ours reads as `-`, for other programs name theirs as
/// they like.
pub(super) fn client_order_id(text: &str) -> ClientOrderId {
    ClientOrderId::new(text)
        .or_else(|_| ClientOrderId::new("-"))
        .expect("a single dash is a valid name")
}

/// An order as an answer describes it. An answer without a state (ACK) says that the venue has
/// the order and no more.
pub(super) fn snapshot_of_reply(
    reply: &OrderReply<'_>,
    instrument: InstrumentId,
    now: Timestamp,
) -> OrderSnapshot {
    let is_working = match (reply.working_time, reply.is_working) {
        (Some(-1), _) | (None, Some(false)) => false,
        (Some(_), _) | (None, Some(true)) => true,
        (None, None) => !reply.order_type.is_some_and(waits_for_trigger),
    };
    let state = reply.status.unwrap_or(WireOrderStatus::New);
    let reason = if state == WireOrderStatus::Unknown {
        UNKNOWN_STATE
    } else {
        reply.expiry_reason.as_deref().unwrap_or("")
    };
    OrderSnapshot {
        instrument,
        client_order_id: client_order_id(reply.own_client_order_id()),
        venue_order: VenueOrderId(reply.order_id),
        status: status(state, is_working),
        executed_quantity: reply.executed_qty.unwrap_or(Quantity::ZERO),
        is_working,
        reason: reason.to_owned(),
        event_at: reply.transact_time.or(reply.update_time).or(reply.time).unwrap_or(now),
    }
}

/// The fills in the answer to a new order: all of a taker's.
pub(super) fn order_fills(
    reply: &OrderReply<'_>,
    new: &NewOrder,
    snapshot: &OrderSnapshot,
) -> Result<Vec<Fill>, DecodeError> {
    reply
        .fills
        .iter()
        .filter(|fill| fill.trade_id >= 0)
        .map(|fill| {
            let asset = &fill.commission_asset;
            Ok(Fill {
                key: FillKey {
                    instrument: new.instrument,
                    trade: TradeId(fill.trade_id),
                    venue_order: snapshot.venue_order,
                },
                side: new.side,
                price: fill.price,
                quantity: fill.qty,
                fee: fill.commission,
                fee_asset: Asset::new(asset)
                    .map_err(|_| DecodeError::impossible("fill", "commission asset", asset))?,
                liquidity: Liquidity::Taker,
                event_at: snapshot.event_at,
            })
        })
        .collect()
}

/// An order as a report of the user data stream describes it, and the execution in it, if any.
pub(super) fn snapshot_of_report(
    report: &ExecutionReport<'_>,
    instrument: InstrumentId,
) -> Result<(OrderSnapshot, Option<Fill>), DecodeError> {
    let state = state_after(report);
    let was_triggered = report.is_on_book || report.working_at.is_some();
    let is_working = was_triggered || !waits_for_trigger(report.order_type);
    let reason = match (&report.expiry_reason, state) {
        (_, WireOrderStatus::Unknown) => UNKNOWN_STATE,
        (Some(reason), _) => reason.as_ref(),
        (None, WireOrderStatus::Rejected) => report.reject_reason.as_ref(),
        (
            None,
            WireOrderStatus::New
            | WireOrderStatus::PendingNew
            | WireOrderStatus::PartiallyFilled
            | WireOrderStatus::Filled
            | WireOrderStatus::Canceled
            | WireOrderStatus::PendingCancel
            | WireOrderStatus::Expired
            | WireOrderStatus::ExpiredInMatch,
        ) => "",
    };
    let snapshot = OrderSnapshot {
        instrument,
        client_order_id: client_order_id(report.own_client_order_id()),
        venue_order: VenueOrderId(report.order_id),
        status: status(state, is_working),
        executed_quantity: report.cumulative_quantity,
        is_working,
        reason: reason.to_owned(),
        event_at: report.transacted_at,
    };
    Ok((snapshot, report.fill(instrument)?))
}
