//! One task on many things at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Does `task` to each thing, at most `threads` at a time; results come in the order of `things`.
pub fn map<T: Sync, R: Send>(
    things: &[T],
    threads: usize,
    task: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<R>>> = things.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, things.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(thing) = things.get(place) else { break };
                    let result = task(thing);
                    *results[place].lock().expect("nobody panics while it is held") = Some(result);
                }
            });
        }
    });
    let finished = results.into_iter().map(|result| result.into_inner().ok().flatten());
    finished.map(|result| result.expect("every place was taken by a thread")).collect()
}
