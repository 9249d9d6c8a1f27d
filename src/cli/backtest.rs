//! Arguments of `backtest`.

use std::path::PathBuf;

use clap::Args;

use super::history::HistoryArgs;

/// Arguments of `backtest`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct BacktestArgs {
    /// Strategies, data and settings
    #[command(flatten)]
    pub history: HistoryArgs,

    /// Write the report here: one HTML file, or JSON if the name ends in .json. The same run under
    /// twice and three times the costs, and the latency, goes with it
    #[arg(long, value_name = "FILE", value_parser = super::value::report_file)]
    pub report: Option<PathBuf>,

    /// Give figures also where the sample is too small to carry them: fewer than 30 daily returns,
    /// or 20 closed trades. The report says that it was so
    #[arg(long)]
    pub force_figures: bool,

    /// Write orders, fills and equity to this directory, as CSV and as Parquet
    #[arg(long, value_name = "DIR")]
    pub export: Option<PathBuf>,

    /// Print one JSON object. `orders` are those sent to the venue; what the risk gate denied is
    /// counted apart, by rule under `denials`; what stopped the run before its end stands under
    /// `halts`, what was under way at its end under `ending`
    #[arg(long)]
    pub json: bool,
}

const HELP: &str = "\
Runs strategies over history, with the same gate, order handling and matching as everywhere else.
By default orders fare as they might have: a latency, spread and slippage for takers, limit orders
filled only when traded through, a tenth of the volume at most. See [backtest] in docs/CONFIG.md.

Data: a catalog (`tickwright data import`), the venue's files of trades, aggTrades and klines, zipped or not, and any CSV file of
id,price,qty,quote_qty,time_ms,is_buyer_maker.

Examples:
  tickwright backtest --strategy config/strategies/ema_cross.toml --data BTCUSDT-trades-2025-10.zip
  tickwright backtest --strategy my.toml --data trades.csv --symbol BTCUSDT --json
  tickwright backtest --strategy my.toml --data trades.csv --set taker_fee=0.00075 \\
      --set strategies.my.parameters.fast=10";
