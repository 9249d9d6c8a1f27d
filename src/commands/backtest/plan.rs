//! From configuration and data to the plan of a run.

use std::sync::Arc;
use std::time::Duration;

use backtest::plan::{RunPlan, StrategyPlan};
use exchange::symbols::split_name;
use kernel::risk::RiskLimits;
use kernel::strategy::StrategyEntry;
use matching::{
    FeePolicy, Fees, LatencyModel, Levels, LocalVenueModels, RecordedModels, TakerVolume,
};
use model::{
    Amount, Asset, Contract, Filters, Instrument, InstrumentId, InstrumentStatus, Instruments,
    NotionalFilter, PriceFilter, SizeFilter, Symbol, VenueId,
};
use rust_decimal::Decimal;
use serde_json::json;

use super::data::Found;
use crate::cli::{Exit, Failure};
use crate::config::{BacktestConfig, BacktestSymbol, Config, FeeAsset, FillRule, StrategyConfig};
use crate::wiring::{engine_limits, strategy_limits, strategy_protection};

/// Decimals of a base asset of which nothing is known: the venue's usual.
const DECIMALS: u32 = 8;
/// Decimals of a quote asset of which nothing is known: those of a price times a quantity, so that
/// no fee is cut.
const EXACT_DECIMALS: u32 = 16;

/// A run, and what is to be said of it beforehand.
pub struct Planned {
    /// What to run.
    pub run: RunPlan,
    /// Why the result should not be taken at face value.
    pub warnings: Vec<String>,
    /// Where the filters of each instrument are from, by its number.
    pub filters_from: Vec<&'static str>,
}

/// What prices and quantities are multiples of where nobody says: what they are counted in.
const FINEST: &str = "0.00000001";

impl Planned {
    /// Each instrument with its steps and where they are from.
    pub fn instruments_in_json(&self) -> Vec<serde_json::Value> {
        let one = |(instrument, from): (&Instrument, &&str)| {
            let (tick, step) = (instrument.filters.price.tick, instrument.filters.lot_size.step);
            let min = instrument.filters.notional.as_ref().map(|notional| notional.min.to_string());
            json!({
                "symbol": instrument.symbol,
                "filters": from,
                "tick": if tick.is_positive() { tick.to_string() } else { FINEST.to_owned() },
                "tick_assumed": !tick.is_positive(),
                "step": if step.is_positive() { step.to_string() } else { FINEST.to_owned() },
                "step_assumed": !step.is_positive(),
                "min_notional": min,
            })
        };
        self.run.instruments.iter().zip(&self.filters_from).map(one).collect()
    }
}

/// The filters of an instrument in words, what is assumed among them.
pub fn filters_in_words(instrument: &Instrument, from: &str) -> String {
    let (tick, step) = (instrument.filters.price.tick, instrument.filters.lot_size.step);
    let or_assumed = |text: String, is_known: bool| match is_known {
        true => text,
        false => format!("{FINEST} (assumed: none is known)"),
    };
    let tick = or_assumed(tick.to_string(), tick.is_positive());
    let step = or_assumed(step.to_string(), step.is_positive());
    let min = instrument.filters.notional.as_ref().map(|notional| notional.min.to_string());
    let min = min.unwrap_or_else(|| "none".to_owned());
    format!("{from}: tick {tick}, step {step}, least notional {min}")
}

/// Puts a run together.
///
/// # Errors
/// For settings that do not fit each other or the data.
pub fn build(
    config: &Config,
    symbol: Option<Symbol>,
    data: &Found,
    kinds: &[StrategyEntry],
) -> Result<Planned, Failure> {
    let enabled: Vec<&StrategyConfig> = config.enabled().collect();
    if enabled.is_empty() {
        return Err(Failure::new(Exit::Usage, "no strategy is enabled: there is nothing to run"));
    }
    let traded = |strategy: &StrategyConfig| match symbol {
        Some(symbol) => vec![symbol],
        None => strategy.symbols.clone(),
    };
    let (instruments, filters_from) = instruments(data, &config.engine.backtest)?;
    let mut strategies = Vec::new();
    for strategy in &enabled {
        let ids = traded(strategy).into_iter().map(|symbol| known(&instruments, symbol, strategy));
        let ids: Vec<InstrumentId> = ids.collect::<Result<_, _>>()?;
        let entry = kinds.iter().find(|entry| entry.kind() == strategy.kind);
        let limits = strategy_limits(strategy);
        strategies.push(StrategyPlan {
            name: strategy.id.clone(),
            entry: *entry.expect("checked with the configuration"),
            traded: ids,
            capital: strategy.capital,
            limits: if config.engine.backtest.limits { limits } else { RiskLimits::default() },
            protection: strategy_protection(strategy),
            parameters: strategy.parameters.clone(),
        });
    }
    let settings = &config.engine.backtest;
    let currency = currency(&strategies, &instruments, config.engine.risk.currency);
    let fees = instruments.iter().map(|instrument| fees(settings, instrument.symbol)).collect();
    let limits = if settings.limits { engine_limits(config) } else { RiskLimits::default() };
    let run = RunPlan {
        instruments: Arc::new(instruments),
        strategies,
        currency,
        limits,
        balances: balances(settings, currency)?,
        models: models(settings),
        fees,
        effects_per_step: config.engine.supervision.effects_per_step,
    };
    let warnings = warnings(settings, &run);
    Ok(Planned { run, warnings, filters_from })
}

fn balances(settings: &BacktestConfig, currency: Asset) -> Result<Vec<(Asset, Amount)>, Failure> {
    if settings.balances.iter().any(|balance| balance.asset == currency) {
        let message = format!("backtest.balances: how much {currency} there is, `cash` says");
        return Err(Failure::new(Exit::Usage, message));
    }
    let others = settings.balances.iter().map(|balance| (balance.asset, balance.amount));
    Ok([(currency, settings.cash)].into_iter().chain(others).collect())
}

/// Symbols that are paid with an asset of which the account has nothing.
fn unpaid(run: &RunPlan) -> Vec<String> {
    let traded = run.strategies.iter().flat_map(|strategy| &strategy.traded);
    let mut ids: Vec<InstrumentId> = traded.copied().collect();
    ids.sort_unstable();
    ids.dedup();
    let is_unpaid = |instrument: &&Instrument| {
        !run.balances.iter().any(|(asset, _)| *asset == instrument.quote)
    };
    let words = |instrument: &Instrument| {
        let (symbol, quote) = (instrument.symbol, instrument.quote);
        format!(
            "{symbol} is paid with {quote}, of which the account begins with nothing: what buys it \
             is denied (rule balance) while there is none. backtest.balances = [\"1 {quote}\"] \
             would give it some"
        )
    };
    ids.iter().map(|id| run.instruments.get(*id)).filter(is_unpaid).map(words).collect()
}

fn known(
    instruments: &Instruments,
    symbol: Symbol,
    strategy: &StrategyConfig,
) -> Result<InstrumentId, Failure> {
    let found = instruments.by_symbol(symbol.as_str()).map(|instrument| instrument.id);
    found.ok_or_else(|| {
        let message = format!(
            "{}: {} trades {symbol}, of which there are no data. Name the file's symbol with \
             --symbol, which the strategy then trades",
            strategy.file.display(),
            strategy.id
        );
        Failure::new(Exit::Usage, message)
    })
}

fn instruments(
    data: &Found,
    settings: &BacktestConfig,
) -> Result<(Instruments, Vec<&'static str>), Failure> {
    let (mut instruments, mut filters_from) = (Instruments::new(), Vec::new());
    for symbol in data.symbols() {
        if instruments.by_symbol(symbol.as_str()).is_none() {
            let (instrument, from) = instrument(symbol, data, settings)?;
            instruments.add(instrument);
            filters_from.push(from);
        }
    }
    Ok((instruments, filters_from))
}

fn instrument(
    symbol: Symbol,
    data: &Found,
    settings: &BacktestConfig,
) -> Result<(Instrument, &'static str), Failure> {
    let own = settings.symbols.iter().find(|own| own.symbol == symbol);
    let known = data.known(symbol);
    let named = known.map(|(instrument, _)| (instrument.base, instrument.quote));
    let named = named.or(split_name(symbol.as_str()));
    let base = own.and_then(|own| own.base).or(named.map(|(base, _)| base));
    let quote = own.and_then(|own| own.quote).or(named.map(|(_, quote)| quote));
    let (Some(base), Some(quote)) = (base, quote) else {
        let message = format!("{symbol}: which are its assets? Name them in [[backtest.symbols]]");
        return Err(Failure::new(Exit::Usage, message));
    };
    let (filters, from) = match (settings.filters, known) {
        (false, _) => (Filters::default(), "off"),
        (true, Some((instrument, from))) => (instrument.filters, *from),
        (true, None) => (Filters::default(), "no exchangeInfo is known"),
    };
    let decimals = known.map(|(known, _)| (known.base_decimals, known.quote_decimals));
    let (base_decimals, quote_decimals) = decimals.unwrap_or((DECIMALS, EXACT_DECIMALS));
    let own = own.filter(|own| settings.filters && is_filtering(own));
    let instrument = Instrument {
        id: InstrumentId(0),
        venue: VenueId::new("backtest").expect("a short name"),
        symbol,
        base,
        quote,
        base_decimals,
        quote_decimals,
        contract: Contract::Spot,
        features: model::Features::ALL,
        status: InstrumentStatus::Trading,
        filters: own.map_or(filters, |own| with_own(filters, own)),
    };
    Ok((instrument, if own.is_some() { "from the settings" } else { from }))
}

fn is_filtering(own: &BacktestSymbol) -> bool {
    let BacktestSymbol { tick, step, min_quantity, min_notional, .. } = own;
    tick.is_some() || step.is_some() || min_quantity.is_some() || min_notional.is_some()
}

/// Settings outrank what the venue said.
fn with_own(known: Filters, own: &BacktestSymbol) -> Filters {
    let min_notional = own.min_notional.map(|min| NotionalFilter {
        min,
        min_applies_to_market: true,
        max: None,
        max_applies_to_market: false,
        average_mins: 0,
    });
    Filters {
        price: PriceFilter { tick: own.tick.unwrap_or(known.price.tick), ..known.price },
        lot_size: SizeFilter {
            min: own.min_quantity.unwrap_or(known.lot_size.min),
            step: own.step.unwrap_or(known.lot_size.step),
            ..known.lot_size
        },
        notional: min_notional.or(known.notional),
        ..known
    }
}

/// The quote asset of everything that is traded; that of the configuration if there are several.
fn currency(strategies: &[StrategyPlan], instruments: &Instruments, configured: Asset) -> Asset {
    let traded = strategies.iter().flat_map(|strategy| &strategy.traded);
    let mut quotes: Vec<Asset> = traded.map(|id| instruments.get(*id).quote).collect();
    quotes.sort_unstable();
    quotes.dedup();
    match quotes.as_slice() {
        [only] => *only,
        _ => configured,
    }
}

fn fees(settings: &BacktestConfig, symbol: Symbol) -> Fees {
    let own = settings.symbols.iter().find(|own| own.symbol == symbol);
    let maker = own.and_then(|own| own.maker_fee).unwrap_or(settings.maker_fee);
    let taker = own.and_then(|own| own.taker_fee).unwrap_or(settings.taker_fee);
    let policy = match settings.fee_asset {
        FeeAsset::Received => FeePolicy::ReceivedAsset,
        FeeAsset::Quote => FeePolicy::Quote,
    };
    Fees { maker, taker, policy }
}

/// The models that the settings ask for.
pub fn models(settings: &BacktestConfig) -> LocalVenueModels {
    let queue = settings.queue;
    match settings.fill {
        FillRule::Last => LocalVenueModels {
            latency: LatencyModel::NONE,
            market: RecordedModels {
                queue,
                half_spread_bps: Decimal::ZERO,
                slippage_bps: Decimal::ZERO,
                participation: Decimal::ONE,
                takers: TakerVolume::All,
                levels: Levels::Ignored,
            },
        },
        FillRule::Model => LocalVenueModels {
            latency: latency(settings),
            market: RecordedModels {
                queue,
                half_spread_bps: settings.half_spread_bps,
                slippage_bps: settings.slippage_bps,
                participation: settings.participation,
                takers: TakerVolume::Share,
                levels: Levels::Met,
            },
        },
    }
}

fn latency(settings: &BacktestConfig) -> LatencyModel {
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let (min_micros, max_micros) = (micros(settings.latency_min), micros(settings.latency_max));
    if max_micros == min_micros {
        return LatencyModel::Constant { micros: min_micros };
    }
    LatencyModel::Uniform { min_micros, max_micros, seed: settings.seed }
}

fn warnings(settings: &BacktestConfig, run: &RunPlan) -> Vec<String> {
    let mut warnings = Vec::new();
    if settings.fill == FillRule::Last {
        let text = "unrealistic: orders fill whole, at once, at the last price, and meet no book";
        warnings.push(text.to_owned());
    }
    let capital: Amount = run.strategies.iter().map(|strategy| strategy.capital).sum();
    if capital > settings.cash {
        let cash = settings.cash;
        warnings.push(format!("strategies have {capital} of capital, the account {cash} of cash"));
    }
    warnings.extend(unpaid(run));
    warnings
}
