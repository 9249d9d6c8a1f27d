//! Writes a report of an invented run, to look at while working on the renderings.
//!
//! `cargo run -p tickwright-report --example sample -- out.html [--days 400] [--strategies 4]
//! [--symbols 2] [--seed 7] [--equity 100000] [--json out.json] [--empty]`
//!
//! Prices walk at random with changing volatility; strategies buy and sell at random, with fees,
//! partial fills, denials and rejects. The same arguments give the same bytes.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use model::{
    Amount, Asset, Contract, CorrelationId, DenialReason, Fill, FillKey, Filters, Instrument,
    InstrumentId, InstrumentStatus, Instruments, Liquidity, OrderEvent, OrderEventKind, OrderId,
    Price, Quantity, RejectReason, Side, StrategyId, Symbol, Timestamp, TradeId, VenueId,
    VenueOrderId,
};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tickwright_report::metrics::{Figure, SampleRule, TradeMethod};
use tickwright_report::run::{
    CostScenario, ModelName, RunIdentity, RunReport, RunReportBuilder, StrategySetup,
};
use tickwright_report::terminal::{Colour, summary};

const STEPS: u32 = 20_000;
/// Smallest sellable quantity: what rounding leaves below it is dust.
const SMALLEST: f64 = 0.000_01;
const SYMBOLS: [(&str, f64); 8] = [
    ("BTC", 61_837.63),
    ("ETH", 2_683.4),
    ("SOL", 157.21),
    ("BNB", 521.7),
    ("XRP", 0.6021),
    ("ADA", 0.3391),
    ("DOGE", 0.1021),
    ("SHIB", 0.000_013_91),
];
const KINDS: [(&str, TradeMethod); 4] = [
    ("ema_cross", TradeMethod::FlatToFlat),
    ("dip_buyer", TradeMethod::FlatToFlat),
    ("grid", TradeMethod::FifoLots),
    ("market_maker", TradeMethod::FifoLots),
];

struct Arguments {
    html: String,
    json: Option<String>,
    days: f64,
    strategies: usize,
    symbols: usize,
    seed: u64,
    equity: f64,
    empty: bool,
}

impl Arguments {
    fn read() -> Result<Self, String> {
        let mut arguments = Self {
            html: String::new(),
            json: None,
            days: 400.0,
            strategies: 4,
            symbols: 2,
            seed: 7,
            equity: 100_000.0,
            empty: false,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            let number =
                |text: String| text.parse::<f64>().map_err(|error| format!("{text}: {error}"));
            match word.as_str() {
                "--json" => arguments.json = Some(value()?),
                "--days" => arguments.days = number(value()?)?,
                "--strategies" => arguments.strategies = number(value()?)? as usize,
                "--symbols" => arguments.symbols = (number(value()?)? as usize).min(SYMBOLS.len()),
                "--seed" => arguments.seed = number(value()?)? as u64,
                "--equity" => arguments.equity = number(value()?)?,
                "--empty" => arguments.empty = true,
                path if !path.starts_with('-') => path.clone_into(&mut arguments.html),
                other => return Err(format!("unknown argument {other}")),
            }
        }
        if arguments.html.is_empty() {
            Err("where to? name a file".to_owned())
        } else {
            Ok(arguments)
        }
    }
}

/// One symbol's price and volatility.
struct Walk {
    price: f64,
    volatility: f64,
}

/// One strategy's holdings in one symbol.
#[derive(Clone, Copy, Default)]
struct Held {
    quantity: f64,
}

struct Sample {
    random: Pcg64Mcg,
    report: RunReportBuilder,
    walks: Vec<Walk>,
    /// By strategy, then by symbol.
    held: Vec<Vec<Held>>,
    cash: Vec<f64>,
    capital: f64,
    /// Width of the spread, relative to that of a long run.
    spread: f64,
    orders: u32,
}

fn amount(value: f64) -> Amount {
    format!("{value:.8}").parse().expect("a finite float prints as a decimal")
}

fn instruments(symbols: usize) -> Instruments {
    let mut table = Instruments::new();
    for (base, _) in &SYMBOLS[..symbols] {
        let mut filters = Filters::default();
        filters.lot_size.min = Quantity::from_f64_rounded(SMALLEST).expect("it is small");
        table.add(Instrument {
            id: InstrumentId(0),
            venue: VenueId::new("sim:sample").expect("a valid name"),
            symbol: Symbol::new(&format!("{base}USDT")).expect("a valid name"),
            base: Asset::new(base).expect("a valid name"),
            quote: usdt(),
            base_decimals: 8,
            quote_decimals: 8,
            contract: Contract::Spot,
            features: model::Features::ALL,
            status: InstrumentStatus::Trading,
            filters,
        });
    }
    table
}

fn usdt() -> Asset {
    Asset::new("USDT").expect("a valid name")
}

fn identity(arguments: &Arguments) -> RunIdentity {
    let warning = "fill = \"last\" without latency: no real order fills like this.".to_owned();
    RunIdentity {
        mode: if arguments.days < 1.0 { "demo" } else { "backtest" }.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        seed: Some(arguments.seed),
        config_hash: Some("5f1d7a84be76a4ac".repeat(4)),
        data_hash: Some("a3c2bf4f4f0ce1b7".repeat(4)),
        data: vec![format!("synthetic, seed {}", arguments.seed)],
        models: vec![
            ModelName::new("latency", "lognormal, median 12 ms, p99 90 ms"),
            ModelName::new("queue", "behind all that rests at the level"),
            ModelName::new("fees", "maker 0.075 %, taker 0.1 %"),
        ],
        warnings: if arguments.days < 1.0 { Vec::new() } else { vec![warning] },
        command: Some(format!("tickwright demo --seed {}", arguments.seed)),
    }
}

impl Sample {
    fn new(arguments: &Arguments, start_at: Timestamp) -> Self {
        let capital = arguments.equity / arguments.strategies.max(1) as f64;
        let mut report = RunReportBuilder::new(
            identity(arguments),
            usdt(),
            instruments(arguments.symbols),
            start_at,
            amount(arguments.equity),
        );
        for number in 0..arguments.strategies {
            let (kind, trade_method) = KINDS[number % KINDS.len()];
            report.add_strategy(StrategySetup {
                name: format!("{kind}-{}", number + 1),
                kind: kind.to_owned(),
                capital: amount(capital),
                trade_method,
                parameters: Vec::new(),
            });
        }
        Self {
            random: Pcg64Mcg::seed_from_u64(arguments.seed),
            report,
            walks: SYMBOLS[..arguments.symbols]
                .iter()
                .map(|(_, price)| Walk { price: *price, volatility: 0.6 })
                .collect(),
            held: vec![vec![Held::default(); arguments.symbols]; arguments.strategies],
            cash: vec![capital; arguments.strategies],
            capital,
            spread: if arguments.days < 1.0 { 0.2 } else { 1.0 },
            orders: 0,
        }
    }

    /// Roughly normal: the sum of twelve uniform numbers, less six.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.random.random::<f64>()).sum::<f64>() - 6.0
    }

    fn move_prices(&mut self, at: Timestamp, years: f64) {
        for index in 0..self.walks.len() {
            let (shock, drift) = (self.normal(), self.normal());
            let walk = &mut self.walks[index];
            walk.volatility = (walk.volatility * (1.0 + 0.03 * drift)).clamp(0.25, 1.4);
            walk.price *= (walk.volatility * years.sqrt() * shock + 0.35 * years).exp();
            let id = InstrumentId(u16::try_from(index).expect("few symbols"));
            let price = Price::from_f64_rounded(walk.price).expect("walks stay in range");
            self.report.push_price(id, at, price).expect("the symbol is in the table");
        }
    }

    fn trade(&mut self, at: Timestamp, strategy: usize) {
        let symbol = self.random.random_range(0..self.walks.len());
        let lots = match strategy % 4 {
            0 | 1 => 1,
            _ => 4,
        };
        let held = self.held[strategy][symbol].quantity;
        let lot = self.capital * 0.8 / self.walks.len() as f64 / f64::from(lots);
        let price = self.walks[symbol].price;
        let full = held * price > lot * (f64::from(lots) - 0.5);
        let side = if held < SMALLEST || (!full && self.random.random_bool(0.5)) {
            Side::Buy
        } else {
            Side::Sell
        };
        self.orders += 1;
        let order = OrderId {
            epoch: 1,
            strategy: StrategyId(u16::try_from(strategy).expect("few strategies")),
            number: self.orders,
        };
        let id = InstrumentId(u16::try_from(symbol).expect("few symbols"));
        if let Some(refused) = self.refusal() {
            self.tell(at, order, id, refused);
            return;
        }
        self.tell(at, order, id, OrderEventKind::Submitted { quantity: None, price: None });
        if self.random.random_bool(0.1) {
            let reason = model::CancelReason::Requested;
            self.tell(at, order, id, OrderEventKind::Canceled { reason });
            return;
        }
        let quantity = match side {
            Side::Buy => lot / price,
            Side::Sell if lots == 1 => held,
            Side::Sell => held.min(lot / price),
        };
        let parts = if self.random.random_bool(0.15) { 2 } else { 1 };
        for part in 0..parts {
            let complete = part + 1 == parts;
            self.fill(at, strategy, symbol, order, side, quantity / f64::from(parts), complete);
        }
    }

    fn refusal(&mut self) -> Option<OrderEventKind> {
        let rules = ["max_order_notional", "price_collar", "max_open_orders", "stale_data"];
        match self.random.random_range(0..60) {
            0 | 1 => Some(OrderEventKind::Denied {
                reason: DenialReason {
                    rule: rules[self.random.random_range(0..rules.len())].to_owned(),
                    detail: String::new(),
                    limit: String::new(),
                    actual: String::new(),
                },
            }),
            2 => Some(OrderEventKind::Rejected {
                reason: RejectReason { code: -2010, message: "insufficient balance".to_owned() },
            }),
            _ => None,
        }
    }

    fn tell(
        &mut self,
        at: Timestamp,
        order: OrderId,
        instrument: InstrumentId,
        kind: OrderEventKind,
    ) {
        let event =
            OrderEvent { order, instrument, received_at: at, correlation: CorrelationId(0), kind };
        self.report.push_order_event(order.strategy, &event).expect("all is known");
    }

    #[expect(clippy::too_many_arguments, reason = "one call, and a struct would only rename it")]
    fn fill(
        &mut self,
        at: Timestamp,
        strategy: usize,
        symbol: usize,
        order: OrderId,
        side: Side,
        quantity: f64,
        complete: bool,
    ) {
        let maker = strategy % 4 >= 2 || self.random.random_bool(0.2);
        // Makers earn half a spread and, so that the sample has winners, a little foresight.
        let edge = (if maker { 0.0009 } else { -0.0002 } + 0.0006 * self.normal()) * self.spread;
        let sign = side.sign() as f64;
        let price = Price::from_f64_rounded(self.walks[symbol].price * (1.0 - sign * edge));
        let price = price.expect("walks stay in range");
        let quantity = Quantity::from_f64_rounded(quantity).expect("lots are small");
        let notional = Amount::notional(price, quantity).expect("lots are small");
        let rate = if maker { "0.00075" } else { "0.001" };
        let rate: Amount = rate.parse().expect("a decimal");
        let fee = notional.checked_mul(rate.to_decimal()).expect("fees are small").truncated(8);
        let trade = i64::from(self.orders);
        let instrument = InstrumentId(u16::try_from(symbol).expect("few symbols"));
        let fill = Fill {
            key: FillKey { instrument, trade: TradeId(trade), venue_order: VenueOrderId(trade) },
            side,
            price,
            quantity,
            fee,
            fee_asset: usdt(),
            liquidity: if maker { Liquidity::Maker } else { Liquidity::Taker },
            event_at: at,
        };
        let kind = OrderEventKind::Filled { fill, cumulative_quantity: quantity, complete };
        self.tell(at, order, instrument, kind);
        self.held[strategy][symbol].quantity += sign * quantity.to_f64();
        self.cash[strategy] -= sign * notional.to_f64() + fee.to_f64();
    }

    fn measure(&mut self, at: Timestamp) {
        let (mut equity, mut exposure) = (0.0, 0.0);
        for strategy in 0..self.cash.len() {
            let worth: f64 = (self.held[strategy].iter().zip(&self.walks))
                .map(|(held, walk)| held.quantity * walk.price)
                .sum();
            equity += self.cash[strategy] + worth;
            exposure += worth;
            let id = StrategyId(u16::try_from(strategy).expect("few strategies"));
            let own = amount(self.cash[strategy] + worth);
            self.report.push_strategy_equity(id, at, own).expect("the strategy was added");
        }
        self.report.push_equity(at, amount(equity));
        self.report.push_exposure(at, amount(exposure));
    }

    fn measure_latency(&mut self) {
        for (stage, median_us) in [
            ("tick to order written", 31.0),
            ("risk gate", 2.2),
            ("journal", 11.0),
            ("venue answer", 900.0),
        ] {
            let spread = self.normal();
            let tail = if self.random.random_bool(0.02) { 4.0 } else { 1.0 };
            let us = median_us * (0.35 * spread).exp() * tail;
            self.report.record_latency(stage, Duration::from_nanos((us * 1_000.0) as u64));
        }
    }
}

fn run(arguments: &Arguments) -> RunReport {
    let start_at = Timestamp::from_nanos(1_690_848_613_937_085_768);
    let mut sample = Sample::new(arguments, start_at);
    if arguments.empty {
        return sample.report.finish(SampleRule::Enforced);
    }
    let step_ns = (arguments.days * 86_400e9 / f64::from(STEPS)) as i64;
    let years = arguments.days / 365.0 / f64::from(STEPS);
    for step in 0..STEPS {
        let at = Timestamp::from_nanos(start_at.as_nanos() + i64::from(step) * step_ns);
        sample.report.count_events(7);
        sample.move_prices(at, years);
        for strategy in 0..sample.cash.len() {
            if !sample.walks.is_empty() && sample.random.random_bool(0.006) {
                sample.trade(at, strategy);
                if arguments.days < 1.0 {
                    sample.measure_latency();
                }
            }
        }
        if !sample.cash.is_empty() {
            sample.measure(at);
        }
    }
    if arguments.days >= 1.0 {
        for (name, net_profit, fraction) in [
            ("costs and latency × 1", 4_210.5, 0.042),
            ("costs and latency × 2", 1_033.0, 0.0103),
            ("costs and latency × 3", -2_144.2, -0.0214),
        ] {
            sample.report.add_cost_scenario(CostScenario {
                name: name.to_owned(),
                net_profit: amount(net_profit),
                total_return: Figure::Value(fraction),
                halts: Vec::new(),
            });
        }
    }
    sample.report.finish(SampleRule::Enforced)
}

fn main() -> ExitCode {
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let report = run(&arguments);
    let html = tickwright_report::html::render(&report);
    let written = std::fs::write(&arguments.html, &html).and_then(|()| {
        arguments.json.as_ref().map_or(Ok(()), |path| std::fs::write(path, report.to_json()))
    });
    if let Err(error) = written {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    let colour = if std::io::stdout().is_terminal() { Colour::Ansi } else { Colour::Plain };
    println!("{}", summary(&report, colour));
    println!("{} bytes of HTML", html.len());
    ExitCode::SUCCESS
}
