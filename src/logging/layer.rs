//! Takes events from `tracing` and hands their lines to the writers.

use tracing::{Event, Level, Metadata, Subscriber, subscriber::Interest};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::LogClock;
use super::line::{Form, Line};
use super::writer::Queue;

/// A queue and the form of its lines.
#[derive(Debug)]
pub struct Output {
    /// How its lines look.
    pub form: Form,
    /// Where they go.
    pub queue: Queue,
}

/// The layer. Our own events pass at `level`; libraries only at warning level and above.
pub struct EventLayer {
    /// The least important level that passes.
    pub level: Level,
    /// Stamps lines.
    pub clock: LogClock,
    /// At most the file and the terminal.
    pub outputs: Vec<Output>,
}

impl EventLayer {
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let least = if metadata.target() == events::TARGET {
            self.level
        } else {
            self.level.min(Level::WARN)
        };
        // `tracing` orders levels by verbosity: ERROR is the smallest.
        metadata.is_event() && *metadata.level() <= least
    }
}

impl<S: Subscriber> Layer<S> for EventLayer {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(self.level.into())
    }

    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        let at = (self.clock)();
        for output in &self.outputs {
            let line = if metadata.target() == events::TARGET {
                let mut line = Line::new(output.form, at, *metadata.level(), metadata.name());
                event.record(&mut line);
                line
            } else {
                from_library(output.form, at, event)
            };
            output.queue.push(line.finish());
        }
    }
}

/// What a library says, under one name of ours.
fn from_library(form: Form, at: model::Timestamp, event: &Event<'_>) -> Line {
    let metadata = event.metadata();
    let mut message = Message(String::new());
    event.record(&mut message);
    let mut line = Line::new(form, at, *metadata.level(), events::table::LIBRARY_WARNED.name);
    line.text("library", metadata.target());
    line.text("message", &message.0);
    line
}

/// A library's message, with its fields behind it.
struct Message(String);

impl tracing::field::Visit for Message {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        use std::fmt::Write as _;
        let written = if field.name() == "message" {
            write!(self.0, "{value:?}")
        } else {
            write!(self.0, " {}={value:?}", field.name())
        };
        written.expect("a String takes everything");
    }
}
