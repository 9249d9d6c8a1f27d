//! A plan that tests and the benchmark share.

use std::collections::BTreeMap;
use std::sync::Arc;

use kernel::parameters::Parameters;
use kernel::risk::RiskLimits;
use kernel::strategy::StrategyEntry;
use matching::{FeePolicy, Fees, LocalVenueModels};
use model::*;
use rust_decimal::Decimal;
use tickwright_backtest::plan::{RunPlan, StrategyPlan};

/// One strategy on BTCUSDT with a hundred thousand, without filters or limits; 0.1 % fees.
pub fn plan(
    name: &str,
    entry: StrategyEntry,
    given: &[(&str, &str)],
    models: LocalVenueModels,
) -> RunPlan {
    let given: BTreeMap<String, String> =
        given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let mut instruments = Instruments::new();
    let id = instruments.add(Instrument {
        id: InstrumentId(0),
        venue: VenueId::new("local:test").unwrap(),
        symbol: "BTCUSDT".parse().unwrap(),
        base: "BTC".parse().unwrap(),
        quote: "USDT".parse().unwrap(),
        base_decimals: 8,
        quote_decimals: 8,
        contract: Contract::Spot,
        features: model::Features::ALL,
        status: InstrumentStatus::Trading,
        filters: Filters::default(),
    });
    let cash = Amount::new(Decimal::from(100_000));
    let fee = Decimal::new(1, 3);
    RunPlan {
        instruments: Arc::new(instruments),
        strategies: vec![StrategyPlan {
            name: name.to_owned(),
            entry,
            traded: vec![id],
            capital: cash,
            limits: RiskLimits::default(),
            protection: None,
            parameters: Parameters::new(entry.parameters.keys, &given).unwrap(),
        }],
        currency: "USDT".parse().unwrap(),
        limits: RiskLimits::default(),
        balances: vec![("USDT".parse().unwrap(), cash)],
        models,
        fees: vec![Fees { maker: fee, taker: fee, policy: FeePolicy::Quote }],
        effects_per_step: 200,
    }
}
