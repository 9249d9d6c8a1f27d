//! Bars told twice: that one has opened, then the rest of it.
//!
//! A bar is known when it is over. An order that comes between two bars meets the opening of the
//! next, not the close of the one that was decided on, and is told of it then and not a bar later.
//! So the venue, and nobody else, gets the first point of each bar at its own time.

use model::MarketEvent;

use super::{EventSource, SourceError};

/// A source of bars with the opening of each.
#[derive(Debug)]
pub struct Openings<S> {
    source: S,
    read: Vec<MarketEvent>,
}

impl<S: EventSource> Openings<S> {
    /// Around bars in the order of time.
    pub const fn new(source: S) -> Self {
        Self { source, read: Vec::new() }
    }
}

impl<S: EventSource> EventSource for Openings<S> {
    fn read(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), SourceError> {
        self.read.clear();
        self.source.read(&mut self.read)?;
        for event in self.read.drain(..) {
            if let MarketEvent::Bar(bar) = &event {
                batch.push(bar.opening().into());
            }
            batch.push(event);
        }
        Ok(())
    }
}
