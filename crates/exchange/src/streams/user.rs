//! Payloads of the user data stream.

use serde::Serialize;

use crate::api::TimeUnit;
use crate::api::handlers::render::Eight;
use crate::api::ordered::{Object, object};
use crate::machine::{ExecutionReport, ExecutionType, UserEvent};
use crate::orders::side_name;
use model::{Amount, Price, Quantity};

/// An event as `{"subscriptionId":…,"event":…}`.
#[must_use]
pub fn wrap(subscription: u32, event: &str) -> String {
    format!(r#"{{"subscriptionId":{subscription},"event":{event}}}"#)
}

/// The event's JSON.
#[must_use]
pub fn event(event: &UserEvent, unit: TimeUnit) -> String {
    let value = match event {
        UserEvent::Execution(report) => {
            return serde_json::to_string(&Report::of(report, unit))
                .expect("a report is plain data");
        }
        UserEvent::Position { balances, at } => {
            let balances: Vec<Object> = balances
                .iter()
                .map(|(asset, balance)| {
                    object! {"a": asset, "f": Eight(balance.free), "l": Eight(balance.locked)}
                })
                .collect();
            let at = unit.of(*at);
            object! {"e": "outboundAccountPosition", "E": at, "u": at, "B": balances}
        }
        UserEvent::List { list, orders, is_update, at } => {
            let orders: Vec<Object> = orders
                .iter()
                .map(|(id, client_id)| object! {"s": list.symbol, "i": id, "c": client_id})
                .collect();
            let at = unit.of(*at);
            let kind = if *is_update { "UPDATED" } else { list.status_type() };
            object! {
                "e": "listStatus", "E": at, "s": list.symbol, "g": list.id,
                "c": list.contingency.name(), "l": kind, "L": list.order_status(),
                "r": "NONE", "C": list.client_id, "T": at, "O": orders,
            }
        }
        UserEvent::BalanceUpdate { asset, delta, at } => {
            let at = unit.of(*at);
            object! {"e": "balanceUpdate", "E": at, "a": asset, "d": Eight(*delta), "T": at}
        }
    };
    value.to_string()
}

/// `eventStreamTerminated`
#[must_use]
pub fn terminated(now: model::Timestamp, unit: TimeUnit) -> String {
    object! {"e": "eventStreamTerminated", "E": unit.of(now)}.to_string()
}

/// An execution report with the venue's one-letter names.
#[derive(Serialize)]
#[expect(non_snake_case, reason = "the names on the wire, which differ by case alone")]
struct Report<'a> {
    e: &'static str,
    E: i64,
    s: model::Symbol,
    /// Client id; of the cancel, for a cancel.
    c: model::ClientOrderId,
    S: &'static str,
    o: &'static str,
    f: &'static str,
    q: Quantity,
    p: Price,
    P: Price,
    F: Quantity,
    g: i64,
    /// Client id of the canceled order.
    C: &'a str,
    x: &'static str,
    X: &'static str,
    r: &'static str,
    i: i64,
    l: Quantity,
    z: Quantity,
    L: Price,
    n: Fee,
    N: Option<model::Asset>,
    T: i64,
    t: i64,
    I: i64,
    w: bool,
    m: bool,
    M: bool,
    O: i64,
    Z: Eight,
    Y: Eight,
    Q: Eight,
    #[serde(skip_serializing_if = "Option::is_none")]
    W: Option<i64>,
    V: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    D: Option<i64>,
    #[serde(flatten)]
    prevention: Option<Prevented>,
    #[serde(skip_serializing_if = "Option::is_none")]
    j: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    J: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eR: Option<&'a str>,
}

/// What a report says of a prevented match.
#[derive(Serialize)]
#[expect(non_snake_case, reason = "the names on the wire, which differ by case alone")]
struct Prevented {
    v: i64,
    /// Lost so far.
    A: Quantity,
    /// Lost now.
    B: Quantity,
    /// The trade group: none.
    u: i64,
    U: i64,
    Cs: model::Symbol,
    pl: Quantity,
    pL: Price,
    pY: Eight,
}

impl Prevented {
    fn of(report: &ExecutionReport) -> Option<Self> {
        let prevention = report.prevention?;
        let quote = Amount::notional(prevention.price, prevention.quantity).ok()?;
        Some(Self {
            v: prevention.id,
            A: report.order.prevented,
            B: prevention.last,
            u: -1,
            U: prevention.counter_order,
            Cs: report.order.symbol,
            pl: prevention.quantity,
            pL: prevention.price,
            pY: Eight(quote.truncated(8)),
        })
    }
}

/// A commission: `"0"` where there is no trade.
struct Fee(Option<Amount>);

impl Serialize for Fee {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_str("0"),
            Some(fee) => Eight(fee).serialize(serializer),
        }
    }
}

impl<'a> Report<'a> {
    fn of(report: &'a ExecutionReport, unit: TimeUnit) -> Self {
        let ExecutionReport { order, kind, trade, cancel_id, earlier_id, execution_id, at, .. } =
            report;
        let is_rejected = *kind == ExecutionType::Rejected;
        let trade = trade.as_ref();
        let is_on_book = order.status.is_open()
            && !is_rejected
            && !order.is_waiting()
            && trade.is_none_or(|trade| trade.is_maker);
        Self {
            e: "executionReport",
            E: unit.of(*at),
            s: order.symbol,
            c: cancel_id.unwrap_or(order.client_id),
            S: side_name(order.side),
            o: order.type_name(),
            f: order.time_in_force_name(),
            q: order.quantity,
            p: order.price(),
            P: order.stop_price().unwrap_or(Price::ZERO),
            F: order.iceberg.unwrap_or(Quantity::ZERO),
            g: order.list_number(),
            C: match (cancel_id, earlier_id) {
                (Some(_), _) => order.client_id.as_str(),
                (None, Some(earlier)) => earlier.as_str(),
                (None, None) => "",
            },
            x: kind.name(),
            X: if is_rejected { kind.name() } else { order.status.name() },
            r: report.reject_reason,
            i: order.id,
            l: trade.map_or(Quantity::ZERO, |trade| trade.quantity),
            z: order.executed,
            L: trade.map_or(Price::ZERO, |trade| trade.price),
            n: Fee(trade.map(|trade| trade.fee)),
            N: trade.map(|trade| trade.fee_asset),
            T: unit.of(*at),
            t: trade.map_or(-1, |trade| trade.id.0),
            I: *execution_id,
            w: is_on_book,
            m: trade.is_some_and(|trade| trade.is_maker),
            M: trade.is_some(),
            O: unit.of(order.created_at),
            Z: Eight(order.quote_executed),
            Y: Eight(trade.map_or(Amount::ZERO, |trade| trade.quote)),
            Q: Eight(order.quote_wanted),
            W: order.working_at.map(|at| unit.of(at)),
            V: order.prevention.venue_name(),
            d: order.trailing_delta,
            D: order.trailing_at.map(|at| unit.of(at)),
            prevention: Prevented::of(report),
            j: order.strategy_id,
            J: order.strategy_type,
            eR: order.expiry_reason.as_deref(),
        }
    }
}
