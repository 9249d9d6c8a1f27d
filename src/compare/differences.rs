//! What differs between an order and its counterpart, and why as far as both records tell.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{CancelReason, Level, Price, Quantity, Symbol, Timestamp};
use serde::Serialize;

use super::market::Sight;
use super::orders::{OrderRecord, Outcome};
use super::pairs::Pair;
use crate::recorded::Interruption;

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
    /// The run could not trade as it wished.
    Halt,
    /// The strategy held something else by then, after an order that was filled differently.
    Position,
    /// The other side's earlier order was still working, or gone already.
    WorkingOrder,
    /// The gate denied it on one side.
    Gate,
    /// The venue refused or ended it on one side.
    Venue,
    /// It rested where something was traded, and was not served alike.
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
            Self::Halt => "halt",
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

/// What kept the run from trading.
#[derive(Clone, Copy)]
pub struct Halts<'a> {
    /// Oldest first.
    pub interruptions: &'a [Interruption],
    /// The run's strategies, by number.
    pub strategies: &'a [String],
}

impl Halts<'_> {
    /// The first that kept an order like this from being traded at some time of a span.
    fn of(&self, order: &OrderRecord, from: Timestamp, to: Timestamp) -> Option<&Interruption> {
        let strategy = self.strategies.iter().position(|name| *name == order.strategy)?;
        let strategy = model::StrategyId(u16::try_from(strategy).ok()?);
        self.interruptions.iter().find(|interruption| {
            interruption.concerns(strategy, order.instrument, order.role)
                && interruption.is_within(from, to)
        })
    }
}

/// Every pair that differs.
pub fn find(sides: &[Side<'_>; 2], pairs: &[Pair], halts: Halts<'_>) -> Vec<Difference> {
    let books = [Positions::of(sides[0].orders), Positions::of(sides[1].orders)];
    let alone = |own: fn(&Pair) -> Option<usize>, other: fn(&Pair) -> Option<usize>| {
        let alone = pairs.iter().filter(|pair| other(pair).is_none());
        alone.filter_map(own).collect::<BTreeSet<usize>>()
    };
    let alone = [
        alone(|pair| pair.run, |pair| pair.backtest),
        alone(|pair| pair.backtest, |pair| pair.run),
    ];
    let (culprits, last_apart) = (BTreeMap::new(), BTreeMap::new());
    let mut finding = Finding { sides, books, halts, alone, culprits, last_apart };
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
    halts: Halts<'a>,
    /// Places of the orders of each side that have no counterpart.
    alone: [BTreeSet<usize>; 2],
    /// The first order that made positions differ, while they do.
    culprits: BTreeMap<Line<'a>, &'a str>,
    /// The last order that both decided, and by how many nanoseconds the backtest was later.
    last_apart: BTreeMap<Line<'a>, (&'a str, i64)>,
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
            (Some((run, _)), Some((backtest, _))) => {
                let apart = backtest.caused_at.nanos_since(run.caused_at);
                self.last_apart.insert(line, (run.order.as_str(), apart));
                what_differs(run, backtest)
            }
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
        if let Some(told) = self.halted(run) {
            return told;
        }
        if let Some(told) = refused(run, backtest) {
            return told;
        }
        if run.price != backtest.price || run.quantity != backtest.quantity {
            if held.0 != held.1 {
                return self.other_position(run, held);
            }
            return other_market(run, run_sight, backtest, backtest_sight).unwrap_or_else(|| {
                let text = "decided otherwise on the same market, holding the same".to_owned();
                (Because::Unknown, text)
            });
        }
        if run.has_taken() || backtest.has_taken() || run.price.is_none() {
            return met_market(run, run_sight, backtest, backtest_sight);
        }
        taken_back(run, backtest)
            .or_else(|| not_there_yet(run, backtest))
            .unwrap_or_else(|| in_the_queue(run, run_sight, backtest, backtest_sight))
    }

    /// An order of the run that the engine took back when trading stopped.
    fn halted(&self, run: &OrderRecord) -> Option<(Because, String)> {
        let by_engine = matches!(run.outcome, Outcome::Canceled(CancelReason::Engine));
        let ended_at = run.ended_at.filter(|_| by_engine && run.submitted_at.is_some())?;
        let halt = self.halts.of(run, run.caused_at, ended_at)?;
        let text = format!("the engine took it back: {} from {}", halt.by.name(), halt.from);
        Some((Because::Halt, text))
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
        if other == 0
            && let Some(halt) = self.halts.of(order, order.caused_at, order.caused_at)
        {
            let until = halt.to.map_or(String::new(), |to| format!(" to {to}"));
            let text = format!("in the run {}, from {}{until}", halt.by.name(), halt.from);
            return (Because::Halt, text);
        }
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
            (Some(_), Some(_)) | (None, None) => self.at_another_time(order, other, other_name),
        }
    }

    /// The other side decided the like at another instant, or has not kept time with this one since
    /// an earlier order.
    fn at_another_time(
        &self,
        order: &OrderRecord,
        other: usize,
        other_name: &str,
    ) -> (Because, String) {
        let orders = self.sides[other].orders;
        if let Some(near) = nearest(orders, &self.alone[other], order) {
            let apart_ms = near.caused_at.nanos_since(order.caused_at) / 1_000_000;
            let text = format!(
                "the {other_name} decided the like, {}, {apart_ms:+} ms from it",
                near.order
            );
            return (Because::DecisionTime, text);
        }
        let line = (order.strategy.as_str(), order.symbol);
        match self.last_apart.get(&line) {
            Some((last, apart)) if apart.unsigned_abs() >= KEPT_TIME => {
                let text = format!(
                    "the backtest decided the last order of both, {last}, {:+.1} ms from the run, \
                     and what goes by a timer goes on from there",
                    *apart as f64 / 1e6
                );
                (Because::DecisionTime, text)
            }
            Some(_) | None => {
                let text = format!("nothing tells why the {other_name} has none");
                (Because::Unknown, text)
            }
        }
    }
}

/// Decisions that are nearer than this are at the same time, in nanoseconds.
const KEPT_TIME: u64 = 1_000_000;
/// Orders without a counterpart that are farther apart are nothing to each other.
const LIKE_WITHIN: Duration = Duration::from_secs(10);

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
    match (run_sight.met, backtest_sight.met) {
        (Some(one), Some(other)) if one != other => {
            let text = format!("{text}; the market was {}, then {}", best(one), best(other));
            (Because::Latency, text)
        }
        (Some(_), Some(_)) => (Because::Unknown, format!("{text}; the best prices were the same")),
        (None, _) | (_, None) => (Because::Unknown, text),
    }
}

fn best([bid, ask]: [Level; 2]) -> String {
    format!("{} × {} / {} × {}", bid.price, bid.quantity, ask.price, ask.quantity)
}

/// What filled it on one side came before it had arrived on the other.
fn not_there_yet(run: &OrderRecord, backtest: &OrderRecord) -> Option<(Because, String)> {
    let told = |(late, late_name): (&OrderRecord, &str), (filled, name): (&OrderRecord, &str)| {
        let (there_at, fill) = (late.answered_at?, filled.fills.first()?);
        (late.filled() < filled.filled() && fill.at < there_at).then(|| {
            let text = format!(
                "in the {name} it was filled at {}; in the {late_name} its arrival was told at \
                 {there_at}",
                fill.at
            );
            (Because::Latency, text)
        })
    };
    told((backtest, "backtest"), (run, "run"))
        .or_else(|| told((run, "run"), (backtest, "backtest")))
}

/// It rested on both sides, at the same price and for as long as it mattered.
fn in_the_queue(
    run: &OrderRecord,
    run_sight: &Sight,
    backtest: &OrderRecord,
    backtest_sight: &Sight,
) -> (Because, String) {
    let traded = |sight: &Sight| {
        format!("{} traded at its price and {} beyond it", sight.traded_at, sight.traded_beyond)
    };
    let text = format!(
        "while it rested in the run, {}, in the backtest {}; filled {} and in the backtest {}",
        traded(run_sight),
        traded(backtest_sight),
        run.filled(),
        backtest.filled()
    );
    let has_queued = run_sight.traded_at.is_positive() || backtest_sight.traded_at.is_positive();
    (if has_queued { Because::Queue } else { Because::Unknown }, text)
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

/// The nearest order like this one among some.
fn nearest<'a>(
    orders: &'a [OrderRecord],
    among: &BTreeSet<usize>,
    like: &OrderRecord,
) -> Option<&'a OrderRecord> {
    let at = orders.partition_point(|order| order.caused_at < like.caused_at);
    let apart = |order: &OrderRecord| order.caused_at.nanos_since(like.caused_at).unsigned_abs();
    let is_near = |order: &&OrderRecord| u128::from(apart(order)) <= LIKE_WITHIN.as_nanos();
    let is_like = |order: &&OrderRecord| is_of_the_kind(order, like) && order.kind == like.kind;
    let order = |place: &usize| &orders[*place];
    let before = among.range(..at).rev().map(order).take_while(is_near).find(is_like);
    let after = among.range(at..).map(order).take_while(is_near).find(is_like);
    before.into_iter().chain(after).min_by_key(|order| apart(order))
}

#[cfg(test)]
mod tests;
