//! The catalog: market history as compact columnar files, read in blocks.
//!
//! ```text
//! <root>/<market>/<symbol>/<kind>[-<interval>]/<first instant>-<rows>-<digest>.twc
//! ```
//!
//! A *series* is one such directory: one kind of record of one symbol. A *segment* is one file of
//! it, written once, as a whole, from one source, and never changed. Records are fixed-width rows
//! of integers ([`Trade`], [`AggTrade`], [`Kline`], [`Quote`], [`LevelChange`]): instants in
//! nanoseconds, prices and quantities as mantissas whose exponents of ten the segment names
//! ([`Exponents`]; −8, the units of [`model::Price`], unless a value would not fit).
//!
//! On disk each column of a block of 4,096 rows is stored as differences of 0, 1, 2, 4 or 8 bytes
//! ([`codec`]), with a checksum; a reader holds one block, however long the history. Rows are kept
//! in the order of their source, doubles and disorder included: what is wrong with them is found,
//! and on request mended, elsewhere.
//!
//! What belongs here: the files, their writing and reading. What does not: other formats, and what
//! the records say about a market.

pub mod codec;
mod error;
mod instruments;
mod key;
mod record;
mod segment;
mod series;
mod writer;

pub use error::CatalogError;
pub use key::{Kind, Market, SeriesKey};
pub use record::{
    ABSENT, AggTrade, Exponents, Kline, LevelChange, LevelFlags, Quote, Record, Trade,
};
pub use segment::{SegmentInfo, SegmentReader, Source};
pub use series::{Catalog, Range, Series, SeriesReader};
pub use writer::{SegmentWriter, Written};
