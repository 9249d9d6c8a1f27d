//! Which order of one side is which of the other.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Side, Symbol};

use super::orders::OrderRecord;

/// An order of the run, its counterpart in the backtest, or both; by their places.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pair {
    /// In the run.
    pub run: Option<usize>,
    /// In the backtest.
    pub backtest: Option<usize>,
}

/// Pairs orders of a strategy, symbol, side and kind that were caused at the nearest instants,
/// within a limit, never across each other. An order that the gate of the backtest denied stands
/// for one of the run if no other does; left over, it is dropped: neither side then has an order.
pub fn pair(run: &[OrderRecord], backtest: &[OrderRecord], within: Duration) -> Vec<Pair> {
    let sent = |order: &OrderRecord| order.was_sent();
    let denied = |order: &OrderRecord| !order.was_sent();
    let mut pairs = Vec::new();
    for (key, of_run) in lines(run, |_| true) {
        let of_backtest = lines(backtest, sent).remove(&key).unwrap_or_default();
        let found = nearest(run, &of_run, backtest, &of_backtest, within);
        let (met, left): (Vec<Pair>, Vec<Pair>) =
            found.into_iter().partition(|pair| pair.backtest.is_some());
        pairs.extend(met);
        let left: Vec<usize> = left.iter().filter_map(|pair| pair.run).collect();
        let of_gate = lines(backtest, denied).remove(&key).unwrap_or_default();
        let found = nearest(run, &left, backtest, &of_gate, within);
        pairs.extend(found.into_iter().filter(|pair| pair.run.is_some()));
    }
    let known = lines(run, |_| true);
    for (_, left) in lines(backtest, sent).into_iter().filter(|(key, _)| !known.contains_key(key)) {
        pairs.extend(left.into_iter().map(|place| Pair { run: None, backtest: Some(place) }));
    }
    let caused_at = |pair: &Pair| {
        let of_run = pair.run.map(|place| run[place].caused_at);
        of_run.or(pair.backtest.map(|place| backtest[place].caused_at))
    };
    pairs.sort_by_key(|pair| (caused_at(pair), pair.run, pair.backtest));
    pairs
}

type Key<'a> = (&'a str, Symbol, Side, &'a str);

/// Places of orders by what they have in common, in order of time.
fn lines(
    orders: &[OrderRecord],
    is_wanted: impl Fn(&OrderRecord) -> bool,
) -> BTreeMap<Key<'_>, Vec<usize>> {
    let mut lines: BTreeMap<Key<'_>, Vec<usize>> = BTreeMap::new();
    for (place, order) in orders.iter().enumerate().filter(|(_, order)| is_wanted(order)) {
        let key = (order.strategy.as_str(), order.symbol, order.side, order.kind.as_str());
        lines.entry(key).or_default().push(place);
    }
    lines
}

/// Pairs of two lines, both in order of time.
fn nearest(
    run: &[OrderRecord],
    of_run: &[usize],
    backtest: &[OrderRecord],
    of_backtest: &[usize],
    within: Duration,
) -> Vec<Pair> {
    let apart = |one: &usize, other: &usize| {
        let (one, other) = (run[*one].caused_at, backtest[*other].caused_at);
        one.nanos_since(other).unsigned_abs()
    };
    let within = u64::try_from(within.as_nanos()).unwrap_or(u64::MAX);
    let (mut one, mut other) = (0, 0);
    let mut pairs = Vec::new();
    while let (Some(left), Some(right)) = (of_run.get(one), of_backtest.get(other)) {
        let distance = apart(left, right);
        let is_nearer =
            |distance_of_next: Option<u64>| distance_of_next.is_some_and(|next| next < distance);
        let next_left = of_run.get(one + 1).map(|next| apart(next, right));
        let next_right = of_backtest.get(other + 1).map(|next| apart(left, next));
        if distance <= within && !is_nearer(next_left) && !is_nearer(next_right) {
            pairs.push(Pair { run: Some(*left), backtest: Some(*right) });
            (one, other) = (one + 1, other + 1);
        } else if run[*left].caused_at < backtest[*right].caused_at {
            pairs.push(Pair { run: Some(*left), backtest: None });
            one += 1;
        } else {
            pairs.push(Pair { run: None, backtest: Some(*right) });
            other += 1;
        }
    }
    pairs.extend(of_run[one..].iter().map(|left| Pair { run: Some(*left), backtest: None }));
    let rest = of_backtest[other..].iter();
    pairs.extend(rest.map(|right| Pair { run: None, backtest: Some(*right) }));
    pairs
}

#[cfg(test)]
mod tests {
    use model::{InstrumentId, NewOrder, Quantity, Timestamp};

    use super::*;
    use crate::compare::orders::Outcome;

    fn order(at_ms: i64, side: Side, outcome: Outcome) -> OrderRecord {
        let new = NewOrder::market(InstrumentId(0), side, Quantity::ONE);
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let caused_at = Timestamp::from_millis(at_ms);
        let wanted = OrderRecord::wanted(at_ms.to_string(), "a", symbol, &new, caused_at);
        OrderRecord { outcome, ..wanted }
    }

    /// Orders by their times, negative for denied ones; pairs by times, 0 for none.
    #[track_caller]
    fn check(label: &str, run: &[i64], backtest: &[i64], expected: &[(i64, i64)]) {
        let make = |times: &[i64]| -> Vec<OrderRecord> {
            let outcome = |at: i64| {
                if at < 0 { Outcome::Denied("rule".to_owned()) } else { Outcome::Filled }
            };
            times.iter().map(|at| order(at.abs(), Side::Buy, outcome(*at))).collect()
        };
        let (run, backtest) = (make(run), make(backtest));
        let time = |orders: &[OrderRecord], place: Option<usize>| {
            place.map_or(0, |place| orders[place].caused_at.as_millis())
        };
        let found: Vec<(i64, i64)> = pair(&run, &backtest, Duration::from_secs(1))
            .into_iter()
            .map(|pair| (time(&run, pair.run), time(&backtest, pair.backtest)))
            .collect();
        assert_eq!(found, expected, "{label}");
    }

    #[test]
    fn the_nearest_within_the_limit_belong_together() {
        check("nothing", &[], &[], &[]);
        check("alike", &[1_000, 5_000], &[1_000, 5_000], &[(1_000, 1_000), (5_000, 5_000)]);
        check("too far", &[1_000], &[2_001], &[(1_000, 0), (0, 2_001)]);
        check("nearer", &[1_000], &[500, 1_100], &[(0, 500), (1_000, 1_100)]);
        check("nearer left", &[1_000, 1_400], &[1_500], &[(1_000, 0), (1_400, 1_500)]);
        check("only one", &[1_000], &[], &[(1_000, 0)]);
        check("only other", &[], &[1_000], &[(0, 1_000)]);
        check("denied", &[1_000], &[-1_000], &[(1_000, 1_000)]);
        check("denied beside", &[1_000], &[-1_000, 1_200], &[(1_000, 1_200)]);
        check("denied and nobody", &[], &[-1_000], &[]);
        check("at once", &[1_000, 1_000], &[1_000, 1_000], &[(1_000, 1_000), (1_000, 1_000)]);
    }

    #[test]
    fn sides_do_not_mix() {
        let run = [order(1_000, Side::Buy, Outcome::Filled)];
        let backtest = [order(1_000, Side::Sell, Outcome::Filled)];
        let pairs = pair(&run, &backtest, Duration::from_secs(1));
        assert_eq!(pairs.len(), 2, "{pairs:?}");
    }
}
