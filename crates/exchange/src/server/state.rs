//! What all connections share: the machine, the hub, the clock and the state directory.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use model::Timestamp;
use tokio::sync::{Notify, Semaphore, watch};

use super::faults::Faults;
use crate::api::auth::Credential;
use crate::api::params::Params;
use crate::api::table::Endpoint;
use crate::api::{Call, Reply, TimeUnit};
use crate::clock::{Speed, VenueClock};
use crate::config::ExchangeConfig;
use crate::config::OnStoreFailed;
use crate::machine::Exchange;
use crate::persist::Store;
use crate::streams::hub::Hub;

/// Reads the wall's clock. A simulated network passes its own.
pub type WallClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The system's clock.
#[must_use]
pub fn system_clock() -> WallClock {
    Arc::new(|| {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Timestamp::EPOCH.after(since)
    })
}

/// Everything that changes, under one lock that is never held over an await.
#[derive(Debug)]
pub struct State {
    /// The machine.
    pub exchange: Exchange,
    /// Who listens.
    pub hub: Hub,
    /// Venue time.
    pub clock: VenueClock,
    /// Faults in force.
    pub faults: Faults,
    store: Option<Store>,
    on_store_failed: OnStoreFailed,
}

/// What a call from outside carries besides its endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// Who says it is.
    pub credential: Credential<'a>,
    /// From where.
    pub address: IpAddr,
    /// When the request arrived, in venue time.
    pub arrived_at: Timestamp,
    /// Unit of the times in the answer.
    pub unit: TimeUnit,
}

impl State {
    /// The state of a starting exchange.
    #[must_use]
    pub fn new(
        exchange: Exchange,
        hub: Hub,
        clock: VenueClock,
        faults: Faults,
        (store, on_store_failed): (Option<Store>, OnStoreFailed),
    ) -> Self {
        Self { exchange, hub, clock, faults, store, on_store_failed }
    }

    /// Runs the market up to the wall's now and sends what came out. Returns venue time.
    pub fn run(&mut self, wall: Timestamp) -> Timestamp {
        let now = self.clock.venue_time(wall);
        self.run_until(now);
        now
    }

    /// Runs the market up to a venue time and sends what came out.
    pub fn run_until(&mut self, now: Timestamp) {
        while let Some(boundary) = self.exchange.advance(now) {
            self.flush();
            self.hub.dispatch_paced(&self.exchange, boundary);
        }
        self.flush();
    }

    /// Passes over boundaries at which nobody would be sent anything.
    pub fn skip_idle(&mut self, now: Timestamp) {
        if !self.hub.has_paced() {
            self.exchange.skip_idle(now);
        }
    }

    /// Stores and sends what the machine brought out, in this order.
    ///
    /// When the state directory can't be written nothing is sent: an exchange that forgets what it
    /// said is worse than one that stops.
    pub fn flush(&mut self) {
        let records = self.exchange.take_records();
        if let Some(store) = &mut self.store
            && !records.is_empty()
            && let Err(error) = store.append(&records)
        {
            self.on_store_failed.call(&error);
            return;
        }
        let outputs = self.exchange.take_outputs();
        self.hub.dispatch(&self.exchange, &outputs);
    }

    /// Nothing is kept any more: `/dev/full` takes no byte.
    #[cfg(test)]
    pub(super) fn fill_disk(&mut self) {
        self.store = Some(Store::full());
    }

    /// Carries out a call. Its events are sent by the next [`Self::flush`], so that a caller may
    /// put the answer first.
    pub fn call(
        &mut self,
        endpoint: &'static Endpoint,
        params: &Params,
        caller: Caller<'_>,
        now: Timestamp,
    ) -> Reply {
        let Caller { credential, address, arrived_at, unit } = caller;
        let call = Call { endpoint, params, credential, address, arrived_at, now, unit };
        crate::api::call(&mut self.exchange, &call)
    }
}

/// How far a replay has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReplayProgress {
    /// Lines of the recording that were taken.
    pub taken: u64,
    /// When the next one was received, once it was read.
    pub next_at: Option<Timestamp>,
    /// There is no next one.
    pub is_over: bool,
}

/// What every task of the server holds.
pub struct Shared {
    state: Mutex<State>,
    /// Wakes the market's task when the clock or the listeners change.
    pub wake: Notify,
    /// Lines that a replay in step may take.
    pub credit: Semaphore,
    /// How far a replay has come.
    pub progress: watch::Sender<ReplayProgress>,
    /// The wall's clock.
    pub wall: WallClock,
    /// What the exchange was told.
    pub config: ExchangeConfig,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Shared")
    }
}

impl Shared {
    /// Shares a state.
    #[must_use]
    pub fn new(state: State, wall: WallClock, config: ExchangeConfig) -> Self {
        Self {
            state: Mutex::new(state),
            wake: Notify::new(),
            credit: Semaphore::new(0),
            progress: watch::Sender::new(ReplayProgress::default()),
            wall,
            config,
        }
    }

    /// The state, alone.
    ///
    /// # Panics
    /// If another task panicked in the middle of a change: its state can't be trusted.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no task panics in the middle of a change")
    }

    /// Runs the market up to now and returns the state with venue time.
    pub fn current(&self) -> (MutexGuard<'_, State>, Timestamp) {
        let mut state = self.lock();
        let now = state.run((self.wall)());
        (state, now)
    }

    /// How long the market can be left alone; `None` while its clock stands still.
    fn idle_for(&self) -> Option<Duration> {
        let mut state = self.lock();
        let wall = (self.wall)();
        state.run(wall);
        let next = state.exchange.next_event_at();
        state.clock.wall_time(next).map(|at| at.since(wall))
    }

    /// Waits until venue time has reached `at` (without end while the clock stands still).
    pub async fn until(&self, at: Timestamp) {
        loop {
            let woken = self.wake.notified();
            let wait = {
                let state = self.lock();
                if state.clock.speed() == Speed::Max {
                    return;
                }
                let wall = (self.wall)();
                state.clock.wall_time(at).map(|due| due.since(wall))
            };
            match wait {
                None => woken.await,
                Some(wait) if wait.is_zero() => return,
                Some(wait) => {
                    tokio::select! {
                        biased;
                        () = woken => {}
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
        }
    }

    /// Runs the market for ever.
    pub async fn drive(self: Arc<Self>) {
        /// Finer than this there is nothing to see, and the timer has no more to give.
        const FINEST: Duration = Duration::from_millis(1);
        loop {
            // Listened to before looking, so that no change in between is missed.
            let woken = self.wake.notified();
            let idle = self.idle_for();
            match idle {
                None => woken.await,
                Some(idle) => {
                    tokio::select! {
                        biased;
                        () = woken => {}
                        () = tokio::time::sleep(idle.max(FINEST)) => {}
                    }
                }
            }
        }
    }
}
