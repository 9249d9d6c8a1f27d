//! A small ordered set, and an ordered map whose keys come in order, each in one piece of memory.

use std::collections::VecDeque;

/// What is open at a time is little: finding it in a row costs less than a tree's nodes, which come
/// and go with every order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SortedVec<T>(Vec<T>);

impl<T> Default for SortedVec<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Ord> SortedVec<T> {
    /// Whether it was not there yet.
    pub fn insert(&mut self, value: T) -> bool {
        if self.0.last().is_none_or(|last| *last < value) {
            self.0.push(value);
            return true;
        }
        match self.0.binary_search(&value) {
            Ok(_) => false,
            Err(place) => {
                self.0.insert(place, value);
                true
            }
        }
    }

    /// Whether it was there.
    pub fn remove(&mut self, value: &T) -> bool {
        let found = self.0.binary_search(value);
        if let Ok(place) = found {
            self.0.remove(place);
        }
        found.is_ok()
    }

    pub fn first(&self) -> Option<&T> {
        self.0.first()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

/// For numbers that count up: nearly every new key is the largest, and what is forgotten is the
/// smallest. Both ends cost next to nothing, anything else a binary search and moving what lies on
/// its shorter side.
#[derive(Clone, Debug)]
pub(crate) struct SortedQueue<K, V>(VecDeque<(K, V)>);

impl<K, V> Default for SortedQueue<K, V> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<K: Ord, V> SortedQueue<K, V> {
    fn place(&self, key: &K) -> Result<usize, usize> {
        match self.0.back() {
            None => Err(0),
            Some((last, _)) if last < key => Err(self.0.len()),
            Some((last, _)) if last == key => Ok(self.0.len() - 1),
            Some(_) => self.0.binary_search_by(|(known, _)| known.cmp(key)),
        }
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        self.place(key).ok().map(|place| &self.0[place].1)
    }

    /// What the key had before, if it was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(place) => Some(std::mem::replace(&mut self.0[place].1, value)),
            Err(place) => {
                self.0.insert(place, (key, value));
                None
            }
        }
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        let is_first = self.0.front().is_some_and(|(first, _)| first == key);
        let place = if is_first { 0 } else { self.place(key).ok()? };
        self.0.remove(place).map(|(_, value)| value)
    }

    /// In the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_queue_is_a_map_in_order() {
        let mut queue = SortedQueue::default();
        let mut map = BTreeMap::new();
        let mut seed: u32 = 1;
        for step in 0..2_000_u32 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Mostly past the end, as numbers come; now and then anywhere.
            let key = if seed.is_multiple_of(8) { seed >> 21 } else { 2_048 + step };
            assert_eq!(queue.insert(key, step), map.insert(key, step));
            let gone =
                if seed.is_multiple_of(3) { map.keys().next().copied() } else { Some(seed >> 20) };
            if let Some(gone) = gone {
                assert_eq!(queue.remove(&gone), map.remove(&gone));
            }
            assert_eq!(queue.get(&key), map.get(&key));
            assert_eq!(queue.len(), map.len());
        }
        assert!(queue.iter().eq(map.iter()));
    }

    #[test]
    fn it_is_a_set_in_order() {
        let mut set = SortedVec::default();
        let inserted = [3, 1, 2, 3, 5, 1].map(|value| set.insert(value));
        assert_eq!(inserted, [true, true, true, false, true, false]);
        assert_eq!((set.remove(&2), set.remove(&2), set.first()), (true, false, Some(&1)));
        assert_eq!(set.iter().copied().collect::<Vec<_>>(), [1, 3, 5]);
    }
}
