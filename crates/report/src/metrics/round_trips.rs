//! Closed trades out of fills, for one symbol and strategy.
//!
//! A position is what is left after fees in the base asset, and flat means below the smallest
//! sellable quantity. What remains there keeps its cost and goes into the next trade, so that
//! the profits of all trades and the cost of what is still held add up to the cash that moved.

use std::collections::VecDeque;

use model::{Amount, InstrumentId, OrderId, Quantity, Side, StrategyId, Timestamp};

use super::trades::{ClosedTrade, TradeMethod};

/// A fill as the trade builder needs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TradeFill {
    /// Fills of one order belong to one lot.
    pub order: OrderId,
    /// Our side.
    pub side: Side,
    /// The venue's time.
    pub at: Timestamp,
    /// Base quantity, before any fee.
    pub quantity: Quantity,
    /// Price × quantity, in the currency of the report.
    pub notional: Amount,
    /// Value of the fee in the currency of the report, whatever it was paid in.
    pub fee: Amount,
    /// The part of the fee that was taken in the base asset, which the position lacks.
    pub base_fee: Quantity,
}

impl TradeFill {
    /// What the fill adds to the position.
    fn position_change(&self) -> i64 {
        let gross = self.side.sign().saturating_mul(self.quantity.units());
        gross.saturating_sub(self.base_fee.units())
    }

    /// What the fill costs in cash: positive when we pay. A fee in the base asset costs no cash:
    /// it already shrank the position.
    fn cash_out(&self) -> Amount {
        let fee = if self.base_fee.is_zero() { self.fee } else { Amount::ZERO };
        match self.side {
            Side::Buy => self.notional + fee,
            Side::Sell => fee - self.notional,
        }
    }
}

/// The part of one fill that belongs to one lot.
#[derive(Clone, Copy)]
struct Slice {
    side: Side,
    at: Timestamp,
    change: i64,
    cash_out: Amount,
    notional: Amount,
    fee: Amount,
}

impl Slice {
    fn whole(fill: &TradeFill) -> Self {
        Self {
            side: fill.side,
            at: fill.at,
            change: fill.position_change(),
            cash_out: fill.cash_out(),
            notional: fill.notional,
            fee: fill.fee,
        }
    }

    /// Splits off the part that changes the position by `change`; `self` keeps the exact rest.
    fn take(&mut self, change: i64) -> Self {
        let part = Self {
            change,
            cash_out: pro_rata(self.cash_out, change, self.change),
            notional: pro_rata(self.notional, change, self.change),
            fee: pro_rata(self.fee, change, self.change),
            ..*self
        };
        self.change -= change;
        self.cash_out -= part.cash_out;
        self.notional -= part.notional;
        self.fee -= part.fee;
        part
    }
}

/// `total × part / whole`: exact when all of it is asked for, else rounded to 16 decimals.
fn pro_rata(total: Amount, part: i64, whole: i64) -> Amount {
    if part == whole {
        return total;
    }
    let [total, part, whole] = [
        total.to_decimal(),
        Quantity::from_units(part).to_decimal(),
        Quantity::from_units(whole).to_decimal(),
    ];
    let multiplied_first = total.checked_mul(part).and_then(|product| product.checked_div(whole));
    let share = multiplied_first
        .or_else(|| part.checked_div(whole)?.checked_mul(total))
        .expect("a part is only taken of a quantity that is not zero, and is no larger than it");
    Amount::new(share.round_dp(16).normalize())
}

/// A position that was opened and is not closed yet, or the dust that remained.
#[derive(Clone, Debug)]
struct Lot {
    order: OrderId,
    side: Side,
    opened_at: Timestamp,
    /// Signed units of 10⁻⁸.
    position: i64,
    /// Cash that the position cost; negative for a short one.
    basis: Amount,
    entered: i64,
    entry: Amount,
    exit: Amount,
    realised: Amount,
    fees: Amount,
}

impl Lot {
    fn open(order: OrderId, slice: &Slice) -> Self {
        let mut lot = Self {
            order,
            side: slice.side,
            opened_at: slice.at,
            position: 0,
            basis: Amount::ZERO,
            entered: 0,
            entry: Amount::ZERO,
            exit: Amount::ZERO,
            realised: Amount::ZERO,
            fees: Amount::ZERO,
        };
        lot.enlarge(slice);
        lot
    }

    fn enlarge(&mut self, slice: &Slice) {
        self.position = self.position.saturating_add(slice.change);
        self.basis += slice.cash_out;
        self.entered = self.entered.saturating_add(slice.change.saturating_abs());
        self.entry += slice.notional;
        self.fees += slice.fee;
    }

    fn reduce(&mut self, slice: &Slice) {
        let cost = pro_rata(self.basis, -slice.change, self.position);
        self.position = self.position.saturating_add(slice.change);
        self.basis -= cost;
        self.realised += -slice.cash_out - cost;
        self.exit += slice.notional;
        self.fees += slice.fee;
    }
}

/// What is left below the smallest sellable quantity, with its cost and with profits too small
/// to be a trade of their own.
#[derive(Clone, Copy, Debug, Default)]
struct Dust {
    position: i64,
    basis: Amount,
    realised: Amount,
    fees: Amount,
}

/// Builds closed trades from the fills of one symbol and strategy.
#[derive(Clone, Debug)]
pub struct RoundTrips {
    strategy: StrategyId,
    instrument: InstrumentId,
    method: TradeMethod,
    /// Positions below it are flat; at least one unit.
    flat_below: i64,
    /// Flat to flat: one lot at most. FIFO: oldest first.
    lots: VecDeque<Lot>,
    dust: Dust,
}

impl RoundTrips {
    /// Flat, with positions below `smallest_sellable` counting as flat.
    #[must_use]
    pub fn new(
        strategy: StrategyId,
        instrument: InstrumentId,
        method: TradeMethod,
        smallest_sellable: Quantity,
    ) -> Self {
        Self {
            strategy,
            instrument,
            method,
            flat_below: smallest_sellable.units().max(1),
            lots: VecDeque::new(),
            dust: Dust::default(),
        }
    }

    /// What counts as a trade here.
    #[must_use]
    pub const fn method(&self) -> TradeMethod {
        self.method
    }

    /// Whether nothing sellable is held.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        self.lots.is_empty()
    }

    /// Lots that are open: at most one from flat to flat.
    #[must_use]
    pub fn open_lots(&self) -> usize {
        self.lots.len()
    }

    /// Position after fees, dust included.
    #[must_use]
    pub fn position(&self) -> Quantity {
        let lots: i64 = self.lots.iter().map(|lot| lot.position).sum();
        Quantity::from_units(lots.saturating_add(self.dust.position))
    }

    /// Cash that the position cost, fees included; negative for a short one. What dust realised
    /// without a trade lowers it.
    #[must_use]
    pub fn cost(&self) -> Amount {
        let lots: Amount = self.lots.iter().map(|lot| lot.basis - lot.realised).sum();
        lots + self.dust.basis - self.dust.realised
    }

    /// Takes the next fill; trades that it closes are appended to `closed`.
    pub fn push(&mut self, fill: &TradeFill, closed: &mut Vec<ClosedTrade>) {
        let mut rest = Slice::whole(fill);
        while rest.change != 0 {
            let Some(front) = self.lots.front_mut() else { break };
            if (front.position > 0) == (rest.change > 0) {
                break;
            }
            let size = rest.change.abs().min(front.position.abs());
            let part = rest.take(size * rest.change.signum());
            front.reduce(&part);
            if front.position.abs() < self.flat_below {
                self.close_front(part.at, closed);
            }
        }
        if rest.change == 0 {
            // Nothing moved but, at most, a fee.
            self.dust.realised -= rest.cash_out;
            self.dust.fees += rest.fee;
            return;
        }
        self.enter(fill.order, &rest);
    }

    fn enter(&mut self, order: OrderId, slice: &Slice) {
        let merges = |lot: &Lot| match self.method {
            TradeMethod::FlatToFlat => true,
            TradeMethod::FifoLots => lot.order == order,
        };
        if let Some(last) = self.lots.back_mut().filter(|lot| merges(lot)) {
            last.enlarge(slice);
            return;
        }
        let mut lot = Lot::open(order, slice);
        let dust = std::mem::take(&mut self.dust);
        lot.position = lot.position.saturating_add(dust.position);
        lot.basis += dust.basis;
        lot.realised += dust.realised;
        lot.fees += dust.fees;
        let reversed = (lot.position > 0) != (slice.change > 0);
        if reversed || lot.position.abs() < self.flat_below {
            self.dust = Dust {
                position: lot.position,
                basis: lot.basis,
                realised: lot.realised,
                fees: lot.fees,
            };
        } else {
            self.lots.push_back(lot);
        }
    }

    fn close_front(&mut self, at: Timestamp, closed: &mut Vec<ClosedTrade>) {
        let lot = self.lots.pop_front().expect("the front lot was just reduced");
        // What is left has its cost with it, down to the rounding of a share.
        self.dust.position = self.dust.position.saturating_add(lot.position);
        self.dust.basis += lot.basis;
        closed.push(ClosedTrade {
            strategy: self.strategy,
            instrument: self.instrument,
            side: lot.side,
            opened_at: lot.opened_at,
            closed_at: at,
            quantity: Quantity::from_units(lot.entered),
            entry: lot.entry,
            exit: lot.exit,
            profit: lot.realised,
            fees: lot.fees,
        });
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    fn trips(method: TradeMethod, smallest: &str) -> RoundTrips {
        RoundTrips::new(StrategyId(0), InstrumentId(0), method, smallest.parse().unwrap())
    }

    /// `buy 2 @ 10 fee 0.1`, order number and second both being `number`.
    fn fill(number: u32, side: Side, quantity: &str, price: &str, fee: &str) -> TradeFill {
        let quantity: Quantity = quantity.parse().unwrap();
        TradeFill {
            order: OrderId { epoch: 1, strategy: StrategyId(0), number },
            side,
            at: Timestamp::from_secs(i64::from(number)),
            quantity,
            notional: Amount::notional(price.parse().unwrap(), quantity).unwrap(),
            fee: amount(fee),
            base_fee: Quantity::ZERO,
        }
    }

    fn run(trips: &mut RoundTrips, fills: &[TradeFill]) -> Vec<ClosedTrade> {
        let mut closed = Vec::new();
        for fill in fills {
            trips.push(fill, &mut closed);
        }
        closed
    }

    #[test]
    fn flat_to_flat_merges_everything_between() {
        let mut trips = trips(TradeMethod::FlatToFlat, "0.1");
        let closed = run(
            &mut trips,
            &[
                fill(1, Side::Buy, "1", "100", "0.1"),
                fill(2, Side::Buy, "1", "110", "0.1"),
                fill(3, Side::Sell, "0.5", "120", "0.1"),
                fill(4, Side::Sell, "1.5", "130", "0.1"),
                fill(5, Side::Buy, "1", "100", "0"),
            ],
        );
        assert_eq!(closed.len(), 1);
        let trade = closed[0];
        assert_eq!(trade.profit, amount("44.6"), "60 + 195 - 210 - 0.4");
        assert_eq!((trade.entry, trade.exit), (amount("210"), amount("255")));
        assert_eq!(trade.fees, amount("0.4"));
        assert_eq!(trade.duration_ns(), 3_000_000_000);
        assert_eq!(trips.position(), Quantity::ONE);
    }

    #[test]
    fn fifo_closes_the_oldest_lot_first() {
        let mut trips = trips(TradeMethod::FifoLots, "0.1");
        let closed = run(
            &mut trips,
            &[
                fill(1, Side::Buy, "0.5", "100", "0"),
                fill(1, Side::Buy, "0.5", "100", "0"),
                fill(2, Side::Buy, "1", "90", "0"),
                fill(3, Side::Sell, "1.5", "110", "0"),
                fill(4, Side::Sell, "0.5", "80", "0"),
            ],
        );
        let profits: Vec<Amount> = closed.iter().map(|trade| trade.profit).collect();
        assert_eq!(profits, [amount("10"), amount("5")], "110-100, then (110-90)/2 + (80-90)/2");
        assert!(trips.is_flat());
    }

    #[test]
    fn a_fee_in_the_base_asset_leaves_dust_that_the_next_trade_carries() {
        let mut trips = trips(TradeMethod::FlatToFlat, "0.01");
        let bought = TradeFill {
            base_fee: "0.001".parse().unwrap(),
            ..fill(1, Side::Buy, "1", "100", "0.1")
        };
        let mut closed = run(&mut trips, &[bought, fill(2, Side::Sell, "0.99", "100", "0.099")]);
        assert_eq!(closed.len(), 1, "0.009 left is flat");
        assert_eq!(trips.position(), "0.009".parse().unwrap());
        assert_eq!(closed[0].fees, amount("0.199"));
        // 0.99 of 0.999 bought for 100, sold for 99 less 0.099.
        assert!((closed[0].profit.to_f64() - (98.901 - 100.0 * 0.99 / 0.999)).abs() < 1e-12);
        closed.extend(run(
            &mut trips,
            &[fill(3, Side::Buy, "1", "100", "0"), fill(4, Side::Sell, "1.009", "100", "0")],
        ));
        let total: Amount = closed.iter().map(|trade| trade.profit).sum();
        assert_eq!(total, amount("-0.199"), "all sold: what is missing is the fees");
        assert_eq!(trips.cost(), Amount::ZERO);
    }

    #[test]
    fn a_fill_through_zero_closes_one_trade_and_opens_the_next() {
        #[track_caller]
        fn check(method: TradeMethod) {
            let mut trips = trips(method, "0");
            let closed = run(
                &mut trips,
                &[
                    fill(1, Side::Buy, "1", "100", "0"),
                    fill(2, Side::Sell, "3", "120", "0.3"),
                    fill(3, Side::Buy, "2", "110", "0"),
                ],
            );
            let profits: Vec<Amount> = closed.iter().map(|trade| trade.profit).collect();
            assert_eq!(profits, [amount("19.9"), amount("19.8")]);
            assert_eq!(closed[1].side, Side::Sell);
            assert!(trips.is_flat());
        }
        check(TradeMethod::FlatToFlat);
        check(TradeMethod::FifoLots);
    }

    /// Random fills in whole units; two orders in a row may share their id.
    fn random_fills(seed: u64) -> Vec<TradeFill> {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut number = 0;
        (0..200)
            .map(|_| {
                let again = random.random_bool(0.3);
                if !again {
                    number += 1;
                }
                let side = if number % 5 < 2 { Side::Buy } else { Side::Sell };
                let side = if random.random_bool(0.3) { side.opposite() } else { side };
                let quantity = random.random_range(1..5).to_string();
                let price = random.random_range(50..150).to_string();
                let mut fill = fill(number, side, &quantity, &price, "0.25");
                fill.order.number = number * 2 + u32::from(side == Side::Sell);
                fill
            })
            .collect()
    }

    #[test]
    fn profits_and_cost_add_up_to_the_cash_that_moved() {
        for seed in 0..50 {
            for method in [TradeMethod::FlatToFlat, TradeMethod::FifoLots] {
                for smallest in ["0", "2"] {
                    let mut trips = trips(method, smallest);
                    let fills = random_fills(seed);
                    let closed = run(&mut trips, &fills);
                    let profit: Amount = closed.iter().map(|trade| trade.profit).sum();
                    let cash: Amount = fills.iter().map(|fill| -fill.cash_out()).sum();
                    let off = (profit - trips.cost() - cash).to_f64().abs();
                    assert!(off < 1e-9, "seed {seed}, {method:?}, smallest {smallest}: {off}");
                    let position: i64 = fills.iter().map(TradeFill::position_change).sum();
                    assert_eq!(trips.position().units(), position, "seed {seed}");
                }
            }
        }
    }

    /// The naive twin of flat to flat: the cash between two instants at which the position is
    /// zero. Fills that would go through zero are left out, as the twin can't split them.
    #[test]
    fn flat_to_flat_agrees_with_its_naive_twin() {
        let mut compared = 0;
        for seed in 0..50 {
            let mut position = 0;
            let fills: Vec<TradeFill> = random_fills(seed)
                .into_iter()
                .filter(|fill| {
                    let after = position + fill.position_change();
                    let passes = position.signum() * after.signum() >= 0;
                    if passes {
                        position = after;
                    }
                    passes
                })
                .collect();
            let mut expected = Vec::new();
            let (mut position, mut cash) = (0, Amount::ZERO);
            for fill in &fills {
                position += fill.position_change();
                cash -= fill.cash_out();
                if position == 0 {
                    expected.push(std::mem::take(&mut cash));
                }
            }
            let closed = run(&mut trips(TradeMethod::FlatToFlat, "0"), &fills);
            assert_eq!(closed.len(), expected.len(), "seed {seed}");
            for (trade, expected) in closed.iter().zip(expected) {
                assert!((trade.profit - expected).to_f64().abs() < 1e-9, "seed {seed}");
                compared += 1;
            }
        }
        assert!(compared > 100, "only {compared} trades compared");
    }

    /// The naive twin of FIFO: a queue of single units, each with its order and cash.
    #[test]
    fn fifo_agrees_with_its_naive_twin() {
        for seed in 0..50 {
            let fills = random_fills(seed);
            let mut queue: VecDeque<(OrderId, i64, f64)> = VecDeque::new();
            let (mut expected, mut profit) = (Vec::new(), 0.0);
            for fill in &fills {
                let units = fill.quantity.units() / 100_000_000;
                let cash = -fill.cash_out().to_f64() / units as f64;
                for _ in 0..units {
                    let sign = fill.side.sign();
                    match queue.front() {
                        Some(&(order, held, cost)) if held != sign => {
                            queue.pop_front();
                            profit += cash + cost;
                            if queue.front().is_none_or(|next| next.0 != order) {
                                expected.push(std::mem::take(&mut profit));
                            }
                        }
                        Some(_) | None => queue.push_back((fill.order, sign, cash)),
                    }
                }
            }
            let closed = run(&mut trips(TradeMethod::FifoLots, "0"), &fills);
            assert!(closed.len() > 20, "seed {seed}: {} trades", closed.len());
            assert_eq!(closed.len(), expected.len(), "seed {seed}");
            for (trade, expected) in closed.iter().zip(expected) {
                assert!((trade.profit.to_f64() - expected).abs() < 1e-9, "seed {seed}");
            }
        }
    }
}
