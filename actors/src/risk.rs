//! Risk's shell: market events, intents and order events in; requests to execution and order
//! events to strategies out. Onlookers are told here, where everything about orders passes, and
//! after those who act on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix::prelude::*;
use events::log_event;
use kernel::journal::{Durability, Record};
use kernel::ledger::BalanceDifference;
use kernel::messages::{ExecutionRequest, OrderRequest};
use kernel::protection::{ClosingPlan, Uncovered};
use kernel::risk::{Authority, ProtectionNews, RiskEffect, RiskInput, RiskMachine, TradingState};
use kernel::venue::Wake;
use model::{
    Amount, Asset, InstrumentId, Instruments, OrderEvent, OrderEventKind, OrderId, Quantity,
    StrategyId, Symbol,
};

use crate::clock::Clock;
use crate::messages::{
    AccountTold, BrokenBy, ExecutionRequested, Hops, IntentSubmitted, MarketArrived,
    OrderPathBroken, OrderTold, RefreshInstruments, Resynchronise, SetTrading, StrategyQuarantined,
    StreamHealthChanged, TradingLink, WriteRecord, report_broken,
};
use crate::observe::{Alert, Observation, Observer, Severity};
use crate::outbox::{Gauge, Outbox};
use crate::tap::Tap;
use crate::timer::{Alarm, Sleeper, arm};

/// Who risk talks to.
#[derive(Debug)]
pub struct RiskLinks {
    /// Approved requests.
    pub execution: Outbox<ExecutionRequested>,
    /// The trading state, for the last gate before the wire.
    pub gate: Recipient<SetTrading>,
    /// What is to be written down, by way of execution.
    pub journal: Recipient<WriteRecord>,
    /// Order events, to their strategies.
    pub strategies: BTreeMap<StrategyId, Outbox<OrderTold>>,
    /// Told when something could not be delivered.
    pub broken: Recipient<OrderPathBroken>,
}

/// What a risk shell is built with.
#[derive(Debug)]
pub struct RiskParts {
    /// The gate.
    pub machine: RiskMachine,
    /// The clock.
    pub clock: Clock,
    /// The run's instruments, for the log.
    pub instruments: Arc<Instruments>,
    /// Names of strategies, for the log.
    pub names: Arc<[String]>,
    /// Onlookers.
    pub observer: Observer,
    /// Counters of its market mailbox.
    pub market_gauge: Arc<Gauge>,
    /// Counters of the mailbox for intents, one edge a strategy.
    pub intent_gauges: BTreeMap<StrategyId, Arc<Gauge>>,
    /// Counters of the mailbox for order events.
    pub order_gauge: Arc<Gauge>,
    /// Notes what is handed to the machine.
    pub tap: Tap,
    /// Assets of which the start found something else in the account than was booked.
    pub unreconciled: BTreeSet<Asset>,
    /// Why the trading state is what it is, if it is not `active`.
    pub state_reason: String,
}

/// The actor.
#[derive(Debug)]
pub struct RiskActor {
    parts: RiskParts,
    links: Option<RiskLinks>,
    alarm: Alarm,
    effects: Vec<RiskEffect>,
    fills: u64,
    /// Whether a person was told that user data is lost.
    is_link_lost: bool,
    /// The trading state before the input that is handled.
    state_before: TradingState,
}

impl RiskActor {
    /// A shell around the gate.
    #[must_use]
    pub fn new(parts: RiskParts) -> Self {
        let alarm = Alarm::new(parts.clock.clone());
        let state_before = parts.machine.state();
        Self {
            parts,
            links: None,
            alarm,
            effects: Vec::new(),
            fills: 0,
            is_link_lost: false,
            state_before,
        }
    }

    fn step(&mut self, input: RiskInput<'_>, hops: Hops) {
        let now = self.parts.clock.now();
        let mut effects = std::mem::take(&mut self.effects);
        self.state_before = self.parts.machine.state();
        self.parts.tap.step(&mut self.parts.machine, now, input, &mut effects);
        for effect in effects.drain(..) {
            self.carry_out(effect, hops);
        }
        self.effects = effects;
    }

    fn carry_out(&mut self, effect: RiskEffect, hops: Hops) {
        match effect {
            RiskEffect::Execute(request) => self.execute(request, hops),
            RiskEffect::TellStrategy { strategy, event, fee_in_quote } => {
                self.tell_strategy(strategy, *event, fee_in_quote, hops);
            }
            RiskEffect::StateChanged { from, to, rule, reason } => {
                self.state_changed(from, to, rule, reason);
            }
            RiskEffect::RuleTripped { rule, strategy, limit, actual } => {
                let scope = strategy.map_or("account".to_owned(), |id| self.strategy(id));
                log_event!(
                    RISK_TRIPPED,
                    rule = rule,
                    scope = %scope,
                    limit = %limit,
                    actual = %actual
                );
                let subject = format!("{rule} tripped for {scope}");
                self.alert_unless_state_changed(subject, format!("limit {limit}, actual {actual}"));
            }
            RiskEffect::EquitySampled { strategy, equity, capital, at } => {
                self.parts.observer.tell(Observation::Equity { strategy, equity, at });
                let record = Record::EquitySampled { strategy, equity, capital, at };
                self.write(record, Durability::Lazy);
            }
            RiskEffect::FeeValued { key, in_quote } => {
                self.write(Record::FeeValued { key, in_quote }, Durability::Lazy);
            }
            RiskEffect::FeeUnvalued { key, fee, asset } => {
                let symbol = self.parts.instruments.get(key.instrument).symbol;
                log_event!(RISK_FEE_UNVALUED, symbol = %symbol, fee = %fee, fee_asset = %asset);
            }
            RiskEffect::Protection(news) => self.tell_protection(news),
            RiskEffect::BalanceDiffers(difference) => self.tell_difference(&difference),
            RiskEffect::TradeClosed(trade) => {
                self.parts.observer.tell(Observation::TradeClosed(trade));
            }
        }
    }

    fn execute(&mut self, request: ExecutionRequest, hops: Hops) {
        let now = self.parts.clock.now();
        let shown = |request: &OrderRequest| Observation::Approved {
            strategy: request.strategy,
            order: request.order,
            new: request.new,
            correlation: request.correlation,
            at: now.venue,
        };
        let mut approved = request.approved().map(shown);
        let shown = [approved.next(), approved.next()];
        drop(approved);
        let hops = Hops { approved_at: now.wall, ..hops };
        if let Err(refused) = self.links().execution.send(ExecutionRequested { request, hops }) {
            self.report_broken(format!("risk → execution: {refused}"));
        }
        for observation in shown.into_iter().flatten() {
            self.parts.observer.tell(observation);
        }
    }

    fn tell_strategy(
        &mut self,
        strategy: StrategyId,
        event: OrderEvent,
        fee_in_quote: Amount,
        hops: Hops,
    ) {
        self.fills += u64::from(matches!(event.kind, OrderEventKind::Filled { .. }));
        // An order of a strategy that is no longer configured lives on, and is booked.
        if let Some(outbox) = self.links().strategies.get(&strategy) {
            let told = OrderTold { strategy, event: event.clone(), fee_in_quote, hops };
            if let Err(refused) = outbox.send(told) {
                self.report_broken(format!("risk → strategy {strategy}: {refused}"));
            }
        }
        self.parts.observer.tell(Observation::Order { strategy, event, fee_in_quote });
    }

    fn state_changed(
        &mut self,
        from: TradingState,
        to: TradingState,
        rule: &'static str,
        reason: String,
    ) {
        let (from_name, to_name) = (from.name(), to.name());
        if to == TradingState::Active {
            // Only an operator resumes.
            log_event!(
                RISK_STATE_CHANGED as INFO,
                from = from_name,
                to = to_name,
                rule = rule,
                reason = %reason
            );
        } else {
            log_event!(
                RISK_STATE_CHANGED,
                from = from_name,
                to = to_name,
                rule = rule,
                reason = %reason
            );
        }
        let at = self.parts.clock.now().venue;
        let record = Record::TradingStateChanged { state: to, reason: reason.clone(), at };
        self.write(record, Durability::Synced);
        if self.links().gate.try_send(SetTrading(to)).is_err() {
            self.report_broken("risk → execution: trading state refused".to_owned());
        }
        self.parts.state_reason.clone_from(&reason);
        self.parts.observer.tell(Observation::StateChanged { to, reason });
    }

    fn write(&self, record: Record, durability: Durability) {
        if self.links().journal.try_send(WriteRecord { record, durability }).is_err() {
            self.report_broken("risk → journal: refused".to_owned());
        }
    }

    /// What halts stays in the way of a resume for as long as this process lives: what the account
    /// should hold is changed by `reconcile --accept` between two of them.
    fn tell_difference(&mut self, difference: &BalanceDifference) {
        let BalanceDifference { asset, ledger, account, held, kind } = difference;
        if kind.halts() {
            self.parts.unreconciled.insert(*asset);
        }
        log_event!(
            RECONCILE_MISMATCHED,
            kind = kind.name(),
            asset = %asset,
            ledger = %ledger,
            account = %account,
            held = %held
        );
        let text = format!("{ledger} was booked, the account holds {account}: {}", kind.name());
        let subject = format!("the account differs in {asset}");
        if kind.halts() {
            self.alert_unless_state_changed(subject, text);
        } else {
            self.alert(Severity::Warning, subject, text);
        }
    }

    fn tell_protection(&mut self, news: ProtectionNews) {
        match news {
            ProtectionNews::Restored { strategy, instrument, quantity, unprotected } => {
                let (strategy, symbol) = self.names(strategy, instrument);
                let duration_ms = unprotected.as_millis() as u64;
                log_event!(
                    PROTECTION_RESTORED,
                    strategy = %strategy,
                    symbol = %symbol,
                    quantity = %quantity,
                    duration_ms
                );
            }
            ProtectionNews::Refused { strategy, instrument, reason, retry_at } => {
                let (strategy, symbol) = self.names(strategy, instrument);
                let retry_in_ms = retry_at.since(self.parts.clock.now().venue).as_millis() as u64;
                log_event!(
                    PROTECTION_REFUSED,
                    strategy = %strategy,
                    symbol = %symbol,
                    reason = %reason,
                    retry_in_ms
                );
                let subject = format!("{strategy}'s position in {symbol} is unprotected");
                self.alert(Severity::Error, subject, reason);
            }
            ProtectionNews::Closed { strategy, instrument, closed } => {
                let (strategy, symbol) = self.names(strategy, instrument);
                log_event!(
                    FLATTEN_FINISHED,
                    strategy = %strategy,
                    symbol = %symbol,
                    outcome = closed.name(),
                    left = %closed.left()
                );
            }
        }
    }

    fn names(&self, strategy: StrategyId, instrument: InstrumentId) -> (String, Symbol) {
        (self.strategy(strategy), self.parts.instruments.get(instrument).symbol)
    }

    fn strategy(&self, strategy: StrategyId) -> String {
        let name = self.parts.names.get(usize::from(strategy.0)).cloned();
        name.unwrap_or_else(|| strategy.to_string())
    }

    /// What protects positions may want to look again before the next regular look.
    fn arm_for_protection(&mut self, context: &mut Context<Self>) {
        if self.parts.machine.protection().is_waiting() {
            arm(self, context);
        }
    }

    /// Something that a person should know now.
    fn alert(&self, severity: Severity, subject: String, text: String) {
        self.parts.observer.tell(Observation::Alert(Alert { severity, subject, text }));
    }

    /// An error. Where the trading state changes with it, that is told, with the same reason: nobody
    /// is woken twice.
    fn alert_unless_state_changed(&self, subject: String, text: String) {
        if self.parts.machine.state() == self.state_before {
            self.alert(Severity::Error, subject, text);
        }
    }

    fn links(&self) -> &RiskLinks {
        self.links.as_ref().expect("linked before the first input")
    }

    fn report_broken(&self, reason: String) {
        report_broken(&self.links().broken, BrokenBy::Mailbox, reason);
    }
}

impl Actor for RiskActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        let intents: usize = self.parts.intent_gauges.values().map(|gauge| gauge.bound()).sum();
        let orders = self.parts.order_gauge.bound() + self.parts.market_gauge.bound();
        context.set_mailbox_capacity(intents + orders + 1_024);
    }
}

/// Whom to talk to: given once all actors have an address.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct StartRisk(pub RiskLinks);

impl Handler<StartRisk> for RiskActor {
    type Result = ();
    fn handle(&mut self, StartRisk(links): StartRisk, context: &mut Context<Self>) {
        self.links = Some(links);
        self.step(RiskInput::Wake, Hops::default());
        arm(self, context);
    }
}

impl Handler<MarketArrived> for RiskActor {
    type Result = ();
    fn handle(&mut self, arrived: MarketArrived, _: &mut Context<Self>) {
        self.parts.market_gauge.count_handled();
        let MarketArrived { sequence, event, hops, .. } = arrived;
        self.step(RiskInput::Market { sequence, event: &event }, hops);
    }
}

impl Handler<IntentSubmitted> for RiskActor {
    type Result = ();
    fn handle(&mut self, submitted: IntentSubmitted, context: &mut Context<Self>) {
        if let Some(gauge) = self.parts.intent_gauges.get(&submitted.intent.strategy) {
            gauge.count_handled();
        }
        self.step(RiskInput::Intent(submitted.intent), submitted.hops);
        self.arm_for_protection(context);
    }
}

impl Handler<OrderTold> for RiskActor {
    type Result = ();
    fn handle(&mut self, told: OrderTold, context: &mut Context<Self>) {
        self.parts.order_gauge.count_handled();
        let event = Box::new(told.event);
        let input = RiskInput::Order { strategy: told.strategy, event };
        self.step(input, told.hops);
        self.arm_for_protection(context);
    }
}

impl Handler<AccountTold> for RiskActor {
    type Result = ();
    fn handle(&mut self, told: AccountTold, _: &mut Context<Self>) {
        match told {
            AccountTold::BalancesRead { balances, complete, event_at } => {
                let balances = balances.as_slice();
                let input = RiskInput::Balances { balances, is_complete: complete, event_at };
                self.step(input, Hops::default());
            }
            AccountTold::BalanceMoved { asset, delta } => {
                log_event!(ACCOUNT_BALANCE_MOVED, asset = %asset, delta = %delta);
                self.step(RiskInput::ExternalFlow { asset, delta }, Hops::default());
            }
            AccountTold::BalanceDiffers(found) => {
                self.step(RiskInput::BalanceDiffers(found), Hops::default());
            }
            AccountTold::ExternalFilled { fill } => {
                let symbol = self.parts.instruments.get(fill.key.instrument).symbol;
                log_event!(
                    ACCOUNT_EXTERNAL_FILLED,
                    venue_order_id = fill.key.venue_order.0,
                    trade_id = fill.key.trade.0,
                    symbol = %symbol,
                    side = fill.side.name(),
                    price = %fill.price,
                    quantity = %fill.quantity
                );
                self.step(RiskInput::ExternalFill(&fill), Hops::default());
            }
            AccountTold::StrangersFound { reason } => {
                let (state, by) = (TradingState::Halted, Authority::Engine);
                let set = RiskInput::SetState { state, by, reason: reason.clone() };
                self.step(set, Hops::default());
                let subject = "orders of another installation or ledger".to_owned();
                self.alert_unless_state_changed(subject, reason);
            }
            AccountTold::Alerted(alert) => self.parts.observer.tell(Observation::Alert(alert)),
            AccountTold::InstrumentHalted { instrument, reason } => {
                let symbol = self.parts.instruments.get(instrument).symbol;
                log_event!(RISK_INSTRUMENT_HALTED, symbol = %symbol, reason = %reason);
                self.alert(Severity::Error, format!("{symbol} is halted"), reason);
                let input = RiskInput::InstrumentHealth { instrument, is_halted: true };
                self.step(input, Hops::default());
            }
        }
    }
}

impl Handler<StrategyQuarantined> for RiskActor {
    type Result = ();
    fn handle(&mut self, quarantined: StrategyQuarantined, _: &mut Context<Self>) {
        let StrategyQuarantined { strategy, name, reason } = quarantined;
        self.alert(Severity::Error, format!("strategy {name} is quarantined"), reason);
        self.step(RiskInput::StrategyQuarantined { strategy }, Hops::default());
    }
}

impl Handler<TradingLink> for RiskActor {
    type Result = ();
    fn handle(&mut self, link: TradingLink, context: &mut Context<Self>) {
        let is_live = match link {
            TradingLink::Reconciled { .. } => {
                if std::mem::take(&mut self.is_link_lost) {
                    let text = "the venue and the journal agree again".to_owned();
                    self.alert(Severity::Info, "user data is back".to_owned(), text);
                }
                true
            }
            TradingLink::Detached { reason } => {
                self.is_link_lost = true;
                self.alert(Severity::Warning, "user data is lost".to_owned(), reason);
                false
            }
        };
        self.step(RiskInput::ExecutionHealth { is_live }, Hops::default());
        self.arm_for_protection(context);
    }
}

impl Handler<StreamHealthChanged> for RiskActor {
    type Result = ();
    fn handle(&mut self, health: StreamHealthChanged, _: &mut Context<Self>) {
        let StreamHealthChanged { instrument, is_stale } = health;
        if is_stale {
            let symbol = self.parts.instruments.get(instrument).symbol;
            let text = "new entries on it are denied until it speaks again".to_owned();
            self.alert(Severity::Warning, format!("market data of {symbol} is stale"), text);
        }
        self.step(RiskInput::StreamHealth { instrument, is_stale }, Hops::default());
    }
}

/// Marks that were missed are replaced by the next event of each market.
impl Handler<Resynchronise> for RiskActor {
    type Result = ();
    fn handle(&mut self, _: Resynchronise, _: &mut Context<Self>) {}
}

/// The account does not hold what was booked, of these assets: nobody trades until a person has
/// accepted it, and the engine was started again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreconciled(pub Vec<Asset>);

/// Change the trading state. An operator who wants it less strict is refused while the account
/// is not what was booked.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<(), Unreconciled>")]
pub struct SetTradingState {
    /// To this.
    pub state: TradingState,
    /// Who asks.
    pub by: Authority,
    /// Why, in words.
    pub reason: String,
}

impl Handler<SetTradingState> for RiskActor {
    type Result = Result<(), Unreconciled>;
    fn handle(&mut self, set: SetTradingState, _: &mut Context<Self>) -> Self::Result {
        let SetTradingState { state, by, reason } = set;
        let is_looser = state < self.parts.machine.state();
        if is_looser && !self.parts.unreconciled.is_empty() {
            return Err(Unreconciled(self.parts.unreconciled.iter().copied().collect()));
        }
        self.step(RiskInput::SetState { state, by, reason }, Hops::default());
        Ok(())
    }
}

/// What would flattening do?
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "Planned")]
pub struct PlanFlatten {
    /// Whose positions; `None` for all.
    pub strategy: Option<StrategyId>,
    /// How far below the best bid it may sell, in basis points.
    pub max_slippage_bps: u32,
}

/// What flattening would do.
#[derive(Clone, Debug, MessageResponse)]
pub struct Planned(pub ClosingPlan);

impl Handler<PlanFlatten> for RiskActor {
    type Result = Planned;
    fn handle(&mut self, plan: PlanFlatten, _: &mut Context<Self>) -> Planned {
        Planned(self.parts.machine.closing_plan(plan.strategy, plan.max_slippage_bps))
    }
}

/// Take everything back and close every position.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct Flatten {
    /// Whose positions; `None` for all.
    pub strategy: Option<StrategyId>,
    /// How far below the best bid of now it may sell, in basis points.
    pub max_slippage_bps: u32,
}

impl Handler<Flatten> for RiskActor {
    type Result = ();
    fn handle(&mut self, flatten: Flatten, context: &mut Context<Self>) {
        let Flatten { strategy, max_slippage_bps } = flatten;
        self.step(RiskInput::Flatten { strategy, max_slippage_bps }, Hops::default());
        self.arm_for_protection(context);
    }
}

impl Handler<RefreshInstruments> for RiskActor {
    type Result = ();
    fn handle(&mut self, refresh: RefreshInstruments, _: &mut Context<Self>) {
        self.step(RiskInput::InstrumentsRefreshed(refresh.0), Hops::default());
    }
}

impl Sleeper for RiskActor {
    fn alarm(&mut self) -> &mut Alarm {
        &mut self.alarm
    }

    fn wakes(&self) -> [Option<Wake>; 2] {
        [self.parts.machine.wake_at().map(Wake::Venue), None]
    }

    fn on_wake(&mut self, _: &mut Context<Self>) {
        self.step(RiskInput::Wake, Hops::default());
    }
}

/// Asks risk how things are.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "RiskStatus")]
pub struct ReadRiskStatus;

/// How things are.
#[derive(Clone, Debug, MessageResponse)]
pub struct RiskStatus {
    /// What is allowed at all.
    pub state: TradingState,
    /// Why, if that is not everything.
    pub state_reason: Option<String>,
    /// How far behind its market the slowest instrument is seen.
    pub market_lag: std::time::Duration,
    /// Fills booked since the start.
    pub fills: u64,
    /// Equity of the allocated capital.
    pub equity: Amount,
    /// Balances as the venue counts them.
    pub balances: Vec<kernel::venue::Balance>,
    /// Last price of each instrument.
    pub marks: Vec<(model::InstrumentId, model::Price)>,
    /// Equity of each strategy.
    pub strategies: Vec<(StrategyId, Amount)>,
    /// What each strategy holds.
    pub positions: Vec<(StrategyId, InstrumentId, Quantity)>,
    /// Positions of protected strategies without an order at the venue that protects them.
    pub uncovered: Vec<Uncovered>,
    /// Positions being closed, and exits that wait for their lots.
    pub unfinished: usize,
    /// Orders that funds are reserved for.
    pub reserved: Vec<OrderId>,
    /// Its mailboxes.
    pub gauges: Vec<Arc<Gauge>>,
}

impl Handler<ReadRiskStatus> for RiskActor {
    type Result = RiskStatus;
    fn handle(&mut self, _: ReadRiskStatus, _: &mut Context<Self>) -> RiskStatus {
        let portfolio = self.parts.machine.portfolio();
        let now = self.parts.clock.now().venue;
        let marks = self.parts.instruments.iter();
        let links = self.links.iter().flat_map(|links| {
            let strategies = links.strategies.values().map(|outbox| Arc::clone(outbox.gauge()));
            strategies.chain([Arc::clone(links.execution.gauge())])
        });
        let state = self.parts.machine.state();
        RiskStatus {
            state,
            state_reason: (state != TradingState::Active).then(|| self.parts.state_reason.clone()),
            market_lag: marks
                .clone()
                .map(|i| portfolio.marks().get(i.id).lag.behind(now))
                .max()
                .unwrap_or_default(),
            fills: self.fills,
            equity: portfolio.equity().equity().to_amount(),
            balances: portfolio.balances().iter().collect(),
            marks: marks.filter_map(|i| Some((i.id, portfolio.marks().mark(i.id)?))).collect(),
            positions: portfolio
                .holdings()
                .map(|(id, holding)| (holding.strategy, id, holding.position.quantity()))
                .filter(|(_, _, quantity)| !quantity.is_zero())
                .collect(),
            uncovered: self.parts.machine.protection().uncovered().collect(),
            unfinished: self.parts.machine.protection().unfinished(),
            reserved: portfolio.reservations().iter().map(|reserved| reserved.order).collect(),
            strategies: portfolio
                .equities()
                .map(|(id, track)| (id, track.equity().to_amount()))
                .collect(),
            gauges: links.collect(),
        }
    }
}
