//! What moves the trading state: losses past their limits, the operator, the engine; and the
//! clock of UTC days and equity samples.

use std::time::Duration;

use model::{Amount, Fill, OrderId, StrategyId, Timestamp};

use super::machine::{RiskMachine, ScopeBook};
use super::messages::{Authority, RiskEffect};
use super::state::TradingState;
use crate::messages::{CancelScope, ExecutionRequest};
use crate::portfolio::{EquityMove, EquityTrack, FeeWorth, Value};

const DAY: Duration = Duration::from_secs(86_400);

/// Name of the rule that trips on a day's loss.
pub(super) const DAILY_LOSS: &str = "daily_loss";
/// Name of the rule that trips on a fall from the peak.
pub(super) const DRAWDOWN: &str = "drawdown";
/// What is given as the rule when a fill cannot be booked.
const BOOKING: &str = "booking";

impl TradingState {
    /// What is cancelled when the state becomes this one from a less strict one.
    #[must_use]
    pub const fn cancels(self) -> Option<CancelScope> {
        match self {
            Self::Active => None,
            Self::ReduceOnly => Some(CancelScope::Entries(None)),
            Self::Halted => Some(CancelScope::EntriesAndExits(None)),
        }
    }
}

/// A limit that was passed.
struct Trip {
    rule: &'static str,
    limit: Value,
    actual: Value,
}

impl ScopeBook {
    pub(super) const fn limits_losses(&self) -> bool {
        self.limits.daily_loss.is_some() || self.limits.max_drawdown.is_some()
    }

    /// Whether a limit is passed that was not before: asked at each price that moves equity.
    fn passes_a_limit(&self, track: &EquityTrack) -> bool {
        let daily = self.limits.daily_loss.filter(|_| !self.is_daily_loss_tripped);
        let drawdown = self.limits.max_drawdown.filter(|_| !self.is_drawdown_tripped);
        daily.is_some_and(|limit| track.daily_loss() > limit)
            || drawdown.is_some_and(|limit| track.drawdown() > limit)
    }

    /// The limits that are passed and were not before.
    #[cold]
    fn trip(&mut self, track: &EquityTrack) -> Vec<Trip> {
        let checks = [
            (
                DAILY_LOSS,
                self.limits.daily_loss,
                track.daily_loss(),
                &mut self.is_daily_loss_tripped,
            ),
            (DRAWDOWN, self.limits.max_drawdown, track.drawdown(), &mut self.is_drawdown_tripped),
        ];
        let mut trips = Vec::new();
        for (rule, limit, actual, is_tripped) in checks {
            if let Some(limit) = limit.filter(|limit| actual > *limit && !*is_tripped) {
                *is_tripped = true;
                trips.push(Trip { rule, limit, actual });
            }
        }
        trips
    }
}

impl RiskMachine {
    /// A new UTC day, or a point of the equity curves.
    pub(super) fn keep_time(&mut self, now: Timestamp, effects: &mut Vec<RiskEffect>) {
        self.started_at.get_or_insert(now);
        let next_sample_at = now.floor_to(self.config.sample_every).after(self.config.sample_every);
        self.next_look_at = next_sample_at.min(now.utc_day().after(DAY));
        self.is_day_open = false;
        self.judge_losses(now, EquityMove::UNKNOWN, effects);
        if self.is_day_open {
            self.sample(now, effects);
        }
    }

    /// Begins the UTC day, if it has not begun: yesterday's loss is past.
    fn open_day(&mut self, now: Timestamp) {
        self.is_day_open = true;
        if self.portfolio.open_day(now) {
            self.account.is_daily_loss_tripped = false;
            for book in self.strategies.values_mut() {
                book.is_daily_loss_tripped = false;
            }
        }
    }

    /// Whether losses cannot be judged: positions are held whose price is not known yet. Not for
    /// long: an instrument without a feed must not switch the rules off.
    fn is_blind(&self, now: Timestamp) -> bool {
        if self.portfolio.unmarked() == 0 {
            return false;
        }
        let grace = self.config.mark_grace;
        now < self.started_at.map_or(Timestamp::MAX, |start| start.after(grace))
    }

    fn sample(&mut self, now: Timestamp, effects: &mut Vec<RiskEffect>) {
        self.portfolio.sample_equity(now, |strategy, at, track, equity| {
            let (equity, capital) = (equity.to_amount(), track.capital().to_amount());
            effects.push(RiskEffect::EquitySampled { strategy, equity, capital, at });
        });
    }

    /// Equity moved: the peaks follow what rose, and limits that what fell has passed trip.
    #[inline]
    pub(super) fn judge_losses(
        &mut self,
        now: Timestamp,
        moved: EquityMove,
        effects: &mut Vec<RiskEffect>,
    ) {
        if self.is_blind(now) {
            return;
        }
        if !self.is_day_open {
            self.open_day(now);
        } else if moved.rose {
            self.portfolio.raise_peaks(now);
        }
        if !moved.fell {
            return;
        }
        if self.do_strategies_limit_losses {
            self.judge_strategies(effects);
        }
        if self.account.passes_a_limit(self.portfolio.equity()) {
            self.trip_account(effects);
        }
    }

    fn judge_strategies(&mut self, effects: &mut Vec<RiskEffect>) {
        for (strategy, book) in &mut self.strategies {
            if !book.limits_losses() {
                continue;
            }
            let Some(track) = self.portfolio.equity_of(*strategy) else { continue };
            if !book.passes_a_limit(track) {
                continue;
            }
            let strategy = Some(*strategy);
            for Trip { rule, limit, actual } in book.trip(track) {
                let (limit, actual) = (limit.to_amount(), actual.to_amount());
                effects.push(RiskEffect::RuleTripped { rule, strategy, limit, actual });
                let scope = CancelScope::Entries(strategy);
                effects.push(RiskEffect::Execute(ExecutionRequest::CancelAll { scope }));
            }
        }
    }

    #[cold]
    fn trip_account(&mut self, effects: &mut Vec<RiskEffect>) {
        for Trip { rule, limit, actual } in self.account.trip(self.portfolio.equity()) {
            let (limit, actual) = (limit.to_amount(), actual.to_amount());
            effects.push(RiskEffect::RuleTripped { rule, strategy: None, limit, actual });
            let to = if rule == DAILY_LOSS {
                self.config.on_daily_loss
            } else {
                self.config.on_drawdown
            };
            let currency = self.config.currency;
            let reason = format!("{rule} of {actual} {currency} passed the limit of {limit}");
            self.tighten(to, rule, reason, effects);
        }
    }

    /// Makes the state stricter, if it is not so already.
    fn tighten(
        &mut self,
        to: TradingState,
        rule: &'static str,
        reason: String,
        effects: &mut Vec<RiskEffect>,
    ) {
        if to > self.state {
            let from = std::mem::replace(&mut self.state, to);
            effects.push(RiskEffect::StateChanged { from, to, rule, reason });
            let request = to.cancels().map(|scope| ExecutionRequest::CancelAll { scope });
            effects.extend(request.map(RiskEffect::Execute));
        }
    }

    /// The engine may only tighten. When an operator loosens, losses count from now: without that
    /// the limit that tripped would trip again at once.
    pub(super) fn on_set_state(
        &mut self,
        now: Timestamp,
        to: TradingState,
        by: Authority,
        reason: String,
        effects: &mut Vec<RiskEffect>,
    ) {
        if to > self.state {
            self.tighten(to, by.name(), reason, effects);
        } else if to < self.state && by == Authority::Operator {
            let from = std::mem::replace(&mut self.state, to);
            effects.push(RiskEffect::StateChanged { from, to, rule: by.name(), reason });
            if to == TradingState::Active {
                self.portfolio.rebase(None, now);
                self.account.is_daily_loss_tripped = false;
                self.account.is_drawdown_tripped = false;
                self.sample(now, effects);
            }
        }
    }

    /// A strategy may trade on, and its losses count from now.
    pub(super) fn release(
        &mut self,
        now: Timestamp,
        strategy: StrategyId,
        effects: &mut Vec<RiskEffect>,
    ) {
        self.portfolio.rebase(Some(strategy), now);
        let book = self.scope_mut(strategy);
        book.is_quarantined = false;
        book.is_daily_loss_tripped = false;
        book.is_drawdown_tripped = false;
        self.sample(now, effects);
    }

    /// Books a fill and says what a fee in a third asset was worth. A fill that cannot be booked
    /// halts trading: positions would be wrong from here on.
    pub(super) fn book_fill(
        &mut self,
        now: Timestamp,
        strategy: StrategyId,
        order: OrderId,
        fill: &Fill,
        effects: &mut Vec<RiskEffect>,
    ) -> Amount {
        let closed = |trade| effects.push(RiskEffect::TradeClosed(trade));
        let booked = self.portfolio.on_fill(strategy, order, fill, now, closed);
        let key = fill.key;
        match booked {
            Ok(FeeWorth::InPair) => Amount::ZERO,
            Ok(FeeWorth::Valued(in_quote)) => {
                effects.push(RiskEffect::FeeValued { key, in_quote });
                in_quote
            }
            Ok(FeeWorth::Unknown) => {
                let (fee, asset) = (fill.fee, fill.fee_asset);
                effects.push(RiskEffect::FeeUnvalued { key, fee, asset });
                Amount::ZERO
            }
            Err(error) => {
                let reason = format!("fill of order {order} cannot be booked: {error}");
                self.tighten(TradingState::Halted, BOOKING, reason, effects);
                Amount::ZERO
            }
        }
    }
}
