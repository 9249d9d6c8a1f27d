//! Threads that share a list of jobs: files to import, series to look through, runs of a sweep.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

/// How many results may be done and not looked at, for each thread. (Those that wait for a slower
/// one before them have been looked at.)
const AHEAD: usize = 64;

/// Does every job on so many threads and hands over the results in the order of the jobs, as soon
/// as those before are done: whatever is made of them does not depend on how many threads there
/// are. When `take` fails, the jobs that have not begun are left undone.
///
/// # Errors
/// The first error of `take`.
///
/// # Panics
/// When a job does.
pub fn run_all<J: Sync, R: Send, E>(
    jobs: &[J],
    threads: usize,
    work: impl Fn(&J) -> R + Sync,
    mut take: impl FnMut(usize, R) -> Result<(), E>,
) -> Result<(), E> {
    let next = AtomicUsize::new(0);
    let threads = threads.clamp(1, jobs.len().max(1));
    let (sender, results) = sync_channel(threads * AHEAD);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                while let Some((number, job)) = take_job(next, jobs) {
                    // Nobody listens any more: the sweep has failed.
                    if sender.send((number, work(job))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting: Vec<Option<R>> = Vec::new();
        waiting.resize_with(jobs.len(), || None);
        let mut due = 0;
        for (number, result) in results {
            waiting[number] = Some(result);
            while let Some(result) = waiting.get_mut(due).and_then(Option::take) {
                if let Err(error) = take(due, result) {
                    next.store(jobs.len(), Ordering::Relaxed);
                    return Err(error);
                }
                due += 1;
            }
        }
        Ok(())
    })
}

/// Does `task` to each thing, at most `threads` at a time; results come in the order of `things`.
pub(crate) fn map<T: Sync, R: Send>(
    things: &[T],
    threads: usize,
    task: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let mut results = Vec::with_capacity(things.len());
    let Ok(()) = run_all(things, threads, task, |_, result| {
        results.push(result);
        Ok::<(), Infallible>(())
    });
    results
}

fn take_job<'j, J>(next: &AtomicUsize, jobs: &'j [J]) -> Option<(usize, &'j J)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    Some((number, jobs.get(number)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        let jobs: Vec<u64> = (0..500).collect();
        for threads in [1, 2, 7, 1_000] {
            let mut taken = Vec::new();
            let work = |job: &u64| {
                std::thread::sleep(std::time::Duration::from_micros(job * 37 % 300));
                job * 2
            };
            let done = run_all(&jobs, threads, work, |number, result| {
                taken.push((number, result));
                Ok::<(), ()>(())
            });
            assert_eq!(done, Ok(()));
            let expected: Vec<(usize, u64)> = (0..500).map(|n| (n as usize, 2 * n)).collect();
            assert_eq!(taken, expected, "{threads} threads");
        }
        assert_eq!(run_all(&[], 4, |job: &u8| *job, |_, _| Ok::<(), ()>(())), Ok(()));
    }

    #[test]
    fn an_error_ends_the_work() {
        let jobs: Vec<usize> = (0..10_000).collect();
        let begun = AtomicUsize::new(0);
        let work = |_: &usize| begun.fetch_add(1, Ordering::Relaxed);
        let done =
            run_all(&jobs, 2, work, |number, _| if number < 3 { Ok(()) } else { Err(number) });
        assert_eq!(done, Err(3));
        assert!(begun.load(Ordering::Relaxed) < 10_000);
    }
}
