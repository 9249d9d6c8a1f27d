//! The venue of backtest and paper: local matching with a virtual account.
//!
//! It implements [`Venue`] over [`Recorded`] markets. A command arrives after a latency, meets
//! the market as it is then, and its answer takes a latency back. Balances, locks, fees and
//! refusals are those of the real venue, whose words it uses.

mod account;
mod booking;
mod history;
mod latency;
mod orders;
mod pairs;
mod restore;
mod sweep;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use kernel::venue::{Balance, Venue, VenueAction, VenueEffect, VenueEvent, VenueInput, Wake};
use kernel::wire::Moment;
use model::{
    Amount, Asset, Bar, Instrument, InstrumentId, Instruments, MarketEvent, RejectReason,
    Timestamp, VenueOrderId,
};
use serde::{Deserialize, Serialize};

pub use latency::{LatencyModel, MeasuredLatency};
pub use restore::RestoredOpenOrder;

use crate::{
    Fees, MatchEvent, Matcher, OrderKey, Owner, Recorded, RecordedModels, RecordedOwn, Reject,
};
use account::Account;
use history::History;
use latency::Way;
use sweep::Sweep;

/// The one account of this venue.
const ACCOUNT: Owner = Owner(1);

/// The models of a local venue. Every report names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocalVenueModels {
    /// How long a command takes to the venue, and an answer back.
    pub latency: LatencyModel,
    /// How orders fare on the market.
    pub market: RecordedModels,
}

/// Why an order was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LocalReject {
    /// Its market refused it.
    #[error(transparent)]
    Market(#[from] Reject),
    /// The account can't pay for it.
    #[error("the account has too little for the order")]
    InsufficientBalance,
}

impl LocalReject {
    /// Code and words that the real venue refuses such an order with.
    fn to_reason(self) -> RejectReason {
        match self {
            Self::Market(reject) => reject.to_reason(),
            Self::InsufficientBalance => RejectReason {
                code: -2010,
                message: "Account has insufficient balance for requested action.".to_owned(),
            },
        }
    }
}

/// What is under way between the engine and a local venue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct InFlight {
    /// Commands that have not arrived.
    pub commands: usize,
    /// Answers that have not arrived.
    pub answers: usize,
    /// Of them, fills.
    pub fills: usize,
    /// Orders that are open.
    pub open_orders: usize,
}

/// Local matching with a virtual account.
#[derive(Clone, Debug)]
pub struct LocalVenue {
    instruments: Arc<Instruments>,
    markets: Vec<Matcher<Recorded>>,
    account: Account,
    history: History,
    /// Open orders that buy, or will buy, at the market.
    open_ended: BTreeSet<VenueOrderId>,
    last_order: i64,
    to_venue: Way,
    from_venue: Way,
    /// Commands on their way, in order of arrival. Bounded by the engine's own working orders
    /// and reads.
    commands: VecDeque<(Timestamp, VenueAction)>,
    /// Answers on their way, in order of arrival. Bounded as the commands are, and by what the
    /// market does to open orders within one latency.
    answers: VecDeque<(Timestamp, VenueEvent)>,
    /// Answers that have arrived already, before all that are on their way.
    arrived: Vec<VenueEffect>,
    matched: Vec<MatchEvent>,
    /// What one taker brings an order of ours, until all of it is here.
    swept: Option<Sweep>,
    /// Legs of pairs whose other leg has begun: they end as soon as that is told.
    outdone: Vec<VenueOrderId>,
}

impl LocalVenue {
    /// A venue for all of a run's instruments, with the same fees for each, and an account that
    /// holds these amounts.
    #[must_use]
    pub fn new(
        instruments: Arc<Instruments>,
        models: LocalVenueModels,
        fees: Fees,
        balances: &[(Asset, Amount)],
    ) -> Self {
        let market = |instrument: &Instrument| {
            let recorded = Recorded::new(instrument, models.market);
            Matcher::new(instrument.clone(), fees, recorded)
        };
        Self {
            markets: instruments.iter().map(market).collect(),
            instruments,
            account: Account::new(balances),
            history: History::default(),
            open_ended: BTreeSet::new(),
            last_order: 0,
            to_venue: Way::new(models.latency, 0),
            from_venue: Way::new(models.latency, 1),
            commands: VecDeque::new(),
            answers: VecDeque::new(),
            arrived: Vec::new(),
            matched: Vec::new(),
            swept: None,
            outdone: Vec::new(),
        }
    }

    /// Commands and answers take as long as those of a run did, instead of what the models say.
    #[must_use]
    pub fn with_measured_latency(mut self, to: MeasuredLatency, from: MeasuredLatency) -> Self {
        self.to_venue.go_by(to);
        self.from_venue.go_by(from);
        self
    }

    /// The market was recorded with these orders of ours on it.
    #[must_use]
    pub fn recorded_with(mut self, instrument: InstrumentId, orders: Vec<RecordedOwn>) -> Self {
        self.markets[usize::from(instrument.0)].liquidity.recorded_with(orders);
        self
    }

    /// Takes over filters and states that the venue has changed.
    fn refresh(&mut self, instruments: &Arc<Instruments>) {
        for (market, instrument) in self.markets.iter_mut().zip(instruments.iter()) {
            market.refresh(instrument);
        }
        self.instruments = Arc::clone(instruments);
    }

    /// The fees of one instrument, where they differ. Before the first order.
    #[must_use]
    pub fn with_fees(mut self, instrument: InstrumentId, fees: Fees) -> Self {
        self.markets[usize::from(instrument.0)].desk.fees = fees;
        self
    }

    /// Continues the numbers of an earlier run, as its journal tells: last order, and last trade
    /// of each instrument.
    #[must_use]
    pub fn continuing(
        mut self,
        last_order: VenueOrderId,
        last_trades: &[(InstrumentId, model::TradeId)],
    ) -> Self {
        self.last_order = self.last_order.max(last_order.0);
        for (instrument, trade) in last_trades {
            self.markets[usize::from(instrument.0)].desk.last_trade_id = trade.0;
        }
        self
    }

    /// What the account holds.
    #[must_use]
    pub fn balances(&self) -> Vec<Balance> {
        self.account.all()
    }

    /// What is under way now.
    #[must_use]
    pub fn in_flight(&self) -> InFlight {
        let is_fill =
            |(_, event): &&(Timestamp, VenueEvent)| matches!(event, VenueEvent::Filled { .. });
        // What a taker has brought so far is a fill that has not left yet.
        let waiting = usize::from(self.swept.is_some());
        InFlight {
            commands: self.commands.len(),
            answers: self.answers.len() + waiting,
            fills: self.answers.iter().filter(is_fill).count() + waiting,
            open_orders: self.history.open().count(),
        }
    }

    /// The market of an instrument.
    #[must_use]
    pub fn market(&self, instrument: InstrumentId) -> &Matcher<Recorded> {
        &self.markets[usize::from(instrument.0)]
    }

    /// A command leaves for the venue.
    fn send(&mut self, now: Timestamp, action: VenueAction, effects: &mut Vec<VenueEffect>) {
        for client_order_id in action.placed() {
            let sent = VenueEvent::Sent { client_order_id, signed_at: now };
            effects.push(VenueEffect::Event(sent));
        }
        let at = self.to_venue.arrival(now);
        if at <= now && self.commands.is_empty() {
            return self.act(at, action);
        }
        self.commands.push_back((at, action));
        self.receive(now);
    }

    #[inline]
    fn answer(&mut self, now: Timestamp, event: VenueEvent) {
        let at = self.from_venue.arrival(now);
        if at <= now && self.answers.is_empty() {
            self.arrived.push(VenueEffect::Event(event));
        } else {
            self.answers.push_back((at, event));
        }
    }

    /// Lets every command arrive whose time has come.
    fn receive(&mut self, now: Timestamp) {
        while self.commands.front().is_some_and(|(at, _)| *at <= now)
            && let Some((at, action)) = self.commands.pop_front()
        {
            self.act(at, action);
        }
    }

    fn deliver(&mut self, now: Timestamp, effects: &mut Vec<VenueEffect>) {
        if effects.is_empty() {
            std::mem::swap(effects, &mut self.arrived);
        } else {
            effects.append(&mut self.arrived);
        }
        while self.answers.front().is_some_and(|(at, _)| *at <= now)
            && let Some((_, event)) = self.answers.pop_front()
        {
            effects.push(VenueEffect::Event(event));
        }
    }

    #[inline(always)]
    fn on_market(&mut self, now: Timestamp, event: &MarketEvent) {
        let instrument = event.instrument();
        let place = usize::from(instrument.0);
        if let MarketEvent::Bar(bar) = event {
            return self.walk(now, bar);
        }
        self.markets[place].pass(now, event, &mut self.matched);
        if !self.matched.is_empty() {
            self.take_swept(now, event);
        }
        if matches!(event, MarketEvent::Trade(_)) {
            self.fire_all(now, instrument);
        }
    }

    #[inline(never)]
    fn walk(&mut self, now: Timestamp, bar: &Bar) {
        let place = usize::from(bar.instrument.0);
        // The points of a bar are no takers' trades.
        self.release();
        for point in self.markets[place].walk(bar) {
            let point = MarketEvent::Trade(point);
            self.markets[place].pass(now, &point, &mut self.matched);
            if !self.matched.is_empty() {
                self.book_matched(now, bar.instrument);
            }
            self.fire_all(now, bar.instrument);
        }
    }

    #[inline(always)]
    fn fire_all(&mut self, now: Timestamp, instrument: InstrumentId) {
        if self.markets[usize::from(instrument.0)].open_orders() > 0 {
            self.fire_each(now, instrument);
        }
    }

    /// What one thing does to orders is booked before the next: of a pair only one leg may begin,
    /// and what a fill spends is gone for the next.
    #[inline(never)]
    fn fire_each(&mut self, now: Timestamp, instrument: InstrumentId) {
        let place = usize::from(instrument.0);
        while self.markets[place].fire_next(now, &mut self.matched) {
            self.release();
            self.book_matched(now, instrument);
        }
    }
}

const fn key_of(order: VenueOrderId) -> OrderKey {
    OrderKey(order.0.unsigned_abs())
}

fn number_of(key: OrderKey) -> VenueOrderId {
    VenueOrderId(i64::try_from(key.0).expect("keys are made from the venue's own numbers"))
}

impl Venue for LocalVenue {
    fn step(&mut self, now: Moment, input: VenueInput<'_>, effects: &mut Vec<VenueEffect>) {
        let now = now.venue;
        self.receive(now);
        if self.swept.as_ref().is_some_and(|sweep| sweep.until <= now) {
            self.release();
        }
        match input {
            VenueInput::Start => effects.push(VenueEffect::Event(VenueEvent::Connected)),
            VenueInput::Command(command) => self.send(now, command.into_action(), effects),
            VenueInput::Market(event) => self.on_market(now, event),
            VenueInput::InstrumentsRefreshed(instruments) => self.refresh(instruments),
            VenueInput::Wire(_) | VenueInput::Wake => {}
        }
        self.deliver(now, effects);
    }

    #[inline(always)]
    fn observe(&mut self, now: Moment, event: &MarketEvent, effects: &mut Vec<VenueEffect>) {
        if self.commands.is_empty() && self.answers.is_empty() && self.swept.is_none() {
            self.on_market(now.venue, event);
            if !self.arrived.is_empty() {
                effects.append(&mut self.arrived);
            }
        } else {
            self.step(now, VenueInput::Market(event), effects);
        }
    }

    #[inline]
    fn wake_at(&self) -> Option<Wake> {
        let earliest = match (self.commands.front(), self.answers.front()) {
            (None, None) => None,
            (Some((at, _)), None) | (None, Some((at, _))) => Some(*at),
            (Some((arrival, _)), Some((delivery, _))) => Some(*arrival.min(delivery)),
        };
        let earliest = match &self.swept {
            None => earliest,
            Some(Sweep { until, .. }) => {
                Some(earliest.map_or(*until, |earliest| earliest.min(*until)))
            }
        };
        earliest.map(Wake::Venue)
    }
}

#[cfg(test)]
mod tests;
