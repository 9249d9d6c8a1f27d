//! How an actor reads a connection on which much arrives at once: a frame a turn, so that an order
//! decided on the first is with the system before the second is looked at.
//!
//! An actor takes everything that its stream has ready before any other actor has its turn. A trade
//! comes with a best price and a depth update, and an order would wait at every hop until all of
//! them are through it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;

/// Turns given to others after a frame: strategy, risk gate and execution, as far as the wire.
const TURNS: u32 = 3;
/// After so many frames in a row there is a backlog: what is left is taken at once, since only what
/// was read can be conflated, and a venue cuts off who does not read.
const BACKLOG: u32 = 16;

/// A stream that gives way after each item, until there is a backlog.
pub(crate) struct InTurns<S> {
    inner: S,
    /// Still to be given.
    turns: u32,
    /// Items since the inner stream had none.
    run: u32,
}

impl<S> InTurns<S> {
    pub(crate) const fn new(inner: S) -> Self {
        Self { inner, turns: 0, run: 0 }
    }
}

impl<S: Stream + Unpin> Stream for InTurns<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        if self.turns > 0 {
            self.turns -= 1;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = Pin::new(&mut self.inner).poll_next(context);
        if polled.is_pending() {
            self.run = 0;
        }
        let item = ready!(polled);
        self.run += 1;
        if self.run < BACKLOG {
            self.turns = TURNS;
        }
        Poll::Ready(item)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::task::Waker;

    use super::*;

    /// Frames that are there, and instants at which there is none.
    struct Script(VecDeque<Option<u32>>);

    impl Stream for Script {
        type Item = u32;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u32>> {
            match self.0.pop_front() {
                Some(Some(frame)) => Poll::Ready(Some(frame)),
                Some(None) => Poll::Pending,
                None => Poll::Ready(None),
            }
        }
    }

    /// What each poll brought, a dot for a turn of others.
    fn polls(script: impl IntoIterator<Item = Option<u32>>) -> String {
        let mut stream = InTurns::new(Script(script.into_iter().collect()));
        let mut context = Context::from_waker(Waker::noop());
        let mut seen = String::new();
        loop {
            match Pin::new(&mut stream).poll_next(&mut context) {
                Poll::Ready(Some(frame)) => seen.push_str(&frame.to_string()),
                Poll::Ready(None) => return seen,
                Poll::Pending => seen.push('.'),
            }
        }
    }

    #[test]
    fn others_have_their_turns_after_each_frame() {
        assert_eq!(polls([Some(1), Some(2), None, Some(3)]), "1...2....3...");
    }

    #[test]
    fn a_backlog_is_read_at_once_and_then_turns_begin_anew() {
        let many = || (0..BACKLOG + 4).map(|_| Some(7));
        let seen = polls(many().chain([None, Some(8), Some(9)]));
        let first = "7...".repeat(BACKLOG as usize - 1);
        assert_eq!(seen, format!("{first}7{}.8...9...", "7".repeat(4)));
    }
}
