//! The venue of backtest and paper: local matching with a virtual account.
//!
//! It implements [`Venue`] over [`Recorded`] markets. A command arrives after a latency, meets
//! the market as it is then, and its answer takes a latency back. Balances, locks, fees and
//! refusals are those of the real venue, whose words it uses.

mod account;
mod history;
mod latency;
mod pairs;
mod sweep;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use kernel::venue::{Balance, Venue, VenueAction, VenueEffect, VenueEvent, VenueInput, Wake};
use kernel::wire::Moment;
use model::{
    Amount, Asset, Bar, ClientOrderId, Fill, FillKey, Instrument, InstrumentId, Instruments,
    Liquidity, MarketEvent, NewOrder, OrderKind, OrderQuantity, OrderStatus, Quantity,
    RejectReason, Side, Timestamp, VenueOrderId,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

pub use latency::{LatencyModel, MeasuredLatency};

use crate::fees::notional;
use crate::{
    Execution, FeePolicy, Fees, MatchEvent, Matcher, OrderKey, Owner, Party, Recorded,
    RecordedModels, RecordedOwn, Reject, Submission,
};
use account::Account;
use history::{History, VenueOrder};
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

/// An order that was open when an earlier run ended, as its journal tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RestoredOpenOrder {
    /// Its name on the wire.
    pub client_order_id: ClientOrderId,
    /// This venue's number for it.
    pub venue_order: VenueOrderId,
    /// As it was placed.
    pub new: NewOrder,
    /// Executed so far.
    pub executed: Quantity,
    /// Whether its stop or target was reached: it works as what it became.
    pub is_triggered: bool,
    /// The other order of a pair, of which one cancels the other.
    pub other_leg: Option<ClientOrderId>,
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

    /// Takes an order of an earlier run back in: it rests or waits again from now on, at the end
    /// of its queue. The balances given to [`Self::new`] include what it had locked.
    ///
    /// # Errors
    /// When the account can't pay for it any more, or a filter has changed against it.
    pub fn restore(
        &mut self,
        now: Timestamp,
        order: &RestoredOpenOrder,
    ) -> Result<(), LocalReject> {
        self.last_order = self.last_order.max(order.venue_order.0);
        let mut new = order.new;
        if let OrderQuantity::Base(quantity) = new.quantity {
            new.quantity = OrderQuantity::Base(quantity - order.executed);
        }
        if order.is_triggered {
            new.kind = triggered(new.kind);
        }
        let other = order.other_leg.and_then(|name| self.history.open_by_name(&name));
        match other.map(|other| other.venue_order) {
            Some(other) => {
                self.open_beside(now, order.client_order_id, order.venue_order, new, other)?;
            }
            None => self.open(now, order.client_order_id, order.venue_order, new)?,
        }
        if let Some(restored) = self.history.get_mut(order.venue_order) {
            restored.new = order.new;
            restored.executed = order.executed;
            if order.executed.is_positive() {
                restored.status = OrderStatus::PartiallyFilled;
            }
        }
        let answered = (self.answers.len(), self.arrived.len());
        let has_traded = self.matched.iter().any(|event| matches!(event, MatchEvent::Traded(_)));
        self.book_matched(now, order.new.instrument);
        if !has_traded {
            // It is where it was: there is nothing to tell.
            self.answers.truncate(answered.0);
            self.arrived.truncate(answered.1);
        }
        Ok(())
    }

    /// Takes note of an order of an earlier run that could not be taken back in: whoever asks is
    /// told that it has expired.
    pub fn expire(&mut self, now: Timestamp, order: &RestoredOpenOrder, reason: &str) {
        self.last_order = self.last_order.max(order.venue_order.0);
        self.history.add(VenueOrder {
            client_order_id: order.client_order_id,
            venue_order: order.venue_order,
            new: order.new,
            status: OrderStatus::Expired,
            is_working: false,
            executed: order.executed,
            reason: reason.to_owned(),
            event_at: now,
            locked: Amount::ZERO,
            other_leg: None,
            locked_asset: self.instruments.get(order.new.instrument).quote,
        });
        self.history.end(order.venue_order);
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

    /// A command is at the venue.
    fn act(&mut self, now: Timestamp, action: VenueAction) {
        self.release();
        match action {
            VenueAction::Submit { client_order_id, new } => {
                self.submit(now, client_order_id, new);
            }
            VenueAction::SubmitPair(pair) => self.submit_pair(now, &pair),
            VenueAction::CancelReplace { old, client_order_id, new } => {
                self.cancel_replace(now, old, client_order_id, new);
            }
            VenueAction::Cancel { instrument, client_order_id } => {
                self.cancel(now, instrument, client_order_id);
            }
            VenueAction::QueryOrder { client_order_id, .. } => {
                let found = self.history.by_name(&client_order_id).map(VenueOrder::snapshot);
                self.answer(
                    now,
                    found.map_or(
                        VenueEvent::OrderNotFound { client_order_id },
                        VenueEvent::OrderFound,
                    ),
                );
            }
            VenueAction::QueryVenueOrder { venue_order, .. } => {
                let found = self.history.get(venue_order).map(VenueOrder::snapshot);
                let reason = "Order does not exist.".to_owned();
                let failed = VenueEvent::ReadFailed { action, reason };
                self.answer(now, found.map_or(failed, VenueEvent::OrderFound));
            }
            VenueAction::ReadAccount => {
                let balances = self.account.all();
                self.answer(now, VenueEvent::AccountRead { balances, event_at: now });
            }
            VenueAction::ReadOpenOrders => {
                let orders = self.history.open().map(VenueOrder::snapshot).collect();
                self.answer(now, VenueEvent::OpenOrdersRead { orders });
            }
            VenueAction::ReadTrades { instrument, from } => {
                let fills = self.history.fills_from(instrument, from);
                self.answer(now, VenueEvent::TradesRead { instrument, fills, more: false });
            }
            VenueAction::ReadOrderTrades { instrument, venue_order } => {
                let fills = self.history.fills_of(instrument, venue_order);
                self.answer(now, VenueEvent::OrderTradesRead { venue_order, fills });
            }
        }
    }

    fn submit(&mut self, now: Timestamp, client_order_id: ClientOrderId, new: NewOrder) {
        let outcome = if self.history.open_by_name(&client_order_id).is_some() {
            Err(RejectReason { code: -2010, message: "Duplicate order sent.".to_owned() })
        } else {
            let venue_order = VenueOrderId(self.last_order + 1);
            self.open(now, client_order_id, venue_order, new).map_err(LocalReject::to_reason)
        };
        match outcome {
            Ok(()) => {
                self.last_order += 1;
                self.book_matched(now, new.instrument);
            }
            Err(reason) => self.answer(now, VenueEvent::SubmitRejected { client_order_id, reason }),
        }
    }

    fn cancel(&mut self, now: Timestamp, instrument: InstrumentId, name: ClientOrderId) {
        let order = self.history.open_by_name(&name);
        let key = order.map(|order| key_of(order.venue_order));
        let other_leg = order.and_then(|order| order.other_leg).map(key_of);
        let market = &mut self.markets[usize::from(instrument.0)];
        let is_canceled = key.is_some_and(|key| market.cancel(now, key, &mut self.matched).is_ok());
        if is_canceled {
            // Both legs of a pair go.
            if let Some(other) = other_leg {
                let _ = market.cancel(now, other, &mut self.matched);
            }
            self.book_matched(now, instrument);
            return;
        }
        let reason = RejectReason { code: -2011, message: "Unknown order sent.".to_owned() };
        self.answer(now, VenueEvent::CancelRejected { client_order_id: name, reason });
    }

    /// Locks what an order needs and lets it into its market; what follows is in `matched`.
    fn open(
        &mut self,
        now: Timestamp,
        client_order_id: ClientOrderId,
        venue_order: VenueOrderId,
        new: NewOrder,
    ) -> Result<(), LocalReject> {
        self.open_leg(now, client_order_id, venue_order, new, None)
    }

    /// The same, where a leg of a pair has locked already what both need.
    fn open_leg(
        &mut self,
        now: Timestamp,
        client_order_id: ClientOrderId,
        venue_order: VenueOrderId,
        new: NewOrder,
        other_leg: Option<VenueOrderId>,
    ) -> Result<(), LocalReject> {
        let market = &mut self.markets[usize::from(new.instrument.0)];
        let instrument = self.instruments.get(new.instrument);
        // Only one of the filters asks for it.
        let held = instrument.filters.max_position.map(|_| {
            let base = self.account.get(instrument.base);
            let held = (base.free + base.locked).to_decimal().trunc_with_scale(8);
            Quantity::from_decimal(held).unwrap_or(Quantity::MAX)
        });
        let submission = Submission {
            held: held.unwrap_or(Quantity::ZERO),
            budget: priced_notional(&new),
            ..Submission::new(key_of(venue_order), ACCOUNT, new)
        };
        let quantity = market.check(&submission)?;
        let (locked_asset, locked) = needs(market, &new, quantity);
        let locked = if other_leg.is_some() { Amount::ZERO } else { locked };
        if !self.account.lock(locked_asset, locked) {
            return Err(LocalReject::InsufficientBalance);
        }
        market.place_checked(now, &submission, quantity, &mut self.matched);
        self.history.add(VenueOrder {
            client_order_id,
            venue_order,
            new,
            status: OrderStatus::Accepted,
            is_working: new.kind.stop_price().is_none(),
            executed: Quantity::ZERO,
            reason: String::new(),
            event_at: now,
            locked,
            locked_asset,
            other_leg,
        });
        let is_market = new.kind.limit_price().is_none() && new.side == Side::Buy;
        if is_market && market.order(key_of(venue_order)).is_some() {
            self.open_ended.insert(venue_order);
        }
        Ok(())
    }

    /// Books what a market did, answer by answer, then the balances that it changed.
    fn book_matched(&mut self, now: Timestamp, instrument: InstrumentId) {
        let mut matched = std::mem::take(&mut self.matched);
        for event in &matched {
            self.book(now, instrument, event);
        }
        matched.clear();
        self.matched = matched;
        self.finish_booking(now, instrument);
    }

    /// A stop or target that buys at the market may cost more than its stop price says, and a buy
    /// that waits for volume more than the price that it came at: what is free backs them, in
    /// equal shares where several wait.
    fn share_free_quote(&mut self) {
        if self.open_ended.is_empty() {
            return;
        }
        let mut waiting: BTreeMap<Asset, Vec<VenueOrderId>> = BTreeMap::new();
        for id in &self.open_ended {
            let order = self.history.get_mut(*id).expect("open orders are remembered");
            waiting.entry(order.locked_asset).or_default().push(*id);
        }
        for (asset, orders) in waiting {
            let share = self.account.get(asset).free.to_decimal() / Decimal::from(orders.len());
            for id in orders {
                let order = self.history.get_mut(id).expect("open orders are remembered");
                let market = &mut self.markets[usize::from(order.new.instrument.0)];
                let backing = order.locked.to_decimal() + share;
                let budget = backing / with_fee(market.fees(), Amount::ONE).to_decimal();
                market.set_budget(key_of(id), Amount::new(budget).truncated(8));
            }
        }
    }

    fn book(&mut self, now: Timestamp, instrument: InstrumentId, event: &MatchEvent) {
        match event {
            MatchEvent::Accepted { key, .. } => {
                self.change(now, *key, |_| {});
            }
            MatchEvent::Triggered { key, .. } => {
                self.begin(number_of(*key));
                self.change(now, *key, |order| order.is_working = true);
            }
            MatchEvent::Traded(trade) => {
                let parties = [(trade.maker, Liquidity::Maker), (trade.taker, Liquidity::Taker)];
                for (party, liquidity) in parties {
                    if let Some(party) = party {
                        self.book_fill(now, instrument, trade, &party, liquidity);
                    }
                }
            }
            MatchEvent::Expired { key, reason, .. } => {
                self.change(now, *key, |order| {
                    order.status = OrderStatus::Expired;
                    reason.venue_name().clone_into(&mut order.reason);
                });
            }
            MatchEvent::Canceled { key, .. } => {
                self.change(now, *key, |order| order.status = OrderStatus::Canceled);
            }
            MatchEvent::LevelChanged(_) => {}
            MatchEvent::Tracking { .. } | MatchEvent::Prevented(_) => {
                unreachable!("this venue places neither trailing orders nor prevents matches")
            }
        }
    }

    /// Changes an order and tells of it; one that has ended gives back what it had locked.
    fn change(&mut self, now: Timestamp, key: OrderKey, change: impl FnOnce(&mut VenueOrder)) {
        let id = number_of(key);
        let order = self.history.get_mut(id).expect("orders in a market are remembered");
        change(order);
        order.event_at = now;
        let (asset, locked) = (order.locked_asset, order.locked);
        let has_ended = order.status.is_final();
        if has_ended {
            order.locked = Amount::ZERO;
        }
        let snapshot = order.snapshot();
        if has_ended {
            if locked.is_positive() {
                self.account.unlock(asset, locked);
            }
            self.history.end(id);
            self.open_ended.remove(&id);
        }
        self.answer(now, VenueEvent::OrderChanged(snapshot));
    }

    fn book_fill(
        &mut self,
        now: Timestamp,
        instrument: InstrumentId,
        trade: &Execution,
        party: &Party,
        liquidity: Liquidity,
    ) {
        let id = number_of(party.key);
        self.begin(id);
        let fees = *self.markets[usize::from(instrument.0)].fees();
        let traded = self.instruments.get(instrument);
        let order = self.history.get_mut(id).expect("orders in a market are remembered");
        let side = order.new.side;
        // Balances have eight decimals, on the venue and in the ledger.
        let paid = notional(trade.price, trade.quantity).truncated(8);
        let fee = party.fee;
        let (debit, credit) = match (side, fees.policy) {
            (Side::Buy, FeePolicy::ReceivedAsset) => (paid, Amount::from(trade.quantity) - fee),
            (Side::Buy, FeePolicy::Quote) => (paid + fee, Amount::from(trade.quantity)),
            (Side::Sell, FeePolicy::ReceivedAsset | FeePolicy::Quote) => {
                (Amount::from(trade.quantity), paid - fee)
            }
        };
        let (pays, receives) = match side {
            Side::Buy => (traded.quote, traded.base),
            Side::Sell => (traded.base, traded.quote),
        };
        // What was set aside for this part: at the order's own price, if it has one.
        let set_aside = match (side, order.new.kind.limit_price()) {
            (Side::Buy, Some(price)) => with_fee(&fees, notional(price, trade.quantity)),
            (Side::Buy, None) | (Side::Sell, _) => debit,
        };
        let unlocked = set_aside.min(order.locked);
        order.locked -= unlocked;
        order.executed += trade.quantity;
        let name = order.client_order_id;
        self.account.pay(pays, unlocked, debit);
        self.account.credit(receives, credit);
        let fill = Fill {
            key: FillKey { instrument, trade: trade.id, venue_order: id },
            side,
            price: trade.price,
            quantity: trade.quantity,
            fee,
            fee_asset: party.fee_asset,
            liquidity,
            event_at: now,
        };
        self.history.add_fill(fill);
        self.answer(now, VenueEvent::Filled { client_order_id: name, fill });
        let is_complete = party.remaining.is_zero();
        self.change(now, party.key, |order| {
            order.status =
                if is_complete { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        });
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

/// What a stop or target is once its price was reached.
const fn triggered(kind: OrderKind) -> OrderKind {
    match kind {
        OrderKind::StopLoss { .. } | OrderKind::TakeProfit { .. } => OrderKind::Market,
        OrderKind::StopLossLimit { price, time_in_force, .. }
        | OrderKind::TakeProfitLimit { price, time_in_force, .. } => {
            OrderKind::Limit { price, time_in_force }
        }
        other @ (OrderKind::Market | OrderKind::Limit { .. } | OrderKind::LimitMaker { .. }) => {
            other
        }
    }
}

const fn key_of(order: VenueOrderId) -> OrderKey {
    OrderKey(order.0.unsigned_abs())
}

fn number_of(key: OrderKey) -> VenueOrderId {
    VenueOrderId(i64::try_from(key.0).expect("keys are made from the venue's own numbers"))
}

/// Price × quantity of an order that names a price or a stop.
fn priced_notional(new: &NewOrder) -> Option<Amount> {
    let price = new.kind.limit_price().or(new.kind.stop_price())?;
    match new.quantity {
        OrderQuantity::Base(quantity) => Some(notional(price, quantity)),
        OrderQuantity::Quote(amount) => Some(amount),
    }
}

/// An amount of quote with the fee on top, where the fee is paid in quote.
fn with_fee(fees: &Fees, amount: Amount) -> Amount {
    match fees.policy {
        FeePolicy::ReceivedAsset => amount,
        FeePolicy::Quote => {
            let rate = fees.maker.max(fees.taker);
            amount + amount.checked_mul(rate).expect("a fee is smaller than the amount it is of")
        }
    }
}

/// What an order must have free, and of which asset: a sell its quantity, a buy what it can
/// cost at most; a market order what it would cost now.
fn needs(market: &Matcher<Recorded>, new: &NewOrder, quantity: Quantity) -> (Asset, Amount) {
    let instrument = market.instrument();
    match new.side {
        Side::Sell => (instrument.base, Amount::from(quantity)),
        Side::Buy => {
            let cost = priced_notional(new)
                .unwrap_or_else(|| market.preview(Side::Buy, None, new.quantity).notional);
            (instrument.quote, with_fee(market.fees(), cost))
        }
    }
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
