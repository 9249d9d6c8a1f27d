//! Questions about many symbols in as few requests as the venue allows.
//!
//! A request that names a list costs the same however long the list is, and is refused as a whole
//! (-1121) when a single symbol of it is not listed. What belongs here: which symbols go together,
//! first and after such a refusal. What does not: asking.

/// Symbols of one request at most: its URL stays below 2 kB, which every server and proxy takes.
pub const SYMBOLS_PER_REQUEST: usize = 100;

/// Up to here the symbols of a refused list are asked for one by one: at a weight of 2 for one and
/// of 4 for a list that costs no more than halving once more, and a round trip less.
const ONE_BY_ONE: usize = 8;

/// The symbols in lists of `most`, in their order.
///
/// # Panics
/// If `most` is zero.
#[must_use]
pub fn batches<S: Clone>(symbols: &[S], most: usize) -> Vec<Vec<S>> {
    symbols.chunks(most).map(<[S]>::to_vec).collect()
}

/// What to ask instead of a list that was refused because of one of its symbols: its two halves,
/// or each of a short one alone. Nothing for a single symbol: that one it was.
#[must_use]
pub fn split<S: Clone>(refused: &[S]) -> Vec<Vec<S>> {
    match refused.len() {
        0 | 1 => Vec::new(),
        2..=ONE_BY_ONE => batches(refused, 1),
        count => batches(refused, count.div_ceil(2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks a venue that does not list some of `count` symbols; gives what it said yes to, and
    /// how many requests of one and of many symbols that took.
    fn ask(count: usize, unlisted: &[usize]) -> (Vec<usize>, usize, usize) {
        let all: Vec<usize> = (0..count).collect();
        let mut waiting = batches(&all, SYMBOLS_PER_REQUEST);
        let (mut found, mut single, mut several) = (Vec::new(), 0, 0);
        while let Some(list) = waiting.pop() {
            *(if list.len() == 1 { &mut single } else { &mut several }) += 1;
            if list.iter().any(|symbol| unlisted.contains(symbol)) {
                waiting.extend(split(&list));
            } else {
                found.extend(list);
            }
        }
        found.sort_unstable();
        (found, single, several)
    }

    #[test]
    fn an_unlisted_symbol_costs_only_itself() {
        #[track_caller]
        fn check(count: usize, unlisted: &[usize], single: usize, several: usize) {
            let expected: Vec<usize> = (0..count).filter(|one| !unlisted.contains(one)).collect();
            assert_eq!(ask(count, unlisted), (expected, single, several));
        }
        check(0, &[], 0, 0);
        check(1, &[], 1, 0);
        check(1, &[0], 1, 0);
        check(20, &[], 0, 1);
        check(100, &[], 0, 1);
        check(250, &[], 0, 3);
        check(2, &[1], 2, 1);
        check(8, &[7], 8, 1);
        check(20, &[1], 5, 5);
        check(100, &[99], 6, 9);
        check(20, &(0..20).collect::<Vec<_>>(), 20, 7);
    }
}
