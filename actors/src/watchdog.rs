//! A strategy that spins can't be interrupted on its arbiter. Each shell publishes since when it
//! has been inside its strategy; a thread looks, and past the limit it has a strike written down
//! and ends the process. The next start counts the strikes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::clock::Clock;

/// What one shell is doing.
#[derive(Debug)]
pub struct Activity {
    name: String,
    /// Wall nanoseconds; 0 while idle.
    busy_since_ns: AtomicI64,
}

impl Activity {
    /// An idle shell.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), busy_since_ns: AtomicI64::new(0) })
    }

    /// The shell enters its strategy.
    pub fn enter(&self, wall_ns: i64) {
        self.busy_since_ns.store(wall_ns, Ordering::Relaxed);
    }

    /// The shell is back.
    pub fn leave(&self) {
        self.busy_since_ns.store(0, Ordering::Relaxed);
    }

    fn busy_for(&self, wall_ns: i64) -> Duration {
        match self.busy_since_ns.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => Duration::from_nanos(u64::try_from(wall_ns - since).unwrap_or(0)),
        }
    }
}

/// Watches until the process ends. `on_spin` is called once with the name of the shell that does
/// not come back, and is expected to end the process.
pub fn watch(
    activities: Vec<Arc<Activity>>,
    clock: Clock,
    limit: Duration,
    on_spin: impl FnOnce(&str, Duration) + Send + 'static,
) -> std::io::Result<()> {
    let look_every = (limit / 4).clamp(Duration::from_millis(5), Duration::from_millis(250));
    std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(look_every);
            let wall_ns = clock.wall().as_nanos();
            let stuck = activities.iter().find(|activity| activity.busy_for(wall_ns) > limit);
            if let Some(activity) = stuck {
                on_spin(&activity.name, activity.busy_for(wall_ns));
                return;
            }
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_that_does_not_come_back_is_named() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let clock = runtime.block_on(async { Clock::system() });
        let (idle, stuck) = (Activity::new("idle"), Activity::new("stuck"));
        let (tell, told) = std::sync::mpsc::channel();
        stuck.enter(clock.wall().as_nanos());
        let limit = Duration::from_millis(20);
        watch(vec![idle, stuck], clock, limit, move |name, busy_for| {
            tell.send((name.to_owned(), busy_for)).unwrap();
        })
        .unwrap();
        let (name, busy_for) = told.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!(name, "stuck");
        assert!(busy_for > limit);
    }
}
