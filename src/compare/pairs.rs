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
/// within a limit, never across each other, such that as little as possible is left. An order that the gate of the backtest denied stands
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

/// Pairs of two lines, both in order of time, that together are nearest: a pair costs as much as it
/// is apart, an order left alone half the limit. So two orders within the limit of each other are
/// not both left alone, and a shift of all is not taken for what only one of them lacks.
fn nearest(
    run: &[OrderRecord],
    of_run: &[usize],
    backtest: &[OrderRecord],
    of_backtest: &[usize],
    within: Duration,
) -> Vec<Pair> {
    let times = |orders: &[OrderRecord], places: &[usize]| -> Vec<i64> {
        places.iter().map(|place| orders[*place].caused_at.as_nanos()).collect()
    };
    let within = i64::try_from(within.as_nanos()).unwrap_or(i64::MAX);
    let (left, right) = (times(run, of_run), times(backtest, of_backtest));
    let aligned = Alignment::new(&left, &right, within).walk();
    let pair = |(run, backtest): (Option<usize>, Option<usize>)| Pair {
        run: run.map(|place| of_run[place]),
        backtest: backtest.map(|place| of_backtest[place]),
    };
    aligned.into_iter().map(pair).collect()
}

/// How a state of the alignment was reached best.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Both,
    LeftAlone,
    RightAlone,
}

/// The states after so many of the left line: how many of the right line may be done by then, from
/// `first` on, and the best way there.
struct Row {
    first: usize,
    costs: Vec<i128>,
    steps: Vec<Step>,
}

/// The alignment of two lines by dynamic programming. Only what is within the limit can be paired,
/// which bounds the states of a row.
struct Alignment {
    rows: Vec<Row>,
    rights: usize,
}

impl Alignment {
    fn new(left: &[i64], right: &[i64], within: i64) -> Self {
        // All that is too early for the one on the left is done before it; all that is near enough
        // may be.
        let done_before = |at: i64| right.partition_point(|it| *it < at.saturating_sub(within));
        let near = |left: Option<&i64>| {
            left.map_or(right.len(), |at| {
                right.partition_point(|it| *it <= at.saturating_add(within))
            })
        };
        let start = Row { first: 0, costs: vec![0], steps: vec![Step::Both] };
        let mut rows = vec![start];
        fill(&mut rows[0], near(left.first()), within, |_| None);
        for (place, at) in left.iter().enumerate() {
            let above = &rows[place];
            let (first, end) = (done_before(*at), near(left.get(place + 1)));
            let cost = |done: usize| above.costs.get(done.checked_sub(above.first)?).copied();
            let best = |done: usize| {
                let alone = cost(done).map(|cost| (cost + i128::from(within), Step::LeftAlone));
                let both = done.checked_sub(1).and_then(|other| {
                    let apart = i128::from(*at) - i128::from(right[other]);
                    let apart = Some(apart.abs()).filter(|apart| *apart <= i128::from(within))?;
                    Some((cost(other)? + 2 * apart, Step::Both))
                });
                both.into_iter().chain(alone).min_by_key(|(cost, _)| *cost)
            };
            let (cost, step) = best(first).expect("the row above reaches to where this one begins");
            let mut row = Row { first, costs: vec![cost], steps: vec![step] };
            fill(&mut row, end, within, best);
            rows.push(row);
        }
        Self { rows, rights: right.len() }
    }

    /// The pairs, in order.
    fn walk(self) -> Vec<(Option<usize>, Option<usize>)> {
        let (mut left, mut right) = (self.rows.len() - 1, self.rights);
        let mut pairs = Vec::new();
        while (left, right) != (0, 0) {
            let row = &self.rows[left];
            let (takes_left, takes_right) = match row.steps[right - row.first] {
                Step::Both => (true, true),
                Step::LeftAlone => (true, false),
                Step::RightAlone => (false, true),
            };
            (left, right) = (left - usize::from(takes_left), right - usize::from(takes_right));
            pairs.push((takes_left.then_some(left), takes_right.then_some(right)));
        }
        pairs.reverse();
        pairs
    }
}

/// Goes on along a row: from above, or by leaving one on the right alone.
fn fill(row: &mut Row, end: usize, within: i64, above: impl Fn(usize) -> Option<(i128, Step)>) {
    for done in row.first + 1..=end {
        let last = row.costs[row.costs.len() - 1];
        let alone = (last + i128::from(within), Step::RightAlone);
        let best = above(done).filter(|(cost, _)| *cost <= alone.0).unwrap_or(alone);
        row.costs.push(best.0);
        row.steps.push(best.1);
    }
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
        check("both near", &[1_000, 1_100], &[1_090, 1_190], &[(1_000, 1_090), (1_100, 1_190)]);
        let (from_0, from_500) = ([500, 1_000, 1_500], [1_000, 1_500, 2_000]);
        let shifted = [(500, 0), (1_000, 1_000), (1_500, 1_500), (0, 2_000)];
        check("one more at either end", &from_0, &from_500, &shifted);
        check("at the limit", &[1_000], &[2_000], &[(1_000, 2_000)]);
        let gap = [(1_000, 1_001), (0, 2_500), (0, 3_000), (9_000, 9_000)];
        check("a gap", &[1_000, 9_000], &[1_001, 2_500, 3_000, 9_000], &gap);
        check("at once", &[1_000, 1_000], &[1_000, 1_000], &[(1_000, 1_000), (1_000, 1_000)]);
    }

    /// The cheapest pairing of all, by trying every one.
    fn cheapest(left: &[i64], right: &[i64], within: i64) -> i64 {
        match (left.split_first(), right.split_first()) {
            (None, Some(_)) => within * right.len() as i64,
            (Some(_), None) => within * left.len() as i64,
            (Some((first, lefts)), Some((other, rights))) => {
                let alone = within + cheapest(lefts, right, within);
                let alone = alone.min(within + cheapest(left, rights, within));
                let apart = (first - other).abs();
                if apart > within {
                    return alone;
                }
                alone.min(2 * apart + cheapest(lefts, rights, within))
            }
            (None, None) => 0,
        }
    }

    #[test]
    fn no_pairing_leaves_less() {
        let mut state = 7_u64;
        let mut draw = |most: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888);
            (state >> 33) % most
        };
        for case in 0..400 {
            let mut line = || {
                let count = draw(7);
                let mut times: Vec<i64> = (0..count).map(|_| draw(40).cast_signed()).collect();
                times.sort_unstable();
                times
            };
            let (left, right) = (line(), line());
            let within = 6;
            let pairs = Alignment::new(&left, &right, within).walk();
            let cost = |pair: &(Option<usize>, Option<usize>)| match *pair {
                (Some(one), Some(other)) => 2 * (left[one] - right[other]).abs(),
                (Some(_), None) | (None, Some(_)) => within,
                (None, None) => panic!("a pair of nothing"),
            };
            let whole: i64 = pairs.iter().map(cost).sum();
            assert_eq!(whole, cheapest(&left, &right, within), "{case}: {left:?} {right:?}");
            let lefts: Vec<usize> = pairs.iter().filter_map(|pair| pair.0).collect();
            let rights: Vec<usize> = pairs.iter().filter_map(|pair| pair.1).collect();
            assert!(lefts.iter().copied().eq(0..left.len()), "{case}: {pairs:?}");
            assert!(rights.iter().copied().eq(0..right.len()), "{case}: {pairs:?}");
        }
    }

    #[test]
    fn sides_do_not_mix() {
        let run = [order(1_000, Side::Buy, Outcome::Filled)];
        let backtest = [order(1_000, Side::Sell, Outcome::Filled)];
        let pairs = pair(&run, &backtest, Duration::from_secs(1));
        assert_eq!(pairs.len(), 2, "{pairs:?}");
    }
}
