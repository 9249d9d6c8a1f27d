//! The report of a backtest: everything that repeats it, and nothing of how fast it ran.

use std::path::Path;

use backtest::record::Recorder;
use matching::{FeePolicy, Fees, LatencyModel, TakerVolume};
use report::run::{ModelName, RunIdentity, RunReport};

use super::data::Found;
use super::plan::{Planned, filters_in_words};
use crate::cli::backtest::BacktestArgs;
use crate::cli::{Exit, Failure};
use crate::config::{BacktestConfig, Config, FillRule};

/// What takes the run down.
///
/// # Errors
/// When the data can't be read for their hash.
pub fn recorder(
    args: &BacktestArgs,
    config: &Config,
    plan: &Planned,
    data: &Found,
) -> Result<Recorder, Failure> {
    let settings = &config.engine.backtest;
    let data_hash = if args.report.is_some() { Some(data.hash()?) } else { None };
    let identity = RunIdentity {
        mode: "backtest".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        seed: Some(settings.seed),
        config_hash: Some(config.hash.to_string()),
        data_hash,
        data: data.names().collect(),
        models: models(settings, plan),
        warnings: plan.warnings.clone(),
        command: Some(args.history.command("backtest")),
    };
    Ok(Recorder::new(&plan.run, identity))
}

/// Writes the report, as the name of its file says.
///
/// # Errors
/// When it can't be written.
pub fn write(path: &Path, report: &RunReport) -> Result<(), Failure> {
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    let text = if is_json { report.to_json() } else { report::html::render(report) };
    std::fs::write(path, text)
        .map_err(|error| Failure::new(Exit::Storage, format!("{}: {error}", path.display())))
}

fn models(settings: &BacktestConfig, plan: &Planned) -> Vec<ModelName> {
    let mut models = Vec::new();
    let mut name = |what: &str, value: String| models.push(ModelName::new(what, &value));
    name(
        "fill",
        match settings.fill {
            FillRule::Model => {
                "models: limit orders on trades and bars fill only when traded through; \
                            what was taken stays taken until its level changes"
                    .to_owned()
            }
            FillRule::Last => {
                "whole, at once, at the price of the last trade; a recorded book is not met"
                    .to_owned()
            }
        },
    );
    name(
        "latency",
        match plan.run.models.latency {
            LatencyModel::Constant { micros } => format!("{micros} µs each way"),
            LatencyModel::Uniform { min_micros, max_micros, .. } => {
                format!("{min_micros} to {max_micros} µs each way, evenly")
            }
        },
    );
    let market = &plan.run.models.market;
    name("queue", format!("{:?}", market.queue).to_lowercase());
    if market.takers == TakerVolume::Share {
        name(
            "taker without a book",
            format!(
                "the first trade after it has come, {} bps of half spread and {} bps of slippage, rounded \
             against it",
                market.half_spread_bps, market.slippage_bps
            ),
        );
    }
    let takers = match market.takers {
        TakerVolume::Share => "; takers wait for theirs",
        TakerVolume::All => " by resting orders; takers get all they want",
    };
    name("participation", format!("{} of the traded volume{takers}", market.participation));
    let bars = "an order meets the next bar's opening, then its low, high and close, with a \
                quarter of its volume at each";
    name("bars", bars.to_owned());
    let end = "with the last event: orders that have not arrived by then never do, and what the venue \
               has not told is not in the result";
    name("end", end.to_owned());
    for (instrument, fees) in plan.run.instruments.iter().zip(&plan.run.fees) {
        let Fees { maker, taker, policy } = fees;
        let asset = match policy {
            FeePolicy::ReceivedAsset => "from what is received",
            FeePolicy::Quote => "in quote",
        };
        let what = format!("fees of {}", instrument.symbol);
        // As the venue's baseCommissionPrecision and quoteCommissionPrecision say, where known.
        let (base, quote) = (instrument.base_decimals, instrument.quote_decimals);
        let cut = match policy {
            FeePolicy::ReceivedAsset => format!("{base} decimals of base, {quote} of quote"),
            FeePolicy::Quote => format!("{quote} decimals"),
        };
        name(&what, format!("maker {maker}, taker {taker}, {asset}, cut to {cut} a fill"));
    }
    for (instrument, from) in plan.run.instruments.iter().zip(&plan.filters_from) {
        let value = filters_in_words(instrument, from);
        name(&format!("filters of {}", instrument.symbol), value);
    }
    models
}
