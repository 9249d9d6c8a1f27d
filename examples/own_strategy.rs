//! A strategy of your own, complete: what it needs, how it is registered, how it is rehearsed.
//!
//! In a crate of your own this file is your `main.rs`, with `tickwright` as its only dependency.
//!
//! ```text
//! cargo run --example own_strategy                  # a rehearsal over fifteen bars
//! cargo run --example own_strategy -- check         # the whole program, with one more strategy
//! cargo test --example own_strategy
//! ```
//!
//! To trade it, write a file such as `config/strategies/breakout.toml`:
//!
//! ```toml
//! id = "breakout_btc"
//! kind = "breakout"
//! symbols = ["BTCUSDT"]
//! capital = "5000"
//!
//! [parameters]
//! bars = 20
//! quantity = "0.01"
//! ```

use std::process::ExitCode;

use tickwright::kernel::parameters::{
    ParameterDefault, ParameterKey, ParameterKind, ParameterSet, Parameters,
};
use tickwright::kernel::strategy::{
    Context, Requirements, SetupError, Strategy, StrategyEntry, StrategyResult, StrategySetup,
    WarmUp,
};
use tickwright::model::{
    Bar, InstrumentId, Interval, NewOrder, OrderEvent, OrderEventKind, OrderKind, OrderQuantity,
    Price, Quantity, Side,
};

fn main() -> ExitCode {
    // This line registers it, beside the built-in ones.
    let strategies = [tickwright::STRATEGIES, &[BREAKOUT]].concat().leak();
    if std::env::args().len() > 1 {
        return tickwright::cli::execute(std::env::args_os(), strategies).into();
    }
    for line in rehearsal::run() {
        println!("{line}");
    }
    ExitCode::SUCCESS
}

/// What a config file may say, what the documentation says, and how one is built.
const BREAKOUT: StrategyEntry = StrategyEntry {
    parameters: &ParameterSet {
        kind: "breakout",
        keys: &[
            ParameterKey {
                name: "interval",
                kind: ParameterKind::Interval,
                default: ParameterDefault::Value("1m"),
                doc: "Length of the bars.",
            },
            ParameterKey {
                name: "bars",
                kind: ParameterKind::Integer { min: 2, max: 500 },
                default: ParameterDefault::Value("20"),
                doc: "How many bars the channel spans.",
            },
            ParameterKey {
                name: "stop_percent",
                kind: ParameterKind::Float { min: 0.1, max: 50.0 },
                default: ParameterDefault::Value("2"),
                doc: "How far below its own price the protective stop lies.",
            },
            ParameterKey {
                name: "quantity",
                kind: ParameterKind::Quantity,
                default: ParameterDefault::Required,
                doc: "How much of the base asset it buys.",
            },
        ],
        // What no single key can say, such as one below another, would be checked here.
        check: |_| Ok(()),
    },
    summary: "Buys when a bar closes above the channel of the bars before, with a stop below; \
              sells when one closes below it.",
    build: |setup| Breakout::build(setup),
};

/// Buys a close above the highest high of the last bars and protects what it bought with a stop
/// on the venue; sells a close below the lowest low. Loses money when breakouts fail, which most
/// do: each costs two fees and the way down to the stop or the channel.
struct Breakout {
    instrument: InstrumentId,
    interval: Interval,
    bars: usize,
    stop_factor: f64,
    quantity: Quantity,
}

impl Breakout {
    fn build(setup: &StrategySetup<'_>) -> Result<Box<dyn Strategy>, SetupError> {
        let [instrument] = *setup.traded else {
            let actual = setup.traded.len();
            return Err(SetupError::Symbols { expected: "one symbol", actual });
        };
        let parameters: &Parameters = setup.parameters;
        Ok(Box::new(Self {
            instrument,
            interval: parameters.interval("interval"),
            bars: usize::try_from(parameters.integer("bars")).expect("the table starts at 2"),
            stop_factor: 1.0 - parameters.float("stop_percent") / 100.0,
            quantity: parameters.quantity("quantity"),
        }))
    }

    /// The stop that protects the position, while it rests on the venue.
    fn sell_all(&self, context: &mut Context<'_>) {
        let id = self.instrument;
        let stop = context.open_orders_on(id, Side::Sell).next().map(|open| open.order);
        let held = context
            .instrument(id)
            .quantise_quantity(&OrderKind::Market, context.position(id).quantity());
        let sell = NewOrder::market(id, Side::Sell, held);
        // A resting stop holds the balance: the sale goes out once it is gone.
        match stop {
            Some(stop) => drop(context.replace(stop, sell)),
            None => drop(context.submit(sell)),
        }
    }
}

impl Strategy for Breakout {
    fn requirements(&self) -> Requirements {
        // One bar more than the channel: the last one is compared with those before it.
        let count = u32::try_from(self.bars + 1).expect("the table ends at 500");
        Requirements {
            bars: vec![self.interval],
            warm_up: WarmUp::Bars(self.interval, count),
            ..Requirements::default()
        }
    }

    fn on_bar(&mut self, context: &mut Context<'_>, bar: &Bar) -> StrategyResult {
        let id = self.instrument;
        // The context keeps as many bars as the warm-up asked for, this one the last.
        let mut before: Vec<&Bar> = context.bars(id, self.interval).collect();
        before.pop();
        if before.len() < self.bars || !context.is_ready() {
            return Ok(());
        }
        let high = before.iter().map(|bar| bar.high).max();
        let low = before.iter().map(|bar| bar.low).min();
        let is_buying = context.open_orders_on(id, Side::Buy).next().is_some();
        if context.is_flat(id) && !is_buying && Some(bar.close) > high {
            context.submit(NewOrder::market(id, Side::Buy, self.quantity));
        } else if !context.is_flat(id) && Some(bar.close) < low {
            self.sell_all(context);
        }
        Ok(())
    }

    fn on_order(&mut self, context: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        if let OrderEventKind::Denied { reason } = &event.kind {
            context.note(format!("denied by {}: {}", reason.rule, reason.detail));
        }
        let OrderEventKind::Filled { fill, .. } = &event.kind else { return Ok(()) };
        let free = context.sellable(self.instrument);
        let stop_price = Price::from_f64_rounded(fill.price.to_f64() * self.stop_factor);
        if fill.side == Side::Buy
            && free.is_positive()
            && let Some(stop_price) = stop_price
        {
            let kind = OrderKind::StopLoss { stop_price };
            let quantity = OrderQuantity::Base(free);
            let stop = NewOrder::new(self.instrument, Side::Sell, kind, quantity);
            // Protective orders outlive a shutdown, a halt and a quarantine.
            context.submit(stop.protective());
        }
        Ok(())
    }
}

/// The strategy in its host, with a market and a venue made up on the spot. The same host runs it
/// in a backtest, in the simulator and live.
mod rehearsal {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use tickwright::kernel::messages::Intent;
    use tickwright::kernel::strategy::{HostInput, HostOutput, HostSetup, StrategyHost};
    use tickwright::model::*;

    use super::*;

    const CLOSES: [i64; 15] =
        [100, 101, 99, 100, 103, 104, 106, 107, 105, 103, 101, 98, 99, 100, 104];

    /// What the strategy wants at each of the closes.
    pub fn run() -> Vec<String> {
        let instruments = Arc::new(instruments());
        let given = [("bars", "3"), ("quantity", "0.5")];
        let given = given.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let parameters = Parameters::new(BREAKOUT.parameters.keys, &given).expect("all are valid");
        let traded = vec![InstrumentId(0)];
        let capital: Amount = "5000".parse().expect("a number");
        let setup = StrategySetup {
            instruments: &instruments,
            traded: &traded,
            capital,
            parameters: &parameters,
        };
        let machine = (BREAKOUT.build)(&setup).expect("one symbol");
        let mut host = StrategyHost::new(
            machine,
            HostSetup {
                strategy: StrategyId(0),
                epoch: 1,
                last_number: 0,
                instruments,
                traded,
                capital,
                positions: BTreeMap::new(),
                open_orders: Vec::new(),
                effects_per_step: 100,
            },
        );
        let mut lines = Vec::new();
        for (minute, close) in (0..).zip(CLOSES) {
            let bar = bar(minute, close);
            let input = if minute < 3 {
                HostInput::WarmUp(bar.into())
            } else {
                let sequence = minute.unsigned_abs();
                let correlation = CorrelationId(sequence);
                HostInput::Market { sequence, event: bar.into(), correlation }
            };
            if minute == 3 {
                step(&mut host, &bar, HostInput::Start, &mut lines);
            }
            step(&mut host, &bar, input, &mut lines);
        }
        lines
    }

    /// Hands an input over, notes what is wanted, and fills market orders at the close.
    fn step(host: &mut StrategyHost, bar: &Bar, input: HostInput, lines: &mut Vec<String>) {
        let mut outputs = Vec::new();
        host.step(bar.received_at, input, &mut outputs).expect("it returns no errors");
        for output in outputs {
            match output {
                HostOutput::Note(text) => lines.push(text),
                HostOutput::Intent(wanted) => {
                    let close = bar.close;
                    let (old, order, new) = match wanted.intent {
                        Intent::Submit { order, new } => (None, order, new),
                        Intent::Replace { old, order, new } => (Some(old), order, new),
                        Intent::Cancel { .. } => continue,
                    };
                    let OrderQuantity::Base(quantity) = new.quantity else { continue };
                    let (side, kind) = (new.side.name(), new.kind.name());
                    lines.push(format!("close {close:.0}: {side} {quantity:.2} {kind}"));
                    if let Some(old) = old {
                        let kind = OrderEventKind::Canceled { reason: CancelReason::Replaced };
                        tell(host, bar, old, kind, lines);
                    }
                    if new.kind == OrderKind::Market {
                        tell(host, bar, order, filled(new.side, quantity, bar), lines);
                    }
                }
            }
        }
    }

    fn tell(
        host: &mut StrategyHost,
        bar: &Bar,
        order: OrderId,
        kind: OrderEventKind,
        lines: &mut Vec<String>,
    ) {
        let correlation = CorrelationId(0);
        let (instrument, received_at) = (bar.instrument, bar.received_at);
        let event = OrderEvent { order, instrument, received_at, correlation, kind };
        step(host, bar, HostInput::Order { event, fee_in_quote: Amount::ZERO }, lines);
    }

    fn filled(side: Side, quantity: Quantity, bar: &Bar) -> OrderEventKind {
        let key = FillKey {
            instrument: bar.instrument,
            trade: TradeId(bar.open_at.as_secs()),
            venue_order: VenueOrderId(bar.open_at.as_secs()),
        };
        let fill = Fill {
            key,
            side,
            price: bar.close,
            quantity,
            fee: Amount::ZERO,
            fee_asset: "USDT".parse().expect("an asset"),
            liquidity: Liquidity::Taker,
            event_at: bar.received_at,
        };
        OrderEventKind::Filled { fill, cumulative_quantity: quantity, complete: true }
    }

    fn bar(minute: i64, close: i64) -> Bar {
        let close = Price::from_units(close * Price::ONE.units());
        Bar {
            instrument: InstrumentId(0),
            interval: Interval::MINUTE,
            open_at: Timestamp::from_secs(60 * minute),
            open: close,
            high: close,
            low: close,
            close,
            volume: Quantity::ONE,
            quote_volume: Amount::ONE,
            taker_buy_volume: Quantity::ZERO,
            trade_count: 1,
            received_at: Timestamp::from_secs(60 * minute + 60),
        }
    }

    fn instruments() -> Instruments {
        let mut instruments = Instruments::new();
        instruments.add(Instrument {
            id: InstrumentId(0),
            venue: VenueId::new("rehearsal").expect("a name"),
            symbol: "BTCUSDT".parse().expect("a symbol"),
            base: "BTC".parse().expect("an asset"),
            quote: "USDT".parse().expect("an asset"),
            base_decimals: 8,
            quote_decimals: 8,
            contract: Contract::Spot,
            features: model::Features::ALL,
            status: InstrumentStatus::Trading,
            filters: Filters::default(),
        });
        instruments
    }

    #[test]
    fn it_buys_the_breakout_protects_it_and_sells_below_the_channel() {
        assert_eq!(
            run(),
            [
                "close 103: buy 0.50 market",
                "close 103: sell 0.50 stop_loss",
                "close 103: sell 0.50 market",
                "close 104: buy 0.50 market",
                "close 104: sell 0.50 stop_loss",
            ]
        );
    }
}
