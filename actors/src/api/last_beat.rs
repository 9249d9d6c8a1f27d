//! The end of an engine in good order, told to whoever hears its heartbeat over the API: once the
//! process is gone, an engine that was stopped looks like one that was killed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Who has asked for a heartbeat within so long is listening.
const LISTENS_FOR: Duration = Duration::from_secs(5);
/// A listener asks once a second at least: this is how long it is waited for.
const HEARD_WITHIN: Duration = Duration::from_secs(2);

/// Shared by the API and whoever ends the engine.
#[derive(Clone, Debug, Default)]
pub struct LastBeat(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_over: AtomicBool,
    heard_at: Mutex<Option<Instant>>,
}

impl LastBeat {
    /// Somebody has asked for the heartbeat; whether it was the last one.
    pub(super) fn heard(&self) -> bool {
        let now = Instant::now();
        *self.0.heard_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        self.0.is_over.load(Ordering::Relaxed)
    }

    /// The engine has ended in good order. Waits until whoever listens has had the time to hear it;
    /// not at all when nobody does.
    pub async fn tell(&self) {
        self.0.is_over.store(true, Ordering::Relaxed);
        let heard_at = *self.0.heard_at.lock().unwrap_or_else(PoisonError::into_inner);
        if heard_at.is_some_and(|at| at.elapsed() <= LISTENS_FOR) {
            tokio::time::sleep(HEARD_WITHIN).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_listens_is_waited_for_and_nobody_else() {
        let last_beat = LastBeat::default();
        let took = async |last_beat: &LastBeat| {
            let began = Instant::now();
            last_beat.tell().await;
            began.elapsed()
        };
        assert_eq!(took(&last_beat).await, Duration::ZERO, "nobody has asked");
        let last_beat = LastBeat::default();
        assert!(!last_beat.heard());
        tokio::time::advance(Duration::from_secs(4)).await;
        assert!(took(&last_beat).await >= HEARD_WITHIN);
        assert!(last_beat.heard());
        let last_beat = LastBeat::default();
        assert!(!last_beat.heard());
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(took(&last_beat).await, Duration::ZERO, "who asked has gone");
    }
}
