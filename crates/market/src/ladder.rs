//! The levels of one side of a book.

use model::{Level, Price, Quantity, Side};

/// The most levels in a chunk; a full one is split in halves.
const CHUNK_BOUND: usize = 64;

/// A level under its rank: see [`Ladder::rank`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Entry {
    rank: i64,
    quantity: Quantity,
}

/// The levels of one side in order, in chunks.
///
/// Four changes of five insert or remove a level, half of them more than a hundred levels from
/// the touch. In one sorted vector each would move kilobytes; an ordered map walks several small
/// nodes. Chunks of a kilobyte under one directory need two short searches and a short move,
/// however large the book (`benches/order_book.rs` compares them).
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    side: Side,
    /// Lower bound of each chunk's ranks; the first is the smallest number.
    bounds: Vec<i64>,
    /// Never empty ones; worst level first, best last.
    chunks: Vec<Vec<Entry>>,
    count: usize,
    /// The chunk that was changed last: of one update, each level lies near the one before.
    near: usize,
}

impl Ladder {
    pub(crate) const fn new(side: Side) -> Self {
        Self { side, bounds: Vec::new(), chunks: Vec::new(), count: 0, near: 0 }
    }

    /// Sorts prices worst first, best last.
    const fn rank(&self, price: Price) -> i64 {
        match self.side {
            Side::Buy => price.units(),
            Side::Sell => -price.units(),
        }
    }

    const fn level(&self, entry: Entry) -> Level {
        let units = match self.side {
            Side::Buy => entry.rank,
            Side::Sell => -entry.rank,
        };
        Level { price: Price::from_units(units), quantity: entry.quantity }
    }

    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn best(&self) -> Option<Level> {
        self.chunks.last().and_then(|chunk| chunk.last()).map(|entry| self.level(*entry))
    }

    pub(crate) fn worst(&self) -> Option<Level> {
        self.chunks.first().and_then(|chunk| chunk.first()).map(|entry| self.level(*entry))
    }

    /// Best first.
    pub(crate) fn levels(&self) -> impl Iterator<Item = Level> + '_ {
        let best_first = self.chunks.iter().rev().flat_map(|chunk| chunk.iter().rev());
        best_first.map(|entry| self.level(*entry))
    }

    pub(crate) fn quantity_at(&self, price: Price) -> Quantity {
        let rank = self.rank(price);
        let entries = self.chunk_of(rank).map_or(&[][..], |chunk| &self.chunks[chunk]);
        entries
            .binary_search_by_key(&rank, |entry| entry.rank)
            .map_or(Quantity::ZERO, |place| entries[place].quantity)
    }

    /// The chunk that holds a rank or would hold it; `None` while there is no chunk.
    fn chunk_of(&self, rank: i64) -> Option<usize> {
        let is_near = self.bounds.get(self.near).is_some_and(|bound| *bound <= rank)
            && self.bounds.get(self.near + 1).is_none_or(|bound| rank < *bound);
        if is_near {
            return Some(self.near);
        }
        self.bounds.partition_point(|bound| *bound <= rank).checked_sub(1)
    }

    /// Sets a level's total; zero removes it. What it was before.
    pub(crate) fn set(&mut self, level: Level) -> Quantity {
        let entry = Entry { rank: self.rank(level.price), quantity: level.quantity };
        let Some(chunk) = self.chunk_of(entry.rank) else {
            if entry.quantity.is_positive() {
                self.bounds.push(i64::MIN);
                self.chunks.push(vec![entry]);
                self.count = 1;
            }
            return Quantity::ZERO;
        };
        self.near = chunk;
        let entries = &mut self.chunks[chunk];
        let place = entries.partition_point(|other| other.rank < entry.rank);
        match entries.get_mut(place) {
            Some(found) if found.rank == entry.rank => {
                let before = found.quantity;
                if entry.quantity.is_positive() {
                    found.quantity = entry.quantity;
                } else {
                    self.remove(chunk, place);
                }
                before
            }
            Some(_) | None => {
                if entry.quantity.is_positive() {
                    entries.insert(place, entry);
                    self.count += 1;
                    self.split_if_full(chunk);
                }
                Quantity::ZERO
            }
        }
    }

    fn remove(&mut self, chunk: usize, place: usize) {
        self.chunks[chunk].remove(place);
        self.count -= 1;
        if self.chunks[chunk].is_empty() {
            self.chunks.remove(chunk);
            self.bounds.remove(chunk);
            if let Some(first) = self.bounds.first_mut() {
                *first = i64::MIN;
            }
        }
    }

    fn split_if_full(&mut self, chunk: usize) {
        if self.chunks[chunk].len() < CHUNK_BOUND {
            return;
        }
        let better = self.chunks[chunk].split_off(CHUNK_BOUND / 2);
        self.bounds.insert(chunk + 1, better[0].rank);
        self.chunks.insert(chunk + 1, better);
    }

    pub(crate) fn clear(&mut self) {
        self.bounds.clear();
        self.chunks.clear();
        self.count = 0;
    }

    /// Replaces all levels; input in any order.
    pub(crate) fn replace(&mut self, levels: &[Level]) {
        self.clear();
        for level in levels {
            self.set(*level);
        }
    }

    /// Removes the levels that are better than a price.
    pub(crate) fn remove_better_than(&mut self, price: Price) {
        let rank = self.rank(price);
        while let Some(chunk) = self.chunks.len().checked_sub(1)
            && let Some(place) = self.chunks[chunk].len().checked_sub(1)
            && self.chunks[chunk][place].rank > rank
        {
            self.remove(chunk, place);
        }
    }
}

/// Equal when they hold the same levels, however these lie in chunks.
impl PartialEq for Ladder {
    fn eq(&self, other: &Self) -> bool {
        self.side == other.side && self.levels().eq(other.levels())
    }
}

impl Eq for Ladder {}
