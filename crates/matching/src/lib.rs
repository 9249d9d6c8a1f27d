//! Matching orders: what the simulated exchange, the backtest and paper trading share.
//!
//! What belongs here: one front per instrument ([`Matcher`]) for orders, triggers, filters and
//! fees, and the two sources of [`Liquidity`] that it matches against: a price-time order book
//! ([`Book`]), and a recorded or live market that orders of ours do not move ([`Recorded`]).
//! And [`LocalVenue`], the venue of backtest and paper, which puts a virtual account and latency
//! around recorded markets. What does not: the simulated exchange with its many accounts, the
//! wire, clocks.
//!
//! Everything is a plain state machine: `now` comes in, [`MatchEvent`]s are appended to the
//! caller's list, and the same commands give the same events.

mod book;
mod desk;
mod event;
mod fees;
mod liquidity;
mod matcher;
mod orders;
mod recorded;
mod reject;
mod submission;
#[cfg(test)]
mod testing;
mod triggers;
mod venue;

pub use book::Book;
pub use desk::Desk;
pub use event::{
    Execution, ExpiryReason, LevelChange, MatchEvent, Party, PreventedMatch, PreventedParty,
};
pub use fees::{FeePolicy, Fees};
pub use liquidity::{Liquidity, Preview};
pub use matcher::Matcher;
pub use orders::{OrderView, Slot};
pub use recorded::{Levels, QueueModel, Recorded, RecordedModels, RecordedOwn, TakerVolume};
pub use reject::{Reject, UnknownOrder};
pub use submission::{OrderKey, Owner, SelfTradePrevention, Submission, Trailing};
pub use venue::{
    InFlight, LatencyModel, LocalReject, LocalVenue, LocalVenueModels, MeasuredLatency,
    RestoredOpenOrder,
};
