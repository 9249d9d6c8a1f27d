//! One timer an actor: armed for the earliest instant that its machine wants.

use actix::prelude::*;
use kernel::venue::Wake;
use model::Timestamp;

use crate::clock::Clock;

/// An actor with a machine that wants to be woken.
pub trait Sleeper: Actor<Context = Context<Self>> {
    /// The alarm of the actor.
    fn alarm(&mut self) -> &mut Alarm;
    /// The earliest instants that its machine wants, by either clock.
    fn wakes(&self) -> Vec<Wake>;
    /// An instant has come.
    fn on_wake(&mut self, context: &mut Context<Self>);
}

/// The armed timer, if any.
#[derive(Debug)]
pub struct Alarm {
    clock: Clock,
    armed: Option<(Timestamp, SpawnHandle)>,
}

impl Alarm {
    /// No timer yet.
    #[must_use]
    pub const fn new(clock: Clock) -> Self {
        Self { clock, armed: None }
    }

    /// Whether a timer is armed.
    #[must_use]
    pub const fn is_armed(&self) -> bool {
        self.armed.is_some()
    }
}

/// Arms the timer for the earliest wish. A timer that is armed for an earlier instant stays:
/// deadlines mostly move later, and looking again then is cheaper than arming at every event.
pub fn arm<A: Sleeper>(shell: &mut A, context: &mut Context<A>) {
    let wakes = shell.wakes();
    let alarm = shell.alarm();
    let Some(sleep) = wakes.into_iter().map(|wake| alarm.clock.until(wake)).min() else { return };
    let at = alarm.clock.wall().after(sleep);
    if let Some((armed_at, handle)) = alarm.armed {
        if armed_at <= at {
            return;
        }
        context.cancel_future(handle);
    }
    let handle = context.run_later(sleep, |shell, context| {
        shell.alarm().armed = None;
        shell.on_wake(context);
        arm(shell, context);
    });
    alarm.armed = Some((at, handle));
}
