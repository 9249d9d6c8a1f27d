//! Strategies: the trait that one implements and the context that it acts through.

mod context;
mod host;
mod messages;
mod open_orders;
mod registry;
mod splice;
mod timers;
mod vacant;
mod view;

pub use context::{Context, Indicator};
pub use host::StrategyHost;
pub use messages::{HostError, HostInput, HostOutput, HostSetup};
pub use registry::{BuildStrategy, SetupError, StrategyEntry, StrategyFactory, StrategySetup};
pub use splice::HistoryGap;
pub use vacant::Vacant;
pub use view::OpenOrder;

use model::{Bar, BookState, Interval, OrderEvent, Quote, Trade};
use serde::{Deserialize, Serialize};

/// What a strategy needs before and while it runs, the same for each of its instruments.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Requirements {
    /// Every trade.
    pub trades: bool,
    /// Best bid and ask.
    pub quotes: bool,
    /// The top of the synchronised book.
    pub book: bool,
    /// Bars of these lengths.
    pub bars: Vec<Interval>,
    /// History delivered before the first live event.
    pub warm_up: WarmUp,
}

/// History that a strategy wants before it may trade. It is delivered through the same methods
/// as live events, spliced to them without gap or duplicate; orders are impossible meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarmUp {
    /// None: ready at once.
    #[default]
    None,
    /// So many of the latest trades.
    Trades(u32),
    /// So many of the latest closed bars of an interval.
    Bars(Interval, u32),
}

/// A strategy's own failure. It is thrown away and built afresh, as after a panic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StrategyError(pub String);

/// What every method of a strategy returns.
pub type StrategyResult = Result<(), StrategyError>;

/// A trading strategy: it sees events, and acts through its context. Everything that it may know
/// is passed in: it reads no clock, no file and no other strategy, so that the same events always
/// lead to the same orders, in a backtest as in live trading.
///
/// An error from any method ends this instance, as a panic does; a fresh one is built after a
/// pause, warmed up again, and finds its position and open orders as they were.
#[allow(clippy::missing_errors_doc, reason = "said once, above")]
pub trait Strategy: Send {
    /// What it needs. Asked once, before anything else.
    fn requirements(&self) -> Requirements;

    /// Once warm, before the first live event: place first orders, set timers.
    fn on_start(&mut self, context: &mut Context<'_>) -> StrategyResult {
        let _ = context;
        Ok(())
    }

    /// A trade, live or warming up.
    fn on_trade(&mut self, context: &mut Context<'_>, trade: &Trade) -> StrategyResult {
        let _ = (context, trade);
        Ok(())
    }

    /// A new best bid or ask; the latest, if there were more than could be delivered.
    fn on_quote(&mut self, context: &mut Context<'_>, quote: &Quote) -> StrategyResult {
        let _ = (context, quote);
        Ok(())
    }

    /// A closed bar, live or warming up.
    fn on_bar(&mut self, context: &mut Context<'_>, bar: &Bar) -> StrategyResult {
        let _ = (context, bar);
        Ok(())
    }

    /// A new state of the top of the book; the latest, if there were more.
    fn on_book(&mut self, context: &mut Context<'_>, book: &BookState) -> StrategyResult {
        let _ = (context, book);
        Ok(())
    }

    /// Something happened to one of its own orders.
    fn on_order(&mut self, context: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        let _ = (context, event);
        Ok(())
    }

    /// A timer that it set with [`Context::set_timer`] has come.
    fn on_timer(&mut self, context: &mut Context<'_>, timer: u32) -> StrategyResult {
        let _ = (context, timer);
        Ok(())
    }

    /// The engine is stopping it in good order. Entries are cancelled for it afterwards.
    fn on_stop(&mut self, context: &mut Context<'_>) -> StrategyResult {
        let _ = context;
        Ok(())
    }

    /// What it wants to find again after a restart, beyond position, lots and open orders, which
    /// it always finds. `None`: nothing.
    fn snapshot(&self) -> Option<serde_json::Value> {
        None
    }

    /// Takes back what [`Self::snapshot`] gave, perhaps of an older build. After an error the
    /// strategy starts without it, and the log says so.
    fn restore(&mut self, snapshot: serde_json::Value) -> StrategyResult {
        let _ = snapshot;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
