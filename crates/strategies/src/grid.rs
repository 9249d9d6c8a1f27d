//! A grid of buy orders below the price and sell orders above it.

use std::collections::BTreeSet;

use kernel::parameters::{
    ParameterDefault, ParameterError, ParameterKey, ParameterKind, ParameterSet, Parameters,
};
use kernel::strategy::{Context, OpenOrder, Requirements, Strategy, StrategyEntry, StrategyResult};
use model::{
    InstrumentId, NewOrder, OrderEvent, OrderEventKind, OrderId, OrderStatus, Price, Quantity,
    Side, Trade,
};

use crate::cooldown::Cooldown;
use crate::ladder::Ladder;
use crate::parameters::{ORDER_NOTIONAL, OrderSize, QUANTITY, fraction};
use crate::per_symbol;

static PARAMETERS: ParameterSet = ParameterSet {
    kind: "grid",
    keys: &[
        ParameterKey {
            name: "levels",
            kind: ParameterKind::Integer { min: 1, max: 100 },
            default: ParameterDefault::Value("5"),
            doc: "How many lots it buys at most, one a level: buy orders and held lots together.",
        },
        ParameterKey {
            name: "spacing_bps",
            kind: ParameterKind::Float { min: 0.5, max: 5_000.0 },
            default: ParameterDefault::Value("50"),
            doc: "From one level to the next, in basis points of the price; what a lot gains \
                  before fees. Two fees of 0.1 % take 20 of them. Several ticks at least.",
        },
        QUANTITY,
        ORDER_NOTIONAL,
    ],
    check,
};

/// The line of the table.
pub(crate) const ENTRY: StrategyEntry = StrategyEntry {
    parameters: &PARAMETERS,
    summary: "Keeps buy orders below the price, and one level above every lot it bought a sell \
              order.",
    build: |setup| per_symbol::build(setup, Grid::new),
};

fn check(parameters: &Parameters) -> Result<(), ParameterError> {
    OrderSize::check(parameters)
}

/// `grid`: buys a lot at every level that the price falls through, and sells it a level higher.
///
/// **What it does.** Levels lie at the powers of 1 + `spacing_bps`/10⁴, wherever the price is, so
/// that after a restart they are where they were. Below the last price it keeps a limit buy on
/// each of the next levels; when one fills, it places a limit sell for the lot one level higher;
/// when that fills, the level is bought again. Lots held and buys working are never more than
/// `levels` together. When the price rises without a fill, the lowest buy moves up. A level is
/// bought only from half a spacing above it, so that a price that trembles around it causes
/// nothing. Nothing new is placed on a side while an outcome on it is unknown.
///
/// **Parameters.** `levels`, `spacing_bps`, and `quantity` or `order_notional`: see the table.
///
/// **When it loses money.** When the price leaves the grid below: all lots are bought, none is
/// sold, and the whole of it is under water until the price returns; it has no stop. Above the
/// grid it holds nothing and earns nothing. A spacing below two fees loses on every lot.
#[derive(Debug)]
pub struct Grid {
    instrument: InstrumentId,
    ladder: Ladder,
    levels: i64,
    size: OrderSize,
    /// The highest rung that was bought and is not offered yet.
    unsold: Option<i64>,
    /// The highest rung to buy when the grid was last arranged; `None` when it is to be arranged.
    arranged: Option<i64>,
    cooldown: Cooldown,
}

/// One of its buy orders that works.
#[derive(Clone, Copy, Debug)]
struct Bid {
    rung: i64,
    order: OrderId,
    is_settled: bool,
}

impl Grid {
    fn new(instrument: InstrumentId, parameters: &Parameters) -> Self {
        Self {
            instrument,
            ladder: Ladder::new(fraction(parameters, "spacing_bps")),
            levels: parameters.integer("levels"),
            size: OrderSize::of(parameters),
            unsold: None,
            arranged: None,
            cooldown: Cooldown::default(),
        }
    }

    /// Brings the orders in line with price and position, if anything has changed.
    fn arrange(&mut self, context: &mut Context<'_>) {
        let Some(price) = context.last_price(self.instrument).filter(|p| p.is_positive()) else {
            return;
        };
        let top = self.ladder.below(price);
        if self.arranged == Some(top) || !context.is_ready() {
            return;
        }
        if self.cooldown.holds_back(context) {
            return;
        }
        self.arranged = Some(top);
        if let Some(rung) = self.ladder.price(top) {
            context.publish(self.instrument, "rung", rung.to_f64());
        }
        self.offer(context, price);
        self.bid(context, price, top);
    }

    /// Offers what is held and not offered yet, one rung above the one it was bought at.
    fn offer(&mut self, context: &mut Context<'_>, price: Price) {
        let id = self.instrument;
        let free = context.sellable(id);
        if !free.is_positive() || has_unknown(context, id, Side::Sell) {
            return;
        }
        let cost = context.position(id).average_cost().map(|cost| cost.truncated(8).to_decimal());
        let cost = cost.and_then(|cost| Price::from_decimal(cost).ok()).filter(|p| p.is_positive());
        let bought_at = self.unsold.unwrap_or_else(|| self.ladder.nearest(cost.unwrap_or(price)));
        if let Some(target) = self.ladder.price(bought_at + 1) {
            self.unsold = None;
            context.submit(NewOrder::limit(id, Side::Sell, free, target));
        }
    }

    /// Keeps buys on the highest rungs from `top` down that hold no lot.
    fn bid(&self, context: &mut Context<'_>, price: Price, top: i64) {
        let id = self.instrument;
        let lot = self.size.quantity_at(price);
        if !lot.is_positive() || has_unknown(context, id, Side::Buy) || await_moves(context, id) {
            return;
        }
        let rung_of = |open: &OpenOrder| open.price().map(|price| self.ladder.nearest(price));
        let mut bids: Vec<Bid> = context
            .open_orders_on(id, Side::Buy)
            .filter_map(|open| {
                let (order, is_settled) = (open.order, open.is_settled());
                Some(Bid { rung: rung_of(open)?, order, is_settled })
            })
            .collect();
        bids.sort_unstable_by_key(|bid| bid.rung);
        let held: BTreeSet<i64> = context
            .open_orders_on(id, Side::Sell)
            .filter_map(|open| Some(rung_of(open)? - 1))
            .collect();
        let mut free_lots = self.free_lots(context, lot);
        if free_lots < 0 {
            if let Some(lowest) = bids.iter().find(|bid| bid.is_settled) {
                context.cancel(lowest.order);
            }
            return;
        }
        let slots = usize::try_from(free_lots).unwrap_or(0) + bids.len();
        let wanted: Vec<i64> =
            (0..).map(|down| top - down).filter(|rung| !held.contains(rung)).take(slots).collect();
        let missing = wanted.iter().filter(|rung| !bids.iter().any(|bid| bid.rung == **rung));
        let lowest_wanted = wanted.last().copied().unwrap_or(top);
        let mut out_of_place = bids.iter().filter(|bid| bid.is_settled && bid.rung < lowest_wanted);
        for rung in missing {
            let Some(price) = self.ladder.price(*rung) else { continue };
            let new = NewOrder::limit(id, Side::Buy, self.size.quantity_at(price), price);
            if free_lots > 0 {
                free_lots -= 1;
                context.submit(new);
            } else if let Some(bid) = out_of_place.next() {
                context.replace(bid.order, new);
            }
        }
    }

    /// How many lots may still be bought, beyond what is held and what works; negative when that
    /// is too much already, as after a change of the parameters.
    fn free_lots(&self, context: &Context<'_>, lot: Quantity) -> i64 {
        let id = self.instrument;
        let held = context.position(id).quantity();
        let working: Quantity =
            context.open_orders_on(id, Side::Buy).filter_map(OpenOrder::remaining).sum();
        let used = (held + working).to_f64() / lot.to_f64();
        // Fees in base make a held lot a little smaller, a lower price an order a little larger.
        (self.levels as f64 - used + 0.25).floor() as i64
    }
}

/// Whether an order is being moved: it is not known yet whether the old or the new one counts. A
/// move whose cancel was refused is asked for again.
fn await_moves(context: &mut Context<'_>, id: InstrumentId) -> bool {
    let is_move =
        |open: &&OpenOrder| open.status == OrderStatus::Intended && open.replaces.is_some();
    let moves: Vec<OrderId> =
        context.open_orders_on(id, Side::Buy).filter(is_move).filter_map(|o| o.replaces).collect();
    for old in &moves {
        context.cancel(*old);
    }
    !moves.is_empty()
}

fn has_unknown(context: &Context<'_>, id: InstrumentId, side: Side) -> bool {
    context.open_orders_on(id, side).any(|open| open.status == OrderStatus::Unknown)
}

impl Strategy for Grid {
    fn requirements(&self) -> Requirements {
        Requirements { trades: true, ..Requirements::default() }
    }

    fn on_trade(&mut self, context: &mut Context<'_>, _: &Trade) -> StrategyResult {
        self.arrange(context);
        Ok(())
    }

    fn on_order(&mut self, context: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        self.cooldown.on_order(context.now(), event);
        if let OrderEventKind::Filled { fill, .. } = &event.kind
            && fill.side == Side::Buy
        {
            let rung = self.ladder.nearest(fill.price);
            self.unsold = Some(self.unsold.map_or(rung, |unsold| unsold.max(rung)));
        }
        self.arranged = None;
        self.arrange(context);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
