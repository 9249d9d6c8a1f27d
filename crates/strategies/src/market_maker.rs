//! Quoting both sides of the market.

use std::time::Duration;

use kernel::parameters::{
    ParameterDefault, ParameterError, ParameterKey, ParameterKind, ParameterSet, Parameters,
};
use kernel::strategy::{Context, OpenOrder, Requirements, Strategy, StrategyEntry, StrategyResult};
use model::{
    Instrument, InstrumentId, NewOrder, OrderEvent, OrderId, OrderKind, Price, Quantity, Quote,
    Side, Timestamp,
};

use crate::cooldown::Cooldown;
use crate::parameters::{ORDER_NOTIONAL, OrderSize, QUANTITY, fraction};
use crate::per_symbol;

static PARAMETERS: ParameterSet = ParameterSet {
    kind: "market_maker",
    keys: &[
        ParameterKey {
            name: "half_spread_bps",
            kind: ParameterKind::Float { min: 0.0, max: 5_000.0 },
            default: ParameterDefault::Value("15"),
            doc: "How far from its centre each quote is, in basis points of the price. A round \
                  trip gains twice this, less two fees.",
        },
        ParameterKey {
            name: "skew_bps",
            kind: ParameterKind::Float { min: 0.0, max: 5_000.0 },
            default: ParameterDefault::Value("10"),
            doc: "How far the centre is above the middle of the market when it holds nothing, and \
                  below it when it holds all it may; in between in proportion.",
        },
        ParameterKey {
            name: "max_lots",
            kind: ParameterKind::Integer { min: 1, max: 10_000 },
            default: ParameterDefault::Value("6"),
            doc: "The most that it holds, in orders of its size.",
        },
        ParameterKey {
            name: "requote_bps",
            kind: ParameterKind::Float { min: 0.0, max: 5_000.0 },
            default: ParameterDefault::Value("2"),
            doc: "A quote is replaced only when its price would change by at least so much.",
        },
        ParameterKey {
            name: "requote_ms",
            kind: ParameterKind::Milliseconds { min: 1, max: 3_600_000 },
            default: ParameterDefault::Value("500"),
            doc: "Least time between two changes of its quotes.",
        },
        QUANTITY,
        ORDER_NOTIONAL,
    ],
    check,
};

/// The line of the table.
pub(crate) const ENTRY: StrategyEntry = StrategyEntry {
    parameters: &PARAMETERS,
    summary: "Quotes both sides of the market with post-only orders, leans against its own \
              position, and follows the price.",
    build: |setup| per_symbol::build(setup, MarketMaker::new),
};

fn check(parameters: &Parameters) -> Result<(), ParameterError> {
    OrderSize::check(parameters)
}

/// `market_maker`: earns the spread by quoting both sides.
///
/// **What it does.** Around a centre it keeps one post-only buy and one post-only sell,
/// `half_spread_bps` away each, and never through the best price of the other side. The centre is
/// the middle of best bid and ask, moved by the inventory: up by `skew_bps` when it holds
/// nothing, down by as much at `max_lots`, so that it is drawn towards half of that. It sells
/// only what it holds. A quote that would move by `requote_bps` or more is replaced, both sides
/// not more often than every `requote_ms`; one whose outcome is unknown or whose cancel is on the
/// way is waited for, so there is never more than one quote a side, and its replacement. When it
/// stops, it takes its quotes back.
///
/// **Parameters.** `half_spread_bps`, `skew_bps`, `max_lots`, `requote_bps`, `requote_ms`, and
/// `quantity` or `order_notional`: see the table.
///
/// **When it loses money.** In a trend, when one side fills and the price goes on: it then holds
/// what nobody wants. Against traders who know more or are faster, who take its quotes just
/// before they are replaced. Always, when the spread that it earns is below two maker fees.
#[derive(Debug)]
pub struct MarketMaker {
    instrument: InstrumentId,
    half_spread: f64,
    skew: f64,
    max_lots: f64,
    requote: f64,
    requote_after: Duration,
    size: OrderSize,
    next_at: Timestamp,
    cooldown: Cooldown,
}

/// What a side should look like.
#[derive(Clone, Copy, Debug)]
struct Target {
    side: Side,
    price: Price,
    quantity: Quantity,
}

impl MarketMaker {
    fn new(instrument: InstrumentId, parameters: &Parameters) -> Self {
        Self {
            instrument,
            half_spread: fraction(parameters, "half_spread_bps"),
            skew: fraction(parameters, "skew_bps"),
            max_lots: parameters.integer("max_lots") as f64,
            requote: fraction(parameters, "requote_bps"),
            requote_after: parameters.duration("requote_ms"),
            size: OrderSize::of(parameters),
            next_at: Timestamp::EPOCH,
            cooldown: Cooldown::default(),
        }
    }

    /// Brings both sides in line with the market, unless that was done a moment ago; then a timer
    /// sees to it.
    fn follow(&mut self, context: &mut Context<'_>) {
        let Some(quote) = context.last_quote(self.instrument).copied() else { return };
        if !context.is_ready() || quote.bid.price >= quote.ask.price {
            return;
        }
        let due_at = self.next_at.max(self.cooldown.ends_at());
        if context.now() < due_at {
            self.cooldown.holds_back(context);
            context.set_timer(u32::from(self.instrument.0), due_at);
            return;
        }
        let targets = self.targets(context, &quote);
        for (name, target) in ["bid", "ask"].into_iter().zip(targets) {
            if let Some(target) = target {
                context.publish(self.instrument, name, target.price.to_f64());
            }
        }
        let mut changed = false;
        for (side, target) in [Side::Buy, Side::Sell].into_iter().zip(targets) {
            changed |= self.tend(context, side, target);
        }
        if changed {
            self.next_at = context.now().after(self.requote_after);
        }
    }

    /// The buy and the sell that it wants now.
    fn targets(&self, context: &Context<'_>, quote: &Quote) -> [Option<Target>; 2] {
        let id = self.instrument;
        let instrument = context.instrument(id);
        let lot = self.size.quantity_at(quote.mid());
        if !lot.is_positive() {
            return [None, None];
        }
        let held = context.position(id).quantity();
        let lots = held.to_f64() / lot.to_f64();
        let lean = 1.0 - 2.0 * (lots / self.max_lots).clamp(0.0, 1.0);
        let centre = quote.mid().to_f64() * (1.0 + lean * self.skew);
        let tick = instrument.filters.price.tick.max(Price::from_units(1));
        // A tenth of a lot of tolerance, for dust and fees in base.
        let bid = (lots + 0.9 < self.max_lots).then(|| {
            let price = Price::from_f64_rounded(centre * (1.0 - self.half_spread))?;
            let price = price.min(quote.ask.price - tick);
            Some(Target { side: Side::Buy, price, quantity: lot })
        });
        let quantity = instrument.quantise_quantity(&OrderKind::Market, held.min(lot));
        let ask = instrument.is_sellable(quote.bid.price, quantity).then(|| {
            let price = Price::from_f64_rounded(centre * (1.0 + self.half_spread))?;
            let price = price.max(quote.bid.price + tick);
            Some(Target { side: Side::Sell, price, quantity })
        });
        [bid, ask].map(|target| rounded(instrument, target.flatten()?))
    }

    /// Brings one side in line. Whether anything was asked for.
    fn tend(&self, context: &mut Context<'_>, side: Side, target: Option<Target>) -> bool {
        let action = {
            let mut orders = context.open_orders_on(self.instrument, side);
            match (orders.next(), orders.next(), target) {
                (None, _, target) => target.map(Action::Place),
                (Some(open), None, target) => self.maintain(open, target),
                (Some(old), Some(new), _) => untangle(old, new),
            }
        };
        match action {
            None => return false,
            Some(Action::Place(target)) => {
                context.submit(target.order(self.instrument));
            }
            Some(Action::Cancel(order)) => context.cancel(order),
            Some(Action::Replace(order, target)) => {
                context.replace(order, target.order(self.instrument));
            }
        }
        true
    }

    fn maintain(&self, open: &OpenOrder, target: Option<Target>) -> Option<Action> {
        if !open.is_settled() {
            return None;
        }
        let (Some(target), Some(price)) = (target, open.price()) else {
            return Some(Action::Cancel(open.order));
        };
        let moved = (target.price.to_f64() - price.to_f64()).abs() / target.price.to_f64();
        (target.price != price && moved >= self.requote)
            .then_some(Action::Replace(open.order, target))
    }
}

/// What to do with a side.
enum Action {
    Place(Target),
    Cancel(OrderId),
    Replace(OrderId, Target),
}

/// Two orders on a side are a quote and its replacement, unless a cancel was refused or a restart
/// found them: then the older one goes.
fn untangle(old: &OpenOrder, new: &OpenOrder) -> Option<Action> {
    let unasked = [old, new].into_iter().find(|open| open.is_settled());
    unasked.map(|open| Action::Cancel(open.order))
}

impl Target {
    fn order(self, id: InstrumentId) -> NewOrder {
        NewOrder::limit_maker(id, self.side, self.quantity, self.price)
    }
}

/// The target at a price that the venue has, so that it is only replaced by another one.
fn rounded(instrument: &Instrument, target: Target) -> Option<Target> {
    let price = instrument.quantise_price(target.side, target.price);
    price.is_positive().then_some(Target { price, ..target })
}

impl Strategy for MarketMaker {
    fn requirements(&self) -> Requirements {
        Requirements { quotes: true, ..Requirements::default() }
    }

    fn on_quote(&mut self, context: &mut Context<'_>, _: &Quote) -> StrategyResult {
        self.follow(context);
        Ok(())
    }

    fn on_order(&mut self, context: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        self.cooldown.on_order(context.now(), event);
        self.follow(context);
        Ok(())
    }

    fn on_timer(&mut self, context: &mut Context<'_>, _: u32) -> StrategyResult {
        self.follow(context);
        Ok(())
    }

    fn on_stop(&mut self, context: &mut Context<'_>) -> StrategyResult {
        context.cancel_all(self.instrument);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
