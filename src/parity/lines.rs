//! What happened, as lines that can be compared.
//!
//! Left out is what names rather than says something: numbers that venue and engine give to orders
//! and trades, and numbers of messages. So is the acceptance of an order that fills at once: whether
//! a venue tells of it before the fill is its business. A fill's own time is compared in
//! milliseconds, as the venue's messages tell it; everything else is exact.

use std::collections::BTreeSet;

use actors::lockstep::Happened;
use kernel::messages::{Cause, Intent, SubmitIntent};
use model::{Fill, Liquidity, OrderEvent, OrderEventKind, OrderId, StrategyId, Timestamp};
use serde::Serialize;

/// What a line tells of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A strategy wants something.
    Intent,
    /// The gate refused it.
    Denied,
    /// The gate approved it and it was sent, with its rounded price and quantity.
    Submitted,
    /// An execution of all that was left.
    Filled,
    /// An execution of a part.
    PartlyFilled,
    /// Taken back.
    Canceled,
    /// Refused by the venue.
    Rejected,
    /// Anything else that became of an order.
    Other,
}

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Line {
    /// By the venue's clock.
    pub at: Timestamp,
    /// What it is.
    pub what: What,
    /// All of it, in words.
    pub text: String,
}

/// How many things of each kind happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Counts {
    pub intents: usize,
    pub orders: usize,
    pub fills: usize,
    pub partial_fills: usize,
    pub cancels: usize,
    pub denied: usize,
    pub rejected: usize,
}

impl Counts {
    /// Of a list.
    #[must_use]
    pub fn of(lines: &[Line]) -> Self {
        let mut counts = Self::default();
        for line in lines {
            match line.what {
                What::Intent => counts.intents += 1,
                What::Denied => counts.denied += 1,
                What::Submitted => counts.orders += 1,
                What::Filled => counts.fills += 1,
                What::PartlyFilled => {
                    counts.fills += 1;
                    counts.partial_fills += 1;
                }
                What::Canceled => counts.cancels += 1,
                What::Rejected => counts.rejected += 1,
                What::Other => {}
            }
        }
        counts
    }
}

/// Where two lists part.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    /// So many lines before it are alike.
    pub alike: usize,
    /// What came next over the websockets.
    pub over_sockets: Vec<Line>,
    /// What came next in the backtest.
    pub over_files: Vec<Line>,
}

/// How many lines of each side a difference shows.
const SHOWN: usize = 4;

/// The first place at which two lists are not alike.
pub fn difference(over_sockets: &[Line], over_files: &[Line]) -> Option<Difference> {
    let alike = over_sockets.iter().zip(over_files).take_while(|(one, two)| one == two).count();
    if alike == over_sockets.len() && alike == over_files.len() {
        return None;
    }
    let next = |lines: &[Line]| lines.iter().skip(alike).take(SHOWN).cloned().collect();
    let (over_sockets, over_files) = (next(over_sockets), next(over_files));
    Some(Difference { alike, over_sockets, over_files })
}

/// The lines of what happened; strategies by their names.
pub fn of(happened: &[Happened], strategies: &[String]) -> Vec<Line> {
    let name = |strategy: StrategyId| strategies[usize::from(strategy.0)].as_str();
    let line = |happened: &Happened| match happened {
        Happened::Intended(submitted) => intent(submitted, name(submitted.strategy)),
        Happened::Order { strategy, event, .. } => order(event, name(*strategy)),
    };
    let at_once = filled_at_once(happened);
    let told = happened.iter().filter(|happened| match happened {
        Happened::Intended(_) => true,
        Happened::Order { event, .. } => match event.kind {
            OrderEventKind::Accepted { .. } => !at_once.contains(&(event.order, event.received_at)),
            OrderEventKind::Denied { .. }
            | OrderEventKind::Submitted { .. }
            | OrderEventKind::Triggered
            | OrderEventKind::Filled { .. }
            | OrderEventKind::Completed
            | OrderEventKind::Canceled { .. }
            | OrderEventKind::Expired { .. }
            | OrderEventKind::Rejected { .. }
            | OrderEventKind::CancelRejected { .. }
            | OrderEventKind::OutcomeUnknown { .. }
            | OrderEventKind::Absent { .. } => true,
        },
    });
    told.map(line).collect()
}

/// Orders with the instants at which they took or ended.
fn filled_at_once(happened: &[Happened]) -> BTreeSet<(OrderId, Timestamp)> {
    let taken = happened.iter().filter_map(|happened| match happened {
        Happened::Order { event, .. } => match &event.kind {
            OrderEventKind::Filled { fill, .. } if fill.liquidity == Liquidity::Taker => {
                Some((event.order, event.received_at))
            }
            OrderEventKind::Expired { .. } => Some((event.order, event.received_at)),
            OrderEventKind::Filled { .. }
            | OrderEventKind::Accepted { .. }
            | OrderEventKind::Denied { .. }
            | OrderEventKind::Submitted { .. }
            | OrderEventKind::Triggered
            | OrderEventKind::Completed
            | OrderEventKind::Canceled { .. }
            | OrderEventKind::Rejected { .. }
            | OrderEventKind::CancelRejected { .. }
            | OrderEventKind::OutcomeUnknown { .. }
            | OrderEventKind::Absent { .. } => None,
        },
        Happened::Intended(_) => None,
    });
    taken.collect()
}

fn number(order: OrderId) -> u32 {
    order.number
}

fn intent(submitted: &SubmitIntent, strategy: &str) -> Line {
    let SubmitIntent { intent, cause, caused_at, decided_at, .. } = submitted;
    let wanted = match intent {
        Intent::Submit { order, new } => format!("submit {}: {new:?}", number(*order)),
        Intent::Cancel { order } => format!("cancel {}", number(*order)),
        Intent::Replace { old, order, new } => {
            format!("replace {} by {}: {new:?}", number(*old), number(*order))
        }
    };
    let cause = match cause {
        Cause::Market { event, .. } => format!("{event:?}"),
        Cause::Order { order } => format!("order {}", number(*order)),
        Cause::Timer { timer } => format!("timer {timer}"),
        Cause::Lifecycle => "lifecycle".to_owned(),
        Cause::Engine => "engine".to_owned(),
    };
    let text = format!("{strategy} wants {wanted}; at {caused_at} by {cause}");
    Line { at: *decided_at, what: What::Intent, text }
}

fn order(event: &OrderEvent, strategy: &str) -> Line {
    let (what, text) = match &event.kind {
        OrderEventKind::Filled { fill, cumulative_quantity, complete } => {
            let what = if *complete { What::Filled } else { What::PartlyFilled };
            (what, format!("{}, {cumulative_quantity} in all", executed(fill)))
        }
        OrderEventKind::Accepted { .. } => (What::Other, "accepted".to_owned()),
        OrderEventKind::Denied { reason } => {
            // The first part of an order's name is the start of its engine.
            let start = format!(" {}-", event.order.epoch);
            (What::Denied, format!("denied: {reason:?}").replace(&start, " "))
        }
        OrderEventKind::Submitted { quantity, price } => {
            (What::Submitted, format!("submitted: {quantity:?} at {price:?}"))
        }
        OrderEventKind::Canceled { reason } => (What::Canceled, format!("canceled: {reason:?}")),
        OrderEventKind::Rejected { reason } => (What::Rejected, format!("rejected: {reason:?}")),
        kind @ (OrderEventKind::Triggered
        | OrderEventKind::Completed
        | OrderEventKind::Expired { .. }
        | OrderEventKind::CancelRejected { .. }
        | OrderEventKind::OutcomeUnknown { .. }
        | OrderEventKind::Absent { .. }) => (What::Other, format!("{kind:?}")),
    };
    let text = format!("{strategy} order {} {text}", number(event.order));
    Line { at: event.received_at, what, text }
}

fn executed(fill: &Fill) -> String {
    let Fill { side, price, quantity, fee, fee_asset, liquidity, event_at, .. } = fill;
    let (side, liquidity, at_ms) = (side.name(), liquidity, event_at.as_millis());
    format!("{side} {quantity} at {price} as {liquidity:?}, fee {fee} {fee_asset}, {at_ms} ms")
}
