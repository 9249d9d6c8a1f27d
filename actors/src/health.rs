//! What an engine's health is: everything makes progress. That a timer fired says nothing; that a
//! bar was processed, a book followed, a reconcile succeeded does.

use std::time::Duration;

use kernel::wire::Moment;

use crate::engine::EngineStatus;
use crate::monitor::StreamReading;
use crate::standing::Standing;
use crate::strategy::Stage;

/// Below so much of our computer's time nothing is overdue: a venue whose clock runs faster than
/// ours is not late while an answer is on its way.
const LEAST_OVERDUE: Duration = Duration::from_secs(15);

/// How long ago the venue and the journal last agreed, if that is longer than `limit` by the venue's
/// clock. Counted from `started_at` while they never did.
pub(crate) fn overdue(
    now: Moment,
    started_at: Moment,
    standing: &Standing,
    limit: Duration,
) -> Option<Duration> {
    let since = standing.reconciled_at.unwrap_or(started_at);
    let age = now.venue.since(since.venue);
    (age > limit && now.wall.since(since.wall) > LEAST_OVERDUE).then_some(age)
}

/// What is wrong, one a line; empty when all is well. The same fault has the same words at each
/// look.
pub(crate) fn problems(
    status: &EngineStatus,
    streams: &[StreamReading],
    is_overdue: bool,
) -> Vec<String> {
    let mut problems = Vec::new();
    match &status.feed {
        None => problems.push("feed does not answer".to_owned()),
        Some(feed) if !feed.books_are_synchronised => {
            problems.push("a book is not synchronised".to_owned());
        }
        Some(_) => {}
    }
    match &status.execution {
        None => problems.push("execution does not answer".to_owned()),
        Some(execution) => {
            if !execution.is_live {
                problems.push("not reconciled with the venue".to_owned());
            } else if is_overdue {
                problems.push(overdue_in_words(&execution.standing));
            }
            problems.extend(execution.standing.problems());
        }
    }
    if status.risk.is_none() {
        problems.push("risk does not answer".to_owned());
    }
    for stream in streams.iter().filter(|stream| stream.is_stale) {
        problems.push(format!("{} {} is stale", stream.symbol, stream.stream));
    }
    for strategy in &status.strategies {
        match strategy.stage {
            Stage::Quarantined => problems.push(format!("{} is quarantined", strategy.name)),
            Stage::BackingOff => problems.push(format!("{} is restarting", strategy.name)),
            Stage::AwaitingFeed
            | Stage::AwaitingHistory(_)
            | Stage::Warm
            | Stage::Running
            | Stage::Stopped => {}
        }
    }
    problems
}

fn overdue_in_words(standing: &Standing) -> String {
    let since = standing.reconciled_at.map_or_else(
        || "not compared with the venue since the start".to_owned(),
        |at| format!("not compared with the venue since {}", at.venue),
    );
    match &standing.read_failed {
        Some(reason) => format!("{since}: {reason}"),
        None => since,
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    #[test]
    fn a_reconcile_is_overdue_by_the_venues_clock_and_not_while_ours_stands() {
        let start = Moment::same(Timestamp::from_secs(1_700_000_000));
        let limit = Duration::from_secs(180);
        #[track_caller]
        fn check(found: Option<Duration>, expected: Option<u64>) {
            assert_eq!(found.map(|age| age.as_secs()), expected);
        }
        let at = |venue: u64, wall: u64| Moment {
            venue: start.venue.after(Duration::from_secs(venue)),
            wall: start.wall.after(Duration::from_secs(wall)),
        };
        let never = Standing::default();
        check(overdue(at(180, 180), start, &never, limit), None);
        check(overdue(at(181, 181), start, &never, limit), Some(181));
        let once = Standing { reconciled_at: Some(at(100, 100)), ..Standing::default() };
        check(overdue(at(281, 281), start, &once, limit), Some(181));
        check(overdue(at(280, 280), start, &once, limit), None);
        // A clock of its own: sixty times as fast, and paused.
        check(overdue(at(400, 105), start, &once, limit), None);
        check(overdue(at(1_100, 117), start, &once, limit), Some(1_000));
        check(overdue(at(100, 10_000), start, &once, limit), None);
    }
}
