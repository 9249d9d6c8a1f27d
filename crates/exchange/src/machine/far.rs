//! Who stands far from the market: a maker with an order at every price of a grid, from 6 % away
//! on, so that the book is as deep as a client may ask for. The orders rest in the same book as all
//! others, and whoever takes that far trades with them. The grid follows the flow's fair price, not
//! the book, so that what clients do moves nothing here and nobody of the flow ever reaches it.

use std::ops::Range;

use matching::{OrderKey, Owner, Submission};
use model::{NewOrder, OrderKind, OrderQuantity, Price, Quantity, Side, TimeInForce, Timestamp};

use super::{CLIENT_KEYS, Exchange, instrument_id};
use crate::flow::{FlowEvent, SymbolFlow};

/// Prices a side: more than the thousand that clients ask for.
const LEVELS: i64 = 1_200;
/// Distance of the nearest price, and of one from the next, as parts of the fair price.
const NEAREST: f64 = 0.06;
const GAP: f64 = 1e-4;
/// The grid follows once the fair price has gone so far.
const SLACK: f64 = 0.002;
/// How often that is looked at, in nanoseconds of the flow.
const LOOK_EVERY: u64 = 1_000_000_000;
/// Keys of these orders; those of the flow count from 1.
const FAR_KEYS: u64 = CLIENT_KEYS >> 1;
const ASK_KEYS: u64 = FAR_KEYS >> 1;

/// The orders of one symbol.
#[derive(Clone, Debug)]
struct Grid {
    flow: SymbolFlow,
    gap: Price,
    /// The fair price that the grid stands around.
    anchor: f64,
    /// Prices in gaps.
    bids: Range<i64>,
    asks: Range<i64>,
}

impl Grid {
    fn new(flow: &SymbolFlow) -> Self {
        let gap = Price::from_f64_rounded(flow.start_price.to_f64() * GAP).unwrap_or(flow.tick);
        let gap = gap.floor_to(flow.tick).max(flow.tick);
        Self { flow: *flow, gap, anchor: 0.0, bids: 1..1, asks: 1..1 }
    }

    /// Where the prices of a side are around a fair price. There is none at or below zero.
    fn range(&self, side: Side, fair: f64) -> Range<i64> {
        let gap = self.gap.to_f64();
        match side {
            Side::Buy => {
                let end = ((fair * (1.0 - NEAREST) / gap) as i64).max(1);
                (end - LEVELS).max(1)..end
            }
            Side::Sell => {
                let start = ((fair * (1.0 + NEAREST) / gap).ceil() as i64).max(1);
                start..start + LEVELS
            }
        }
    }

    const fn key(side: Side, place: i64) -> u64 {
        let of_side = if matches!(side, Side::Sell) { ASK_KEYS } else { 0 };
        FAR_KEYS | of_side | place.unsigned_abs()
    }

    fn order(&self, symbol: usize, side: Side, place: i64) -> NewOrder {
        let price = Price::from_units(self.gap.units() * place);
        // As different as chance would have it, and the same whenever the price is back.
        let spread = (place.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as f64;
        let notional = 1_500.0 + spread / 10.0;
        let wanted = notional / (price.to_f64() * self.flow.quote_value);
        let step = self.flow.step;
        let quantity = Quantity::from_f64_rounded(wanted).unwrap_or(step).floor_to(step).max(step);
        let kind = OrderKind::Limit { price, time_in_force: TimeInForce::GoodTilCanceled };
        NewOrder::new(instrument_id(symbol), side, kind, OrderQuantity::Base(quantity))
    }
}

/// The orders of all symbols.
#[derive(Clone, Debug)]
pub(super) struct Far {
    grids: Vec<Grid>,
    /// When the fair prices are looked at next, in nanoseconds of the flow.
    look_at: u64,
}

impl Far {
    /// Nothing yet; orders are placed from `book_from` on.
    pub(super) fn new(flows: &[SymbolFlow], book_from: u64) -> Self {
        Self { grids: flows.iter().map(Grid::new).collect(), look_at: book_from }
    }
}

impl Exchange {
    /// Lets the far orders follow the fair prices, as they are when an event of the flow is due.
    pub(super) fn follow_fair(&mut self, now: Timestamp, event: &FlowEvent) {
        let Some(source) = self.source.as_mut().filter(|source| event.at >= source.far.look_at)
        else {
            return;
        };
        source.far.look_at = event.at - event.at % LOOK_EVERY + LOOK_EVERY;
        for symbol in 0..source.far.grids.len() {
            self.follow_symbol(now, symbol);
        }
    }

    fn follow_symbol(&mut self, now: Timestamp, symbol: usize) {
        let Some(source) = &mut self.source else { return };
        let fair = source.flow.fair(symbol);
        let grid = &mut source.far.grids[symbol];
        if (fair / grid.anchor - 1.0).abs() < SLACK {
            return;
        }
        grid.anchor = fair;
        let sides = [Side::Buy, Side::Sell].map(|side| (side, grid.range(side, fair)));
        let before = [
            std::mem::replace(&mut grid.bids, sides[0].1.clone()),
            std::mem::replace(&mut grid.asks, sides[1].1.clone()),
        ];
        let grid = grid.clone();
        for ((side, after), before) in sides.into_iter().zip(before) {
            for place in before.clone().filter(|place| !after.contains(place)) {
                self.cancel_background(now, instrument_id(symbol), Grid::key(side, place));
            }
            for place in after.filter(|place| !before.contains(place)) {
                let order = grid.order(symbol, side, place);
                let submission =
                    Submission::new(OrderKey(Grid::key(side, place)), Owner::BACKGROUND, order);
                let submitted = self.submit(now, &submission);
                debug_assert!(submitted.is_ok(), "nothing far is refused: {submitted:?}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symbols::SymbolConfig;

    #[test]
    fn every_symbol_has_a_thousand_prices_a_side_and_none_near_the_market() {
        for name in ["BTCUSDT", "XRPUSDT", "TRXUSDT", "OPUSDT", "ETHBTC", "BNBBTC", "XYZUSDC"] {
            let flow = SymbolConfig::named(name).unwrap().flow();
            let grid = Grid::new(&flow);
            assert!(grid.gap.is_multiple_of(flow.tick), "{name}");
            for fair in [0.95, 1.0, 1.05].map(|part| part * flow.start_price.to_f64()) {
                for side in [Side::Buy, Side::Sell] {
                    let range = grid.range(side, fair);
                    assert!(
                        range.end - range.start >= 1_000 && range.start > 0,
                        "{name} {range:?}"
                    );
                    for place in [range.start, range.end - 1] {
                        let order = grid.order(0, side, place);
                        let away = order.kind.limit_price().unwrap().to_f64() / fair - 1.0;
                        let away = if side == Side::Buy { -away } else { away };
                        assert!((0.059..0.98).contains(&away), "{name} {side:?} {away}");
                    }
                }
            }
        }
    }
}
