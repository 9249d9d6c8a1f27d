//! A bounded number of connections, of which the one that has been idle longest makes room for a
//! new one: whoever only holds connections keeps nobody else out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

/// The places of a server.
#[derive(Clone, Debug)]
pub(crate) struct Places(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bound: usize,
    held: Mutex<Held>,
    /// Somebody left, or has become idle.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Held {
    last: u64,
    /// By number; who was active last has the highest `active`.
    places: BTreeMap<u64, Holder>,
}

#[derive(Debug)]
struct Holder {
    active: u64,
    is_busy: bool,
    evict: oneshot::Sender<()>,
}

impl Held {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

/// A place, free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    shared: Arc<Shared>,
    number: u64,
}

/// Told when the place is wanted by somebody else.
pub(crate) type Evicted = oneshot::Receiver<()>;

impl Places {
    pub fn new(bound: usize) -> Self {
        let (held, changed) = (Mutex::new(Held::default()), Notify::new());
        Self(Arc::new(Shared { bound, held, changed }))
    }

    /// Takes a place; when there is none, that of the connection which has been idle longest. Waits
    /// only while all of them are busy.
    pub async fn take(&self) -> (Place, Evicted) {
        loop {
            let changed = self.0.changed.notified();
            if let Some(taken) = self.try_take() {
                return taken;
            }
            changed.await;
        }
    }

    fn try_take(&self) -> Option<(Place, Evicted)> {
        let mut held = self.0.lock();
        if held.places.len() >= self.0.bound {
            let idle = held.places.iter().filter(|(_, holder)| !holder.is_busy);
            let longest =
                idle.min_by_key(|(_, holder)| holder.active).map(|(number, _)| *number)?;
            let holder = held.places.remove(&longest).expect("found above");
            // It may be leaving by itself.
            let _ = holder.evict.send(());
        }
        let (number, active) = (held.next(), held.next());
        let (evict, evicted) = oneshot::channel();
        held.places.insert(number, Holder { active, is_busy: false, evict });
        Some((Place { shared: Arc::clone(&self.0), number }, evicted))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Something is done for this connection: until it is idle again, nobody takes its place.
    pub fn busy(&self) {
        self.set(true);
    }

    /// It was done: from now on the connection is idle.
    pub fn idle(&self) {
        self.set(false);
        self.shared.changed.notify_waiters();
    }

    fn set(&self, is_busy: bool) {
        let mut held = self.shared.lock();
        let active = held.next();
        // One that was evicted has none any more.
        if let Some(holder) = held.places.get_mut(&self.number) {
            (holder.active, holder.is_busy) = (active, is_busy);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.lock().places.remove(&self.number);
        self.shared.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn who_has_been_idle_longest_makes_room_and_who_is_busy_does_not() {
        let places = Places::new(3);
        let (first, mut first_out) = places.take().await;
        let (second, mut second_out) = places.take().await;
        let (third, mut third_out) = places.take().await;
        // The first has just been at work.
        first.busy();
        first.idle();
        third.busy();
        let (_fourth, _) = places.take().await;
        assert!(second_out.try_recv().is_ok());
        assert!(first_out.try_recv().is_err() && third_out.try_recv().is_err());
        let (_fifth, _) = places.take().await;
        assert!(first_out.try_recv().is_ok());
        // Those that were evicted free nothing when they go.
        drop((first, second));
        assert_eq!(places.0.lock().places.len(), 3);
        let (_sixth, mut sixth_out) = places.take().await;
        assert!(third_out.try_recv().is_err(), "it is busy");
        assert!(sixth_out.try_recv().is_err());
    }

    #[tokio::test]
    async fn while_all_are_busy_the_next_one_waits() {
        let places = Places::new(2);
        let (one, _) = places.take().await;
        let (other, mut out) = places.take().await;
        one.busy();
        other.busy();
        assert!(timeout(Duration::from_millis(50), places.take()).await.is_err());
        let waiting = tokio::spawn({
            let places = places.clone();
            async move { places.take().await.0 }
        });
        tokio::task::yield_now().await;
        other.idle();
        let taken = timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap();
        assert!(out.try_recv().is_ok());
        drop((one, other, taken));
        assert_eq!(places.0.lock().places.len(), 0);
    }
}
