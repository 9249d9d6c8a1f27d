//! Where events come from.
//!
//! A source hands over market events in batches, in order of time; files, catalogs and recordings
//! implement it alike. Batches keep the loop free of calls into a source, and let whoever runs it
//! tell the time of loading from the time of trading.

mod archive;
mod book;
mod catalog;
mod merge;
mod openings;
mod order;
mod span;

use model::{InstrumentId, MarketEvent, Timestamp};
use store::catalog::{CatalogError, Kind, Series};

pub use archive::{ArchiveKind, ArchiveSource, detect};
pub use book::BookInStep;
pub use catalog::CatalogSource;
use catalog::Segments;
pub use merge::Merged;
pub use openings::Openings;
pub use order::{InOrder, OrderNotes};
pub use span::Span;

/// About how many events a source appends at a time: what a batch of them takes stays in the
/// processor's cache.
pub const BATCH: usize = 1_024;

/// Why there are no more events, though there should be.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file can't be read.
    #[error(transparent)]
    File(#[from] store::SourceError),
    /// A series of a catalog can't be read.
    #[error("{name}: {source}")]
    Catalog {
        /// The series.
        name: String,
        /// Why.
        source: CatalogError,
    },
    /// It can be read, and makes no sense.
    #[error("{name}: {reason}")]
    Unusable {
        /// The file, or what else it is.
        name: String,
        /// Why.
        reason: String,
    },
    /// Events that are too far out of the order of time to be sorted on the way.
    #[error(
        "{name} is not in the order of time: an event of {at} comes after one of {after}. Sort it, \
         or import it into a catalog and let `tickwright data verify --mend` sort that"
    )]
    Disorder {
        /// The file or series.
        name: String,
        /// The event that comes too late.
        at: Timestamp,
        /// What a run would have been fed with before it.
        after: Timestamp,
    },
}

/// A stream of market events in order of the time at which they were received.
pub trait EventSource: Send {
    /// Appends the next events to `batch`, oldest first, about [`BATCH`] of them. When it appends
    /// none there are no more.
    ///
    /// # Errors
    /// See [`SourceError`]; the source must not be used afterwards.
    fn read(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), SourceError>;
}

/// The events of a series of a catalog, in order and each once; changes of a book in step with its
/// snapshots.
#[must_use]
pub fn of_series(
    series: &Series,
    instrument: InstrumentId,
    notes: &OrderNotes,
) -> Box<dyn EventSource> {
    in_order(series.key.kind, &series.key.to_string(), rows_of_series(series, instrument), notes)
}

/// Rows of one kind and one instrument, whatever they are from, in order and each once: changes of
/// a book in step with its snapshots, bars with the opening of each.
#[must_use]
pub fn in_order<S: EventSource + 'static>(
    kind: Kind,
    name: &str,
    rows: S,
    notes: &OrderNotes,
) -> Box<dyn EventSource> {
    match kind {
        Kind::Depth => Box::new(BookInStep::new(rows)),
        Kind::Klines => Box::new(Openings::new(InOrder::new(name, rows, notes))),
        Kind::Trades | Kind::AggTrades | Kind::Quotes => Box::new(InOrder::new(name, rows, notes)),
    }
}

/// The rows of a series in its own order, but for segments that overlap: those are merged.
#[must_use]
pub fn rows_of_series(series: &Series, instrument: InstrumentId) -> Box<dyn EventSource> {
    Box::new(Segments::new(series, instrument))
}

impl<S: EventSource + ?Sized> EventSource for Box<S> {
    fn read(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), SourceError> {
        (**self).read(batch)
    }
}

/// Events that are in memory already.
impl EventSource for std::vec::IntoIter<MarketEvent> {
    fn read(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), SourceError> {
        batch.extend(self.take(BATCH));
        Ok(())
    }
}
