//! Figures of both sides, for all orders and by strategy and symbol.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{Amount, Asset, Instruments, Liquidity, Symbol};
use serde::Serialize;

use super::differences::{Side, slippage_bps};
use super::market::Sight;
use super::orders::{OrderRecord, Outcome};
use super::pairs::Pair;

/// What one side's orders come to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// Orders that reached the venue.
    pub orders: usize,
    /// Orders that the gate denied. The run's are not in its journal.
    pub denied: usize,
    /// Orders that the venue refused.
    pub rejected: usize,
    /// Orders of which something was executed.
    pub filled_orders: usize,
    /// Executions.
    pub fills: usize,
    /// Executed quantity of ordered quantity, of orders by base quantity; weighted by price. Like
    /// every figure that is weighted by worth, none for orders in several quote assets, whose worth
    /// can't be added.
    pub fill_rate: Option<f64>,
    /// Share of what was executed that rested.
    pub maker_share: Option<f64>,
    /// What takers paid beyond the middle of the market at the decision, in basis points of it;
    /// weighted by notional.
    pub taker_slippage_bps: Option<f64>,
    /// The same of makers: what is earned is negative.
    pub maker_slippage_bps: Option<f64>,
    /// Fees in each quote asset, valued at the price of their fill.
    pub fees: BTreeMap<Asset, Amount>,
    /// Fees of what was executed, in basis points.
    pub fee_bps: Option<f64>,
    /// Median time from handing an order over to the venue's first word, in milliseconds.
    pub answer_ms: Option<f64>,
    /// Median time from the cause of an order to its first execution, in seconds.
    pub first_fill_s: Option<f64>,
}

/// How far fills of orders that both sides filled lie apart.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct FillTimes {
    /// So many orders.
    pub orders: usize,
    /// Median distance of their first executions, in milliseconds.
    pub median_ms: Option<f64>,
    /// Nine tenths are nearer than this.
    pub p90_ms: Option<f64>,
    /// Median distance of their average prices, in basis points.
    pub median_price_bps: Option<f64>,
}

/// The orders of one strategy in one symbol, or of all.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// Whose; none for all.
    pub strategy: Option<String>,
    /// In what; none for all.
    pub symbol: Option<Symbol>,
    /// The run's.
    pub run: Figures,
    /// The backtest's.
    pub backtest: Figures,
    /// Of orders that both filled.
    pub fill_times: FillTimes,
}

/// All orders, then each strategy and symbol.
pub fn groups(sides: &[Side<'_>; 2], pairs: &[Pair], instruments: &Instruments) -> Vec<Group> {
    let mut keys: Vec<(&str, Symbol)> = Vec::new();
    for side in sides {
        keys.extend(side.orders.iter().map(|order| (order.strategy.as_str(), order.symbol)));
    }
    keys.sort_unstable();
    keys.dedup();
    let group = |key: Option<(&str, Symbol)>| {
        let is_own = |order: &OrderRecord| {
            key.is_none_or(|key| key == (order.strategy.as_str(), order.symbol))
        };
        Group {
            strategy: key.map(|(strategy, _)| strategy.to_owned()),
            symbol: key.map(|(_, symbol)| symbol),
            run: figures(&sides[0], is_own, instruments),
            backtest: figures(&sides[1], is_own, instruments),
            fill_times: fill_times(sides, pairs, is_own),
        }
    };
    std::iter::once(None).chain(keys.into_iter().map(Some)).map(group).collect()
}

fn figures(
    side: &Side<'_>,
    is_own: impl Fn(&OrderRecord) -> bool,
    instruments: &Instruments,
) -> Figures {
    let mut figures = Figures::default();
    let (mut ordered, mut executed, mut notional, mut rested) = (0.0, 0.0, 0.0, 0.0);
    let (mut takers, mut makers) = (Mean::default(), Mean::default());
    let (mut answers, mut first_fills) = (Vec::new(), Vec::new());
    let mut fees = 0.0;
    let own = side.orders.iter().zip(side.sights).filter(|(order, _)| is_own(order));
    let mut quotes: BTreeSet<Asset> = BTreeSet::new();
    for (order, sight) in own {
        let quote = instruments.get(order.instrument).quote;
        quotes.insert(quote);
        if !order.was_sent() {
            figures.denied += 1;
            continue;
        }
        figures.orders += 1;
        figures.rejected += usize::from(matches!(order.outcome, Outcome::Rejected(_)));
        figures.filled_orders += usize::from(!order.fills.is_empty());
        figures.fills += order.fills.len();
        if let (Some(quantity), Some(price)) = (order.quantity, price_of(order, sight)) {
            ordered += quantity.to_f64() * price;
            executed += order.filled().to_f64() * price;
        }
        for fill in &order.fills {
            let worth = fill.price.to_f64() * fill.quantity.to_f64();
            notional += worth;
            rested += if fill.liquidity == Liquidity::Maker { worth } else { 0.0 };
            fees += fill.fee_in_quote.to_f64();
            *figures.fees.entry(quote).or_insert(Amount::ZERO) += fill.fee_in_quote;
        }
        if let Some(bps) = slippage_bps(order, sight) {
            let mean = if order.has_taken() { &mut takers } else { &mut makers };
            mean.add(bps, order.notional());
        }
        answers.extend(trip(order));
        first_fills.extend(order.fills.first().map(|fill| fill.at.since(order.caused_at)));
    }
    if quotes.len() <= 1 {
        figures.fill_rate = ratio(executed, ordered);
        figures.maker_share = ratio(rested, notional);
        figures.taker_slippage_bps = takers.value();
        figures.maker_slippage_bps = makers.value();
        figures.fee_bps = ratio(fees * 10_000.0, notional);
    }
    figures.answer_ms = quantile(&mut answers, 0.5).map(|trip| trip.as_secs_f64() * 1e3);
    figures.first_fill_s = quantile(&mut first_fills, 0.5).map(|time| time.as_secs_f64());
    figures
}

/// What weighs an order's quantity: its limit, else the market.
fn price_of(order: &OrderRecord, sight: &Sight) -> Option<f64> {
    order.price.map(model::Price::to_f64).or(sight.middle())
}

fn trip(order: &OrderRecord) -> Option<Duration> {
    Some(order.answered_at?.since(order.submitted_at?))
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// A mean by weight.
#[derive(Default)]
struct Mean {
    sum: f64,
    weight: f64,
}

impl Mean {
    fn add(&mut self, value: f64, weight: f64) {
        self.sum += value * weight;
        self.weight += weight;
    }

    fn value(&self) -> Option<f64> {
        ratio(self.sum, self.weight)
    }
}

/// The value below which a share of them lies, by rank.
fn quantile(values: &mut [Duration], share: f64) -> Option<Duration> {
    values.sort_unstable();
    let last = values.len().checked_sub(1)?;
    Some(values[(last as f64 * share).round() as usize])
}

fn fill_times(
    sides: &[Side<'_>; 2],
    pairs: &[Pair],
    is_own: impl Fn(&OrderRecord) -> bool,
) -> FillTimes {
    let (mut times, mut prices) = (Vec::new(), Vec::new());
    for pair in pairs {
        let (Some(run), Some(backtest)) = (pair.run, pair.backtest) else { continue };
        let (run, backtest) = (&sides[0].orders[run], &sides[1].orders[backtest]);
        if !is_own(run) {
            continue;
        }
        if let (Some(one), Some(other)) = (run.fills.first(), backtest.fills.first()) {
            times.push(Duration::from_nanos(one.at.nanos_since(other.at).unsigned_abs()));
        }
        if let (Some(one), Some(other)) = (run.average_price(), backtest.average_price()) {
            prices.push((one - other).abs() / other * 10_000.0);
        }
    }
    prices.sort_by(f64::total_cmp);
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    FillTimes {
        orders: times.len(),
        median_ms: quantile(&mut times, 0.5).map(ms),
        p90_ms: quantile(&mut times, 0.9).map(ms),
        median_price_bps: prices.get(prices.len().saturating_sub(1) / 2).copied(),
    }
}

#[cfg(test)]
mod tests {
    use model::{InstrumentId, NewOrder, Price, Quantity, Side as OrderSide, Timestamp};

    use super::*;
    use crate::compare::orders::Execution;
    use crate::compare::testing::instruments;

    fn bought(instrument: u16, quote: &str, fee: &str) -> OrderRecord {
        let at = Timestamp::from_millis(1);
        let new = NewOrder::market(InstrumentId(instrument), OrderSide::Buy, Quantity::ONE);
        let symbol = Symbol::new(&format!("BTC{quote}")).unwrap();
        let wanted = OrderRecord::wanted(quote.to_owned(), "a", symbol, &new, at);
        let fill = Execution {
            at,
            price: Price::from_units(100 * 100_000_000),
            quantity: Quantity::ONE,
            liquidity: Liquidity::Taker,
            trade: None,
            heard_at: None,
            fee_in_quote: fee.parse().unwrap(),
        };
        OrderRecord { fills: vec![fill], outcome: Outcome::Filled, ..wanted }
    }

    #[test]
    fn worth_in_several_quote_assets_is_not_added() {
        let instruments = instruments(&["USDT", "EUR"]);
        let orders = [bought(0, "USDT", "0.1"), bought(1, "EUR", "0.3")];
        let last = Some(Price::from_units(100 * 100_000_000));
        let sights = [Sight { last, ..Sight::default() }; 2];
        let side = || Side { orders: &orders, sights: &sights };
        let groups = groups(&[side(), side()], &[], &instruments);
        let told: Vec<(usize, Option<f64>, Option<f64>, usize)> = groups
            .iter()
            .map(|group| &group.run)
            .map(|run| (run.fills, run.fee_bps, run.fill_rate, run.fees.len()))
            .collect();
        let (whole, usdt, eur) = (Some(1.0), Some(10.0), Some(30.0));
        assert_eq!(told, [(2, None, None, 2), (1, eur, whole, 1), (1, usdt, whole, 1)]);
    }
}
