//! The trading session with the venue, behind [`Venue`].
//!
//! Orders go over the WebSocket API on a connection that is subscribed to user data; REST is the
//! way round while there is none. The session decides nothing about orders: it carries commands,
//! reports facts, and says `unknown` wherever the venue's documents leave it open. It never sends
//! a submit twice.
//!
//! `links` keeps connections alive, `calls` sends, `answers` reads what comes back, `reports`
//! turns the venue's words for orders and balances into the engine's.

mod answers;
mod calls;
mod links;
mod policy;
mod reports;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use kernel::venue::{HeldBack, Venue, VenueAction, VenueEffect, VenueEvent, VenueInput, Wake};
use kernel::wire::{ConnectionId, Moment, WireEffect, WireInput};
use model::{Fill, InstrumentId, Instruments, Symbol, Timestamp, TradeId, VenueOrderId};

use crate::clock_offset::ClockOffset;
use crate::limits::Limits;
use crate::sign::Credentials;
use crate::{EndpointUrls, SelfTradePrevention, SymbolTable};

use links::Links;
pub use policy::{VenuePolicy, VenueRules};

/// A trading session.
#[derive(Debug)]
pub struct BinanceVenue {
    urls: EndpointUrls,
    credentials: Credentials,
    policy: VenuePolicy,
    instruments: Arc<Instruments>,
    table: SymbolTable,
    clock: ClockOffset,
    limits: Limits,
    links: Links,
    /// Requests without an answer, on sockets and over HTTP, by the number they went out with.
    pending: BTreeMap<u64, Pending>,
    last_number: u64,
    /// What orders say of self-trades, by instrument.
    preventions: Vec<SelfTradePrevention>,
    /// Commands that wait for room in a limit.
    waiting: VecDeque<VenueAction>,
    /// Wall instant at which the waiting ones are looked at again.
    retry_waiting_at: Option<Timestamp>,
    /// Trades of orders that have more of them than one answer holds, as far as they were read.
    order_pages: BTreeMap<(InstrumentId, VenueOrderId), BTreeMap<TradeId, Fill>>,
    /// Failed reads, told at a wall instant: whoever asked will ask again at once.
    failed_reads: Vec<(Timestamp, VenueEvent)>,
}

/// The way a request went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// On a connection of the WebSocket API.
    Socket(ConnectionId),
    /// REST.
    Http,
}

/// What a request was for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Purpose {
    /// The venue's clock; our time at sending.
    Clock { sent_at: Timestamp },
    /// Logging a connection on.
    LogOn,
    /// Subscribing a connection to user data.
    Subscribe,
    /// A command, with our time at signing.
    Command { action: VenueAction, signed_at: Timestamp },
}

/// A request without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pending {
    way: Way,
    purpose: Purpose,
    /// Whether its sending was told.
    is_sent: bool,
    /// Wall instant at which the answer counts as lost.
    due_at: Timestamp,
    /// It does: only a late answer is of interest now.
    is_late: bool,
}

impl BinanceVenue {
    /// A session that trades the instruments of a run. `seed` only spreads reconnects in time.
    #[must_use]
    pub fn new(
        urls: EndpointUrls,
        credentials: Credentials,
        policy: VenuePolicy,
        instruments: Arc<Instruments>,
        seed: u64,
    ) -> Self {
        let table = SymbolTable::new(&instruments);
        let preventions = vec![SelfTradePrevention::None; instruments.len()];
        Self {
            urls,
            credentials,
            policy,
            instruments,
            table,
            clock: ClockOffset::new(),
            limits: Limits::default(),
            links: Links::new(seed),
            pending: BTreeMap::new(),
            last_number: 0,
            preventions,
            waiting: VecDeque::new(),
            retry_waiting_at: None,
            order_pages: BTreeMap::new(),
            failed_reads: Vec::new(),
        }
    }

    /// Takes the venue's rules. Until then the limits are the documented ones, and orders say
    /// `NONE` of self-trades.
    pub fn set_rules(&mut self, now: Timestamp, rules: VenueRules) {
        self.limits.replace(now, &rules.rate_limits);
        // One for each instrument, whatever a recording says.
        for (ours, told) in self.preventions.iter_mut().zip(rules.preventions) {
            *ours = told;
        }
    }

    /// How far the venue's clock is from ours, as far as it is known.
    #[must_use]
    pub const fn clock_offset(&self) -> &ClockOffset {
        &self.clock
    }

    /// Used and limit of the request weight in the present minute.
    #[must_use]
    pub fn weight_used(&self) -> Option<(u32, u32)> {
        self.limits.weight_used()
    }

    fn symbol(&self, instrument: InstrumentId) -> Symbol {
        self.instruments.get(instrument).symbol
    }

    /// The venue's clock, as far as it is known.
    fn venue_now(&self, now: Moment) -> Timestamp {
        self.clock.venue_time(now.venue)
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn on_wire(&mut self, now: Moment, input: WireInput<'_>, effects: &mut Vec<VenueEffect>) {
        match input {
            WireInput::Opened { connection } => self.on_opened(now, connection, effects),
            WireInput::Text { connection, text } => self.on_text(now, connection, text, effects),
            WireInput::Pinged { connection } => self.heard(now, connection),
            WireInput::Closed { connection, reason } => {
                self.on_closed(now, connection, &reason, effects);
            }
            WireInput::Sent { connection: _, tag } => self.on_sent(tag, effects),
            WireInput::SendFailed { connection: _, tag, may_have_left } => {
                self.on_failed(now, tag, may_have_left, "the frame could not be sent", effects);
            }
            WireInput::Answered { request, answer } => {
                self.on_http_answer(now, request.0, &answer, effects);
            }
            WireInput::RequestFailed { request, may_have_left, reason } => {
                self.on_failed(now, request.0, may_have_left, &reason, effects);
            }
        }
    }

    fn on_wake(&mut self, now: Moment, effects: &mut Vec<VenueEffect>) {
        self.tend_links(now, effects);
        self.expire_answers(now, effects);
        self.send_waiting(now, effects);
        let failed = std::mem::take(&mut self.failed_reads);
        for (at, event) in failed {
            if at <= now.wall {
                tell(event, effects);
            } else {
                self.failed_reads.push((at, event));
            }
        }
    }
}

impl Venue for BinanceVenue {
    fn step(&mut self, now: Moment, input: VenueInput<'_>, effects: &mut Vec<VenueEffect>) {
        match input {
            VenueInput::Start => self.open_link(now, effects),
            VenueInput::Command(command) => self.carry_out(now, command.action(), effects),
            VenueInput::Wire(input) => self.on_wire(now, input, effects),
            VenueInput::InstrumentsRefreshed(instruments) => {
                self.instruments = Arc::clone(instruments);
            }
            VenueInput::Market(_) => {}
            VenueInput::Wake => self.on_wake(now, effects),
        }
    }

    fn wake_at(&self) -> Option<Wake> {
        let answers = self.pending.values().map(|pending| pending.due_at);
        let failed = self.failed_reads.iter().map(|(at, _)| *at);
        let times = answers.chain(failed).chain(self.links_wake_at()).chain(self.retry_waiting_at);
        times.min().map(Wake::Wall)
    }

    fn held_back(&self, now: Moment) -> Option<HeldBack> {
        let until = self.limits.blocked_until(self.venue_now(now));
        let commands = self.waiting.len();
        (until.is_some() || commands > 0).then_some(HeldBack { until, commands })
    }

    fn hidden_fields(&self) -> &'static [&'static str] {
        &["apiKey", "signature", "x-mbx-apikey"]
    }
}

fn tell(event: VenueEvent, effects: &mut Vec<VenueEffect>) {
    effects.push(VenueEffect::Event(event));
}

fn wire(effect: WireEffect, effects: &mut Vec<VenueEffect>) {
    effects.push(VenueEffect::Wire(effect));
}

/// Whether a command places orders: such a one is never sent twice.
fn places_orders(action: &VenueAction) -> bool {
    action.placed().next().is_some()
}
