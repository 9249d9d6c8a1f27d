//! Orders, fills, equity and indicators as CSV files, written while a run goes on.
//!
//! Money and prices are exact decimals, instants nanoseconds since 1970 (UTC). Nothing in them
//! depends on how fast the run was.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use kernel::messages::SubmitIntent;
use kernel::strategy::Indicator;
use model::{
    Amount, DenialReason, Fill, NewOrder, OrderEvent, OrderEventKind, OrderQuantity, Price,
    Quantity, StrategyId, Timestamp,
};

use crate::plan::{Machines, RunPlan};
use crate::run::{WatchError, Watcher};

/// How often equity is written, by the time of events: as the last event of each such stretch left
/// it, and at that event's time. Stretches without an event have none.
const EQUITY_EVERY: Duration = Duration::from_secs(60);

/// The files of one run.
#[derive(Debug)]
pub struct CsvExport {
    orders: BufWriter<File>,
    fills: BufWriter<File>,
    equity: BufWriter<File>,
    indicators: BufWriter<File>,
    strategies: Vec<String>,
    start_equity: Amount,
    sample_at: Timestamp,
}

impl CsvExport {
    /// Begins `orders.csv`, `fills.csv`, `equity.csv` and `indicators.csv` in a directory, which is
    /// made.
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
            orders: file(
                "orders.csv",
                "at_ns,strategy,symbol,order,event,role,side,type,price,stop_price,quantity,reason",
            )?,
            fills: file(
                "fills.csv",
                "at_ns,strategy,symbol,order,side,price,quantity,fee,fee_asset,liquidity",
            )?,
            equity: file("equity.csv", "at_ns,equity,holdings")?,
            indicators: file("indicators.csv", "at_ns,strategy,symbol,name,value")?,
            strategies: plan.strategies.iter().map(|strategy| strategy.name.clone()).collect(),
            start_equity: plan.cash(),
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
        self.equity.flush()?;
        self.indicators.flush()
    }

    /// What a strategy wants placed, before it is rounded.
    fn write_decision(&mut self, wanted: &SubmitIntent, machines: &Machines) -> io::Result<()> {
        let Some((new, _)) = wanted.intent.places() else { return Ok(()) };
        let name = &self.strategies[usize::from(wanted.strategy.0)];
        let symbol = machines.risk().portfolio().instruments().get(new.instrument).symbol;
        let (at, order) = (wanted.caused_at.as_nanos(), wanted.intent.order());
        let quantity = match new.quantity {
            OrderQuantity::Base(quantity) => Some(quantity),
            OrderQuantity::Quote(_) => None,
        };
        let terms = Terms { new: Some(new), price: new.kind.limit_price(), quantity };
        writeln!(self.orders, "{at},{name},{symbol},{order},decided,{terms},\"\"")
    }

    fn write_indicator(
        &mut self,
        strategy: StrategyId,
        indicator: &Indicator,
        machines: &Machines,
    ) -> io::Result<()> {
        let strategy = &self.strategies[usize::from(strategy.0)];
        let Indicator { at, instrument, name, value } = indicator;
        let symbol = machines.risk().portfolio().instruments().get(*instrument).symbol;
        writeln!(self.indicators, "{},{strategy},{symbol},{name},{value}", at.as_nanos())
    }

    /// As it stands, with the instant since when.
    fn write_equity(&mut self, machines: &Machines) -> io::Result<()> {
        let account = machines.risk().portfolio().equity();
        let profit = (account.equity() - account.capital()).to_amount();
        let (equity, holdings) = (self.start_equity + profit, account.holdings().to_amount());
        writeln!(self.equity, "{},{equity},{holdings}", machines.now().as_nanos())
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
            let (at, side, liquidity) = (event_at.as_nanos(), side.name(), liquidity.name());
            return writeln!(
                self.fills,
                "{at},{name},{symbol},{order},{side},{price},{quantity},{fee},{fee_asset},{liquidity}"
            );
        }
        let (what, reason) = words(&event.kind);
        let reason = if reason.contains(['"', '\n']) {
            Cow::Owned(reason.replace(['"', '\n'], "'"))
        } else {
            reason
        };
        let terms = match &event.kind {
            // As it was sent, rounded. What protects a position was decided by nobody before.
            OrderEventKind::Submitted { quantity, price } => {
                let new = machines.execution().placed(event.order);
                Terms { new, price: *price, quantity: *quantity }
            }
            OrderEventKind::Denied { .. }
            | OrderEventKind::Accepted { .. }
            | OrderEventKind::Triggered
            | OrderEventKind::Filled { .. }
            | OrderEventKind::Completed
            | OrderEventKind::Canceled { .. }
            | OrderEventKind::Expired { .. }
            | OrderEventKind::Rejected { .. }
            | OrderEventKind::CancelRejected { .. }
            | OrderEventKind::OutcomeUnknown { .. }
            | OrderEventKind::Absent { .. } => Terms::default(),
        };
        writeln!(self.orders, "{at},{name},{symbol},{order},{what},{terms},\"{reason}\"")
    }
}

/// The six columns that say what an order is: role, side, type, price, stop price, quantity.
#[derive(Default)]
struct Terms<'a> {
    new: Option<&'a NewOrder>,
    price: Option<Price>,
    quantity: Option<Quantity>,
}

impl fmt::Display for Terms<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.new {
            Some(new) => {
                write!(out, "{},{},{},", new.role.name(), new.side.name(), new.kind.name())?;
            }
            None => out.write_str(",,,")?,
        }
        let stop = self.new.and_then(|new| new.kind.stop_price());
        write!(out, "{},{},{}", Cell(self.price), Cell(stop), Cell(self.quantity))
    }
}

/// Nothing for none.
struct Cell<T>(Option<T>);

impl<T: fmt::Display> fmt::Display for Cell<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |value| value.fmt(out))
    }
}

/// What happened to an order, and why.
fn words(kind: &OrderEventKind) -> (&'static str, Cow<'_, str>) {
    let (what, why): (&str, &str) = match kind {
        OrderEventKind::Denied { reason: DenialReason { rule, detail, limit, actual } } => {
            let words = format!("{rule}: {detail} (limit {limit}, actual {actual})");
            return ("denied", Cow::Owned(words));
        }
        OrderEventKind::Submitted { .. } => ("submitted", ""),
        OrderEventKind::Accepted { .. } => ("accepted", ""),
        OrderEventKind::Triggered => ("triggered", ""),
        OrderEventKind::Filled { .. } => ("filled", ""),
        OrderEventKind::Completed => ("completed", ""),
        OrderEventKind::Canceled { reason } => ("canceled", reason.name()),
        OrderEventKind::Expired { reason, .. } => ("expired", reason),
        OrderEventKind::Rejected { reason } => ("rejected", &reason.message),
        OrderEventKind::CancelRejected { reason } => ("cancel_rejected", &reason.message),
        OrderEventKind::OutcomeUnknown { reason } => ("outcome_unknown", reason),
        OrderEventKind::Absent { reason } => ("absent", reason),
    };
    (what, Cow::Borrowed(why))
}

impl Watcher for CsvExport {
    fn intended(&mut self, wanted: &SubmitIntent, machines: &Machines) -> Result<(), WatchError> {
        Ok(self.write_decision(wanted, machines)?)
    }

    fn order_event(
        &mut self,
        strategy: StrategyId,
        event: &OrderEvent,
        _: Amount,
        machines: &Machines,
    ) -> Result<(), WatchError> {
        Ok(self.write_order(strategy, event, machines)?)
    }

    fn indicator(
        &mut self,
        strategy: StrategyId,
        indicator: &Indicator,
        machines: &Machines,
    ) -> Result<(), WatchError> {
        Ok(self.write_indicator(strategy, indicator, machines)?)
    }

    fn sample_at(&self) -> Option<Timestamp> {
        Some(self.sample_at)
    }

    fn sample(&mut self, now: Timestamp, machines: &Machines) -> Result<(), WatchError> {
        if now < self.sample_at {
            return Ok(());
        }
        let is_first = self.sample_at == Timestamp::EPOCH;
        self.sample_at = now.floor_to(EQUITY_EVERY).after(EQUITY_EVERY);
        // Before anything has happened there is nothing to be told.
        if is_first { Ok(()) } else { Ok(self.write_equity(machines)?) }
    }

    fn ended(&mut self, machines: &Machines) -> Result<(), WatchError> {
        Ok(self.write_equity(machines)?)
    }
}
