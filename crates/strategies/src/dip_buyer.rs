//! Buying falls, lot by lot.

use kernel::parameters::{
    ParameterDefault, ParameterError, ParameterKey, ParameterKind, ParameterSet, Parameters,
};
use kernel::strategy::{
    Context, Requirements, Strategy, StrategyEntry, StrategyError, StrategyResult, WarmUp,
};
use market::indicators::Ema;
use model::{
    Bar, InstrumentId, Interval, NewOrder, OrderEvent, OrderEventKind, OrderId, OrderKind,
    OrderQuantity, Price, Quantity, Side, TimeInForce, Trade,
};

use crate::cooldown::Cooldown;
use crate::lots::Lots;
use crate::parameters::{ORDER_NOTIONAL, OrderSize, QUANTITY, count, fraction};
use crate::per_symbol;

static PARAMETERS: ParameterSet = ParameterSet {
    kind: "dip_buyer",
    keys: &[
        ParameterKey {
            name: "interval",
            kind: ParameterKind::Interval,
            default: ParameterDefault::Value("1m"),
            doc: "Length of the bars that the reference follows.",
        },
        ParameterKey {
            name: "reference_bars",
            kind: ParameterKind::Integer { min: 1, max: 1_000 },
            default: ParameterDefault::Value("60"),
            doc: "Length of the reference, an exponential moving average of closes, in bars.",
        },
        ParameterKey {
            name: "fall_bps",
            kind: ParameterKind::Float { min: 0.1, max: 9_999.0 },
            default: ParameterDefault::Value("100"),
            doc: "How far below the reference, and below its own last buy, it buys; in basis \
                  points.",
        },
        ParameterKey {
            name: "rise_bps",
            kind: ParameterKind::Float { min: 0.1, max: 100_000.0 },
            default: ParameterDefault::Value("100"),
            doc: "How far above its own last buy it sells that lot; in basis points. Two fees of \
                  0.1 % take 20 of them.",
        },
        ParameterKey {
            name: "lots",
            kind: ParameterKind::Integer { min: 1, max: 1_000 },
            default: ParameterDefault::Value("5"),
            doc: "The most lots that it holds.",
        },
        QUANTITY,
        ORDER_NOTIONAL,
    ],
    check,
};

/// The line of the table.
pub(crate) const ENTRY: StrategyEntry = StrategyEntry {
    parameters: &PARAMETERS,
    summary: "Buys a lot after a fall below a moving reference and its own last buy, sells each \
              a given rise above what it paid.",
    build: |setup| per_symbol::build(setup, DipBuyer::new),
};

fn check(parameters: &Parameters) -> Result<(), ParameterError> {
    OrderSize::check(parameters)
}

/// `dip_buyer`: buys falls and sells recoveries, deciding by the difference to its last purchase.
///
/// **What it does.** The reference is an exponential moving average of the closes of bars. When a
/// trade is `fall_bps` or more below the reference and below the price of its own last lot, it
/// buys a lot, up to `lots` of them. When a trade is `rise_bps` or more above the price of its
/// last lot, it sells that lot; the one before it is then the last. Orders are limit orders at
/// the price that it waited for, immediate or cancel: it never pays more and never takes less,
/// and one that finds nobody is tried again after a pause. One order at a time; none while an
/// outcome is unknown.
///
/// **Parameters.** `interval`, `reference_bars`, `fall_bps`, `rise_bps`, `lots`, and `quantity`
/// or `order_notional`: see the table.
///
/// **When it loses money.** In a long fall: it buys until its lots are used up and then holds all
/// of them below cost, for as long as the price stays there; it has no stop. Every lot is a small
/// gain against a large open loss. A rise smaller than two fees and the spread loses on every
/// lot.
#[derive(Debug)]
pub struct DipBuyer {
    instrument: InstrumentId,
    interval: Interval,
    reference: Ema,
    reference_bars: u32,
    fall: f64,
    rise: f64,
    max_lots: usize,
    size: OrderSize,
    lots: Lots,
    /// The order that the last lot was bought with.
    last_buy: Option<OrderId>,
    cooldown: Cooldown,
}

impl DipBuyer {
    fn new(instrument: InstrumentId, parameters: &Parameters) -> Self {
        let bars = count(parameters, "reference_bars");
        Self {
            instrument,
            interval: parameters.interval("interval"),
            reference: Ema::new(bars),
            reference_bars: u32::try_from(bars.get()).expect("the table's maximum is 1,000"),
            fall: fraction(parameters, "fall_bps"),
            rise: fraction(parameters, "rise_bps"),
            max_lots: count(parameters, "lots").get(),
            size: OrderSize::of(parameters),
            lots: Lots::default(),
            last_buy: None,
            cooldown: Cooldown::default(),
        }
    }

    fn on_price(&mut self, context: &mut Context<'_>, price: Price) {
        let id = self.instrument;
        let is_free = context.is_ready()
            && !self.cooldown.holds_back(context)
            && context.open_orders(id).next().is_none();
        if !is_free {
            return;
        }
        let instrument = context.instrument(id);
        self.lots.fold_dust(|quantity| !instrument.is_sellable(price, quantity));
        let order = self.sale(context, price).or_else(|| self.purchase(context, price));
        if let Some((side, quantity, price)) = order {
            let kind = OrderKind::Limit { price, time_in_force: TimeInForce::ImmediateOrCancel };
            context.submit(NewOrder::new(id, side, kind, OrderQuantity::Base(quantity)));
        }
    }

    fn sale(&self, context: &Context<'_>, price: Price) -> Option<(Side, Quantity, Price)> {
        let last = self.lots.last()?;
        let target = Price::from_f64_rounded(last.price.to_f64() * (1.0 + self.rise))?;
        let sellable = context.sellable(self.instrument);
        // The lots may hold steps' worth of dust that only sells together.
        let quantity = if self.lots.len() == 1 { sellable } else { sellable.min(last.quantity) };
        (price >= target && quantity.is_positive()).then_some((Side::Sell, quantity, target))
    }

    fn purchase(&self, context: &Context<'_>, price: Price) -> Option<(Side, Quantity, Price)> {
        let instrument = context.instrument(self.instrument);
        // Dust is no lot.
        let last = self.lots.last().filter(|lot| instrument.is_sellable(price, lot.quantity));
        let held = if last.is_some() { self.lots.len() } else { 0 };
        let reference = self.reference.value()?;
        let reference = last.map_or(reference, |last| reference.min(last.price.to_f64()));
        let threshold = Price::from_f64_rounded(reference * (1.0 - self.fall))?;
        let quantity = self.size.quantity_at(price);
        (held < self.max_lots && price <= threshold).then_some((Side::Buy, quantity, threshold))
    }
}

impl Strategy for DipBuyer {
    fn requirements(&self) -> Requirements {
        Requirements {
            trades: true,
            bars: vec![self.interval],
            warm_up: WarmUp::Bars(self.interval, self.reference_bars),
            ..Requirements::default()
        }
    }

    /// Takes back what hangs, and brings the lots in line with the position.
    fn on_start(&mut self, context: &mut Context<'_>) -> StrategyResult {
        context.cancel_all(self.instrument);
        let position = context.position(self.instrument);
        let cost = position.average_cost().map(|cost| cost.truncated(8).to_decimal());
        let cost = cost.and_then(|cost| Price::from_decimal(cost).ok());
        self.lots.reconcile(position.quantity(), cost);
        Ok(())
    }

    fn on_bar(&mut self, context: &mut Context<'_>, bar: &Bar) -> StrategyResult {
        if bar.interval == self.interval
            && let Some(reference) = self.reference.push(bar.close.to_f64())
        {
            context.publish(self.instrument, "reference", reference);
        }
        Ok(())
    }

    fn on_trade(&mut self, context: &mut Context<'_>, trade: &Trade) -> StrategyResult {
        self.on_price(context, trade.price);
        Ok(())
    }

    fn on_order(&mut self, context: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        self.cooldown.on_order(context.now(), event);
        if let OrderEventKind::Filled { fill, .. } = &event.kind {
            let base = context.instrument(self.instrument).base;
            match fill.side {
                Side::Buy => {
                    let same_order = self.last_buy.replace(event.order) == Some(event.order);
                    self.lots.bought(fill, base, same_order);
                }
                Side::Sell => self.lots.sold(fill, base),
            }
        }
        Ok(())
    }

    fn snapshot(&self) -> Option<serde_json::Value> {
        serde_json::to_value(&self.lots).ok()
    }

    fn restore(&mut self, snapshot: serde_json::Value) -> StrategyResult {
        self.lots =
            serde_json::from_value(snapshot).map_err(|error| StrategyError(error.to_string()))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
