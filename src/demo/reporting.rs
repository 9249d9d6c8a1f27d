//! From what a run left behind to its report.

use std::time::Duration;

use actors::execution::HopTimes;
use actors::latency::Histogram;
use actors::monitor::Snapshot;
use model::{Amount, Asset, Instruments, OrderEvent, OrderEventKind, Price, StrategyId, Timestamp};
use report::latency::LatencyHistogram;
use report::metrics::{SampleRule, TradeMethod};
use report::run::{
    FillValue, ModelName, ReportError, RunIdentity, RunReport, RunReportBuilder, StrategySetup,
};

use crate::config::Config;
use crate::wiring::RunRecord;

/// Prices and equity, sampled while the run went on.
#[derive(Debug, Default)]
pub struct Samples {
    points: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    at: Timestamp,
    equity: Option<Amount>,
    strategies: Vec<(String, Amount)>,
    prices: Vec<(String, Price)>,
}

impl Samples {
    /// Takes what a snapshot shows at an instant of the venue.
    pub fn take(&mut self, at: Timestamp, snapshot: &Snapshot) {
        let strategies = snapshot.strategies.iter();
        let equity_of = |s: &actors::monitor::StrategyReading| Some((s.name.clone(), s.equity?));
        let prices = snapshot.prices.iter();
        self.points.push(Sample {
            at,
            equity: snapshot.equity,
            strategies: strategies.filter_map(equity_of).collect(),
            prices: prices.map(|reading| (reading.symbol.to_string(), reading.price)).collect(),
        });
    }
}

/// Everything that a report is made of.
pub struct Material<'a> {
    /// The settings.
    pub config: &'a Config,
    /// The run's instruments.
    pub instruments: &'a Instruments,
    /// What happened to orders.
    pub record: &'a RunRecord,
    /// Prices and equity.
    pub samples: &'a Samples,
    /// Times of the hops.
    pub times: &'a HopTimes,
    /// Market events published.
    pub events: u64,
    /// Hash of the exogenous flow of the market.
    pub flow_hash: String,
    /// When the run began.
    pub started_at: Timestamp,
    /// The command that repeats it.
    pub command: String,
}

/// Builds the report.
///
/// # Errors
/// When a fill cannot be valued, which a run in one currency never meets.
pub fn build_report(material: &Material<'_>) -> Result<RunReport, ReportError> {
    let config = material.config;
    let currency: Asset = config.engine.risk.currency;
    let capital: Amount = config.strategies.iter().map(|strategy| strategy.capital).sum();
    let mut builder = RunReportBuilder::new(
        identity(material),
        currency,
        material.instruments.clone(),
        material.started_at,
        capital,
    );
    for strategy in &config.strategies {
        let rarely_flat = matches!(strategy.kind.as_str(), "grid" | "market_maker");
        let trade_method =
            if rarely_flat { TradeMethod::FifoLots } else { TradeMethod::FlatToFlat };
        let (name, kind) = (strategy.id.clone(), strategy.kind.clone());
        let capital = strategy.capital;
        let parameters = strategy.parameters.in_words();
        builder.add_strategy(StrategySetup { name, kind, capital, trade_method, parameters });
    }
    builder.sample_equity();
    builder.count_events(material.events);
    let mut events = material.record.events.iter().peekable();
    for sample in &material.samples.points {
        while let Some((strategy, event, fee)) =
            events.next_if(|(_, event, _)| event.received_at <= sample.at)
        {
            push_event(&mut builder, material, *strategy, event, *fee)?;
        }
        push_sample(&mut builder, material, sample)?;
    }
    for (strategy, event, fee) in events {
        push_event(&mut builder, material, *strategy, event, *fee)?;
    }
    for (stage, histogram) in stages(material.times) {
        builder.merge_latency(stage, &converted(histogram));
    }
    Ok(builder.finish(SampleRule::Enforced))
}

fn identity(material: &Material<'_>) -> RunIdentity {
    let sim = &material.config.engine.sim;
    let fees = format!("maker {}, taker {}", sim.maker_fee, sim.taker_fee);
    RunIdentity {
        mode: "demo".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        seed: Some(sim.seed),
        config_hash: Some(material.config.hash.to_string()),
        data_hash: Some(material.flow_hash.clone()),
        data: vec!["synthetic market of the simulated exchange".to_owned()],
        models: vec![
            ModelName::new("liquidity", "price-time book shared with the synthetic flow"),
            ModelName::new("latency", "real: websockets and HTTP on this machine"),
            ModelName::new("fees", &fees),
        ],
        warnings: Vec::new(),
        command: Some(material.command.clone()),
    }
}

fn push_event(
    builder: &mut RunReportBuilder,
    material: &Material<'_>,
    strategy: StrategyId,
    event: &OrderEvent,
    fee_in_quote: Amount,
) -> Result<(), ReportError> {
    match builder.push_order_event(strategy, event) {
        Err(ReportError::ValueNeeded { .. }) => {}
        other => return other,
    }
    let OrderEventKind::Filled { fill, complete, .. } = &event.kind else { return Ok(()) };
    let instrument = material.instruments.get(event.instrument);
    debug_assert_eq!(instrument.quote, material.config.engine.risk.currency);
    let notional = Amount::notional(fill.price, fill.quantity)?;
    let value = FillValue { notional, fee: fee_in_quote };
    builder.push_fill(strategy, event.order, fill, value, *complete)
}

fn push_sample(
    builder: &mut RunReportBuilder,
    material: &Material<'_>,
    sample: &Sample,
) -> Result<(), ReportError> {
    if let Some(equity) = sample.equity {
        builder.push_equity(sample.at, equity);
    }
    let strategies = material.config.strategies.iter().map(|strategy| strategy.id.as_str());
    for (number, name) in strategies.enumerate() {
        let found = sample.strategies.iter().find(|(strategy, _)| strategy == name);
        let id = u16::try_from(number).map(StrategyId).expect("fewer than 65,536 strategies");
        if let Some((_, equity)) = found {
            builder.push_strategy_equity(id, sample.at, *equity)?;
        }
    }
    for (symbol, price) in &sample.prices {
        if let Some(instrument) = material.instruments.by_symbol(symbol) {
            builder.push_price(instrument.id, sample.at, *price)?;
        }
    }
    Ok(())
}

fn stages(times: &HopTimes) -> [(&'static str, &Histogram); 6] {
    [
        ("tick to order", &times.tick_to_order),
        ("frame to decision", &times.decide),
        ("decision to approval", &times.approve),
        ("approval to journal", &times.intend),
        ("journal", &times.persist),
        ("journal to socket", &times.send),
    ]
}

fn converted(histogram: &Histogram) -> LatencyHistogram {
    let mut converted = LatencyHistogram::new();
    for (bound_us, count) in histogram.buckets() {
        let latency = Duration::from_nanos((bound_us * 1_000.0) as u64);
        for _ in 0..count {
            converted.record(latency);
        }
    }
    converted
}
