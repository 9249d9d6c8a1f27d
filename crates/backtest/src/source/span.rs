//! A part of a source.

use model::{MarketEvent, Timestamp};

use super::{EventSource, SourceError};

/// The events of a source up to an instant, exclusive. (Where a run begins is the session's
/// business: what lies before is the strategies' history.)
pub struct Span<S> {
    source: S,
    to: Timestamp,
    is_over: bool,
}

impl<S: EventSource> Span<S> {
    /// Up to `to`.
    pub const fn until(source: S, to: Timestamp) -> Self {
        Self { source, to, is_over: false }
    }
}

impl<S: EventSource> EventSource for Span<S> {
    fn read(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), SourceError> {
        if self.is_over {
            return Ok(());
        }
        let before = batch.len();
        self.source.read(batch)?;
        let end = batch[before..].iter().position(|event| event.received_at() >= self.to);
        if let Some(end) = end {
            self.is_over = true;
            batch.truncate(before + end);
        }
        Ok(())
    }
}
