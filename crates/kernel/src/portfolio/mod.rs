//! What is owned: balances, positions as the sum of fills less fees, lots, equity of the
//! allocated capital, and what open and unknown orders reserve.
//!
//! What belongs here: bookkeeping. What does not: any decision on it, which is risk's.

mod balances;
mod booking;
mod equity;
mod holding;
mod lag;
mod lots;
mod marks;
mod position;
mod reservations;
mod update;
mod value;

mod book;

pub use balances::Balances;
pub use book::{Exposure, RestoredEquity, UnvaluedFee};
pub use book::{Portfolio, PortfolioConfig, RestoredOrder, RestoredPortfolio, RestoredPosition};
pub use booking::{Booking, PositionError};
pub use equity::EquityTrack;
pub use holding::Holding;

pub use lots::{ClosedTrade, Lot, Lots};
pub use marks::{MarketPrices, Marks, Route};
pub use position::Position;
pub(crate) use reservations::TallyFor;
pub use reservations::{Cost, Margins, Remaining, Reservations, ReservedOrder, ScopeTally, Tally};
pub use update::{EquityMove, FeeWorth};
pub use value::{Rate, Value};
