//! The windows of a walk forward.

use std::time::Duration;

use model::Timestamp;

/// From an instant, inclusive, to another, exclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

/// A span to choose settings on, and the one right after it, to trade with what was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Where settings are compared.
    pub train: Span,
    /// Where the best of them is tried, unseen.
    pub test: Span,
}

/// Windows one after the other, each later by the length of a test, so that the tests lie end to
/// end. The last test may be cut short by the end of the history, but not below half its length.
#[must_use]
pub fn walk_forward(whole: Span, train: Duration, test: Duration) -> Vec<Window> {
    let mut windows = Vec::new();
    if test.is_zero() || train.is_zero() {
        return windows;
    }
    let mut from = whole.from;
    loop {
        let split = from.after(train);
        let end = split.after(test).min(whole.to);
        if split >= end || end.since(split) < test / 2 {
            return windows;
        }
        windows
            .push(Window { train: Span { from, to: split }, test: Span { from: split, to: end } });
        from = from.after(test);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_lie_end_to_end() {
        #[track_caller]
        fn check(length: i64, train: u64, test: u64, expected: &[(i64, i64, i64)]) {
            let at = Timestamp::from_secs;
            let whole = Span { from: at(0), to: at(length) };
            let windows =
                walk_forward(whole, Duration::from_secs(train), Duration::from_secs(test));
            let shown: Vec<(i64, i64, i64)> = windows
                .iter()
                .map(|w| (w.train.from.as_secs(), w.test.from.as_secs(), w.test.to.as_secs()))
                .collect();
            assert_eq!(shown, expected);
            assert!(windows.iter().all(|window| window.train.to == window.test.from));
        }
        check(100, 50, 20, &[(0, 50, 70), (20, 70, 90), (40, 90, 100)]);
        check(99, 50, 20, &[(0, 50, 70), (20, 70, 90)]);
        check(60, 50, 20, &[(0, 50, 60)]);
        check(50, 50, 20, &[]);
        check(100, 50, 0, &[]);
        check(100, 0, 10, &[]);
    }
}
