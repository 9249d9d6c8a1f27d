//! What differs between an order and its counterpart, and why as far as both records tell.

use std::collections::BTreeMap;

use model::{Price, Quantity, Symbol, Timestamp};
use serde::Serialize;

use super::market::Sight;
use super::orders::{OrderRecord, Outcome};
use super::pairs::Pair;

/// The orders of one side, each with its market.
pub struct Side<'a> {
    /// In the order in which they were caused.
    pub orders: &'a [OrderRecord],
    /// By the places of the orders.
    pub sights: &'a [Sight],
}

/// Why an order has no counterpart that fared alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// The strategy held something else by then, after an order that was filled differently.
    Position,
    /// The other side's earlier order was still working, or gone already.
    WorkingOrder,
    /// The gate denied it on one side.
    Gate,
    /// The venue refused or ended it on one side.
    Venue,
    /// It rested, and did not fare alike in the queue.
    Queue,
    /// It was taken back before, or after, what filled it on the other side.
    CancelTime,
    /// It met the market at another instant.
    Latency,
    /// It was decided on another market: the instants differ.
    DecisionTime,
    /// Nothing in the records tells.
    Unknown,
}

impl Because {
    /// In a word or two.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Position => "position",
            Self::WorkingOrder => "working order",
            Self::Gate => "gate",
            Self::Venue => "venue",
            Self::Queue => "queue",
            Self::CancelTime => "cancel time",
            Self::Latency => "latency",
            Self::DecisionTime => "decision time",
            Self::Unknown => "unknown",
        }
    }
}

/// An order that differs.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The order of the run; none if only the backtest has it.
    pub run: Option<OrderRecord>,
    /// The order of the backtest; none if only the run has it.
    pub backtest: Option<OrderRecord>,
    /// What differs.
    pub what: Vec<String>,
    /// Why.
    pub because: Because,
    /// Why, with the figures.
    pub explanation: String,
}

/// Every pair that differs.
pub fn find(sides: &[Side<'_>; 2], pairs: &[Pair]) -> Vec<Difference> {
    let books = [Positions::of(sides[0].orders), Positions::of(sides[1].orders)];
    let mut finding = Finding { sides, books, culprits: BTreeMap::new() };
    pairs.iter().filter_map(|pair| finding.look_at(*pair)).collect()
}

type Line<'a> = (&'a str, Symbol);

/// What each strategy held, from the fills alone, in units of the base asset.
struct Positions<'a>(BTreeMap<Line<'a>, Vec<(Timestamp, i128)>>);

impl<'a> Positions<'a> {
    fn of(orders: &'a [OrderRecord]) -> Self {
        let mut lines: BTreeMap<Line<'a>, Vec<(Timestamp, i128)>> = BTreeMap::new();
        for order in orders {
            let line = lines.entry((order.strategy.as_str(), order.symbol)).or_default();
            let sign = i128::from(order.side.sign());
            let moves = order.fills.iter();
            line.extend(moves.map(|fill| (fill.at, sign * i128::from(fill.quantity.units()))));
        }
        for line in lines.values_mut() {
            line.sort_by_key(|(at, _)| *at);
            let mut sum = 0;
            for (_, units) in line {
                sum += *units;
                *units = sum;
            }
        }
        Self(lines)
    }

    fn at(&self, line: Line<'_>, at: Timestamp) -> i128 {
        let Some(moves) = self.0.get(&line) else { return 0 };
        let before = moves.partition_point(|(moved_at, _)| *moved_at <= at);
        before.checked_sub(1).map_or(0, |last| moves[last].1)
    }
}

struct Finding<'a> {
    sides: &'a [Side<'a>; 2],
    books: [Positions<'a>; 2],
    /// The first order that made positions differ, while they do.
    culprits: BTreeMap<Line<'a>, &'a str>,
}

impl<'a> Finding<'a> {
    fn look_at(&mut self, pair: Pair) -> Option<Difference> {
        let sides = self.sides;
        let run = pair.run.map(|place| (&sides[0].orders[place], &sides[0].sights[place]));
        let backtest =
            pair.backtest.map(|place| (&sides[1].orders[place], &sides[1].sights[place]));
        let one = run.or(backtest)?.0;
        let line = (one.strategy.as_str(), one.symbol);
        let held = self.held(run, backtest);
        if held.0 == held.1 {
            self.culprits.remove(&line);
        }
        let what = match (run, backtest) {
            (Some((run, _)), Some((backtest, _))) => what_differs(run, backtest),
            (Some(_), None) => vec!["only in the run".to_owned()],
            (None, Some(_)) => vec!["only in the backtest".to_owned()],
            (None, None) => return None,
        };
        if what.is_empty() {
            return None;
        }
        let (because, explanation) = self.explain(run, backtest, held);
        let filled = |side: Option<(&OrderRecord, &Sight)>| {
            side.map_or(Quantity::ZERO, |(order, _)| order.filled())
        };
        if filled(run) != filled(backtest) {
            self.culprits.entry(line).or_insert(one.order.as_str());
        }
        let own = |side: Option<(&OrderRecord, &Sight)>| side.map(|(order, _)| order.clone());
        Some(Difference { run: own(run), backtest: own(backtest), what, because, explanation })
    }

    /// What the strategy held when each side decided; the other side at the same instant.
    fn held(&self, run: Found<'_>, backtest: Found<'_>) -> (i128, i128) {
        let at = |side: Found<'_>| side.map(|(order, _)| order.caused_at);
        let either = at(run).or(at(backtest)).unwrap_or(Timestamp::EPOCH);
        let order = run.or(backtest).map(|(order, _)| order);
        let Some(order) = order else { return (0, 0) };
        let line = (order.strategy.as_str(), order.symbol);
        let held =
            |book: &Positions<'_>, side: Found<'_>| book.at(line, at(side).unwrap_or(either));
        (held(&self.books[0], run), held(&self.books[1], backtest))
    }

    fn explain(
        &self,
        run: Found<'_>,
        backtest: Found<'_>,
        held: (i128, i128),
    ) -> (Because, String) {
        match (run, backtest) {
            (Some(run), Some(backtest)) => self.explain_pair(run, backtest, held),
            (Some((order, _)), None) => self.explain_single(order, 1, "backtest", held),
            (None, Some((order, _))) => self.explain_single(order, 0, "run", held),
            (None, None) => (Because::Unknown, String::new()),
        }
    }

    fn explain_pair(
        &self,
        (run, run_sight): (&OrderRecord, &Sight),
        (backtest, backtest_sight): (&OrderRecord, &Sight),
        held: (i128, i128),
    ) -> (Because, String) {
        if let Some(told) = refused(run, backtest) {
            return told;
        }
        if run.price != backtest.price || run.quantity != backtest.quantity {
            if held.0 != held.1 {
                return self.other_position(run, held);
            }
            if let Some(told) = other_market(run, run_sight, backtest, backtest_sight) {
                return told;
            }
        }
        if run.has_taken() || backtest.has_taken() || run.price.is_none() {
            return met_market(run, run_sight, backtest, backtest_sight);
        }
        if let Some(told) = taken_back(run, backtest) {
            return told;
        }
        let Sight { traded_at, traded_beyond, .. } = run_sight;
        let text = format!(
            "while it rested in the run, {traded_at} traded at its price and {traded_beyond} beyond \
             it; filled {} and in the backtest {}",
            run.filled(),
            backtest.filled()
        );
        (Because::Queue, text)
    }

    fn other_position(&self, order: &OrderRecord, held: (i128, i128)) -> (Because, String) {
        let culprit = self.culprits.get(&(order.strategy.as_str(), order.symbol));
        let since = culprit.map_or(String::new(), |culprit| format!(", since order {culprit}"));
        let text = format!(
            "it held {} in the run and {} in the backtest{since}",
            quantity(held.0),
            quantity(held.1)
        );
        (Because::Position, text)
    }

    fn explain_single(
        &self,
        order: &OrderRecord,
        other: usize,
        other_name: &str,
        held: (i128, i128),
    ) -> (Because, String) {
        if held.0 != held.1 {
            return self.other_position(order, held);
        }
        let own = &self.sides[1 - other];
        let at = order.caused_at;
        let there = working(self.sides[other].orders, order, at);
        let here = working(own.orders, order, at);
        match (there, here) {
            (Some(working), None) => {
                let text = format!(
                    "in the {other_name} order {} of {}, placed at {}, was still working",
                    working.order,
                    working.price.map_or_else(String::new, |price| price.to_string()),
                    working.caused_at
                );
                (Because::WorkingOrder, text)
            }
            (None, Some(working)) => {
                let text = format!(
                    "it replaced order {}, which was gone in the {other_name}",
                    working.order
                );
                (Because::WorkingOrder, text)
            }
            (Some(_), Some(_)) | (None, None) => {
                let near = nearest(self.sides[other].orders, order);
                let text = near.map_or_else(
                    || format!("the {other_name} has no such order at all"),
                    |near| {
                        let apart_ms = near.caused_at.nanos_since(at) / 1_000_000;
                        format!(
                            "the {other_name} decided the nearest of the kind, {}, {apart_ms:+} ms \
                             from it",
                            near.order
                        )
                    },
                );
                (Because::DecisionTime, text)
            }
        }
    }
}

type Found<'a> = Option<(&'a OrderRecord, &'a Sight)>;

fn quantity(units: i128) -> String {
    i64::try_from(units).map_or_else(|_| units.to_string(), |u| Quantity::from_units(u).to_string())
}

fn what_differs(run: &OrderRecord, backtest: &OrderRecord) -> Vec<String> {
    let text = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let price = |order: &OrderRecord| text(order.price.map(|price| price.to_string()));
    let size = |order: &OrderRecord| text(order.quantity.map(|size| size.to_string()));
    let mut what = Vec::new();
    let mut differ = |name: &str, run: String, backtest: String| {
        if run != backtest {
            what.push(format!("{name} {run}, in the backtest {backtest}"));
        }
    };
    differ("limit", price(run), price(backtest));
    differ("quantity", size(run), size(backtest));
    differ("refused", refusal(run), refusal(backtest));
    differ("filled", run.filled().to_string(), backtest.filled().to_string());
    if let (Some(ran), Some(tested)) = (run.average_price(), backtest.average_price())
        && run.filled() == backtest.filled()
    {
        // A price has eight decimals.
        let at = |price: f64| format!("{price:.8}");
        differ("filled at", at(ran), at(tested));
    }
    what
}

/// How the gate or the venue refused it; "no" if neither did.
fn refusal(order: &OrderRecord) -> String {
    match &order.outcome {
        Outcome::Denied(rule) => format!("by {rule}"),
        Outcome::Rejected(words) => format!("by the venue: {words}"),
        Outcome::Expired(words) => format!("by the venue, which ended it: {words}"),
        Outcome::Open | Outcome::Filled | Outcome::Canceled(_) | Outcome::Absent => "no".to_owned(),
    }
}

fn refused(run: &OrderRecord, backtest: &OrderRecord) -> Option<(Because, String)> {
    let told = (refusal(run), refusal(backtest));
    if told.0 == told.1 {
        return None;
    }
    let is_denied = |order: &OrderRecord| matches!(order.outcome, Outcome::Denied(_));
    let because =
        if is_denied(run) || is_denied(backtest) { Because::Gate } else { Because::Venue };
    Some((because, format!("refused in the run: {}; in the backtest: {}", told.0, told.1)))
}

fn other_market(
    run: &OrderRecord,
    run_sight: &Sight,
    backtest: &OrderRecord,
    backtest_sight: &Sight,
) -> Option<(Because, String)> {
    let best = |sight: &Sight| (sight.bid, sight.ask, sight.last);
    if best(run_sight) == best(backtest_sight) {
        return None;
    }
    let shown = |price: Option<Price>| price.map_or("-".to_owned(), |price| price.to_string());
    let market = |sight: &Sight| format!("{} / {}", shown(sight.bid), shown(sight.ask));
    let apart_ms = backtest.caused_at.nanos_since(run.caused_at) / 1_000_000;
    let text = format!(
        "the backtest decided {apart_ms:+} ms from the run: the market was {} then, in the run {}",
        market(backtest_sight),
        market(run_sight)
    );
    Some((Because::DecisionTime, text))
}

/// Basis points of an order's average price from the middle of the market at its decision; positive
/// is worse than the middle.
#[must_use]
pub fn slippage_bps(order: &OrderRecord, sight: &Sight) -> Option<f64> {
    let (average, middle) = (order.average_price()?, sight.middle()?);
    Some((average - middle) / middle * 10_000.0 * order.side.sign() as f64)
}

fn met_market(
    run: &OrderRecord,
    run_sight: &Sight,
    backtest: &OrderRecord,
    backtest_sight: &Sight,
) -> (Because, String) {
    let paid = |order: &OrderRecord, sight: &Sight| match slippage_bps(order, sight) {
        Some(bps) => format!("{bps:+.2} bps from the middle"),
        None => "not filled".to_owned(),
    };
    let took = |order: &OrderRecord| {
        let first = order.fills.first().map(|fill| fill.at.nanos_since(order.caused_at));
        first.map_or("-".to_owned(), |nanos| format!("{:.1} ms", nanos as f64 / 1e6))
    };
    let text = format!(
        "it met the market {} after its cause, in the backtest {}: {}, in the backtest {}",
        took(run),
        took(backtest),
        paid(run, run_sight),
        paid(backtest, backtest_sight)
    );
    (Because::Latency, text)
}

/// One side took it back before what filled it on the other.
fn taken_back(run: &OrderRecord, backtest: &OrderRecord) -> Option<(Because, String)> {
    let told = |(gone, gone_name): (&OrderRecord, &str), (filled, name): (&OrderRecord, &str)| {
        if gone.filled() >= filled.filled() || !matches!(gone.outcome, Outcome::Canceled(_)) {
            return None;
        }
        let (gone_at, fill) = (gone.ended_at?, filled.fills.last()?);
        (fill.at > gone_at).then(|| {
            let text = format!(
                "the {gone_name} had taken it back at {gone_at}; in the {name} it was filled at {}",
                fill.at
            );
            (Because::CancelTime, text)
        })
    };
    told((backtest, "backtest"), (run, "run"))
        .or_else(|| told((run, "run"), (backtest, "backtest")))
}

/// An order of the same strategy, symbol and side that works at an instant.
fn working<'a>(
    orders: &'a [OrderRecord],
    like: &OrderRecord,
    at: Timestamp,
) -> Option<&'a OrderRecord> {
    let before = orders.partition_point(|order| order.caused_at < at);
    let is_working = |order: &&OrderRecord| {
        is_of_the_kind(order, like)
            && order.was_sent()
            && order.ended_at.is_none_or(|ended_at| ended_at > at)
    };
    orders[..before].iter().rev().take(LOOKED_BACK).find(is_working)
}

/// So many orders are looked through for one that works.
const LOOKED_BACK: usize = 1_000;

fn is_of_the_kind(order: &OrderRecord, like: &OrderRecord) -> bool {
    order.strategy == like.strategy && order.symbol == like.symbol && order.side == like.side
}

fn nearest<'a>(orders: &'a [OrderRecord], like: &OrderRecord) -> Option<&'a OrderRecord> {
    let place = orders.partition_point(|order| order.caused_at < like.caused_at);
    let before = orders[..place].iter().rev().take(LOOKED_BACK);
    let after = orders[place..].iter().take(LOOKED_BACK);
    let of_kind = |order: &&OrderRecord| is_of_the_kind(order, like);
    let near = before.filter(of_kind).take(1).chain(after.filter(of_kind).take(1));
    near.min_by_key(|order| order.caused_at.nanos_since(like.caused_at).unsigned_abs())
}
