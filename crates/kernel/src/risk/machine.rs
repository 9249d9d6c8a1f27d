//! The gate.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    Amount, DenialReason, Instruments, MarketEvent, NewOrder, OrderEvent, OrderEventKind, OrderId,
    StrategyId, Timestamp,
};

use super::approved::Approved;
use super::checks::RiskCheck;
use super::limits::{Limits, RiskConfig};
use super::messages::{Authority, RestoredRisk, RiskEffect, RiskInput};
use super::protect::ProtectionFailure;
use super::rate::OrderRate;
use super::rules;
use super::state::TradingState;
use super::view::{OrderRequestView, RiskView, Scope, touch};
use crate::ledger::{BalanceDifference, DifferenceKind};
use crate::messages::{CancelScope, ExecutionRequest, Intent, OrderRequest, SubmitIntent};
use crate::mutation::Mutation;
use crate::orders::Unexplained;
use crate::portfolio::{
    Cost, EquityMove, EquityTrack, Portfolio, Remaining, ReservedOrder, ScopeTally, TallyFor,
};
use crate::protection::ProtectionMachine;

/// Limits of the account or of one strategy, and what they count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ScopeBook {
    pub limits: Limits,
    pub rate: OrderRate,
    pub is_daily_loss_tripped: bool,
    pub is_drawdown_tripped: bool,
    pub is_quarantined: bool,
}

impl ScopeBook {
    fn new(limits: &super::limits::RiskLimits) -> Self {
        Self {
            limits: Limits::from(limits),
            rate: OrderRate::new(limits.max_orders_per_10s),
            is_daily_loss_tripped: false,
            is_drawdown_tripped: false,
            is_quarantined: false,
        }
    }
}

/// An order that every rule let through.
pub(super) struct Judged {
    /// Rounded to the venue's steps.
    new: NewOrder,
    /// The worst price expected.
    price: Option<model::Price>,
    /// What was compared.
    checks: Vec<RiskCheck>,
}

/// What is wrong with an instrument.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct InstrumentHealth {
    is_stale: bool,
    is_halted: bool,
}

/// The risk gate with the portfolio: every intent passes here, and every order event before it
/// reaches its strategy. Pure: time is passed in, nothing is sent or stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RiskMachine {
    pub(super) config: RiskConfig,
    pub(super) state: TradingState,
    pub(super) portfolio: Portfolio,
    pub(super) protection: ProtectionMachine,
    pub(super) account: ScopeBook,
    pub(super) strategies: BTreeMap<StrategyId, ScopeBook>,
    /// Whether any strategy has a limit of losses: they are judged at every price.
    pub(super) do_strategies_limit_losses: bool,
    /// By instrument.
    health: Vec<InstrumentHealth>,
    pub(super) is_execution_live: bool,
    sequence: u64,
    /// The first instant ever seen: from here the grace for missing marks counts.
    pub(super) started_at: Option<Timestamp>,
    /// Whether the UTC day's equity was noted; not while positions have no prices.
    pub(super) is_day_open: bool,
    /// The next point of the equity curves, or the next UTC day if that comes first.
    pub(super) next_look_at: Timestamp,
}

impl RiskMachine {
    /// A gate that continues from what was restored. Orders cannot go out before
    /// [`RiskInput::ExecutionHealth`] says so.
    ///
    /// # Panics
    /// When `sample_every` is zero.
    #[must_use]
    pub fn new(config: RiskConfig, instruments: Arc<Instruments>, restored: RestoredRisk) -> Self {
        assert!(!config.sample_every.is_zero(), "equity is sampled now and then, not always");
        let mut strategies: BTreeMap<StrategyId, ScopeBook> = config
            .strategies
            .iter()
            .map(|(id, strategy)| (*id, ScopeBook::new(&strategy.limits)))
            .collect();
        for id in restored.quarantined {
            let unknown = || ScopeBook::new(&super::limits::RiskLimits::default());
            strategies.entry(id).or_insert_with(unknown).is_quarantined = true;
        }
        let health = vec![InstrumentHealth::default(); instruments.len()];
        Self {
            portfolio: Portfolio::new(&config.portfolio(), instruments, restored.portfolio),
            protection: ProtectionMachine::new(restored.epoch, config.protection()),
            account: ScopeBook::new(&config.limits),
            do_strategies_limit_losses: strategies.values().any(ScopeBook::limits_losses),
            strategies,
            state: restored.state,
            config,
            health,
            is_execution_live: false,
            sequence: 0,
            started_at: None,
            is_day_open: false,
            next_look_at: Timestamp::EPOCH,
        }
    }

    /// What is allowed at all.
    #[must_use]
    pub const fn state(&self) -> TradingState {
        self.state
    }

    /// Balances, positions, equity, reservations.
    #[must_use]
    pub const fn portfolio(&self) -> &Portfolio {
        &self.portfolio
    }

    /// What protects the positions.
    #[must_use]
    pub const fn protection(&self) -> &ProtectionMachine {
        &self.protection
    }

    /// What it goes by.
    #[must_use]
    pub const fn config(&self) -> &RiskConfig {
        &self.config
    }

    /// When the machine wants [`RiskInput::Wake`], by the venue's clock: for a point of the
    /// equity curves, or for a new UTC day. Any other input does as well.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let tending = self.protection.wakes().map(|(at, _)| at).min();
        let sampling = self.started_at.map(|_| self.next_look_at);
        sampling.into_iter().chain(tending).min()
    }

    /// Takes one input and appends what follows from it.
    pub fn step(&mut self, now: Timestamp, input: RiskInput<'_>, effects: &mut Vec<RiskEffect>) {
        if now >= self.next_look_at {
            self.keep_time(now, effects);
        }
        match input {
            RiskInput::Market { sequence, event } => self.observe(now, sequence, event, effects),
            RiskInput::Intent(intent) => self.take_intent(now, intent, effects),
            RiskInput::Order { strategy, event } => self.on_order(now, strategy, event, effects),
            RiskInput::Balances { balances, is_complete, event_at } => {
                self.portfolio.on_balances(balances, is_complete, event_at);
            }
            RiskInput::ExternalFlow { asset, delta } => {
                self.portfolio.on_external_flow(asset, delta);
            }
            RiskInput::BalanceDiffers(found) => self.on_balance(now, found, effects),
            RiskInput::ExternalFill(fill) => self.portfolio.on_external_fill(fill),
            RiskInput::SetState { state, by, reason } => {
                self.on_set_state(now, state, by, reason, effects);
            }
            RiskInput::StreamHealth { instrument, is_stale } => {
                self.health[usize::from(instrument.0)].is_stale = is_stale;
            }
            RiskInput::InstrumentHealth { instrument, is_halted } => {
                self.health[usize::from(instrument.0)].is_halted = is_halted;
            }
            RiskInput::ExecutionHealth { is_live } => {
                self.is_execution_live = is_live;
                self.tend_all(now, effects);
            }
            RiskInput::StrategyQuarantined { strategy } => self.quarantine(strategy, effects),
            RiskInput::StrategyReleased { strategy } => self.release(now, strategy, effects),
            RiskInput::InstrumentsRefreshed(instruments) => {
                self.health.resize(instruments.len(), InstrumentHealth::default());
                self.portfolio.refresh(instruments);
            }
            RiskInput::Flatten { strategy, max_slippage_bps } => {
                self.flatten(now, strategy, max_slippage_bps, effects);
            }
            RiskInput::Wake => self.tend_due(now, effects),
        }
    }

    /// [`RiskInput::Market`], of which a backtest has millions.
    #[inline(always)]
    pub fn observe(
        &mut self,
        now: Timestamp,
        sequence: u64,
        event: &MarketEvent,
        effects: &mut Vec<RiskEffect>,
    ) {
        if now >= self.next_look_at {
            self.keep_time(now, effects);
        }
        self.sequence = sequence;
        let moved = self.portfolio.on_market(event);
        if moved.is_any() {
            self.on_equity_moved(now, moved, effects);
        }
    }

    #[inline(never)]
    fn on_equity_moved(
        &mut self,
        now: Timestamp,
        moved: EquityMove,
        effects: &mut Vec<RiskEffect>,
    ) {
        if self.portfolio.has_valued_fees() {
            self.tell_valued_fees(effects);
        }
        self.judge_losses(now, moved, effects);
    }

    #[cold]
    fn tell_valued_fees(&mut self, effects: &mut Vec<RiskEffect>) {
        let told = self.portfolio.take_valued_fees().into_iter();
        effects.extend(told.map(|(key, in_quote)| RiskEffect::FeeValued { key, in_quote }));
    }

    fn quarantine(&mut self, strategy: StrategyId, effects: &mut Vec<RiskEffect>) {
        self.scope_mut(strategy).is_quarantined = true;
        let scope = CancelScope::Entries(Some(strategy));
        effects.push(RiskEffect::Execute(ExecutionRequest::CancelAll { scope }));
    }

    pub(super) fn scope_mut(&mut self, strategy: StrategyId) -> &mut ScopeBook {
        let unknown = || ScopeBook::new(&super::limits::RiskLimits::default());
        self.strategies.entry(strategy).or_insert_with(unknown)
    }

    /// The gate.
    pub(super) fn on_intent(
        &mut self,
        now: Timestamp,
        wanted: SubmitIntent,
        effects: &mut Vec<RiskEffect>,
    ) {
        match wanted.intent {
            Intent::Submit { order, new } => {
                match self.judge(now, wanted.caused_at, wanted.strategy, order, None, &new) {
                    Ok(judged) => {
                        let approved = self.approve(now, order, None, judged, wanted);
                        effects.push(RiskEffect::Execute(ExecutionRequest::Submit(approved)));
                    }
                    Err(reason) => effects.push(denied(now, &wanted, order, &new, reason)),
                }
            }
            Intent::Cancel { order } => effects.push(cancel(order)),
            Intent::Replace { old, order, new } => {
                match self.judge(now, wanted.caused_at, wanted.strategy, order, Some(old), &new) {
                    Ok(judged) => {
                        let new = self.approve(now, order, Some(old), judged, wanted);
                        let reserved = self.portfolio.reservations().get(old);
                        let old_executed = reserved.and_then(ReservedOrder::executed);
                        let request = ExecutionRequest::Replace { old, old_executed, new };
                        effects.push(RiskEffect::Execute(request));
                    }
                    // The old order works on: it may be what protects a position.
                    Err(reason) => effects.push(denied(now, &wanted, order, &new, reason)),
                }
            }
        }
    }

    /// Rounds the order in the safe direction and asks every rule.
    pub(super) fn judge(
        &mut self,
        now: Timestamp,
        caused_at: Timestamp,
        strategy: StrategyId,
        order: OrderId,
        replaces: Option<OrderId>,
        wanted: &NewOrder,
    ) -> Result<Judged, DenialReason> {
        if !self.strategies.contains_key(&strategy) {
            self.scope_mut(strategy);
        }
        let portfolio = &self.portfolio;
        let instrument = portfolio.instruments().get(wanted.instrument);
        let new = instrument.quantise(wanted);
        let market = portfolio.marks().get(instrument.id);
        let margins = portfolio.margins();
        let price = margins.worst_price(&new.kind, new.side, touch(market, new.side));
        let cost = Cost::of(new.side, price, Remaining::all_of(&new), margins.fee);
        let view = OrderRequestView {
            strategy,
            order,
            by_engine: order.is_engines(),
            caused_at,
            replaces,
            new: &new,
            instrument,
            price,
            cost,
            notional: portfolio.in_currency(instrument.id, cost.notional),
            spending: portfolio.in_currency(instrument.id, cost.reserved),
        };
        let side = new.side;
        let tally =
            portfolio.reservations().tally(&TallyFor { strategy, instrument, side, replaces });
        let none = EquityTrack::default();
        let equity = portfolio.equity_of(strategy).unwrap_or(&none);
        let (ours, external) = portfolio.worth_here(instrument.id);
        let book = &self.strategies[&strategy];
        let all_holdings = portfolio.equity().holdings() + portfolio.external();
        let account = scope("account", &self.account, portfolio.equity(), &tally.account);
        let own = scope("strategy", book, equity, &tally.strategy);
        let holding_here = portfolio.worth_of(strategy, instrument.id);
        let health = self.health[usize::from(instrument.id.0)];
        let world = RiskView {
            now,
            state: self.state,
            account: Scope { holding_here: ours + external, holdings: all_holdings, ..account },
            strategy: Scope { holding_here, holdings: equity.holdings(), ..own },
            portfolio,
            tally: &tally,
            market,
            is_stream_stale: health.is_stale,
            is_instrument_halted: health.is_halted,
            is_execution_live: self.is_execution_live,
            is_quarantined: book.is_quarantined,
        };
        let checks = rules::check_all(&view, &world, self.config.explains_approvals)?;
        Ok(Judged { new, price, checks })
    }

    /// Reserves and counts what passed, and makes the proof of it.
    pub(super) fn approve(
        &mut self,
        now: Timestamp,
        order: OrderId,
        replaces: Option<OrderId>,
        Judged { new, price, checks }: Judged,
        wanted: SubmitIntent,
    ) -> Approved<OrderRequest> {
        self.portfolio.reserve(order, wanted.strategy, new, price, replaces);
        self.account.rate.record(now);
        self.scope_mut(wanted.strategy).rate.record(now);
        Approved::new(OrderRequest {
            order,
            strategy: wanted.strategy,
            new,
            cause: wanted.cause,
            correlation: wanted.correlation,
            caused_at: wanted.caused_at,
            decided_at: wanted.decided_at,
            approved_at: now,
            judged_on_sequence: self.sequence,
            checks,
        })
    }

    /// Less than was booked, or more of what strategies hold: nobody trades until a person has
    /// looked.
    fn on_balance(&mut self, now: Timestamp, found: Unexplained, effects: &mut Vec<RiskEffect>) {
        let Unexplained { asset, ledger, account } = found;
        let held = self.portfolio.held_of(asset);
        let Some(difference) = BalanceDifference::of(asset, ledger, account, held) else { return };
        let delta = difference.delta();
        effects.push(RiskEffect::BalanceDiffers(difference));
        if difference.kind.halts() {
            let what = match difference.kind {
                DifferenceKind::Oversold => format!("strategies hold {held}"),
                DifferenceKind::Surplus | DifferenceKind::HeldAsset | DifferenceKind::Shortfall => {
                    format!("{ledger} was booked ({delta})")
                }
            };
            let reason =
                format!("the account holds {account} {asset}, {what}: see `tickwright reconcile`");
            self.on_set_state(now, TradingState::Halted, Authority::Engine, reason, effects);
        }
    }

    fn on_order(
        &mut self,
        now: Timestamp,
        strategy: StrategyId,
        event: Box<OrderEvent>,
        effects: &mut Vec<RiskEffect>,
    ) {
        let order = event.order;
        let key = (strategy, event.instrument);
        let failure = self.protection_failure(key, &event);
        let mut fee_in_quote = Amount::ZERO;
        let mut is_filled = false;
        match &event.kind {
            OrderEventKind::Submitted { .. } | OrderEventKind::CancelRejected { .. } => {}
            OrderEventKind::OutcomeUnknown { .. } => {
                if self.config.mutation == Some(Mutation::ForgetUnknown) {
                    self.portfolio.release(order);
                }
            }
            OrderEventKind::Accepted { .. } => self.portfolio.on_order_acknowledged(order),
            OrderEventKind::Triggered => self.portfolio.on_order_triggered(order),
            OrderEventKind::Filled { fill, cumulative_quantity, complete } => {
                is_filled = true;
                fee_in_quote = self.book_fill(now, strategy, order, fill, effects);
                self.portfolio.on_order_filled(order, fill, *cumulative_quantity);
                if *complete {
                    self.portfolio.release(order);
                }
            }
            OrderEventKind::Canceled { .. } | OrderEventKind::Expired { .. } => {
                if order.is_engines() {
                    self.portfolio.unlock(order);
                }
                self.portfolio.release(order);
            }
            OrderEventKind::Rejected { .. } => {
                self.protection.note_refused(key, order);
                self.portfolio.release(order);
            }
            OrderEventKind::Denied { .. } | OrderEventKind::Completed => {
                self.portfolio.release(order);
            }
            OrderEventKind::Absent { .. } => self.portfolio.bury(order),
        }
        effects.push(RiskEffect::TellStrategy { strategy, event, fee_in_quote });
        if is_filled {
            self.judge_losses(now, EquityMove::UNKNOWN, effects);
        }
        match failure {
            Some(ProtectionFailure::OfPair(reason)) => {
                self.note_pair_refused(now, key, reason, effects);
            }
            Some(ProtectionFailure::OfOrder(reason)) => {
                self.note_failure(now, key, reason, effects);
            }
            None => {}
        }
        self.tend(now, key, effects);
    }
}

fn scope<'a>(
    name: &'static str,
    book: &'a ScopeBook,
    equity: &'a EquityTrack,
    tally: &'a ScopeTally,
) -> Scope<'a> {
    Scope {
        name,
        limits: &book.limits,
        equity,
        tally,
        rate: &book.rate,
        holding_here: crate::portfolio::Value::ZERO,
        holdings: crate::portfolio::Value::ZERO,
        is_daily_loss_tripped: book.is_daily_loss_tripped,
        is_drawdown_tripped: book.is_drawdown_tripped,
    }
}

const fn cancel(order: OrderId) -> RiskEffect {
    let reason = model::CancelReason::Requested;
    RiskEffect::Execute(ExecutionRequest::Cancel { order, reason })
}

pub(super) fn denied(
    now: Timestamp,
    wanted: &SubmitIntent,
    order: OrderId,
    new: &NewOrder,
    reason: DenialReason,
) -> RiskEffect {
    let event = Box::new(OrderEvent {
        order,
        instrument: new.instrument,
        received_at: now,
        correlation: wanted.correlation,
        kind: OrderEventKind::Denied { reason },
    });
    RiskEffect::TellStrategy { strategy: wanted.strategy, event, fee_in_quote: Amount::ZERO }
}
