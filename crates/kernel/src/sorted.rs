//! A small ordered set in one piece of memory.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_set_in_order() {
        let mut set = SortedVec::default();
        let inserted = [3, 1, 2, 3, 5, 1].map(|value| set.insert(value));
        assert_eq!(inserted, [true, true, true, false, true, false]);
        assert_eq!((set.remove(&2), set.remove(&2), set.first()), (true, false, Some(&1)));
        assert_eq!(set.iter().copied().collect::<Vec<_>>(), [1, 3, 5]);
    }
}
