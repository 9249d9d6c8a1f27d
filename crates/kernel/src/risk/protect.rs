//! Where the gate and the protection of positions meet: a strategy's sells pass by the protection
//! first, and what that wants placed passes the gate like everything else.

use model::{
    CancelReason, CorrelationId, DenialReason, InstrumentId, NewOrder, OrderEvent, OrderEventKind,
    OrderId, Role, Side, StrategyId, Timestamp,
};
use rust_decimal::Decimal;

use super::machine::{RiskMachine, denied};
use super::messages::{Authority, ProtectionNews, RiskEffect};
use super::state::TradingState;
use crate::messages::{ApprovedPair, Cause, ExecutionRequest, Intent, SubmitIntent};
use crate::portfolio::Rate;
use crate::protection::{ClosingPlan, Custody, Intercepted, Wish};
use crate::venue::ENDED_BY_OTHER_LEG;

/// Name in denials of sells while the position is being closed.
const FLATTEN: &str = "flatten";

/// What failed of what the engine placed on its own, and why.
pub(super) enum ProtectionFailure {
    /// The venue takes no such pair.
    OfPair(String),
    /// An order, or a pair that may do another time.
    OfOrder(String),
}

/// Whether the venue refused an order for what it is, and not for when it came: filters, the
/// account, parameters (-1013, -2010, -11xx), not limits and clocks.
const fn is_refused_for_good(kind: &OrderEventKind) -> bool {
    match kind {
        OrderEventKind::Rejected { reason } => {
            matches!(reason.code, -1013 | -2010 | -1199..=-1100)
        }
        OrderEventKind::Denied { .. }
        | OrderEventKind::Submitted { .. }
        | OrderEventKind::Accepted { .. }
        | OrderEventKind::Triggered
        | OrderEventKind::Filled { .. }
        | OrderEventKind::Completed
        | OrderEventKind::Canceled { .. }
        | OrderEventKind::Expired { .. }
        | OrderEventKind::CancelRejected { .. }
        | OrderEventKind::OutcomeUnknown { .. }
        | OrderEventKind::Absent { .. } => false,
    }
}

/// One look leads to a few steps at most: exits that waited, what is left protected anew.
const LOOKS_BOUND: usize = 8;

impl RiskMachine {
    /// What flattening a strategy, or all, would do now.
    #[must_use]
    pub fn closing_plan(&self, strategy: Option<StrategyId>, max_slippage_bps: u32) -> ClosingPlan {
        let max_slippage = Rate::from_bps(Decimal::from(max_slippage_bps));
        self.protection.closing_plan(&self.portfolio, strategy, max_slippage)
    }

    pub(super) fn flatten(
        &mut self,
        now: Timestamp,
        strategy: Option<StrategyId>,
        max_slippage_bps: u32,
        effects: &mut Vec<RiskEffect>,
    ) {
        if self.state == TradingState::Active {
            let reason = "by flatten, until an operator resumes".to_owned();
            let (to, by) = (TradingState::ReduceOnly, Authority::Operator);
            self.on_set_state(now, to, by, reason, effects);
        }
        let max_slippage = Rate::from_bps(Decimal::from(max_slippage_bps));
        let portfolio = &self.portfolio;
        let keys = self.protection.start_closing(now, portfolio, strategy, max_slippage);
        for key in keys {
            self.tend(now, key, effects);
        }
    }

    /// A strategy's intent: a sell waits while protective orders lock its lots.
    pub(super) fn take_intent(
        &mut self,
        now: Timestamp,
        mut wanted: SubmitIntent,
        effects: &mut Vec<RiskEffect>,
    ) {
        if let Intent::Cancel { order } = wanted.intent
            && let Some(held) = self.protection.withdraw(order)
        {
            effects.push(withdrawn(now, &held, CancelReason::Requested));
            return;
        }
        if let Intent::Replace { old, order, new } = wanted.intent
            && let Some(held) = self.protection.withdraw(old)
        {
            effects.push(withdrawn(now, &held, CancelReason::Replaced));
            wanted.intent = Intent::Submit { order, new };
        }
        let placed = wanted.intent.places().filter(|(new, _)| new.side == Side::Sell);
        let placed = placed.map(|(new, old)| (*new, old));
        let Some((new, old)) = placed else { return self.on_intent(now, wanted, effects) };
        let key = (wanted.strategy, new.instrument);
        if !self.protection.concerns(key) {
            return self.on_intent(now, wanted, effects);
        }
        let custody = Custody::of(&self.portfolio, key, self.is_execution_live);
        match self.protection.intercept(key, &custody, (&new, old), wanted) {
            Intercepted::Pass(wanted) => self.on_intent(now, wanted, effects),
            Intercepted::Held => {}
            Intercepted::Closing(wanted) => {
                let reason = DenialReason {
                    rule: FLATTEN.to_owned(),
                    detail: "the position is being closed on an operator's word".to_owned(),
                    limit: "nothing".to_owned(),
                    actual: Side::Sell.name().to_owned(),
                };
                effects.push(denied(now, &wanted, wanted.intent.order(), &new, reason));
            }
        }
        self.tend(now, key, effects);
    }

    /// What failed of what the engine placed on its own, if anything did: a pair once, with the
    /// end of its second order, unless it is refused for good.
    pub(super) fn protection_failure(
        &self,
        key: (StrategyId, InstrumentId),
        event: &OrderEvent,
    ) -> Option<ProtectionFailure> {
        let order = event.order;
        if !order.is_engines() || self.protection.is_canceling(key, order) {
            return None;
        }
        let reservations = self.portfolio.reservations();
        let reserved = reservations.get(order)?;
        let reason = Self::failure_reason(reserved.new.role, &event.kind)?;
        if reserved.other_leg.is_some() && is_refused_for_good(&event.kind) {
            return Some(ProtectionFailure::OfPair(reason));
        }
        (!reservations.has_other_leg(order)).then_some(ProtectionFailure::OfOrder(reason))
    }

    fn failure_reason(role: Role, kind: &OrderEventKind) -> Option<String> {
        match (kind, role) {
            (OrderEventKind::Rejected { reason }, _) => {
                Some(format!("refused by the venue: {} {}", reason.code, reason.message))
            }
            (OrderEventKind::Absent { reason }, _) if reason.is_empty() => {
                Some("it never arrived".to_owned())
            }
            (OrderEventKind::Absent { reason }, _) => Some(reason.clone()),
            (OrderEventKind::Expired { reason, .. }, Role::Protective)
                if reason == ENDED_BY_OTHER_LEG =>
            {
                None
            }
            (OrderEventKind::Expired { reason, .. }, Role::Protective) => {
                Some(format!("expired {reason}"))
            }
            (OrderEventKind::Canceled { reason }, Role::Protective) => Some(match reason {
                CancelReason::Venue => "canceled by somebody else".to_owned(),
                CancelReason::Engine | CancelReason::Requested | CancelReason::Replaced => {
                    "canceled".to_owned()
                }
            }),
            (
                OrderEventKind::Expired { .. } | OrderEventKind::Canceled { .. },
                Role::Exit | Role::Entry,
            )
            | (
                OrderEventKind::Denied { .. }
                | OrderEventKind::Submitted { .. }
                | OrderEventKind::Accepted { .. }
                | OrderEventKind::Triggered
                | OrderEventKind::Filled { .. }
                | OrderEventKind::Completed
                | OrderEventKind::CancelRejected { .. }
                | OrderEventKind::OutcomeUnknown { .. },
                _,
            ) => None,
        }
    }

    pub(super) fn note_failure(
        &mut self,
        now: Timestamp,
        key: (StrategyId, InstrumentId),
        reason: String,
        effects: &mut Vec<RiskEffect>,
    ) {
        let retry_at = self.protection.note_failure(now, key);
        let (strategy, instrument) = key;
        let news = ProtectionNews::Refused { strategy, instrument, reason, retry_at };
        effects.push(RiskEffect::Protection(news));
    }

    /// Looks at every holding: the way to the venue has opened or closed.
    pub(super) fn tend_all(&mut self, now: Timestamp, effects: &mut Vec<RiskEffect>) {
        for key in self.protection.keys(&self.portfolio) {
            self.tend(now, key, effects);
        }
    }

    /// Looks at the holdings whose time has come.
    pub(super) fn tend_due(&mut self, now: Timestamp, effects: &mut Vec<RiskEffect>) {
        let due: Vec<_> = self.protection.wakes().filter(|(at, _)| *at <= now).collect();
        for (_, key) in due {
            self.tend(now, key, effects);
        }
    }

    /// Compares what should rest for a holding with what rests, and takes the next steps.
    pub(super) fn tend(
        &mut self,
        now: Timestamp,
        key: (StrategyId, InstrumentId),
        effects: &mut Vec<RiskEffect>,
    ) {
        if !self.protection.concerns(key) {
            return;
        }
        for _ in 0..LOOKS_BOUND {
            let custody = Custody::of(&self.portfolio, key, self.is_execution_live);
            let wishes = self.protection.plan(now, key, &custody);
            if wishes.is_empty() {
                return;
            }
            for wish in wishes {
                self.grant(now, key, wish, effects);
            }
        }
    }

    fn grant(
        &mut self,
        now: Timestamp,
        key: (StrategyId, InstrumentId),
        wish: Wish,
        effects: &mut Vec<RiskEffect>,
    ) {
        let (strategy, instrument) = key;
        match wish {
            Wish::Submit { order, new } => self.place_own(now, key, order, new, effects),
            Wish::SubmitPair { stop, target } => self.place_pair(now, key, stop, target, effects),
            Wish::Cancel(order) => {
                let reason = CancelReason::Engine;
                effects.push(RiskEffect::Execute(ExecutionRequest::Cancel { order, reason }));
            }
            Wish::Judge(wanted) => self.on_intent(now, wanted, effects),
            Wish::JudgeInPlaceOf { stop, wanted } => {
                self.judge_in_place_of(now, stop, wanted, effects);
            }
            Wish::Covered { uncovered: quantity, duration: unprotected } => {
                let news = ProtectionNews::Restored { strategy, instrument, quantity, unprotected };
                effects.push(RiskEffect::Protection(news));
            }
            Wish::Closed(closed) => {
                let news = ProtectionNews::Closed { strategy, instrument, closed };
                effects.push(RiskEffect::Protection(news));
            }
        }
    }

    /// An order of the engine's own passes the gate, or is tried again later.
    fn place_own(
        &mut self,
        now: Timestamp,
        key: (StrategyId, InstrumentId),
        order: OrderId,
        new: NewOrder,
        effects: &mut Vec<RiskEffect>,
    ) {
        match self.judge(now, now, key.0, order, None, &new) {
            Ok(rounded) => {
                let wanted = own_intent(now, key.0, order, new);
                let approved = self.approve(now, order, None, rounded, wanted);
                effects.push(RiskEffect::Execute(ExecutionRequest::Submit(approved)));
            }
            Err(denial) => self.note_failure(now, key, in_words(&denial), effects),
        }
    }

    /// Both orders of a pair pass the gate, each for the whole of the same lots; or the stop goes
    /// alone.
    fn place_pair(
        &mut self,
        now: Timestamp,
        key: (StrategyId, InstrumentId),
        (stop, new_stop): (OrderId, NewOrder),
        (target, new_target): (OrderId, NewOrder),
        effects: &mut Vec<RiskEffect>,
    ) {
        if !self.portfolio.instruments().get(key.1).features.oco {
            let reason = "the venue takes no pairs of it (ocoAllowed)".to_owned();
            self.note_pair_refused(now, key, reason, effects);
            return self.place_own(now, key, stop, new_stop, effects);
        }
        let judged_stop = self.judge(now, now, key.0, stop, None, &new_stop);
        let judged_target = self.judge(now, now, key.0, target, None, &new_target);
        match (judged_stop, judged_target) {
            (Ok(judged_stop), Ok(judged_target)) => {
                let wanted = own_intent(now, key.0, stop, new_stop);
                let approved_stop = self.approve(now, stop, None, judged_stop, wanted);
                let wanted = own_intent(now, key.0, target, new_target);
                let approved_target = self.approve(now, target, None, judged_target, wanted);
                self.portfolio.pair(stop, target);
                let pair = ApprovedPair { stop: approved_stop, target: approved_target };
                let request = ExecutionRequest::SubmitPair(Box::new(pair));
                effects.push(RiskEffect::Execute(request));
            }
            (Ok(judged_stop), Err(denial)) => {
                self.note_pair_refused(now, key, in_words(&denial), effects);
                let wanted = own_intent(now, key.0, stop, new_stop);
                let approved = self.approve(now, stop, None, judged_stop, wanted);
                effects.push(RiskEffect::Execute(ExecutionRequest::Submit(approved)));
            }
            (Err(denial), _) => self.note_failure(now, key, in_words(&denial), effects),
        }
    }

    /// The stop is what matters: from now on it goes alone, at once.
    pub(super) fn note_pair_refused(
        &mut self,
        now: Timestamp,
        key: (StrategyId, InstrumentId),
        reason: String,
        effects: &mut Vec<RiskEffect>,
    ) {
        if self.protection.note_pair_refused(key) {
            let (strategy, instrument) = key;
            let reason = format!("take-profit: {reason}; the stop goes alone");
            let news = ProtectionNews::Refused { strategy, instrument, reason, retry_at: now };
            effects.push(RiskEffect::Protection(news));
        }
    }

    /// A strategy's exit, to go in one request with the cancel of the stop that locks its lots. If
    /// it is denied, the stop stands.
    fn judge_in_place_of(
        &mut self,
        now: Timestamp,
        stop: OrderId,
        wanted: SubmitIntent,
        effects: &mut Vec<RiskEffect>,
    ) {
        let (new, _) = wanted.intent.places().expect("only what places an order is held");
        let (order, new) = (wanted.intent.order(), *new);
        match self.judge(now, wanted.caused_at, wanted.strategy, order, Some(stop), &new) {
            Ok(judged) => {
                let new = self.approve(now, order, Some(stop), judged, wanted);
                let request = ExecutionRequest::CancelReplace { old: stop, new };
                effects.push(RiskEffect::Execute(request));
            }
            Err(reason) => effects.push(denied(now, &wanted, order, &new, reason)),
        }
    }
}

fn in_words(DenialReason { rule, detail, limit, actual }: &DenialReason) -> String {
    format!("{rule}: {detail}: limit {limit}, actual {actual}")
}

/// The intent of the engine itself to place an order.
const fn own_intent(
    now: Timestamp,
    strategy: StrategyId,
    order: OrderId,
    new: NewOrder,
) -> SubmitIntent {
    let chain = 1 << 63 | (strategy.0 as u64) << 32 | order.number as u64;
    SubmitIntent {
        strategy,
        intent: Intent::Submit { order, new },
        cause: Cause::Engine,
        correlation: CorrelationId(chain),
        caused_at: now,
        decided_at: now,
    }
}

fn withdrawn(now: Timestamp, held: &SubmitIntent, reason: CancelReason) -> RiskEffect {
    let (new, _) = held.intent.places().expect("only what places an order is held");
    let event = Box::new(OrderEvent {
        order: held.intent.order(),
        instrument: new.instrument,
        received_at: now,
        correlation: held.correlation,
        kind: OrderEventKind::Canceled { reason },
    });
    let fee_in_quote = model::Amount::ZERO;
    RiskEffect::TellStrategy { strategy: held.strategy, event, fee_in_quote }
}
