//! Panics: a strategy's is caught and ends the strategy; anybody else's ends the process, since
//! an engine that has lost its risk gate or its executor must not go on.

use std::cell::Cell;

use events::log_event;
use kernel::guard::caught;

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// [`caught`], and the process does not end.
///
/// # Errors
/// The panic's message.
pub fn guarded<R>(run: impl FnOnce() -> R) -> Result<R, String> {
    let before = IS_GUARDED.replace(true);
    let result = caught(run);
    IS_GUARDED.set(before);
    result
}

/// From now on a panic outside [`guarded`], on any thread, is logged and ends the process by
/// `end`, which is told what happened. actix would otherwise drop the actor and go on without it.
pub fn end_process_on_panic(end: impl Fn(&str) + Send + Sync + 'static) {
    std::panic::set_hook(Box::new(move |panic| {
        if IS_GUARDED.get() {
            return;
        }
        let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("a panic without a message");
        log_event!(ENGINE_PANICKED, thread = %thread, location = %location, message = %message);
        let told = format!("panic in thread `{thread}` at {location}: {message}");
        eprintln!("tickwright: {told}");
        end(&told);
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_ends_with_what_it_guards() {
        assert_eq!(guarded(|| IS_GUARDED.get()), Ok(true));
        assert_eq!(guarded(|| panic!("lost")), Err::<(), _>("lost".to_owned()));
        assert!(!IS_GUARDED.get());
    }
}
