//! The synthetic market's exogenous flow: what everybody else does.
//!
//! A pure function of its configuration and seed. It never reads the book: it has its own latent
//! prices, and what it places, takes back and takes is fed into the same matching engine that
//! our orders are in, so that ours have real queue places and real impact, and the flow stays
//! the same whatever clients do. That is what [`Flow::hash_until`] proves.

mod agents;
mod hash;
mod latent;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use agents::Agents;
pub(crate) use hash::checksum as fnv1a;
use model::{Price, Quantity, Side, Symbol};

/// What the flow of one symbol looks like.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SymbolFlow {
    /// Which symbol.
    pub symbol: Symbol,
    /// Fair price at the origin.
    pub start_price: Price,
    /// Prices are multiples of it.
    pub tick: Price,
    /// A multiple of the tick that many makers round to.
    pub round: Price,
    /// Quantities are multiples of it.
    pub step: Quantity,
    /// What one unit of the quote asset is worth in dollars, roughly: sizes are drawn in dollars.
    pub quote_value: f64,
    /// Arrival rates, as a multiple of the usual ones.
    pub activity: f64,
}

/// What the whole flow looks like.
#[derive(Clone, PartialEq, Debug)]
pub struct FlowConfig {
    /// The seed of everything.
    pub seed: u64,
    /// The symbols, in order.
    pub symbols: Vec<SymbolFlow>,
    /// How much of the beginning is trades only, without a book: cheap history.
    pub history: Duration,
    /// How much the fair prices move, as a multiple of the usual.
    pub volatility: f64,
}

/// Something that another trader does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// A trade of the history, before there is a book.
    Print {
        /// Price.
        price: Price,
        /// Base quantity.
        quantity: Quantity,
        /// Side of the taker.
        aggressor: Side,
    },
    /// A limit order, good till canceled. It takes if it crosses.
    Place {
        /// Number within the symbol.
        key: u64,
        /// Buy or sell.
        side: Side,
        /// Limit.
        price: Price,
        /// Base quantity.
        quantity: Quantity,
    },
    /// Takes an order back, if it still rests.
    Cancel {
        /// Which.
        key: u64,
    },
    /// A limit order, immediate or cancel.
    Take {
        /// Number within the symbol.
        key: u64,
        /// Buy or sell.
        side: Side,
        /// Worst price.
        limit: Price,
        /// Base quantity.
        quantity: Quantity,
    },
}

/// An action with its time and symbol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlowEvent {
    /// Nanoseconds since the origin of the flow.
    pub at: u64,
    /// Place in [`FlowConfig::symbols`].
    pub symbol: usize,
    /// What is done.
    pub action: Action,
}

/// The flow, generated as it is taken.
#[derive(Clone, Debug)]
pub struct Flow {
    agents: Vec<Agents>,
    next: BinaryHeap<Reverse<(u64, usize)>>,
    hash: u64,
    last_taken: Option<u64>,
    taken: u64,
}

impl Flow {
    /// The flow from its origin.
    #[must_use]
    pub fn new(config: &FlowConfig) -> Self {
        let book_from = nanos(config.history);
        let mut agents: Vec<Agents> = config
            .symbols
            .iter()
            .map(|symbol| Agents::new(*symbol, config.seed, config.volatility, book_from))
            .collect();
        let next = agents
            .iter_mut()
            .enumerate()
            .map(|(symbol, agents)| Reverse((agents.peek(), symbol)))
            .collect();
        Self { agents, next, hash: hash::START, last_taken: None, taken: 0 }
    }

    /// How many events were taken.
    #[must_use]
    pub const fn taken(&self) -> u64 {
        self.taken
    }

    /// When the next event is due, in nanoseconds since the origin; `None` without symbols.
    #[must_use]
    pub fn next_at(&self) -> Option<u64> {
        self.next.peek().map(|Reverse((at, _))| *at)
    }

    /// The fair price of a symbol, as its agents see it when the last event taken was due.
    #[must_use]
    pub fn fair(&self, symbol: usize) -> f64 {
        self.agents[symbol].fair()
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<FlowEvent> {
        let Reverse((_, symbol)) = self.next.pop()?;
        let (at, action) = self.agents[symbol].pop();
        self.next.push(Reverse((self.agents[symbol].peek(), symbol)));
        let event = FlowEvent { at, symbol, action };
        self.hash = hash::add(self.hash, &event);
        self.last_taken = Some(at);
        self.taken += 1;
        Some(event)
    }

    /// Hash of all events from the origin up to `mark` (exclusive), whether they were taken yet
    /// or not. `None` when events past the mark have been taken already: ask at the mark, or
    /// from a fresh flow of the same configuration.
    #[must_use]
    pub fn hash_until(&self, mark: Duration) -> Option<u64> {
        let mark = nanos(mark);
        if self.last_taken.is_some_and(|at| at >= mark) {
            return None;
        }
        let mut ahead = self.clone();
        while ahead.next_at().is_some_and(|at| at < mark) {
            ahead.pop();
        }
        Some(ahead.hash)
    }

    /// Hash of all events from the origin of a configuration's flow up to `mark`, exclusive.
    #[must_use]
    pub fn hash_of(config: &FlowConfig, mark: Duration) -> u64 {
        Self::new(config).hash_until(mark).expect("nothing was taken from a fresh flow")
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(seed: u64) -> FlowConfig {
        let symbol = |name: &str, price: &str, round: &str| SymbolFlow {
            symbol: Symbol::new(name).unwrap(),
            start_price: price.parse().unwrap(),
            tick: "0.01".parse().unwrap(),
            round: round.parse().unwrap(),
            step: "0.00001".parse().unwrap(),
            quote_value: 1.0,
            activity: 1.0,
        };
        FlowConfig {
            seed,
            symbols: vec![symbol("BTCUSDT", "60000", "1"), symbol("ETHUSDT", "3000", "0.1")],
            history: Duration::from_secs(60),
            volatility: 1.0,
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_flow() {
        let mark = Duration::from_secs(120);
        assert_eq!(Flow::hash_of(&config(1), mark), Flow::hash_of(&config(1), mark));
        assert_ne!(Flow::hash_of(&config(1), mark), Flow::hash_of(&config(2), mark));
        let mut partly = Flow::new(&config(1));
        for _ in 0..200 {
            partly.pop().unwrap();
        }
        assert_eq!(partly.hash_until(mark), Some(Flow::hash_of(&config(1), mark)));
        assert_eq!(partly.hash_until(Duration::ZERO), None);
    }

    #[test]
    fn events_come_in_order_of_time_and_look_like_a_market() {
        let mut flow = Flow::new(&config(5));
        let (mut last, mut takes, mut places, mut cancels, mut prints) = (0, 0, 0, 0, 0);
        let end = nanos(Duration::from_secs(60 + 180));
        while let Some(event) = flow.pop() {
            assert!(event.at >= last);
            last = event.at;
            if event.at > end {
                break;
            }
            match event.action {
                Action::Print { .. } => {
                    assert!(event.at < nanos(Duration::from_secs(60)));
                    prints += 1;
                }
                Action::Place { quantity, price, .. } => {
                    assert!(quantity.is_positive() && price.is_positive());
                    places += 1;
                }
                Action::Cancel { .. } => cancels += 1,
                Action::Take { .. } => takes += 1,
            }
        }
        assert!((20..200).contains(&prints), "{prints}");
        assert!((300..2_000).contains(&takes), "{takes} takes of two symbols in three minutes");
        assert!((1_500..4_000).contains(&places), "{places}");
        assert!(cancels > places / 2 && cancels <= places, "{cancels} of {places}");
    }
}
