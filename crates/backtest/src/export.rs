//! Orders, fills and equity as CSV files, written while a run goes on.
//!
//! Money and prices are exact decimals, instants nanoseconds since 1970 (UTC). Nothing in them
//! depends on how fast the run was.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use kernel::cascade::CascadeOutput;
use model::{Amount, Fill, OrderEvent, OrderEventKind, StrategyId, Timestamp};

use crate::plan::{Machines, RunPlan};
use crate::run::{WatchError, Watcher};

/// How often equity is written, by the time of events.
const EQUITY_EVERY: Duration = Duration::from_secs(60);

/// The files of one run.
#[derive(Debug)]
pub struct CsvExport {
    orders: BufWriter<File>,
    fills: BufWriter<File>,
    equity: BufWriter<File>,
    strategies: Vec<String>,
    start_equity: Amount,
    sample_at: Timestamp,
}

impl CsvExport {
    /// Begins `orders.csv`, `fills.csv` and `equity.csv` in a directory, which is made.
    ///
    /// # Errors
    /// From the file system.
    pub fn create(directory: &Path, plan: &RunPlan) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let file = |name: &str, header: &str| {
            let mut file = BufWriter::new(File::create(directory.join(name))?);
            writeln!(file, "{header}")?;
            Ok::<_, io::Error>(file)
        };
        Ok(Self {
            orders: file("orders.csv", "at_ns,strategy,symbol,order,event,reason")?,
            fills: file(
                "fills.csv",
                "at_ns,strategy,symbol,order,side,price,quantity,fee,fee_asset,liquidity",
            )?,
            equity: file("equity.csv", "at_ns,equity,holdings")?,
            strategies: plan.strategies.iter().map(|strategy| strategy.name.clone()).collect(),
            start_equity: plan.balances.iter().map(|(_, amount)| *amount).sum(),
            sample_at: Timestamp::EPOCH,
        })
    }

    /// Ends the files.
    ///
    /// # Errors
    /// From the file system.
    pub fn finish(mut self) -> io::Result<()> {
        self.orders.flush()?;
        self.fills.flush()?;
        self.equity.flush()
    }

    fn write_order(
        &mut self,
        strategy: StrategyId,
        event: &OrderEvent,
        machines: &Machines,
    ) -> io::Result<()> {
        let name = &self.strategies[usize::from(strategy.0)];
        let instruments = machines.risk().portfolio().instruments();
        let symbol = instruments.get(event.instrument).symbol;
        let (order, at) = (event.order, event.received_at.as_nanos());
        if let OrderEventKind::Filled { fill, .. } = &event.kind {
            let Fill { side, price, quantity, fee, fee_asset, liquidity, event_at, .. } = fill;
            let (at, side) = (event_at.as_nanos(), format!("{side:?}").to_lowercase());
            let liquidity = format!("{liquidity:?}").to_lowercase();
            return writeln!(
                self.fills,
                "{at},{name},{symbol},{order},{side},{price},{quantity},{fee},{fee_asset},{liquidity}"
            );
        }
        let (what, reason) = words(&event.kind);
        let reason = reason.replace(['"', '\n'], "'");
        writeln!(self.orders, "{at},{name},{symbol},{order},{what},\"{reason}\"")
    }
}

/// What happened to an order, and why.
fn words(kind: &OrderEventKind) -> (&'static str, String) {
    match kind {
        OrderEventKind::Denied { reason } => ("denied", reason.rule.clone()),
        OrderEventKind::Submitted { .. } => ("submitted", String::new()),
        OrderEventKind::Accepted { .. } => ("accepted", String::new()),
        OrderEventKind::Triggered => ("triggered", String::new()),
        OrderEventKind::Filled { .. } => ("filled", String::new()),
        OrderEventKind::Completed => ("completed", String::new()),
        OrderEventKind::Canceled { reason } => ("canceled", format!("{reason:?}").to_lowercase()),
        OrderEventKind::Expired { reason, .. } => ("expired", reason.clone()),
        OrderEventKind::Rejected { reason } => ("rejected", reason.message.clone()),
        OrderEventKind::CancelRejected { reason } => ("cancel_rejected", reason.message.clone()),
        OrderEventKind::OutcomeUnknown => ("outcome_unknown", String::new()),
        OrderEventKind::Absent => ("absent", String::new()),
    }
}

fn failed(error: io::Error) -> WatchError {
    WatchError(format!("the export can't be written: {error}"))
}

impl Watcher for CsvExport {
    fn output(&mut self, output: &CascadeOutput, machines: &Machines) -> Result<(), WatchError> {
        let CascadeOutput::Order { strategy, event, .. } = output else { return Ok(()) };
        self.write_order(*strategy, event, machines).map_err(failed)
    }

    fn sample_at(&self) -> Option<Timestamp> {
        Some(self.sample_at)
    }

    fn sample(&mut self, now: Timestamp, machines: &Machines) -> Result<(), WatchError> {
        if now < self.sample_at {
            return Ok(());
        }
        self.sample_at = now.floor_to(EQUITY_EVERY).after(EQUITY_EVERY);
        let account = machines.risk().portfolio().equity();
        let profit = (account.equity() - account.capital()).to_amount();
        let (equity, holdings) = (self.start_equity + profit, account.holdings().to_amount());
        writeln!(self.equity, "{},{equity},{holdings}", now.as_nanos()).map_err(failed)
    }
}
