//! Trend following by two exponential moving averages.

use kernel::parameters::{
    ParameterDefault, ParameterError, ParameterKey, ParameterKind, ParameterSet, Parameters,
};
use kernel::strategy::{Context, Requirements, Strategy, StrategyEntry, StrategyResult, WarmUp};
use market::indicators::Ema;
use model::{Bar, InstrumentId, Interval, NewOrder, OrderEvent, Price, Side, Trade};

use crate::cooldown::Cooldown;
use crate::parameters::{ORDER_NOTIONAL, OrderSize, QUANTITY, count};
use crate::per_symbol;

/// The most values that the venue's history gives: more are asked for only by who says so.
const USUAL_WARM_UP: i64 = 1_000;
/// Four times the longest average.
const MAX_WARM_UP: i64 = 400_000;

static PARAMETERS: ParameterSet = ParameterSet {
    kind: "ema_cross",
    keys: &[
        ParameterKey {
            name: "source",
            kind: ParameterKind::Choice(&["trades", "bars"]),
            default: ParameterDefault::Value("bars"),
            doc: "What the averages follow: the price of every trade, or the close of every bar.",
        },
        ParameterKey {
            name: "interval",
            kind: ParameterKind::Interval,
            default: ParameterDefault::Value("1m"),
            doc: "Length of the bars; unused with `source = \"trades\"`.",
        },
        ParameterKey {
            name: "fast",
            kind: ParameterKind::Integer { min: 1, max: 100_000 },
            default: ParameterDefault::Value("12"),
            doc: "Length of the fast average, in trades or bars. Below `slow`.",
        },
        ParameterKey {
            name: "slow",
            kind: ParameterKind::Integer { min: 2, max: 100_000 },
            default: ParameterDefault::Value("26"),
            doc: "Length of the slow average, in trades or bars.",
        },
        ParameterKey {
            name: "warm_up",
            kind: ParameterKind::Integer { min: 0, max: MAX_WARM_UP },
            default: ParameterDefault::Unset,
            doc: "How many past trades or bars the averages start from. Unset: four times `slow`, but \
                  no more than 1,000, which is all that a venue gives: only a backtest takes more.",
        },
        QUANTITY,
        ORDER_NOTIONAL,
    ],
    check,
};

/// The line of the table.
pub(crate) const ENTRY: StrategyEntry = StrategyEntry {
    parameters: &PARAMETERS,
    summary: "Follows the trend: buys when a fast average of prices is above a slow one, sells \
              when it is below.",
    build: |setup| per_symbol::build(setup, EmaCross::new),
};

fn check(parameters: &Parameters) -> Result<(), ParameterError> {
    let (fast, slow) = (parameters.integer("fast"), parameters.integer("slow"));
    if fast >= slow {
        return Err(ParameterError::new("fast", format!("{fast} must be below `slow`, {slow}")));
    }
    OrderSize::check(parameters)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    Trades,
    Bars(Interval),
}

/// `ema_cross`: follows the trend with two exponential moving averages of the price.
///
/// **What it does.** For each trade or closed bar: e ← e + α(x − e) with α = 2/(n + 1), in `f64`,
/// seeded with the first value. From the `slow`-th value on: while the fast average is above the
/// slow one and it is flat, it buys; while the fast one is below and it is long, it sells all; at
/// equality it does nothing. Orders are market orders, one at a time: while one is under way, or
/// its outcome unknown, nothing else is sent.
///
/// **Parameters.** `source`, `interval`, `fast`, `slow`, `warm_up`, and `quantity` or
/// `order_notional`: see the table.
///
/// **When it loses money.** In a market that goes sideways: each false crossing costs two taker
/// fees, the spread and what the price moved before the averages noticed. It buys after the rise
/// and sells after the fall, so a trend must last several times longer than the slow average to
/// pay. A gap through the average is taken in full: it has no stop.
#[derive(Debug)]
pub struct EmaCross {
    instrument: InstrumentId,
    source: Source,
    fast: Ema,
    slow: Ema,
    warm_up: u32,
    size: OrderSize,
    cooldown: Cooldown,
}

impl EmaCross {
    fn new(instrument: InstrumentId, parameters: &Parameters) -> Self {
        let slow = parameters.integer("slow");
        let four_times = (4 * slow).min(USUAL_WARM_UP);
        let warm_up = parameters.integer_if_set("warm_up").unwrap_or(four_times);
        Self {
            instrument,
            source: match parameters.choice("source") {
                "trades" => Source::Trades,
                _ => Source::Bars(parameters.interval("interval")),
            },
            fast: Ema::new(count(parameters, "fast")),
            slow: Ema::new(count(parameters, "slow")),
            warm_up: u32::try_from(warm_up).expect("the table keeps it between 0 and 400,000"),
            size: OrderSize::of(parameters),
            cooldown: Cooldown::default(),
        }
    }

    fn on_value(&mut self, context: &mut Context<'_>, price: Price) {
        let value = price.to_f64();
        let (fast, slow) = (self.fast.push(value), self.slow.push(value));
        let (Some(fast), Some(slow)) = (fast, slow) else { return };
        let id = self.instrument;
        context.publish(id, "fast", fast);
        context.publish(id, "slow", slow);
        let is_free = context.is_ready()
            && !self.cooldown.holds_back(context)
            && context.open_orders(id).next().is_none();
        if is_free && fast > slow && context.is_flat(id) {
            self.buy(context, price);
        } else if is_free && fast < slow {
            self.sell_all(context);
        }
    }

    #[inline(never)]
    fn buy(&self, context: &mut Context<'_>, price: Price) {
        let quantity = self.size.quantity_at(price);
        context.submit(NewOrder::market(self.instrument, Side::Buy, quantity));
    }

    fn sell_all(&self, context: &mut Context<'_>) {
        let held = context.sellable(self.instrument);
        if held.is_positive() {
            context.submit(NewOrder::market(self.instrument, Side::Sell, held));
        }
    }
}

impl Strategy for EmaCross {
    fn requirements(&self) -> Requirements {
        let mut requirements = Requirements::default();
        match self.source {
            Source::Trades => requirements.trades = true,
            Source::Bars(interval) => requirements.bars.push(interval),
        }
        if self.warm_up > 0 {
            requirements.warm_up = match self.source {
                Source::Trades => WarmUp::Trades(self.warm_up),
                Source::Bars(interval) => WarmUp::Bars(interval, self.warm_up),
            };
        }
        requirements
    }

    /// Its orders are done in a moment: one that is found after a restart hangs.
    fn on_start(&mut self, context: &mut Context<'_>) -> StrategyResult {
        context.cancel_all(self.instrument);
        Ok(())
    }

    fn on_trade(&mut self, context: &mut Context<'_>, trade: &Trade) -> StrategyResult {
        if self.source == Source::Trades {
            self.on_value(context, trade.price);
        }
        Ok(())
    }

    fn on_bar(&mut self, context: &mut Context<'_>, bar: &Bar) -> StrategyResult {
        if self.source == Source::Bars(bar.interval) {
            self.on_value(context, bar.close);
        }
        Ok(())
    }

    fn on_order(&mut self, context: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        self.cooldown.on_order(context.now(), event);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
