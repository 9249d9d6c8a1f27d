//! The two kinds of matcher behind one face.

use matching::{
    Book, Fees, MatchEvent, Matcher, OrderKey, Preview, Recorded, Reject, Submission, UnknownOrder,
};
use model::{Instrument, Level, MarketEvent, OrderQuantity, Price, Quantity, Side, Timestamp};

#[expect(clippy::large_enum_variant, reason = "there is one a symbol, and it is used all the time")]
/// Where orders of one symbol meet: a book of all, or a recorded market that ours do not move.
#[derive(Clone, Debug)]
pub enum Source {
    /// A price-time book.
    Book(Matcher<Book>),
    /// A recorded market.
    Recorded(Matcher<Recorded>),
}

macro_rules! on_either {
    ($source:expr, $matcher:ident => $body:expr) => {
        match $source {
            Source::Book($matcher) => $body,
            Source::Recorded($matcher) => $body,
        }
    };
}

impl Source {
    /// Whether the market is recorded: what is public then comes from the recording alone.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        matches!(self, Self::Recorded(_))
    }

    /// What is traded.
    #[must_use]
    pub const fn instrument(&self) -> &Instrument {
        on_either!(self, matcher => matcher.instrument())
    }

    /// Changes filters, features or status.
    pub const fn refresh(&mut self, told: &Instrument) {
        on_either!(self, matcher => matcher.refresh(told));
    }

    /// Fee rates.
    #[must_use]
    pub const fn fees(&self) -> &Fees {
        on_either!(self, matcher => matcher.fees())
    }

    /// Price of the last trade.
    #[must_use]
    pub const fn last_price(&self) -> Option<Price> {
        on_either!(self, matcher => matcher.last_price())
    }

    /// Number of the last execution.
    #[must_use]
    pub const fn last_trade_id(&self) -> i64 {
        on_either!(self, matcher => matcher.last_trade_id())
    }

    /// Number of the last change of the book.
    #[must_use]
    pub const fn update_id(&self) -> i64 {
        on_either!(self, matcher => matcher.update_id())
    }

    /// Best level of a side, as a taker meets it.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Level> {
        on_either!(self, matcher => matcher.best(side))
    }

    /// The best levels of a side, as a taker meets them.
    #[must_use]
    pub fn levels(&self, side: Side, limit: usize) -> Vec<Level> {
        on_either!(self, matcher => matcher.levels(side).take(limit).collect())
    }

    /// What a taker would get now.
    #[must_use]
    pub fn preview(&self, side: Side, limit: Option<Price>, quantity: OrderQuantity) -> Preview {
        on_either!(self, matcher => matcher.preview(side, limit, quantity))
    }

    /// Everything that can refuse an order, without placing it.
    ///
    /// # Errors
    /// See [`Reject`].
    pub fn check(&self, submission: &Submission) -> Result<(), Reject> {
        on_either!(self, matcher => matcher.check(submission).map(drop))
    }

    /// Places an order; waiting orders that it reaches fire by [`Self::fire_next`].
    ///
    /// # Errors
    /// See [`Reject`].
    pub fn enter(
        &mut self,
        now: Timestamp,
        submission: &Submission,
        out: &mut Vec<MatchEvent>,
    ) -> Result<(), Reject> {
        on_either!(self, matcher => matcher.enter(now, submission, out))
    }

    /// Sets off the next waiting order that the last price has reached. False without one.
    pub fn fire_next(&mut self, now: Timestamp, out: &mut Vec<MatchEvent>) -> bool {
        on_either!(self, matcher => matcher.fire_next(now, out))
    }

    /// Makes an open order smaller without losing its place.
    ///
    /// # Errors
    /// [`UnknownOrder`].
    pub fn shrink(
        &mut self,
        now: Timestamp,
        key: OrderKey,
        less: Quantity,
        out: &mut Vec<MatchEvent>,
    ) -> Result<(), UnknownOrder> {
        on_either!(self, matcher => matcher.shrink(now, key, less, out))
    }

    /// Takes an order back.
    ///
    /// # Errors
    /// [`UnknownOrder`].
    pub fn cancel(
        &mut self,
        now: Timestamp,
        key: OrderKey,
        out: &mut Vec<MatchEvent>,
    ) -> Result<(), UnknownOrder> {
        on_either!(self, matcher => matcher.cancel(now, key, out))
    }

    /// Takes what happened on a recorded market; a book makes its own events.
    pub fn on_market(&mut self, now: Timestamp, event: &MarketEvent, out: &mut Vec<MatchEvent>) {
        match self {
            Self::Book(_) => {}
            Self::Recorded(matcher) => matcher.on_market(now, event, out),
        }
    }
}
