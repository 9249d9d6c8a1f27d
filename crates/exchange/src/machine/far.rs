//! Who stands far from the market: a maker with an order at every price of a grid, from 6 % away
//! on, so that the book is as deep as a client may ask for. The orders rest in the same book as all
//! others; whoever takes that far trades with them, and a second later they are there again. The
//! grid follows the flow's fair price, not the book, so that what clients do moves it nowhere. It
//! only makes: at a price that would take it waits until it need not.

use std::collections::BTreeSet;
use std::ops::Range;

use matching::{OrderKey, Owner, Submission};
use model::{NewOrder, OrderKind, OrderQuantity, Price, Quantity, Side, Timestamp};

use super::{CLIENT_KEYS, Exchange, instrument_id};
use crate::flow::{FlowEvent, SymbolFlow};

/// Prices a side: more than the thousand that clients ask for.
const LEVELS: i64 = 1_200;
/// Distance of the nearest price, and of one from the next, as parts of the fair price.
const NEAREST: f64 = 0.06;
const GAP: f64 = 1e-4;
/// The grid follows once the fair price has gone so far.
const SLACK: f64 = 0.002;
/// How often orders that are missing are placed again, in nanoseconds of the flow.
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
    /// Those at which somebody took, or where an order would have taken.
    missing: BTreeSet<(Side, i64)>,
    /// When these are looked at next, in nanoseconds of the flow.
    look_at: u64,
}

impl Grid {
    fn new(flow: &SymbolFlow) -> Self {
        let gap = Price::from_f64_rounded(flow.start_price.to_f64() * GAP).unwrap_or(flow.tick);
        let gap = gap.floor_to(flow.tick).max(flow.tick);
        let (missing, look_at) = (BTreeSet::new(), 0);
        Self { flow: *flow, gap, anchor: 0.0, bids: 1..1, asks: 1..1, missing, look_at }
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

    /// Side and place of a key; `None` for an order of somebody else.
    fn of_key(key: u64) -> Option<(Side, i64)> {
        let is_far = (FAR_KEYS..CLIENT_KEYS).contains(&key);
        let side = if key & ASK_KEYS == 0 { Side::Buy } else { Side::Sell };
        is_far.then_some((side, i64::try_from(key & (ASK_KEYS - 1)).ok()?))
    }

    const fn places(&self, side: Side) -> &Range<i64> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn order(&self, symbol: usize, side: Side, place: i64) -> NewOrder {
        let price = Price::from_units(self.gap.units() * place);
        // As different as chance would have it, and the same whenever the price is back.
        let spread = (place.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as f64;
        let notional = 1_500.0 + spread / 10.0;
        let wanted = notional / (price.to_f64() * self.flow.quote_value);
        let step = self.flow.step;
        let quantity = Quantity::from_f64_rounded(wanted).unwrap_or(step).floor_to(step).max(step);
        let kind = OrderKind::LimitMaker { price };
        NewOrder::new(instrument_id(symbol), side, kind, OrderQuantity::Base(quantity))
    }
}

/// The orders of all symbols.
#[derive(Clone, Debug)]
pub(super) struct Far {
    grids: Vec<Grid>,
    /// Orders are placed from then on, in nanoseconds of the flow.
    book_from: u64,
}

impl Far {
    /// Nothing yet.
    pub(super) fn new(flows: &[SymbolFlow], book_from: u64) -> Self {
        Self { grids: flows.iter().map(Grid::new).collect(), book_from }
    }

    /// Somebody traded with an order, perhaps with one of these.
    pub(super) fn note_maker(&mut self, symbol: usize, key: OrderKey) {
        if let Some(place) = Grid::of_key(key.0) {
            self.grids[symbol].missing.insert(place);
        }
    }
}

impl Exchange {
    /// Lets the far orders of a symbol follow its fair price, as it is when an event of the flow is
    /// due.
    pub(super) fn follow_fair(&mut self, now: Timestamp, event: &FlowEvent) {
        let Some(source) = &mut self.source else { return };
        if event.at < source.far.book_from {
            return;
        }
        let fair = source.flow.fair(event.symbol);
        let grid = &mut source.far.grids[event.symbol];
        if (fair / grid.anchor - 1.0).abs() >= SLACK {
            grid.anchor = fair;
            self.move_grid(now, event.symbol, fair);
        } else if event.at >= grid.look_at {
            grid.look_at = event.at - event.at % LOOK_EVERY + LOOK_EVERY;
            if !grid.missing.is_empty() {
                self.place_missing(now, event.symbol);
            }
        }
    }

    fn move_grid(&mut self, now: Timestamp, symbol: usize, fair: f64) {
        let Some(source) = &mut self.source else { return };
        let grid = &mut source.far.grids[symbol];
        let mut leaving = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            let (before, after) = (grid.places(side).clone(), grid.range(side, fair));
            let is_new = |place: &i64| !before.contains(place);
            grid.missing.extend(after.clone().filter(is_new).map(|place| (side, place)));
            let is_gone = |place: &i64| !after.contains(place);
            leaving.extend(before.clone().filter(is_gone).map(|place| (side, place)));
            match side {
                Side::Buy => grid.bids = after,
                Side::Sell => grid.asks = after,
            }
        }
        grid.missing.retain(|(side, place)| match side {
            Side::Buy => grid.bids.contains(place),
            Side::Sell => grid.asks.contains(place),
        });
        for (side, place) in leaving {
            self.cancel_background(now, instrument_id(symbol), Grid::key(side, place));
        }
        self.place_missing(now, symbol);
    }

    /// Places what is missing, whole, and keeps in mind what would take.
    fn place_missing(&mut self, now: Timestamp, symbol: usize) {
        let Some(source) = &mut self.source else { return };
        let missing = std::mem::take(&mut source.far.grids[symbol].missing);
        for (side, place) in missing {
            let Some(source) = &self.source else { return };
            let order = source.far.grids[symbol].order(symbol, side, place);
            let key = Grid::key(side, place);
            // What is left of an order of which a part was taken.
            self.cancel_background(now, instrument_id(symbol), key);
            let submission = Submission::new(OrderKey(key), Owner::BACKGROUND, order);
            if self.submit(now, &submission).is_err()
                && let Some(source) = &mut self.source
            {
                source.far.grids[symbol].missing.insert((side, place));
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
