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
    fn wakes(&self) -> [Option<Wake>; 2];
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

    /// The clock that it goes by.
    #[must_use]
    pub(crate) const fn clock(&self) -> &Clock {
        &self.clock
    }
}

/// Arms the timer for the earliest wish. A timer that is armed for an earlier instant stays:
/// deadlines mostly move later, and looking again then is cheaper than arming at every event.
pub fn arm<A: Sleeper>(shell: &mut A, context: &mut Context<A>) {
    let wakes = shell.wakes();
    let alarm = shell.alarm();
    // Where venue time is moved from outside, whoever moves it wakes who is due.
    let is_stepped = alarm.clock.is_stepped();
    let is_own = |wake: &Wake| !is_stepped || matches!(wake, Wake::Wall(_));
    let wakes = wakes.into_iter().flatten().filter(is_own);
    let wanted = wakes.map(|wake| alarm.clock.wall_of(wake)).min();
    let Some(wanted) = wanted else { return };
    if let Some((armed_at, handle)) = alarm.armed {
        if armed_at <= wanted {
            return;
        }
        context.cancel_future(handle);
    }
    let sleep = alarm.clock.sleep_until(wanted);
    let handle = context.run_later(sleep, |shell, context| {
        shell.alarm().armed = None;
        shell.on_wake(context);
        arm(shell, context);
    });
    alarm.armed = Some((wanted.min(alarm.clock.wall().after(sleep)), handle));
}
