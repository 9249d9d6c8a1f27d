//! Takes what happens in a run, in order of time.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use model::{
    Amount, AmountError, Asset, Fill, Instrument, InstrumentId, Instruments, OrderEvent,
    OrderEventKind, OrderId, Price, Quantity, StrategyId, Timestamp,
};

use super::book::{StrategyBook, SymbolBook, Totals};
use super::exposure::ExposureTracker;
use super::halt::{Ending, Halt};
use super::identity::RunIdentity;
use super::markers::FillMark;
use super::report::{CostScenario, LatencyStage, ListedFill, MAX_LISTED, Marking};
use crate::latency::LatencyHistogram;
use crate::metrics::{ClosedTrade, EquityTracker, TradeFill, TradeMethod};

/// Why something could not go into the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The strategy was never added.
    #[error("strategy {0} was not added to the report")]
    UnknownStrategy(StrategyId),
    /// The instrument is not in the table that the report was made with.
    #[error("instrument {0} is not in the report's table")]
    UnknownInstrument(InstrumentId),
    /// A fee in a third asset, or a price in another currency: only the caller knows its value.
    #[error("a fill with quote {quote} and fee in {fee_asset} needs its value in {currency}")]
    ValueNeeded {
        /// What the price is in.
        quote: Asset,
        /// What the fee was paid in.
        fee_asset: Asset,
        /// Currency of the report.
        currency: Asset,
    },
    /// Price × quantity does not fit.
    #[error(transparent)]
    Amount(#[from] AmountError),
}

/// A strategy as the report knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StrategySetup {
    /// Its configured id.
    pub name: String,
    /// Its kind, for example `ema_cross`.
    pub kind: String,
    /// Its allocated capital, in the report's currency.
    pub capital: Amount,
    /// What counts as one trade.
    pub trade_method: TradeMethod,
    /// Its parameters, those that are not set left out: name and value.
    pub parameters: Vec<(String, String)>,
}

/// Value of a fill in the report's currency, at the time of the fill.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FillValue {
    /// Price × quantity.
    pub notional: Amount,
    /// Fee; negative for a rebate.
    pub fee: Amount,
}

impl FillValue {
    /// The value of a fill whose price is in the report's currency and whose fee is in that or in
    /// the base asset.
    ///
    /// # Errors
    /// [`ReportError::ValueNeeded`] for other assets, [`ReportError::Amount`] past 28 digits.
    pub fn of(fill: &Fill, instrument: &Instrument, currency: Asset) -> Result<Self, ReportError> {
        let (quote, fee_asset) = (instrument.quote, fill.fee_asset);
        let notional = Amount::notional(fill.price, fill.quantity)?;
        let fee = if fill.fee.is_zero() || fee_asset == quote {
            Some(fill.fee)
        } else if fee_asset == instrument.base {
            Some(fill.fee.checked_mul(fill.price.to_decimal())?)
        } else {
            None
        };
        fee.filter(|_| quote == currency)
            .map(|fee| Self { notional, fee })
            .ok_or(ReportError::ValueNeeded { quote, fee_asset, currency })
    }
}

/// Collects a run. Every list and curve in it is bounded.
#[derive(Debug)]
pub struct RunReportBuilder {
    pub(super) identity: RunIdentity,
    pub(super) currency: Asset,
    pub(super) instruments: Instruments,
    pub(super) events: u64,
    pub(super) halts: Vec<Halt>,
    pub(super) ending: Option<Ending>,
    pub(super) account: Totals,
    pub(super) denials: BTreeMap<String, u64>,
    pub(super) rejects: BTreeMap<i32, u64>,
    pub(super) equity: EquityTracker,
    pub(super) marking: Marking,
    pub(super) exposure: ExposureTracker,
    pub(super) strategies: Vec<StrategyBook>,
    pub(super) symbols: BTreeMap<InstrumentId, SymbolBook>,
    pub(super) latency: Vec<LatencyStage>,
    pub(super) cost_scenarios: Vec<CostScenario>,
    pub(super) latest_fills: VecDeque<ListedFill>,
    pub(super) latest_trades: VecDeque<ClosedTrade>,
    pub(super) last_at: Timestamp,
    /// Reused for the trades that one fill closes.
    pub(super) closing: Vec<ClosedTrade>,
}

impl RunReportBuilder {
    /// A run that starts at an instant with an equity, which is the first peak.
    #[must_use]
    pub fn new(
        identity: RunIdentity,
        currency: Asset,
        instruments: Instruments,
        start_at: Timestamp,
        start_equity: Amount,
    ) -> Self {
        Self {
            identity,
            currency,
            instruments,
            events: 0,
            halts: Vec::new(),
            ending: None,
            account: Totals::default(),
            denials: BTreeMap::new(),
            rejects: BTreeMap::new(),
            equity: EquityTracker::new(start_at, start_equity),
            marking: Marking::default(),
            exposure: ExposureTracker::default(),
            strategies: Vec::new(),
            symbols: BTreeMap::new(),
            latency: Vec::new(),
            cost_scenarios: Vec::new(),
            latest_fills: VecDeque::new(),
            latest_trades: VecDeque::new(),
            last_at: start_at,
            closing: Vec::new(),
        }
    }

    /// Adds a strategy. Ids are dense and in order, as the run's own are.
    ///
    /// # Panics
    /// Past 65,536 strategies.
    pub fn add_strategy(&mut self, setup: StrategySetup) -> StrategyId {
        let index = u16::try_from(self.strategies.len()).expect("fewer than 65,536 strategies");
        self.strategies.push(StrategyBook::new(setup));
        StrategyId(index)
    }

    /// Adds a warning that the report shows first.
    pub fn warn(&mut self, text: &str) {
        if !self.identity.warnings.iter().any(|known| known == text) {
            self.identity.warnings.push(text.to_owned());
        }
    }

    /// Equity comes from time to time, and not with every event.
    pub const fn sample_equity(&mut self) {
        self.marking = Marking::EverySample;
    }

    /// Counts market events.
    pub const fn count_events(&mut self, events: u64) {
        self.events += events;
    }

    /// Equity of the account, unrealised profit included.
    pub fn push_equity(&mut self, at: Timestamp, equity: Amount) {
        self.last_at = self.last_at.max(at);
        self.equity.push(at, equity);
    }

    /// Equity of a strategy's capital, unrealised profit included.
    ///
    /// # Errors
    /// [`ReportError::UnknownStrategy`].
    pub fn push_strategy_equity(
        &mut self,
        strategy: StrategyId,
        at: Timestamp,
        equity: Amount,
    ) -> Result<(), ReportError> {
        let start_at = self.last_at;
        self.last_at = self.last_at.max(at);
        let book = self.strategy(strategy)?;
        let capital = book.setup.capital;
        book.equity
            .get_or_insert_with(|| EquityTracker::new(start_at.min(at), capital))
            .push(at, equity);
        Ok(())
    }

    /// Value of all positions of the account, for exposure.
    pub fn push_exposure(&mut self, at: Timestamp, exposure: Amount) {
        self.last_at = self.last_at.max(at);
        self.exposure.push(at, exposure, self.equity.last());
    }

    /// A price of a symbol.
    ///
    /// # Errors
    /// [`ReportError::UnknownInstrument`].
    pub fn push_price(
        &mut self,
        instrument: InstrumentId,
        at: Timestamp,
        price: Price,
    ) -> Result<(), ReportError> {
        self.last_at = self.last_at.max(at);
        self.symbol(instrument)?.push_price(at, price);
        Ok(())
    }

    /// A latency of a stage, for example `tick to order`. Stages are listed as they first came.
    pub fn record_latency(&mut self, stage: &str, latency: Duration) {
        self.stage(stage).histogram.record(latency);
    }

    /// All latencies of a stage that was measured elsewhere.
    pub fn merge_latency(&mut self, stage: &str, histogram: &LatencyHistogram) {
        self.stage(stage).histogram.merge(histogram);
    }

    /// Something kept it from trading to its end.
    pub fn add_halt(&mut self, halt: Halt) {
        self.halts.push(halt);
    }

    /// What was under way when it ended.
    pub const fn ended_with(&mut self, ending: Ending) {
        self.ending = Some(ending);
    }

    /// The net result of the same run under other assumptions.
    pub fn add_cost_scenario(&mut self, scenario: CostScenario) {
        self.cost_scenarios.push(scenario);
    }

    /// Any order event. A fill is valued by [`FillValue::of`]; use [`Self::push_fill`] instead
    /// where that says that it needs a value.
    ///
    /// # Errors
    /// See [`ReportError`].
    pub fn push_order_event(
        &mut self,
        strategy: StrategyId,
        event: &OrderEvent,
    ) -> Result<(), ReportError> {
        self.last_at = self.last_at.max(event.received_at);
        if let OrderEventKind::Filled { fill, complete, .. } = &event.kind {
            let value = FillValue::of(fill, self.instrument(event.instrument)?, self.currency)?;
            return self.push_fill(strategy, event.order, fill, value, *complete);
        }
        self.symbol(event.instrument)?.totals.counts.count(&event.kind);
        self.strategy(strategy)?.totals.counts.count(&event.kind);
        self.account.counts.count(&event.kind);
        if let OrderEventKind::Denied { reason } = &event.kind {
            *self.denials.entry(reason.rule.clone()).or_default() += 1;
        }
        if let OrderEventKind::Rejected { reason } = &event.kind {
            *self.rejects.entry(reason.code).or_default() += 1;
        }
        Ok(())
    }

    /// An execution with its value. `complete` says that nothing of the order is left.
    ///
    /// # Errors
    /// [`ReportError::UnknownStrategy`] and [`ReportError::UnknownInstrument`].
    pub fn push_fill(
        &mut self,
        strategy: StrategyId,
        order: OrderId,
        fill: &Fill,
        value: FillValue,
        complete: bool,
    ) -> Result<(), ReportError> {
        let id = fill.key.instrument;
        let instrument = self.instrument(id)?.clone();
        let start_at = self.last_at;
        self.last_at = self.last_at.max(fill.event_at);
        self.strategy(strategy)?;
        let symbol = self.symbols.entry(id).or_default();
        let book = &mut self.strategies[usize::from(strategy.0)];
        for totals in [&mut self.account, &mut symbol.totals, &mut book.totals] {
            totals.counts.count_fill(complete);
            totals.activity.add(value, fill.liquidity);
        }
        symbol.marks.push(mark(fill));
        let in_quote = fill.price.to_f64() * fill.quantity.to_f64();
        symbol.quote_rate =
            Some(value.notional.to_f64() / in_quote).filter(|rate| rate.is_finite());

        let trips = book.trips(strategy, &instrument);
        let (was_flat, method) = (trips.is_flat(), trips.method());
        trips.push(&trade_fill(order, fill, value, &instrument), &mut self.closing);
        let is_flat = trips.is_flat();
        for totals in [&mut self.account, &mut symbol.totals, &mut book.totals] {
            for trade in &self.closing {
                totals.trades.push(method, trade);
            }
            if was_flat != is_flat {
                totals.in_market.change(fill.event_at.max(start_at), was_flat);
            }
        }
        for trade in self.closing.drain(..) {
            keep_latest(&mut self.latest_trades, trade);
        }
        keep_latest(&mut self.latest_fills, listed(strategy, fill, &instrument));
        Ok(())
    }

    fn instrument(&self, id: InstrumentId) -> Result<&Instrument, ReportError> {
        if usize::from(id.0) < self.instruments.len() {
            Ok(self.instruments.get(id))
        } else {
            Err(ReportError::UnknownInstrument(id))
        }
    }

    fn symbol(&mut self, id: InstrumentId) -> Result<&mut SymbolBook, ReportError> {
        self.instrument(id)?;
        Ok(self.symbols.entry(id).or_default())
    }

    fn strategy(&mut self, id: StrategyId) -> Result<&mut StrategyBook, ReportError> {
        self.strategies.get_mut(usize::from(id.0)).ok_or(ReportError::UnknownStrategy(id))
    }

    fn stage(&mut self, name: &str) -> &mut LatencyStage {
        let index = self.latency.iter().position(|stage| stage.name == name);
        let index = index.unwrap_or_else(|| {
            let histogram = LatencyHistogram::new();
            self.latency.push(LatencyStage { name: name.to_owned(), histogram });
            self.latency.len() - 1
        });
        &mut self.latency[index]
    }
}

fn keep_latest<T>(list: &mut VecDeque<T>, entry: T) {
    if list.len() == MAX_LISTED {
        list.pop_front();
    }
    list.push_back(entry);
}

fn mark(fill: &Fill) -> FillMark {
    FillMark {
        at: fill.event_at,
        side: fill.side,
        price: fill.price.to_f64(),
        quantity: fill.quantity.to_f64(),
        fills: 1,
    }
}

fn trade_fill(order: OrderId, fill: &Fill, value: FillValue, instrument: &Instrument) -> TradeFill {
    let in_base = fill.fee_asset == instrument.base;
    let base_fee = if in_base { Quantity::from_decimal(fill.fee.to_decimal()).ok() } else { None };
    TradeFill {
        order,
        side: fill.side,
        at: fill.event_at,
        quantity: fill.quantity,
        notional: value.notional,
        fee: value.fee,
        // A fee finer than the venue's eight decimals is counted as cash instead.
        base_fee: base_fee.unwrap_or(Quantity::ZERO),
    }
}

fn listed(strategy: StrategyId, fill: &Fill, instrument: &Instrument) -> ListedFill {
    ListedFill {
        at: fill.event_at,
        strategy: usize::from(strategy.0),
        symbol: instrument.symbol,
        side: fill.side,
        price: fill.price,
        quantity: fill.quantity,
        fee: fill.fee,
        fee_asset: fill.fee_asset,
        liquidity: fill.liquidity,
    }
}
